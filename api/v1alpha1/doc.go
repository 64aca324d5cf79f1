// Package v1alpha1 holds the kinds of the API group scim-operator.io: the identities that an identity provider pushes over
// SCIM 2.0 (ScimDirectory, ScimUser, ScimRole, ScimRoleSlice, ScimClaim) and what platform engineers say that these identities
// may do (ClusterAccessGrant).
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +groupName=scim-operator.io
package v1alpha1
