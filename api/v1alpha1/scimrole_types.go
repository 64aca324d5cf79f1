package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxMembers is the largest number of member ids that one ScimRole, or one ScimRoleSlice, may hold itself.
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
// +kubebuilder:validation:XValidation:rule="!has(self.directory) || !has(oldSelf.directory) || self.directory == oldSelf.directory",message="spec.directory cannot be changed from one directory to another: clear it to make the role local (kubectl scim detach), and let the other directory take it over"
type ScimRoleSpec struct {
	// directory is the name of the ScimDirectory that this role came through, for example okta. The SCIM server sets it when it
	// creates the role. Without it the role is local: people write it by hand or keep it in Git, and no push changes it.
	//
	// It cannot be changed from one directory to another. It can be cleared, which makes the role local: the identity provider then
	// no longer sees the role. Only the SCIM server sets it on a local role, when a directory takes it over as its spec.matching
	// allows.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`

	// displayName is the group's name, for example Platform Admins. It is unique in the cluster without regard to case (Unicode
	// NFKC and case folding), and kept as it was sent. It may change: metadata.name is what stays.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="spec.displayName must not be blank: give the name of the group"
	DisplayName string `json:"displayName,omitempty"`

	// externalId is the identity provider's own id of the group. It is returned as it was sent; the operator never interprets it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	ExternalID string `json:"externalId,omitempty"`

	// members are the ids (metadata.name of ScimUsers) of pushed members: all of them in a role of up to 100, and in one with slices
	// those who were added last and have yet to go into a slice. At most 1,000 are valid. Ids of users that do not exist yet are kept
	// and take effect when the user arrives. The list is replaced as a whole.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Members []string `json:"members,omitempty"`

	// slices are the names of the ScimRoleSlices that hold the other pushed members of a role of more than 100, in order: at most
	// 1,000 slices of 1,000 members. Whoever is in members or in one of the slices is a member. The SCIM server writes them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Slices []string `json:"slices,omitempty"`

	// localMembers are the ids (metadata.name of ScimUsers) of users that people, not the identity provider, add to this role:
	// at most 1,000. A push never changes them, and the identity provider never sees them. The list is replaced as a whole.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	LocalMembers []string `json:"localMembers,omitempty"`

	// extensions are schema extensions, at most 32, keyed by URN, for example urn:okta:lanternfield_1:1.0:group:custom. They
	// are kept and returned as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Extensions map[string]apiextensionsv1.JSON `json:"extensions,omitempty"`

	// additionalAttributes are top-level attributes that no standard names, at most 64, kept and returned as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}

// ScimRoleStatus is what the operator knows of a role.
type ScimRoleStatus struct {
	// conditions are what is known about the role, by type. Ready is the summary: its reason names the cause, its message the
	// remedy. `kubectl wait --for=condition=Ready` waits for it.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that status describes. While it is lower than metadata.generation, status
	// is about an earlier spec.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// members is the number of different members, pushed and local, whether or not they are known users.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Members *int32 `json:"members,omitempty"`

	// unresolvedMembers is the number of member ids that name no ScimUser yet. They give access when the user arrives.
	// +optional
	// +kubebuilder:validation:Minimum=0
	UnresolvedMembers *int32 `json:"unresolvedMembers,omitempty"`

	// grants is the number of grants that name this role. With 0 the role gives nobody anything.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Grants *int32 `json:"grants,omitempty"`

	// lastSeenTime is when the identity provider last named this role by its id, to read or to change it. It is written at most once a
	// day, so it can be that much too early; absent means never since the role was created. A group push that was ended at the identity
	// provider without deleting the group there leaves the role behind (SCIM has no word for it), and then this time stands still:
	// `kubectl scim detach` frees such a role. A group that nobody changes is not named either, so the time alone is no proof.
	// +optional
	LastSeenTime *metav1.Time `json:"lastSeenTime,omitempty"`
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
// +kubebuilder:printcolumn:name="Display-Name",type=string,JSONPath=`.spec.displayName`,description="Name of the group at the identity provider"
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`,description="Members, pushed and local"
// +kubebuilder:printcolumn:name="Grants",type=integer,JSONPath=`.status.grants`,description="Grants that name the role"
// +kubebuilder:printcolumn:name="Directory",type=string,JSONPath=`.spec.directory`,description="Directory that the role came through; empty for local roles"
// +kubebuilder:printcolumn:name="External-ID",type=string,priority=1,JSONPath=`.spec.externalId`,description="Id at the identity provider"
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the role counts or does not"
// +kubebuilder:printcolumn:name="Last-Seen",type=date,priority=1,JSONPath=`.status.lastSeenTime`,description="When the identity provider last named the role"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name is used as a label value: use at most 63 characters"
type ScimRole struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the group as its identity provider described it.
	// +required
	Spec ScimRoleSpec `json:"spec,omitzero"`

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
	// role is the metadata.name of the ScimRole that this slice was written for.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Role string `json:"role,omitempty"`

	// members are ids (metadata.name of ScimUsers), sorted: at least 1 and at most 1,000.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Members []string `json:"members,omitempty"`
}

// ScimRoleSlice holds up to 1,000 member ids of one large ScimRole. It never changes; it counts only while its role's spec.slices
// names it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`,description="Role that the slice was written for"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ScimRoleSlice struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is a part of a large role's members.
	// +required
	Spec ScimRoleSliceSpec `json:"spec,omitzero"`
}

// ScimRoleSliceList is a list of ScimRoleSlices.
// +kubebuilder:object:root=true
type ScimRoleSliceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimRoleSlice `json:"items"`
}
