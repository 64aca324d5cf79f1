package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccessGrantSpec says what the members of some roles may do in one namespace.
// +kubebuilder:validation:XValidation:rule="has(self.roles) || has(self.users) || has(self.serviceAccounts)",message="the grant names nobody: give spec.roles, spec.users or spec.serviceAccounts"
// +kubebuilder:validation:XValidation:rule="!has(self.condition) || !has(self.subjects) || self.subjects == 'Users'",message="spec.condition chooses among the members one by one, and a group has no members in a binding: remove it, or set spec.subjects to Users"
type AccessGrantSpec struct {
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

	// to is what they get: a Role of this namespace, or a ClusterRole, whose rules they then have in this namespace.
	// +required
	To GrantTarget `json:"to,omitzero"`

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

	// protection says what no push may do to the grant. LastSubject keeps the last person who has access through it, even
	// when an identity provider deactivates that person, takes them out of the role or deletes
	// the role: give it to the grant that you would need to repair everything else. Only a change to the grant takes the last
	// person out. Without it a push may take everybody's access away.
	// +optional
	Protection GrantProtection `json:"protection,omitempty"`
}

// AccessGrant gives the members of some ScimRoles a Role or a ClusterRole in its own namespace. Whoever writes it must hold the verb bind
// on that role there, so an owner of a namespace can share what the owner may share, and nothing more.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=scim,shortName=ag
// +kubebuilder:selectablefield:JSONPath=`.spec.to.name`
// +kubebuilder:printcolumn:name="Roles",type=string,JSONPath=`.status.roleNames`,description="Roles whose members get access"
// +kubebuilder:printcolumn:name="To",type=string,JSONPath=`.spec.to.name`,description="ClusterRole or Role that they get"
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`,description="Users whom the grant gives access at present"
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.validity.expiresAt`,description="When the grant stops to give access"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether everything that the grant asks for is in effect"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is or is not"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is wrong and what to do"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name is used as a label value: use at most 63 characters"
type AccessGrant struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the members of some roles may do in this namespace.
	// +required
	Spec AccessGrantSpec `json:"spec,omitzero"`

	// status is what the grant came to.
	// +optional
	Status GrantStatus `json:"status,omitempty,omitzero"`
}

// ClusterSpec gives the spec of a ClusterAccessGrant that says the same: the grant's own namespace becomes the one that the spec
// selects, and that of the service accounts that name none. Nothing is shared with the grant that the caller might change.
func (g *AccessGrant) ClusterSpec() ClusterAccessGrantSpec {
	spec := g.Spec.DeepCopy()
	for i := range spec.ServiceAccounts {
		if spec.ServiceAccounts[i].Namespace == "" {
			spec.ServiceAccounts[i].Namespace = g.Namespace
		}
	}
	return ClusterAccessGrantSpec{
		Roles:           spec.Roles,
		Users:           spec.Users,
		ServiceAccounts: spec.ServiceAccounts,
		Condition:       spec.Condition,
		To:              spec.To,
		Scope:           ScopeNamespaces,
		Namespaces:      &NamespaceSelection{Names: []string{g.Namespace}},
		Subjects:        spec.Subjects,
		Mode:            spec.Mode,
		Existing:        spec.Existing,
		Validity:        spec.Validity,
		Protection:      spec.Protection,
	}
}

// AccessGrantList is a list of AccessGrants.
// +kubebuilder:object:root=true
type AccessGrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessGrant `json:"items"`
}
