package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Conditions of a ClusterAccessGrant and of an AccessGrant.
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
	// * "UserNotFound"
	// * "ConditionInvalid"
	// * "Planned"
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
	// ReasonUserNotFound means that a user named in spec.users does not exist, or does not count. The others are in effect.
	ReasonUserNotFound = "UserNotFound"
	// ReasonConditionInvalid means that spec.condition is no expression that can be used: nobody gains until it is corrected, and
	// whoever an identity provider takes out still loses access.
	ReasonConditionInvalid = "ConditionInvalid"
	// ReasonPlanned means that spec.mode is Plan and that there is something to change: status.plan says what.
	ReasonPlanned = "Planned"
	// ReasonApplyFailed means that the API server refused a binding. The message says why.
	ReasonApplyFailed = "ApplyFailed"

	// GrantRevocationImmediate says whether somebody who leaves loses access with the next write of a binding.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "UserSubjects"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "GroupSubjects"
	GrantRevocationImmediate = "RevocationImmediate"

	// ReasonUserSubjects means that every person stands in the bindings by name.
	ReasonUserSubjects = "UserSubjects"
	// ReasonGroupSubjects means that a group stands in the bindings, so that who is in it is what each person's token says until
	// the token expires.
	ReasonGroupSubjects = "GroupSubjects"

	// GrantAdopted says, with spec.existing Adopt, whether all bindings that are labelled for the grant have been taken over.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "NothingLeft"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "NotCovered"
	// * "NotDeleted"
	// * "Planned"
	GrantAdopted = "Adopted"

	// ReasonNothingLeft means that no binding of somebody else is labelled for the grant.
	ReasonNothingLeft = "NothingLeft"
	// ReasonNotCovered means that a labelled binding gives somebody what the grant does not give, so that it stays.
	ReasonNotCovered = "NotCovered"
	// ReasonNotDeleted means that the API server did not let the operator delete a labelled binding. The message says why.
	ReasonNotDeleted = "NotDeleted"
)

// GrantStatus is what a grant came to.
type GrantStatus struct {
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

	// namespaces is the number of namespaces in which the grant takes effect; absent for a grant of the whole cluster.
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

	// plan is what the grant would change if spec.mode were Enforce; absent with that mode, and when there is nothing to change.
	// `kubectl scim plan -f` prints the same for a grant that is not in the cluster yet.
	// +optional
	Plan *GrantPlan `json:"plan,omitempty"`
}

// GrantPlan is what a grant would change.
// +kubebuilder:validation:MinProperties=1
type GrantPlan struct {
	// bindings is the number of bindings that would be created, changed or deleted.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Bindings *int32 `json:"bindings,omitempty"`

	// gained is the number of different subjects that would gain something they do not have by this grant.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Gained *int32 `json:"gained,omitempty"`

	// lost is the number of different subjects that would lose something they have by this grant.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Lost *int32 `json:"lost,omitempty"`

	// changes say who would gain and lose, by role and namespace: the first twenty, sorted by namespace and role.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Changes []PlannedChange `json:"changes,omitempty"`
}

// PlannedChange is what would change for the members of one role in one place.
type PlannedChange struct {
	// namespace is where; absent for the whole cluster.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// role is the metadata.name of the ScimRole; absent for people and service accounts that the grant itself names.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Role string `json:"role,omitempty"`

	// target is what would be given or taken: the kind and name of the role of Kubernetes RBAC, for example ClusterRole/view.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	Target string `json:"target,omitempty"`

	// gained is the number of subjects that would gain it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Gained *int32 `json:"gained,omitempty"`

	// lost is the number of subjects that would lose it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Lost *int32 `json:"lost,omitempty"`

	// gainedNames are the first ten subjects that would gain it, as they would stand in the binding, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	GainedNames []string `json:"gainedNames,omitempty"`

	// lostNames are the first ten subjects that would lose it, as they stand in the binding, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	LostNames []string `json:"lostNames,omitempty"`
}
