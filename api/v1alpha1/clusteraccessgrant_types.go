package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GrantScope says where a grant takes effect.
// +kubebuilder:validation:Enum=Cluster;Namespaces
type GrantScope string

const (
	// ScopeCluster means everywhere, by a ClusterRoleBinding.
	ScopeCluster GrantScope = "Cluster"
	// ScopeNamespaces means in the namespaces that the grant selects, by a RoleBinding in each.
	ScopeNamespaces GrantScope = "Namespaces"
)

// Conditions of a ClusterAccessGrant.
const (
	// GrantReady says whether everything that the grant asks for is in effect.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Enforced"
	// * "NotYetValid"
	// * "Expired"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "RoleNotFound"
	// * "RoleNotAllowed"
	// * "TargetNotFound"
	// * "NamespaceNotFound"
	// * "SubjectsRefused"
	// * "ApplyFailed"
	GrantReady = "Ready"

	// ReasonEnforced means that every binding is as the grant asks.
	ReasonEnforced = "Enforced"
	// ReasonNotYetValid means that spec.validity.notBefore is in the future: the grant gives nothing.
	ReasonNotYetValid = "NotYetValid"
	// ReasonExpired means that spec.validity.expiresAt has passed: the grant gives nothing.
	ReasonExpired = "Expired"
	// ReasonRoleNotFound means that a role named in spec.roles does not exist yet. The others are in effect.
	ReasonRoleNotFound = "RoleNotFound"
	// ReasonRoleNotAllowed means that the operator may not bind the ClusterRole: the installer did not list it.
	ReasonRoleNotAllowed = "RoleNotAllowed"
	// ReasonTargetNotFound means that the ClusterRole named in spec.to does not exist.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonNamespaceNotFound means that a namespace listed by name does not exist. The others are in effect.
	ReasonNamespaceNotFound = "NamespaceNotFound"
	// ReasonSubjectsRefused means that some users were left out because their Kubernetes user names may not be bound.
	ReasonSubjectsRefused = "SubjectsRefused"
	// ReasonApplyFailed means that the API server refused a binding. The message says why.
	ReasonApplyFailed = "ApplyFailed"
)

// ClusterAccessGrantSpec says what the members of some roles may do.
// +kubebuilder:validation:XValidation:rule="self.scope == 'Namespaces' ? has(self.namespaces) : !has(self.namespaces)",message="spec.namespaces is required with scope Namespaces and must be absent with scope Cluster"
type ClusterAccessGrantSpec struct {
	// roles are the ScimRoles whose members get access. A role need not exist yet.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Roles []RoleSelector `json:"roles"`

	// to is what they get.
	// +required
	To GrantTarget `json:"to"`

	// scope says where: Cluster for everywhere, Namespaces for those that spec.namespaces selects. There is no default, so that
	// nobody grants the whole cluster by leaving a field out.
	// +required
	Scope GrantScope `json:"scope"`

	// namespaces selects the namespaces, by name, by label, or both; a namespace that either selects is in. New namespaces
	// join by themselves.
	// +optional
	Namespaces *NamespaceSelection `json:"namespaces,omitempty"`

	// validity limits the grant in time.
	// +optional
	Validity *Validity `json:"validity,omitempty"`
}

// RoleSelector names one ScimRole.
// +kubebuilder:validation:ExactlyOneOf=displayName;name
// +kubebuilder:validation:XValidation:rule="!has(self.directory) || has(self.displayName)",message="directory goes with displayName: a role named by its object name needs no directory"
type RoleSelector struct {
	// displayName is the name of the group as the identity provider shows it; case does not matter. Whoever may name groups in
	// the identity provider decides who it is.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`

	// name is the metadata.name of the ScimRole. It stays with one group whatever that group is renamed to.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// directory is the ScimDirectory that a role found by displayName must have come through. Without it any directory will
	// do, and local roles too.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`
}

// GrantTarget names the role of Kubernetes RBAC that is given.
type GrantTarget struct {
	// kind of the target; ClusterRole is the only one that a ClusterAccessGrant can give.
	// +optional
	// +kubebuilder:default=ClusterRole
	// +kubebuilder:validation:Enum=ClusterRole
	Kind string `json:"kind,omitempty"`

	// name of the ClusterRole. The installer of the operator says which ClusterRoles may be given; others are refused with
	// RoleNotAllowed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// NamespaceSelection selects namespaces.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="(has(self.names) && size(self.names) > 0) || has(self.selector)",message="spec.namespaces selects nothing: give names, selector, or both"
type NamespaceSelection struct {
	// names are namespaces listed by name. One that does not exist is reported in the condition and joins when it is made.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Names []string `json:"names,omitempty"`

	// selector selects namespaces by label. An empty selector ({}) selects all namespaces.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// Validity limits a grant in time. Outside of it the grant gives nothing.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.notBefore) || !has(self.expiresAt) || timestamp(self.notBefore) < timestamp(self.expiresAt)",message="validity.notBefore must be before validity.expiresAt"
type Validity struct {
	// notBefore is when the grant starts to give access.
	// +optional
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// expiresAt is when the grant stops to give access.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// ClusterAccessGrantStatus is what a grant came to.
type ClusterAccessGrantStatus struct {
	// conditions of the grant; Ready is the summary.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of spec that status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// roleNames are the display names of the roles in spec.roles, in order, for the table that kubectl prints.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	RoleNames string `json:"roleNames,omitempty"`

	// scopeSummary says where the grant takes effect: "cluster-wide", or the number of namespaces.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ScopeSummary string `json:"scopeSummary,omitempty"`

	// namespaces is the number of namespaces in which the grant takes effect; absent with scope Cluster.
	// +optional
	Namespaces *int32 `json:"namespaces,omitempty"`

	// users is the number of different users whom the grant gives access at present.
	// +optional
	Users *int32 `json:"users,omitempty"`

	// bindings is the number of bindings that are in effect for the grant.
	// +optional
	Bindings *int32 `json:"bindings,omitempty"`

	// refusedUsers are up to ten ids of users that were left out because their Kubernetes user names may not be bound.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=253
	RefusedUsers []string `json:"refusedUsers,omitempty"`
}

// ClusterAccessGrant gives the members of some ScimRoles a ClusterRole, in the whole cluster or in some namespaces.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=cag
// +kubebuilder:printcolumn:name="Roles",type=string,JSONPath=`.status.roleNames`
// +kubebuilder:printcolumn:name="To",type=string,JSONPath=`.spec.to.name`
// +kubebuilder:printcolumn:name="Namespaces",type=string,JSONPath=`.status.scopeSummary`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.validity.expiresAt`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name is used as a label value: use at most 63 characters"
type ClusterAccessGrant struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the members of some roles may do.
	// +required
	Spec ClusterAccessGrantSpec `json:"spec"`

	// status is what the grant came to.
	// +optional
	Status ClusterAccessGrantStatus `json:"status,omitempty,omitzero"`
}

// ClusterAccessGrantList is a list of ClusterAccessGrants.
// +kubebuilder:object:root=true
type ClusterAccessGrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterAccessGrant `json:"items"`
}
