package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxMembers is the number of member ids that one ScimRole holds inline, and that one ScimRoleSlice holds.
const MaxMembers = 1000

// Conditions of a ScimRole.
const (
	// RoleReady says whether the role counts: grants that name it take effect.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Resolved"
	// * "UnresolvedMembers"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "DisplayNameConflict"
	// * "ClaimPending"
	// * "SliceNotFound"
	RoleReady = "Ready"

	// ReasonResolved means that every member is a known user.
	ReasonResolved = "Resolved"
	// ReasonUnresolvedMembers means that some member ids name no user yet. They take effect when the users arrive.
	ReasonUnresolvedMembers = "UnresolvedMembers"
	// ReasonDisplayNameConflict means that another ScimRole holds this displayName. Rename or delete one of the two.
	ReasonDisplayNameConflict = "DisplayNameConflict"
	// ReasonSliceNotFound means that spec.slices names a ScimRoleSlice that does not exist: its members are unknown. Push the
	// group again from the identity provider.
	ReasonSliceNotFound = "SliceNotFound"
)

// ScimRoleSpec is one pushed group as its identity provider described it (RFC 7643 section 4.2).
// +kubebuilder:validation:XValidation:rule="!has(self.members) || !has(self.slices) || size(self.members) == 0 || size(self.slices) == 0",message="spec.members and spec.slices exclude each other: members of a large role are in its slices"
type ScimRoleSpec struct {
	// directory is the ScimDirectory that this role came through. It is empty for a local role.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`

	// displayName is the group's name. It is unique in the cluster without regard to case, and kept as it was sent.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName"`

	// externalId is the identity provider's own id of the group. The operator never interprets it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	ExternalID string `json:"externalId,omitempty"`

	// members are the ids (names of ScimUsers) of a role of up to 1,000 members. Ids of users that do not exist yet are kept and
	// take effect when the user arrives.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Members []string `json:"members,omitempty"`

	// slices are the names of the ScimRoleSlices that hold the members of a larger role, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Slices []string `json:"slices,omitempty"`

	// localMembers are ids of users that people, not the identity provider, add to this role. A push never changes them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	LocalMembers []string `json:"localMembers,omitempty"`

	// extensions are schema extensions, keyed by URN, kept as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Extensions map[string]apiextensionsv1.JSON `json:"extensions,omitempty"`

	// additionalAttributes are top-level attributes that no standard names, kept as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}

// ScimRoleStatus is what the operator knows of a role.
type ScimRoleStatus struct {
	// conditions of the role; Ready is the summary.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of spec that status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// members is the number of members, pushed and local.
	// +optional
	Members *int32 `json:"members,omitempty"`

	// unresolvedMembers is the number of member ids that name no user.
	// +optional
	UnresolvedMembers *int32 `json:"unresolvedMembers,omitempty"`

	// grants is the number of grants that name this role.
	// +optional
	Grants *int32 `json:"grants,omitempty"`
}

// ScimRole is one pushed group. By itself it grants nothing: a ClusterAccessGrant says what its members may do. The object's name
// is the SCIM id. Deleting a role that an identity provider pushes puts that group push into an error state: unlink the group
// there instead.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=sr
// +kubebuilder:selectablefield:JSONPath=`.spec.displayName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.directory`
// +kubebuilder:printcolumn:name="Display-Name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`
// +kubebuilder:printcolumn:name="Grants",type=integer,JSONPath=`.status.grants`
// +kubebuilder:printcolumn:name="Directory",type=string,JSONPath=`.spec.directory`
// +kubebuilder:printcolumn:name="External-ID",type=string,priority=1,JSONPath=`.spec.externalId`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ScimRole struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the group as its identity provider described it.
	// +required
	Spec ScimRoleSpec `json:"spec"`

	// status is what the operator knows of the role.
	// +optional
	Status ScimRoleStatus `json:"status,omitempty,omitzero"`
}

// ScimRoleList is a list of ScimRoles.
// +kubebuilder:object:root=true
type ScimRoleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimRole `json:"items"`
}

// ScimRoleSliceSpec is a part of a large role's members.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec of a ScimRoleSlice is immutable: write a new slice and name it in the role's spec.slices"
type ScimRoleSliceSpec struct {
	// role is the name of the ScimRole that this slice was written for.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Role string `json:"role"`

	// members are ids (names of ScimUsers), sorted.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Members []string `json:"members"`
}

// ScimRoleSlice holds up to 1,000 member ids of one large ScimRole. It never changes; it counts only while its role's spec.slices
// names it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ScimRoleSlice struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is a part of a large role's members.
	// +required
	Spec ScimRoleSliceSpec `json:"spec"`
}

// ScimRoleSliceList is a list of ScimRoleSlices.
// +kubebuilder:object:root=true
type ScimRoleSliceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimRoleSlice `json:"items"`
}
