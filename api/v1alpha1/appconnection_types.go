package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AppMode says what the operator may do in an app.
// +kubebuilder:validation:Enum=Observe;Plan;Enforce
type AppMode string

const (
	// AppObserve means that the app is read, and that status says which accounts it has.
	AppObserve AppMode = "Observe"
	// AppPlan means that the app is read, and that the status of each AppAccount says what Enforce would change.
	AppPlan AppMode = "Plan"
	// AppEnforce means that accounts are made, changed and suspended.
	AppEnforce AppMode = "Enforce"
)

// ExistingAccounts says what becomes of an account that has the wanted name and that the operator did not make.
// +kubebuilder:validation:Enum=Refuse;Ignore;Adopt
type ExistingAccounts string

const (
	// ExistingAccountsRefuse means that the AppAccount fails and that the account stays as it is.
	ExistingAccountsRefuse ExistingAccounts = "Refuse"
	// ExistingAccountsIgnore means that the account stays as it is and is not the operator's business.
	ExistingAccountsIgnore ExistingAccounts = "Ignore"
	// ExistingAccountsAdopt means that the account becomes the person's, and the operator's to keep.
	ExistingAccountsAdopt ExistingAccounts = "Adopt"
)

// DeprovisioningPolicy says what becomes of the account of somebody who should have none any more.
// +kubebuilder:validation:Enum=Suspend;RemoveRoles;Delete
type DeprovisioningPolicy string

const (
	// DeprovisionSuspend means that the person can no longer sign in, and that the account and its roles stay.
	DeprovisionSuspend DeprovisioningPolicy = "Suspend"
	// DeprovisionRemoveRoles means that the account stays, without the roles that the operator gave.
	DeprovisionRemoveRoles DeprovisioningPolicy = "RemoveRoles"
	// DeprovisionDelete means that the account is suspended at once and deleted after a while.
	DeprovisionDelete DeprovisioningPolicy = "Delete"
)

// DriftPolicy says what becomes of changes that somebody else made to an account.
// +kubebuilder:validation:Enum=Repair;Report
type DriftPolicy string

const (
	// DriftRepair means that they are undone.
	DriftRepair DriftPolicy = "Repair"
	// DriftReport means that the AppAccount says so.
	DriftReport DriftPolicy = "Report"
)

// ConnectionDeletionPolicy says what becomes of the accounts when the AppConnection is deleted.
// +kubebuilder:validation:Enum=Retain;Deprovision
type ConnectionDeletionPolicy string

const (
	// ConnectionRetain means that they stay in the app as they are.
	ConnectionRetain ConnectionDeletionPolicy = "Retain"
	// ConnectionDeprovision means that each is suspended first, or what spec.deprovisioning says.
	ConnectionDeprovision ConnectionDeletionPolicy = "Deprovision"
)

