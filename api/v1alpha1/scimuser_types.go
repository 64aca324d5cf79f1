package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// UserState sums up what an identity may do at present.
// +kubebuilder:validation:Enum=Active;Suspended;Held;Conflict;Pending
type UserState string

const (
	// UserActive means that the identity counts: grants give it access.
	UserActive UserState = "Active"
	// UserSuspended means that spec.active is false: the identity is a subject nowhere.
	UserSuspended UserState = "Suspended"
	// UserHeld means that spec.active is false, and that the guard keeps the identity's access until a person, or time, decides.
	UserHeld UserState = "Held"
	// UserConflict means that another ScimUser holds the claim of this userName: the identity is a subject nowhere.
	UserConflict UserState = "Conflict"
	// UserPending means that the claim of the userName is not seen yet: the identity is a subject nowhere.
	UserPending UserState = "Pending"
)

// Conditions of a ScimUser.
const (
	// UserReady says whether the identity counts.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Active"
	// * "Suspended"
	// * "Held"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "UserNameConflict"
	// * "ClaimPending"
	// * "UsernameRefused"
	UserReady = "Ready"

	// ReasonActive means that the identity counts and is active.
	ReasonActive = "Active"
	// ReasonHeld means that the user is not active and the guard of its directory still keeps its access. The directory's AccessPlan
	// says why, and until when.
	ReasonHeld = "Held"
	// ReasonUserNameConflict means that another ScimUser holds this userName. Rename or delete one of the two.
	ReasonUserNameConflict = "UserNameConflict"
	// ReasonClaimPending means that the ScimClaim of this userName has not been seen yet.
	ReasonClaimPending = "ClaimPending"
	// ReasonUsernameRefused means that the directory's username expression fails for this user, or gives a name that may never
	// be bound (empty, too long, `system:`, control characters).
	ReasonUsernameRefused = "UsernameRefused"
)

// ScimUserStatus is what the operator did about an identity.
type ScimUserStatus struct {
	// conditions are what is known about the user, by type. Ready is the summary: its reason names the cause, its message the
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

	// state sums up what the identity may do at present: Active (grants give it access), Suspended (spec.active is false),
	// Held (spec.active is false, and the guard keeps its access for now), Conflict (another ScimUser holds this userName) or
	// Pending (its ScimClaim is not seen yet). In all but Active and Held the identity is a subject nowhere. `kubectl get scimusers --field-selector status.state=Conflict` lists the conflicts.
	// +optional
	State UserState `json:"state,omitempty"`

	// kubernetesUser is the user name that bindings name for this identity, as the directory's spec.identity.username makes
	// it; `kubectl auth can-i --list --as` takes it. It is empty when that name may not be bound.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	KubernetesUser string `json:"kubernetesUser,omitempty"`

	// roles is the number of ScimRoles that this user is a member of, pushed or local. Those whose displayName belongs to another one do
	// not count.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Roles *int32 `json:"roles,omitempty"`

	// accounts is the number of accounts that this user has in downstream apps.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Accounts *int32 `json:"accounts,omitempty"`

	// revokedAt is when the last binding that named this user was written without it, after the user was suspended. It is
	// empty while the user is active, and while a revocation is under way. A grant with subjects Group binds groups, which name
	// nobody: what a suspended user may do through one ends when the user's token does, which nobody can see here.
	// +optional
	RevokedAt *metav1.Time `json:"revokedAt,omitempty"`
}

// ScimUser is one identity. spec is what the identity provider said, status is what the operator did about it. The object's name
// is the SCIM id: it never changes, whatever becomes of the userName. A user counts only while the ScimClaim of its userName names
// it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=su
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.directory`
// +kubebuilder:selectablefield:JSONPath=`.spec.active`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Username",type=string,JSONPath=`.spec.userName`,description="Name that the user signs in with"
// +kubebuilder:printcolumn:name="Active",type=boolean,JSONPath=`.spec.active`,description="Whether the identity provider lets the user in"
// +kubebuilder:printcolumn:name="Roles",type=integer,JSONPath=`.status.roles`,description="Roles that the user is a member of"
// +kubebuilder:printcolumn:name="Accounts",type=integer,JSONPath=`.status.accounts`,description="Accounts in downstream apps"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`,description="What the user may do at present"
// +kubebuilder:printcolumn:name="Email",type=string,priority=1,JSONPath=`.spec.emails[0].value`,description="First e-mail address"
// +kubebuilder:printcolumn:name="Directory",type=string,priority=1,JSONPath=`.spec.directory`,description="Directory that the user came through; empty for local users"
// +kubebuilder:printcolumn:name="External-ID",type=string,priority=1,JSONPath=`.spec.externalId`,description="Id at the identity provider"
// +kubebuilder:printcolumn:name="K8s-User",type=string,priority=1,JSONPath=`.status.kubernetesUser`,description="User name in bindings"
// +kubebuilder:printcolumn:name="Revoked",type=date,priority=1,JSONPath=`.status.revokedAt`,description="Since when no binding names the suspended user"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name is used as a label value: use at most 63 characters"
type ScimUser struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the identity as its identity provider described it.
	// +required
	Spec ScimUserSpec `json:"spec,omitzero"`

	// status is what the operator did about the identity.
	// +optional
	Status ScimUserStatus `json:"status,omitempty,omitzero"`
}

// IsActive says whether spec.active allows the user anything. Absent means true (the API server's default).
func (u *ScimUser) IsActive() bool { return u.Spec.Active == nil || *u.Spec.Active }

// ScimUserList is a list of ScimUsers.
// +kubebuilder:object:root=true
type ScimUserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimUser `json:"items"`
}
