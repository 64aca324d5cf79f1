package translate

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// UserSpec normalises a resource and turns it into the spec of a new user, without a directory. An absent `active` means true. What
// the schemas do not allow, and a userName that is missing, is 400 invalidValue. The type is schema.User, with extensions or without.
func UserSpec(t *schema.ResourceType, in scim.Resource) (v1alpha1.ScimUserSpec, error) {
	spec, err := userSpec(t, in, nil, unknown{})
	if err == nil && spec.Active == nil {
		active := true
		spec.Active = &active
	}
	return spec, err
}

// userSpec is UserSpec with Active nil where the resource says nothing of it. What is stored already is not checked again.
func userSpec(t *schema.ResourceType, in, stored scim.Resource, kept unknown) (v1alpha1.ScimUserSpec, error) {
	res, err := normalised(t, in, stored)
	if err != nil {
		return v1alpha1.ScimUserSpec{}, err
	}
	kept = unknownMembers(schema.User(), res, kept)
	r := object(res)
	return v1alpha1.ScimUserSpec{
		UserName:             r.text("userName"),
		ExternalID:           r.text("externalId"),
		Active:               r.boolean("active"),
		Name:                 name(r.object("name")),
		DisplayName:          r.text("displayName"),
		NickName:             r.text("nickName"),
		ProfileURL:           r.text("profileUrl"),
		Title:                r.text("title"),
		UserType:             r.text("userType"),
		PreferredLanguage:    r.text("preferredLanguage"),
		Locale:               r.text("locale"),
		Timezone:             r.text("timezone"),
		Emails:               r.multiValues("emails"),
		PhoneNumbers:         r.multiValues("phoneNumbers"),
		Ims:                  r.multiValues("ims"),
		Photos:               r.multiValues("photos"),
		Addresses:            r.addresses("addresses"),
		Entitlements:         r.multiValues("entitlements"),
		Roles:                r.multiValues("roles"),
		X509Certificates:     r.multiValues("x509Certificates"),
		Enterprise:           enterprise(r.object(scim.EnterpriseUserSchema)),
		Extensions:           kept.extensions,
		AdditionalAttributes: kept.additional,
	}, nil
}

// MergeUser gives the spec that a PUT of the resource, or a PATCH that led to it, leaves of the current user (RFC 7644 section
// 3.5.1). It replaces everything that a client can write, with two exceptions: the directory stays, and so does the state when
// `active` is absent, since to reactivate somebody by leaving a word out would be a silent grant. Values that mean the same as the
// current ones keep their bytes, so that an echo is equal to what is stored. What the current user has is not checked: a malformed
// value that somebody wrote into the object stays until a client sends another, and stops no change of anything else.
func MergeUser(t *schema.ResourceType, current *v1alpha1.ScimUser, in scim.Resource) (v1alpha1.ScimUserSpec, error) {
	next, err := userSpec(t, in, UserResource(current, nil, ""), unknown{current.Spec.Extensions, current.Spec.AdditionalAttributes})
	if err != nil {
		return v1alpha1.ScimUserSpec{}, err
	}
	next.Directory = current.Spec.Directory
	if next.Active == nil || *next.Active == current.IsActive() {
		next.Active = current.Spec.Active
	}
	before := map[string]map[string]apiextensionsv1.JSON{}
	for place, entries := range RawEntries(&current.Spec) {
		before[place] = entries
	}
	for place, entries := range RawEntries(&next) {
		keepRaw(before[place], entries)
	}
	return next, nil
}

// normalised brings a resource into canonical form, with all that is required.
func normalised(t *schema.ResourceType, in, stored scim.Resource) (scim.Resource, error) {
	res, err := schema.NormalizeOver(t, in, stored)
	if err != nil {
		return nil, err
	}
	if err := schema.RequireAll(t, res); err != nil {
		return nil, err
	}
	return res, schema.RequireExtensions(t, res, stored)
}

func name(r object) *v1alpha1.Name {
	if len(r) == 0 {
		return nil
	}
	return &v1alpha1.Name{
		Formatted:       r.text("formatted"),
		FamilyName:      r.text("familyName"),
		GivenName:       r.text("givenName"),
		MiddleName:      r.text("middleName"),
		HonorificPrefix: r.text("honorificPrefix"),
		HonorificSuffix: r.text("honorificSuffix"),

		AdditionalAttributes: r.unknownParts(schema.User().Attribute("name")),
	}
}

func managerAttribute() *schema.Attribute {
	return schema.User().Lookup(scim.EnterpriseUserSchema, "manager")
}

func enterprise(r object) *v1alpha1.EnterpriseUser {
	out := v1alpha1.EnterpriseUser{
		EmployeeNumber: r.text("employeeNumber"),
		CostCenter:     r.text("costCenter"),
		Organization:   r.text("organization"),
		Division:       r.text("division"),
		Department:     r.text("department"),
	}
	if m := r.object("manager"); len(m) > 0 {
		out.Manager = &v1alpha1.Manager{
			Value: m.text("value"), Ref: m.text("$ref"), DisplayName: m.text("displayName"), AdditionalAttributes: m.unknownParts(managerAttribute()),
		}
	}
	if out == (v1alpha1.EnterpriseUser{}) {
		return nil
	}
	return &out
}