// AppConnectionSpec says how to reach an app, who gets accounts in it, and what these look like.
// +kubebuilder:validation:XValidation:rule="has(self.ownerMark) == has(oldSelf.ownerMark) && (!has(self.ownerMark) || self.ownerMark == oldSelf.ownerMark)",message="spec.ownerMark cannot change, because the accounts in the app bear it: make a new AppConnection"
type AppConnectionSpec struct {
	// target is the app: what it speaks, where it is, and which Secret of this namespace opens it.
	// +required
	Target AppTarget `json:"target,omitzero"`

	// roles are the ScimRoles whose members get an account: at most 64 entries. A role need not exist yet. Only people of ScimDirectories
	// that let this namespace see their people (ScimDirectory spec.apps), and local users where the installer allows it, count.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Roles []RoleSelector `json:"roles,omitempty"`

	// condition narrows the roles to those members for whom it is true: a CEL expression over `user`, which has the fields of
	// ScimUser.spec, for example `user.enterprise.department == "payments"`. A member for whom it fails, for example because
	// the field is absent, is left out; has(user.enterprise) asks first. The guard holds back what a mistake in it would do.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Condition string `json:"condition,omitempty"`

	// account says what an account looks like. Without it the account name is the userName, and no attribute is written.
	// +optional
	Account AccountTemplate `json:"account,omitempty,omitzero"`

	// roleMappings give the members of ScimRoles groups or roles of the app, at most 256. Only members who get an account count. What no
	// mapping gives any more is taken, if the operator gave it; whatever else somebody has in the app stays.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	RoleMappings []AppRoleMapping `json:"roleMappings,omitempty"`

	// mode is Enforce, or Observe to read the app and change nothing, or Plan to read it and say in each AppAccount what Enforce would
	// change. The default is Enforce; begin with Plan where an app has accounts already.
	// +optional
	// +default="Enforce"
	Mode AppMode `json:"mode,omitempty"`

	// suspend stops everything: the app is neither read nor changed, and people who leave keep their accounts meanwhile. Absent means false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// existing says what becomes of accounts that were there before. Without it they are refused.
	// +optional
	Existing ExistingPolicy `json:"existing,omitempty,omitzero"`

	// deprovisioning says what becomes of the account of somebody who should have none any more. Without it the account is suspended.
	// +optional
	Deprovisioning Deprovisioning `json:"deprovisioning,omitempty,omitzero"`

	// protected are names of accounts and roles in the app that the operator never touches and never gives, at most 256, beside those that
	// each kind of app protects by itself (postgres, admin, root).
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Protected []string `json:"protected,omitempty"`

	// drift says how often the app is compared with what it should be, and what becomes of differences. Without it that is once an hour,
	// and differences are repaired.
	// +optional
	Drift Drift `json:"drift,omitempty,omitzero"`

	// limits bound what the operator asks of the app. Without them that is 20 operations a second, 4 at a time.
	// +optional
	Limits AppLimits `json:"limits,omitempty,omitzero"`

	// guard holds back a burst of removals in this app, so that a mistake at the identity provider, or here, does not lock a company out.
	// Without it the guard is on, with the defaults that its fields name.
	// +optional
	Guard AppGuard `json:"guard,omitempty,omitzero"`

	// deletionPolicy says what becomes of the accounts when this object is deleted: Retain leaves them as they are, Deprovision does what
	// spec.deprovisioning says, and this object stays until that is done. The default is Retain.
	// +optional
	// +default="Retain"
	DeletionPolicy ConnectionDeletionPolicy `json:"deletionPolicy,omitempty"`

	// ownerMark is what accounts in the app are marked with as belonging to this connection, for example payments-db-prod. It must differ
	// between all connections, of all clusters, to one app. Without it the mark is the UID of this object, which is safe, and means that
	// an AppConnection that is deleted and made again does not know its accounts.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	OwnerMark string `json:"ownerMark,omitempty"`
}

// AccountTemplate says what an account looks like.
// +kubebuilder:validation:MinProperties=1
type AccountTemplate struct {
	// name is a CEL expression that gives the account's name: a string, for example `user.userName.split("@")[0]`. The variables are
	// `user`, which has the fields of ScimUser.spec; `roles`, the display names of the person's roles; and `aliases`, the person's
	// identity aliases by set (values "SET,ALIAS" of an attribute identityAliases in any extension), for example
	// `aliases["postgres"][0]`. The default is `user.userName`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name,omitempty"`

	// attributes are CEL expressions for the attributes that the app keeps, by the app's name for each, for example
	// mail: user.emails[0].value. Each gives a string or a list of strings; an empty string, an empty list, and an expression that reads
	// what the person does not have mean that the attribute is absent. At most 64.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	Attributes map[string]AttributeExpression `json:"attributes,omitempty"`
}

// AttributeExpression is a CEL expression that gives an attribute of an account: a string or a list of strings.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
type AttributeExpression string

// AppRoleMapping gives the members of a ScimRole groups or roles of the app.
type AppRoleMapping struct {
	// from is the ScimRole, or several by label.
	// +required
	From RoleSelector `json:"from,omitzero"`

	// to are the names of the app's groups or roles, as the app has them, at most 64. They must exist in the app.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	To []string `json:"to,omitempty"`
}

// ExistingPolicy says what becomes of accounts that were there before.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.condition) || (has(self.policy) && self.policy == 'Adopt')",message="spec.existing.condition decides what is adopted: set spec.existing.policy to Adopt, or remove it"
type ExistingPolicy struct {
	// policy is Refuse, with which the AppAccount fails and says so; Ignore, with which the account stays as it is and unmanaged; or Adopt,
	// with which it becomes the person's. Accounts that another connection made are never taken. The default is Refuse.
	// +optional
	// +default="Refuse"
	Policy ExistingAccounts `json:"policy,omitempty"`

	// condition must be true of an account that is adopted: a CEL expression over `user` and `account`, which has name, active, roles and
	// attributes, for example `account.attributes.mail[0] == user.emails[0].value`. Where it is false or fails, the account is refused.
	// Without it the name decides.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Condition string `json:"condition,omitempty"`
}

