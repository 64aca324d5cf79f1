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
	// * "SliceNotFound"
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
// +kubebuilder:validation:XValidation:rule="self.scope == 'Namespaces' ? has(self.namespaces) : !has(self.namespaces)",message="spec.namespaces is required with scope Namespaces and must be absent with scope Cluster: add it, or change spec.scope"
type ClusterAccessGrantSpec struct {
	// roles are the ScimRoles whose members get access: at least 1, at most 64. A role need not exist yet; until it does, the
	// condition Ready says RoleNotFound and the other roles are in effect.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Roles []RoleSelector `json:"roles,omitempty"`

	// to is what they get: one ClusterRole.
	// +required
	To GrantTarget `json:"to,omitzero"`

	// scope says where: Cluster for everywhere (one ClusterRoleBinding for each 1,000 members), Namespaces for the namespaces
	// that spec.namespaces selects (RoleBindings in each). There is no default, so that nobody grants the whole cluster by
	// leaving a field out.
	// +required
	Scope GrantScope `json:"scope,omitempty"`

	// namespaces selects the namespaces, by name, by label, or both; a namespace that either selects is in. Namespaces that are
	// made or labelled later join by themselves, and leave in the same way. Required with scope Namespaces, forbidden with
	// scope Cluster.
	// +optional
	Namespaces *NamespaceSelection `json:"namespaces,omitempty"`

	// validity limits the grant in time. Without it the grant holds from now on until it is deleted.
	// +optional
	Validity *Validity `json:"validity,omitempty"`

	// protection says what no push may do to the grant. LastSubject keeps the last person who has access through it, in the
	// cluster or in each namespace, even when an identity provider deactivates that person, takes them out of the role or deletes
	// the role: give it to the grant that you would need to repair everything else. Only a change to the grant takes the last
	// person out. Without it a push may take everybody's access away.
	// +optional
	Protection GrantProtection `json:"protection,omitempty"`
}

// GrantProtection says what no push may do to a grant.
// +kubebuilder:validation:Enum=LastSubject
type GrantProtection string

// ProtectLastSubject means that the last subject stays.
const ProtectLastSubject GrantProtection = "LastSubject"

// RoleSelector names one ScimRole, by displayName or by name.
// +kubebuilder:validation:ExactlyOneOf=displayName;name
// +kubebuilder:validation:XValidation:rule="!has(self.directory) || has(self.displayName)",message="directory goes with displayName: a role named by its object name needs no directory, so remove it"
type RoleSelector struct {
	// displayName is the name of the group as the identity provider shows it, for example Platform Admins; case does not
	// matter. Whoever may name groups in the identity provider decides who gets the access; use name to pin one group.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`

	// name is the metadata.name of the ScimRole, for example platform-admins-k3v9x2m4qa. It stays with one group whatever that
	// group is renamed to.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// directory is the name of the ScimDirectory that a role found by displayName must have come through, for example okta.
	// Without it any directory will do, and local roles too.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`
}

// GrantTarget names the role of Kubernetes RBAC that is given.
type GrantTarget struct {
	// kind of the target. ClusterRole is the default, and the only one that a ClusterAccessGrant can give.
	// +optional
	// +default="ClusterRole"
	// +kubebuilder:validation:Enum=ClusterRole
	Kind string `json:"kind,omitempty"`

	// name of the ClusterRole, for example view. The installer of the operator says which ClusterRoles may be given; any other
	// gives nothing, and the condition Ready says RoleNotAllowed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// NamespaceSelection selects namespaces: those listed by name and those that the selector matches, together.
// +kubebuilder:validation:XValidation:rule="has(self.names) || has(self.selector)",message="spec.namespaces selects nothing: give names, selector, or both"
// +kubebuilder:validation:XValidation:rule="!has(self.selector) || !has(self.selector.matchExpressions) || self.selector.matchExpressions.all(e, e.operator in ['In', 'NotIn'] ? has(e.values) && e.values.size() > 0 : e.operator in ['Exists', 'DoesNotExist'] && (!has(e.values) || e.values.size() == 0))",message="spec.namespaces.selector.matchExpressions: operator is In or NotIn with values, or Exists or DoesNotExist without"
type NamespaceSelection struct {
	// names are namespaces listed by name, at most 256, for example [payments, checkout]. One that does not exist is reported in
	// the condition Ready (NamespaceNotFound) and joins when it is made.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Names []string `json:"names,omitempty"`

	// selector selects namespaces by label, for example matchLabels: {team: payments}. All its requirements must hold. An empty
	// selector ({}) selects every namespace, kube-system too. Whoever may label namespaces decides which ones it is.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// Validity limits a grant in time. Outside of it the grant gives nothing.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.notBefore) || !has(self.expiresAt) || self.notBefore < self.expiresAt",message="spec.validity.notBefore must be before spec.validity.expiresAt: move one of the two"
type Validity struct {
	// notBefore is when the grant starts to give access, in RFC 3339, for example 2026-03-01T08:00:00Z. Absent means at once.
	// +optional
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// expiresAt is when the grant stops to give access, in RFC 3339, for example 2026-03-31T18:00:00Z. The bindings are deleted
	// then; the grant stays and says Expired. Absent means never.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// ClusterAccessGrantStatus is what a grant came to.
type ClusterAccessGrantStatus struct {
	// conditions are what is known about the grant, by type. Ready is the summary: its reason names the cause, its message the
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

	// roleNames are the display names of the roles in spec.roles, in order, separated by commas, for the table that kubectl
	// prints.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	RoleNames string `json:"roleNames,omitempty"`

	// scopeSummary says where the grant takes effect, for the table that kubectl prints: cluster-wide, or the number of
	// namespaces.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ScopeSummary string `json:"scopeSummary,omitempty"`

	// namespaces is the number of namespaces in which the grant takes effect; absent with scope Cluster.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Namespaces *int32 `json:"namespaces,omitempty"`

	// users is the number of different users whom the grant gives access at present.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int32 `json:"users,omitempty"`

	// bindings is the number of bindings that are in effect for the grant.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Bindings *int32 `json:"bindings,omitempty"`

	// refusedUsers are the ids (metadata.name of ScimUsers) of users that were left out because their Kubernetes user names may
	// not be bound: the first ten, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	RefusedUsers []string `json:"refusedUsers,omitempty"`
}

// ClusterAccessGrant gives the members of some ScimRoles a ClusterRole, in the whole cluster or in some namespaces.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=cag
// +kubebuilder:selectablefield:JSONPath=`.spec.to.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope`
// +kubebuilder:printcolumn:name="Roles",type=string,JSONPath=`.status.roleNames`,description="Roles whose members get access"
// +kubebuilder:printcolumn:name="To",type=string,JSONPath=`.spec.to.name`,description="ClusterRole that they get"
// +kubebuilder:printcolumn:name="Namespaces",type=string,JSONPath=`.status.scopeSummary`,description="Where they get it"
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`,description="Users whom the grant gives access at present"
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.validity.expiresAt`,description="When the grant stops to give access"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether everything that the grant asks for is in effect"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is or is not"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is wrong and what to do"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name is used as a label value: use at most 63 characters"
type ClusterAccessGrant struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the members of some roles may do.
	// +required
	Spec ClusterAccessGrantSpec `json:"spec,omitzero"`

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
