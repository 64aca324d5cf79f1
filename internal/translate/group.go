package translate

import (
	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// GroupSpec normalises a resource and turns it into the spec of a new role, without a directory and without members: those come as
// scim.MemberOp. What the schemas do not allow, and a displayName that is missing, is 400 invalidValue. The type is
// schema.Group, with extensions or without.
func GroupSpec(t *schema.ResourceType, in scim.Resource) (v1alpha1.ScimRoleSpec, error) {
	return groupSpec(t, in, nil, unknown{})
}

// groupSpec is GroupSpec for a change of a group that is stored. What is stored already is not checked again.
func groupSpec(t *schema.ResourceType, in, stored scim.Resource, kept unknown) (v1alpha1.ScimRoleSpec, error) {
	res, err := normalised(t, in, stored)
	if err != nil {
		return v1alpha1.ScimRoleSpec{}, err
	}
	kept = unknownMembers(schema.Group(), res, kept)
	r := object(res)
	return v1alpha1.ScimRoleSpec{
		DisplayName:          r.text("displayName"),
		ExternalID:           r.text("externalId"),
		Extensions:           kept.extensions,
		AdditionalAttributes: kept.additional,
	}, nil
}

// MergeGroup gives the spec that a PUT of the resource, or a PATCH that led to it, leaves of the current role. The directory and
// all fields of membership stay as they are.
func MergeGroup(t *schema.ResourceType, current *v1alpha1.ScimRole, in scim.Resource) (v1alpha1.ScimRoleSpec, error) {
	next, err := groupSpec(t, in, GroupResource(current, nil, ""), unknown{current.Spec.Extensions, current.Spec.AdditionalAttributes})
	if err != nil {
		return v1alpha1.ScimRoleSpec{}, err
	}
	next.Directory = current.Spec.Directory
	next.Members = current.Spec.Members
	next.Slices = current.Spec.Slices
	next.LocalMembers = current.Spec.LocalMembers
	keepRaw(current.Spec.Extensions, next.Extensions)
	keepRaw(current.Spec.AdditionalAttributes, next.AdditionalAttributes)
	return next, nil
}
