package translate

import (
	"iter"
	"maps"
	"slices"
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// RawEntries goes over everything that a spec keeps without its being understood: each map that is not empty, and the place where it
// is, which says the same of two specs if they have it under the same attribute and, in a list, at the same position.
func RawEntries(s *v1alpha1.ScimUserSpec) iter.Seq2[string, map[string]apiextensionsv1.JSON] {
	return func(yield func(string, map[string]apiextensionsv1.JSON) bool) {
		visit := func(place string, entries map[string]apiextensionsv1.JSON) bool {
			return len(entries) == 0 || yield(place, entries)
		}
		if !visit("extensions", s.Extensions) || !visit("additionalAttributes", s.AdditionalAttributes) {
			return
		}
		if s.Name != nil && !visit("name", s.Name.AdditionalAttributes) {
			return
		}
		if s.Enterprise != nil && s.Enterprise.Manager != nil && !visit("manager", s.Enterprise.Manager.AdditionalAttributes) {
			return
		}
		for i := range s.Addresses {
			if entries := s.Addresses[i].AdditionalAttributes; len(entries) > 0 && !yield("addresses/"+strconv.Itoa(i), entries) {
				return
			}
		}
		rawElements(s, yield)
	}
}

func rawElements(s *v1alpha1.ScimUserSpec, yield func(string, map[string]apiextensionsv1.JSON) bool) {
	for _, list := range []struct {
		name   string
		values []v1alpha1.MultiValue
	}{
		{"emails/", s.Emails}, {"phoneNumbers/", s.PhoneNumbers}, {"ims/", s.Ims}, {"photos/", s.Photos},
		{"entitlements/", s.Entitlements}, {"roles/", s.Roles}, {"x509Certificates/", s.X509Certificates},
	} {
		for i := range list.values {
			if entries := list.values[i].AdditionalAttributes; len(entries) > 0 && !yield(list.name+strconv.Itoa(i), entries) {
				return
			}
		}
	}
}

// isPart says whether an entry of a complex attribute is one that its schema does not name. A person may have written another into
// the object by hand; it is left out, since a name may not appear twice.
func isPart(a *schema.Attribute, name string, raw []byte) bool {
	return len(raw) > 0 && string(raw) != "null" && a.Sub(name) == nil
}

// parts adds the sub-attributes that no schema names.
func (b builder) parts(a *schema.Attribute, entries map[string]apiextensionsv1.JSON) {
	for name, entry := range entries {
		if !isPart(a, name, entry.Raw) {
			continue
		}
		if v, ok := decodeRaw(entry.Raw); ok {
			b[name] = v
		}
	}
}

// hasParts says whether there is a sub-attribute that no schema names.
func hasParts(a *schema.Attribute, entries map[string]apiextensionsv1.JSON) bool {
	for name, entry := range entries {
		if isPart(a, name, entry.Raw) {
			return true
		}
	}
	return false
}

// parts appends the sub-attributes that no schema names, sorted.
func (j *writer) parts(a *schema.Attribute, entries map[string]apiextensionsv1.JSON) {
	names := slices.Sorted(maps.Keys(entries))
	j.raw(slices.DeleteFunc(names, func(name string) bool { return !isPart(a, name, entries[name].Raw) }), entries)
}

func hasName(n *v1alpha1.Name) bool {
	return n != nil && (n.Formatted != "" || n.FamilyName != "" || n.GivenName != "" || n.MiddleName != "" || n.HonorificPrefix != "" ||
		n.HonorificSuffix != "" || hasParts(schema.User().Attribute("name"), n.AdditionalAttributes))
}

func hasManager(m *v1alpha1.Manager) bool {
	return m != nil && (m.Value != "" || m.Ref != "" || m.DisplayName != "" || hasParts(managerAttribute(), m.AdditionalAttributes))
}
