package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GrantProtection says what no push may do to a grant.
// +kubebuilder:validation:Enum=LastSubject
type GrantProtection string

// ProtectLastSubject means that the last subject stays.
const ProtectLastSubject GrantProtection = "LastSubject"

// RoleSelector selects ScimRoles: one by displayName, one by name, or all that a label selector matches.
// +kubebuilder:validation:ExactlyOneOf=displayName;name;selector
// +kubebuilder:validation:XValidation:rule="!has(self.directory) || !has(self.name)",message="directory goes with displayName or selector: a role named by its object name needs no directory, so remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.selector) || (has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) || (has(self.selector.matchExpressions) && self.selector.matchExpressions.size() > 0)",message="spec.roles.selector would select every role, now and in future: give matchLabels or matchExpressions"
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

	// selector selects ScimRoles by their labels, for example matchLabels: {team: payments}, with at least one requirement. Roles
	// that are labelled later join by themselves, and leave in the same way. Whoever may label ScimRoles decides which ones it
	// is; identity providers cannot. One that cannot be used, for example because of its operator, selects nothing, and the
	// condition Ready says so.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// directory is the name of the ScimDirectory that a role found by displayName or selector must have come through, for
	// example okta. Without it any directory will do, and local roles too.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`
}

// UserSelector names one person, by userName or by name.
// +kubebuilder:validation:ExactlyOneOf=userName;name
// +kubebuilder:validation:XValidation:rule="!has(self.directory) || has(self.userName)",message="directory goes with userName: a user named by its object name needs no directory, so remove it"
type UserSelector struct {
	// userName is the person's userName in the identity provider, for example alice@example.com; case does not matter. Whoever
	// may give out userNames in the identity provider decides who it is; use name to pin one person.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName,omitempty"`

	// name is the metadata.name of the ScimUser, for example alice-k3v9x2m4qa. It stays with one person whatever that person is
	// renamed to.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// directory is the name of the ScimDirectory that a user found by userName must have come through, for example okta. Without
	// it any directory will do, and local users too.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`
}

// ServiceAccountReference names one ServiceAccount of the cluster.
type ServiceAccountReference struct {
	// namespace of the ServiceAccount, for example ci. In an AccessGrant it may be left out, and is then the grant's own; in a
	// ClusterAccessGrant it is required.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`

	// name of the ServiceAccount, for example deployer. It need not exist yet.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`
}

// GrantSubjects says as what the members of a role stand in the bindings.
// +kubebuilder:validation:Enum=Users;Group;Auto
type GrantSubjects string

const (
	// SubjectsUsers means that every member is a subject, so that a revocation takes effect with the write of the binding.
	SubjectsUsers GrantSubjects = "Users"
	// SubjectsGroup means that the group itself is the subject, so that a revocation waits until the person's token expires.
	SubjectsGroup GrantSubjects = "Group"
	// SubjectsAuto means Users for roles of at most AutoGroupAbove members, and Group for larger ones.
	SubjectsAuto GrantSubjects = "Auto"
)

// AutoGroupAbove is the largest number of pushed members of a role whom a grant with subjects Auto binds one by one.
const AutoGroupAbove = 1000

// GrantMode says whether a grant takes effect.
// +kubebuilder:validation:Enum=Enforce;Plan
type GrantMode string

const (
	// ModeEnforce means that the bindings are written.
	ModeEnforce GrantMode = "Enforce"
	// ModePlan means that nobody gains, and that status.plan says what ModeEnforce would change.
	ModePlan GrantMode = "Plan"
)

// ExistingBindings says what becomes of bindings that somebody else wrote and that give what the grant gives.
// +kubebuilder:validation:Enum=Ignore;Adopt
type ExistingBindings string

const (
	// ExistingIgnore means that they stay as they are.
	ExistingIgnore ExistingBindings = "Ignore"
	// ExistingAdopt means that those that a person has labelled for the grant are deleted once the grant gives all that they gave.
	ExistingAdopt ExistingBindings = "Adopt"
)

// The kinds of what a grant can give.
const (
	// KindClusterRole is the kind of a GrantTarget that is the same everywhere, and the default.
	KindClusterRole = "ClusterRole"
	// KindRole is the kind of a GrantTarget that every namespace has of its own.
	KindRole = "Role"
)

// GrantTarget names the role of Kubernetes RBAC that is given.
type GrantTarget struct {
	// kind of the target: ClusterRole, the default, or Role for the Role of that name in each namespace where the grant takes
	// effect. A namespace without such a Role gets no binding, and the condition Ready says TargetNotFound.
	// +optional
	// +default="ClusterRole"
	// +kubebuilder:validation:Enum=ClusterRole;Role
	Kind string `json:"kind,omitempty"`

	// name of the ClusterRole or Role, for example view. The installer of the operator says which ones may be given; any other
	// gives nothing, and the condition Ready says RoleNotAllowed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// NamespaceSelection selects namespaces: those listed by name and those that the selector matches, together, less those excluded.
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

	// excludeNames are namespaces that stay out although names or selector select them, at most 256, for example [kube-system].
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	ExcludeNames []string `json:"excludeNames,omitempty"`
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
