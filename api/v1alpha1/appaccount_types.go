package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccountState is what has become of an account.
// +kubebuilder:validation:Enum=Pending;Active;Suspended;RolesRemoved;Held;Unmanaged;Absent;Failed
type AccountState string

const (
	// AccountPending means that the app was not asked yet.
	AccountPending AccountState = "Pending"
	// AccountActive means that the person may use the account.
	AccountActive AccountState = "Active"
	// AccountSuspended means that the person can no longer sign in.
	AccountSuspended AccountState = "Suspended"
	// AccountRolesRemoved means that the account is usable and has no role of the operator's any more.
	AccountRolesRemoved AccountState = "RolesRemoved"
	// AccountHeld means that the account should be taken away, and that the guard holds that back.
	AccountHeld AccountState = "Held"
	// AccountUnmanaged means that the account was there before and is left alone.
	AccountUnmanaged AccountState = "Unmanaged"
	// AccountAbsent means that the app has no such account, and that the mode, or the person's state, lets none be made.
	AccountAbsent AccountState = "Absent"
	// AccountFailed means that the account is not as it should be: the condition Ready says why.
	AccountFailed AccountState = "Failed"
)

// Conditions of an AppAccount.
const (
	// AccountReady says whether the account is as it should be.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Synced"
	// * "Observed"
	// * "Unmanaged"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "Planned"
	// * "Drifted"
	// * "RemovalHeld"
	// * "ExpressionFailed"
	// * "Conflict"
	// * "Rejected"
	// * "Unsupported"
	// * "Protected"
	// * "Retrying"
	// * "AppUnavailable"
	AccountReady = "Ready"

	// ReasonUnmanaged means that an account of that name was there before, and that spec.existing of the AppConnection says to leave it.
	ReasonUnmanaged = "Unmanaged"
	// ReasonDrifted means that somebody else changed the account, and that spec.drift of the AppConnection says to report it.
	ReasonDrifted = "Drifted"
	// ReasonRemovalHeld means that the account should be taken away, and that the guard holds that back.
	ReasonRemovalHeld = "RemovalHeld"
	// ReasonExpressionFailed means that an expression of the AppConnection gives no usable account name for this person.
	ReasonExpressionFailed = "ExpressionFailed"
	// ReasonConflict means that the name belongs to another account.
	ReasonConflict = "Conflict"
	// ReasonRejected means that the app does not take what it was given.
	ReasonRejected = "Rejected"
	// ReasonUnsupported means that the app cannot do what is asked.
	ReasonUnsupported = "Unsupported"
	// ReasonProtected means that the account or a role may never be touched.
	ReasonProtected = "Protected"
	// ReasonRetrying means that the last attempt failed in a way that may pass.
	ReasonRetrying = "Retrying"
	// ReasonAppUnavailable means that the whole app cannot be used at present: see the AppConnection.
	ReasonAppUnavailable = "AppUnavailable"
)

// FinalizerAccount keeps an AppAccount until its account was taken out of use.
const FinalizerAccount = GroupName + "/account"

// FinalizerConnection keeps an AppConnection until its AppAccounts are let go.
const FinalizerConnection = GroupName + "/accounts"

// AppAccountSpec says whose account it is, and in which app.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec of an AppAccount cannot change, so that an account stays one person's: the operator makes another one"
type AppAccountSpec struct {
	// app is the name of the AppConnection, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	App string `json:"app,omitempty"`

	// user is the metadata.name of the ScimUser whose account it is.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	User string `json:"user,omitempty"`
}

// AppAccountStatus is what has become of an account.
type AppAccountStatus struct {
	// conditions are what is known about the account, by type. Ready is the summary: its reason names the cause, its message the remedy.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// state is what has become of the account: Pending, Active, Suspended, RolesRemoved, Held (it should be taken away, and the guard holds
	// that back), Unmanaged (it was there before and is left alone), Absent or Failed.
	// +optional
	State AccountState `json:"state,omitempty"`

	// userName is the person's userName, for the table that kubectl prints.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName,omitempty"`

	// accountName is the account's name in the app.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	AccountName string `json:"accountName,omitempty"`

	// accountID is the app's own id of the account.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	AccountID string `json:"accountID,omitempty"`

	// roles are the groups and roles of the app that the person has by spec.roleMappings, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Roles []string `json:"roles,omitempty"`

	// through are the metadata.names of the ScimRoles by which the person has the account, in order, at most 64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Through []string `json:"through,omitempty"`

	// given is what the operator gave the account, where the app has no room to say so. Only that is taken again.
	// +optional
	Given GivenRecord `json:"given,omitempty,omitzero"`

	// changes are what spec.mode Enforce, or spec.drift.policy Repair, would do, in words.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Changes []string `json:"changes,omitempty"`

	// input is a hash of what the account was last made of. As long as it is the same, and nobody else changes the account, there is
	// nothing to do. It is absent while the account is being changed, and until that has succeeded.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Input string `json:"input,omitempty"`

	// lastChangeTime is when the operator last changed the account.
	// +optional
	LastChangeTime *metav1.Time `json:"lastChangeTime,omitempty"`

	// suspendedAt is since when the person can no longer sign in.
	// +optional
	SuspendedAt *metav1.Time `json:"suspendedAt,omitempty"`

	// deleteTime is when the account is deleted, if the person does not come back before.
	// +optional
	DeleteTime *metav1.Time `json:"deleteTime,omitempty"`
}

// GivenRecord is what the operator gave an account.
// +kubebuilder:validation:MinProperties=1
type GivenRecord struct {
	// roles are groups and roles of the app, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Roles []string `json:"roles,omitempty"`

	// attributes are names of attributes, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Attributes []string `json:"attributes,omitempty"`
}

// AppAccount is one person's account in one app. The operator makes it; its name is that of the AppConnection, a dot, and that of the
// ScimUser. To have a failed one tried again, use `kubectl scim retry`.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=scim,shortName=acct
// +kubebuilder:selectablefield:JSONPath=`.spec.app`
// +kubebuilder:selectablefield:JSONPath=`.spec.user`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="App",type=string,JSONPath=`.spec.app`,description="App that the account is in"
// +kubebuilder:printcolumn:name="Username",type=string,JSONPath=`.status.userName`,description="Name that the person signs in with at the identity provider"
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.status.accountName`,description="Name of the account in the app"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`,description="What has become of the account"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the account is as it should be"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is or is not"
// +kubebuilder:printcolumn:name="Roles",type=string,priority=1,JSONPath=`.status.roles`,description="Groups and roles in the app"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is wrong and what to do"
// +kubebuilder:printcolumn:name="Changed",type=date,JSONPath=`.status.lastChangeTime`,description="When the operator last changed the account"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == self.spec.app + '.' + self.spec.user",message="metadata.name of an AppAccount is spec.app, a dot, and spec.user: the operator makes AppAccounts, and people need not"
type AppAccount struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says whose account it is, and in which app.
	// +required
	Spec AppAccountSpec `json:"spec,omitzero"`

	// status is what has become of the account.
	// +optional
	Status AppAccountStatus `json:"status,omitempty,omitzero"`
}

// AccountObjectName is the name of the AppAccount of a person in an app.
func AccountObjectName(app, user string) string { return app + "." + user }

// AppAccountList is a list of AppAccounts.
// +kubebuilder:object:root=true
type AppAccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AppAccount `json:"items"`
}