// Deprovisioning says what becomes of the account of somebody who should have none any more.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.deleteAfterSeconds) || (has(self.policy) && self.policy == 'Delete')",message="spec.deprovisioning.deleteAfterSeconds goes with policy Delete: set the policy, or remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.reassignTo) || (has(self.policy) && self.policy == 'Delete')",message="spec.deprovisioning.reassignTo goes with policy Delete: set the policy, or remove it"
type Deprovisioning struct {
	// policy is Suspend; RemoveRoles, which leaves the account usable without the roles that the operator gave, for people who are still
	// active and only left the roles; or Delete, which suspends at once and deletes after deleteAfterSeconds. Somebody who is deactivated
	// or deleted at the identity provider is suspended at least. The default is Suspend.
	// +optional
	// +default="Suspend"
	Policy DeprovisioningPolicy `json:"policy,omitempty"`

	// deleteAfterSeconds is how long, in seconds, an account stays suspended before it is deleted: from 0 to 31,536,000 (a year). Somebody
	// who comes back before has the account again. The default is 1,209,600 (fourteen days).
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	DeleteAfterSeconds *int32 `json:"deleteAfterSeconds,omitempty"`

	// reassignTo names the account or role of the app that gets what a deleted account owned. Without it an account that owns something is
	// not deleted, and the AppAccount says so.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ReassignTo string `json:"reassignTo,omitempty"`
}

// Drift says how often an app is compared with what it should be.
// +kubebuilder:validation:MinProperties=1
type Drift struct {
	// policy is Repair or Report. The default is Repair.
	// +optional
	// +default="Repair"
	Policy DriftPolicy `json:"policy,omitempty"`

	// intervalSeconds is the time, in seconds, between two comparisons of the whole app: from 60 to 604,800 (a week). Up to a tenth is
	// added at random. The default is 3,600 (an hour).
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`
}

// AppLimits bound what the operator asks of an app.
// +kubebuilder:validation:MinProperties=1
type AppLimits struct {
	// perSecond is the number of operations on accounts a second, on average: from 1 to 1,000. An operation is a few requests. Suspensions
	// go first, and do not wait for their turn unless there are more of them than that. The default is 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	PerSecond int32 `json:"perSecond,omitempty"`

	// concurrency is the number of operations at the same time: from 1 to 32. Two more may be suspensions. The default is 4.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32
	Concurrency int32 `json:"concurrency,omitempty"`
}

// AppGuard limits how many people lose their account, or access through it, within a time.
// +kubebuilder:validation:MinProperties=1
type AppGuard struct {
	// mode is Hold or Off. The default is Hold.
	// +optional
	// +default="Hold"
	Mode GuardMode `json:"mode,omitempty"`

	// accounts limits removals. Beyond max(count, percent of the active accounts) within the window they are held; the first removal in
	// five minutes always passes. The defaults are 20 and 5.
	// +optional
	Accounts GuardLimit `json:"accounts,omitempty,omitzero"`

	// windowSeconds is the time, in seconds, over which removals are counted: from 60 to 86,400 (a day). The default is 3,600 (an hour).
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	WindowSeconds int32 `json:"windowSeconds,omitempty"`

	// holdTimeoutSeconds is how long, in seconds, removals are held before they take effect without anybody's word: from 60 to 2,592,000
	// (thirty days). The default is 86,400 (a day).
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2592000
	HoldTimeoutSeconds int32 `json:"holdTimeoutSeconds,omitempty"`
}

// AppConnection is one downstream app: who gets accounts in it, and what these may do. Each person's account is an AppAccount beside it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=scim,shortName=app
// +kubebuilder:selectablefield:JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.status.type`,description="What the app speaks"
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.status.endpoint`,description="Where the app is"
// +kubebuilder:printcolumn:name="Accounts",type=integer,JSONPath=`.status.accounts`,description="Accounts that are in use"
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failed`,description="Accounts that are not as they should be"
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`,description="What the operator may do in the app"
// +kubebuilder:printcolumn:name="Last-Sync",type=date,JSONPath=`.status.lastSyncTime`,description="When the whole app was last compared"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether all accounts are as they should be"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why they are or are not"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is wrong and what to do"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 63",message="metadata.name is a label value and begins the names of AppAccounts: use at most 63 lower-case letters, digits and dashes"
type AppConnection struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how to reach the app, who gets accounts in it, and what these look like.
	// +required
	Spec AppConnectionSpec `json:"spec,omitzero"`

	// status is what the operator knows of the app.
	// +optional
	Status AppConnectionStatus `json:"status,omitempty,omitzero"`
}

// Mark is what the accounts of this connection are marked with in the app.
func (c *AppConnection) Mark() string {
	if c.Spec.OwnerMark != "" {
		return c.Spec.OwnerMark
	}
	return string(c.UID)
}

// AppConnectionList is a list of AppConnections.
// +kubebuilder:object:root=true
type AppConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AppConnection `json:"items"`
}
