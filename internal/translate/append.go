package translate

import (
	"io"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// AppendUser appends the JSON of UserResource, straight from the object and in a fixed order.
func AppendUser(dst []byte, u *v1alpha1.ScimUser, groups []GroupRef, base string) []byte {
	s := &u.Spec
	surplus := surplusJSON(schema.User(), s.Extensions)
	hasEnterprise := hasEnterprise(s.Enterprise) || len(surplus) > 0
	j := writer{buf: append(dst, `{"schemas":["`+scim.UserSchema+`"`...)}
	if hasEnterprise {
		j.buf = append(j.buf, `,"`+scim.EnterpriseUserSchema+`"`...)
	}
	extensions := foreign(schema.User(), s.Extensions)
	j.schemas(extensions)
	j.text("id", u.Name)
	j.text("externalId", s.ExternalID)
	j.text("userName", s.UserName)
	j.name(s.Name)
	j.text("displayName", s.DisplayName)
	j.text("nickName", s.NickName)
	j.text("profileUrl", s.ProfileURL)
	j.text("title", s.Title)
	j.text("userType", s.UserType)
	j.text("preferredLanguage", s.PreferredLanguage)
	j.text("locale", s.Locale)
	j.text("timezone", s.Timezone)
	active := u.IsActive()
	j.boolean("active", &active)
	j.multiValues("emails", s.Emails)
	j.multiValues("phoneNumbers", s.PhoneNumbers)
	j.multiValues("ims", s.Ims)
	j.multiValues("photos", s.Photos)
	j.addresses(s.Addresses)
	j.multiValues("entitlements", s.Entitlements)
	j.multiValues("roles", s.Roles)
	j.multiValues("x509Certificates", s.X509Certificates)
	if hasEnterprise {
		j.enterprise(s.Enterprise, surplus)
	}
	j.raw(extensions, s.Extensions)
	j.raw(foreign(schema.User(), s.AdditionalAttributes), s.AdditionalAttributes)
	j.groups(groups, base)
	j.meta(&u.ObjectMeta, "User", base, "/Users/")
	return append(j.buf, '}')
}

// AppendGroup appends the JSON of GroupResource. With members nil it leaves them out.
func AppendGroup(dst []byte, g *v1alpha1.ScimRole, members *Members, base string) []byte {
	// A write to memory cannot fail, and without a writer there is none.
	dst, _ = renderGroup(dst, nil, g, members, base)
	return dst
}

// WriteGroup writes the JSON of GroupResource in pieces, so that a group of 50,000 members is never in memory as a whole.
func WriteGroup(w io.Writer, g *v1alpha1.ScimRole, members *Members, base string) error {
	rest, err := renderGroup(make([]byte, 0, flushAt+4096), w, g, members, base)
	if err != nil {
		return err
	}
	_, err = w.Write(rest)
	return err
}

// flushAt is the number of bytes that WriteGroup collects before it writes.
const flushAt = 32 << 10

func renderGroup(dst []byte, w io.Writer, g *v1alpha1.ScimRole, members *Members, base string) ([]byte, error) {
	s := &g.Spec
	extensions := foreign(schema.Group(), s.Extensions)
	j := writer{buf: append(dst, `{"schemas":["`+scim.GroupSchema+`"`...)}
	j.schemas(extensions)
	j.text("id", g.Name)
	j.text("externalId", s.ExternalID)
	j.text("displayName", s.DisplayName)
	j.raw(extensions, s.Extensions)
	j.raw(foreign(schema.Group(), s.AdditionalAttributes), s.AdditionalAttributes)
	j.meta(&g.ObjectMeta, "Group", base, "/Groups/")
	if members == nil {
		return append(j.buf, '}'), nil
	}
	j.open("members", '[')
	for _, id := range members.IDs {
		j.member(id, members.Names[id], base)
		if w != nil && len(j.buf) >= flushAt {
			if _, err := w.Write(j.buf); err != nil {
				return nil, err
			}
			j.buf = j.buf[:0]
		}
	}
	return append(j.buf, "]}"...), nil
}

// foreign lists, sorted, the names of the entries that no schema names and that are JSON other than null.
func foreign(t *schema.ResourceType, entries map[string]apiextensionsv1.JSON) []string {
	if len(entries) == 0 {
		return nil
	}
	out := make([]string, 0, len(entries))
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		raw := entries[name].Raw
		if len(raw) > 0 && string(raw) != "null" && t.Attribute(name) == nil && !t.IsCore(name) && t.Extension(name) == nil {
			out = append(out, name)
		}
	}
	return out
}

// surplusJSON gives the attributes under the URN of the enterprise extension that its schema does not name.
func surplusJSON(t *schema.ResourceType, entries map[string]apiextensionsv1.JSON) map[string]any {
	for name, entry := range entries {
		if s := t.Extension(name); s != nil {
			if v, ok := decodeRaw(entry.Raw); ok {
				extra, _ := surplus(s, v).(map[string]any)
				return extra
			}
		}
	}
	return nil
}

func hasEnterprise(e *v1alpha1.EnterpriseUser) bool {
	if e == nil {
		return false
	}
	plain := *e
	plain.Manager = nil
	return plain != (v1alpha1.EnterpriseUser{}) || hasManager(e.Manager)
}

func (j *writer) meta(m *metav1.ObjectMeta, resourceType, base, endpoint string) {
	j.open("meta", '{')
	j.text("resourceType", resourceType)
	j.key("created")
	j.buf = append(m.CreationTimestamp.UTC().AppendFormat(append(j.buf, '"'), timeLayout), '"')
	j.key("lastModified")
	j.buf = append(LastModified(m).AppendFormat(append(j.buf, '"'), timeLayout), '"')
	j.location("location", base, endpoint, m.Name)
	j.key("version")
	j.buf = append(j.buf, `"W/\"`...)
	var digits [24]byte
	version := appendVersion(digits[:0], m)
	j.buf = append(append(j.buf, version[3:len(version)-1]...), `\""`...)
	j.buf = append(j.buf, '}')
}
