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

// ClusterAccessGrantSpec says what the members of some roles may do.
// +kubebuilder:validation:XValidation:rule="self.scope == 'Namespaces' ? has(self.namespaces) : !has(self.namespaces)",message="spec.namespaces is required with scope Namespaces and must be absent with scope Cluster: add it, or change spec.scope"
// +kubebuilder:validation:XValidation:rule="has(self.roles) || has(self.users) || has(self.serviceAccounts)",message="the grant names nobody: give spec.roles, spec.users or spec.serviceAccounts"
// +kubebuilder:validation:XValidation:rule="!has(self.condition) || !has(self.subjects) || self.subjects == 'Users'",message="spec.condition chooses among the members one by one, and a group has no members in a binding: remove it, or set spec.subjects to Users"
// +kubebuilder:validation:XValidation:rule="self.scope != 'Cluster' || !has(self.to.kind) || self.to.kind == 'ClusterRole'",message="spec.to.kind Role needs spec.scope Namespaces, because a Role lives in a namespace: change one of the two"
// +kubebuilder:validation:XValidation:rule="!has(self.serviceAccounts) || self.serviceAccounts.all(a, has(a.namespace))",message="spec.serviceAccounts needs a namespace in every entry of a ClusterAccessGrant: add it"
type ClusterAccessGrantSpec struct {
	// roles are the ScimRoles whose members get access: at most 64 entries. A role need not exist yet; until it does, the
	// condition Ready says RoleNotFound and the other roles are in effect. At least one of roles, users and serviceAccounts is
	// required.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Roles []RoleSelector `json:"roles,omitempty"`

	// users are single people who get access without being in a role, at most 64: exceptions, which nobody can revoke in the
	// identity provider other than by deactivating or deleting the person. spec.condition is not asked for them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Users []UserSelector `json:"users,omitempty"`

	// serviceAccounts get access too, at most 64: exceptions for machines, which no identity provider knows.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	ServiceAccounts []ServiceAccountReference `json:"serviceAccounts,omitempty"`

	// condition narrows the roles to those members for whom it is true: a CEL expression over `user`, which has the fields of
	// ScimUser.spec, for example `user.enterprise.department == "payments"`. A member for whom it fails, for example because
	// the field is absent, is left out, and the condition Ready says so; has(user.enterprise) asks first. The cost of one
	// evaluation is bounded.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Condition string `json:"condition,omitempty"`

	// to is what they get: one ClusterRole, or, with scope Namespaces, the Role of one name in each namespace.
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

	// subjects says as what the members stand in the bindings: Users, each by name, so that a revocation takes effect with the
	// write of the binding; Group, the pushed group as one subject, whose members are who their tokens say they are until
	// these expire; Auto, Users for roles of up to 1,000 pushed members and Group for larger ones. Local roles and members
	// are always Users. The name of a group is what spec.identity.group of its ScimDirectory gives.
	// +optional
	// +default="Users"
	Subjects GrantSubjects `json:"subjects,omitempty"`

	// mode says whether the grant takes effect: Enforce, or Plan, with which nobody gains anything, what an edit would take
	// away stays, and status.plan says what Enforce would change. Whoever an identity provider takes out loses access in
	// either mode, and expiry and deletion take effect in either.
	// +optional
	// +default="Enforce"
	Mode GrantMode `json:"mode,omitempty"`

	// existing says what becomes of bindings that somebody else wrote: Ignore leaves them alone; Adopt deletes those that a person
	// has labelled scim-operator.io/adopted-by with the name of this grant, once the grant gives everybody in them what
	// they gave. `kubectl scim import bindings` prints grants for existing bindings, and the commands that label them.
	// +optional
	// +default="Ignore"
	Existing ExistingBindings `json:"existing,omitempty"`

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

// ClusterAccessGrant gives the members of some ScimRoles a ClusterRole, in the whole cluster or in some namespaces, or a Role of one
// name in some namespaces.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=cag
// +kubebuilder:selectablefield:JSONPath=`.spec.to.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope`
// +kubebuilder:printcolumn:name="Roles",type=string,JSONPath=`.status.roleNames`,description="Roles whose members get access"
// +kubebuilder:printcolumn:name="To",type=string,JSONPath=`.spec.to.name`,description="ClusterRole or Role that they get"
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
	Status GrantStatus `json:"status,omitempty,omitzero"`
}

// ClusterAccessGrantList is a list of ClusterAccessGrants.
// +kubebuilder:object:root=true
type ClusterAccessGrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterAccessGrant `json:"items"`
}
