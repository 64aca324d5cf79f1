package explain

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// Person is one ScimUser.
type Person struct {
	// ScimUser is metadata.name.
	ScimUser string `json:"scimUser"`
	UserName string `json:"userName"`
	// Directory is empty for a local user.
	Directory string `json:"directory,omitempty"`
	// Gone, Suspended and Conflict say why the person is a subject nowhere: being deleted, spec.active false, another ScimUser
	// holds the userName.
	Gone      bool `json:"gone,omitempty"`
	Suspended bool `json:"suspended,omitempty"`
	Conflict  bool `json:"conflict,omitempty"`
	// Refused says why the person can have no Kubernetes user name.
	Refused string `json:"refused,omitempty"`
	// CreatedAt is when the ScimUser was made.
	CreatedAt metav1.Time `json:"createdAt"`
}

// Counts says whether grants give the person anything.
func (p Person) Counts() bool { return !p.Gone && !p.Suspended && !p.Conflict && p.Refused == "" }

// Identity is whom the API server sees, and who is behind that name.
type Identity struct {
	// KubernetesUser is the user name in bindings; empty when the person can have none.
	KubernetesUser string `json:"kubernetesUser,omitempty"`
	// Groups are those that are taken to be in the person's token, sorted; system:authenticated always is.
	Groups []string `json:"groups"`
	// People are the ScimUsers with that name, sorted by metadata.name: none for somebody whom no identity provider pushed, and
	// seldom more than one.
	People []Person `json:"people"`
	// Roles are all ways in which these people are in roles, whether or not they give anything.
	Roles []Member `json:"roles"`
}

// Member is one way in which somebody is in a role.
type Member struct {
	// Role is the metadata.name of the ScimRole.
	Role        string `json:"role"`
	DisplayName string `json:"displayName"`
	// Directory is the ScimDirectory that pushed the role; empty for a local role.
	Directory string    `json:"directory,omitempty"`
	ScimUser  string    `json:"scimUser"`
	Via       world.Via `json:"via"`
	// Slice is the ScimRoleSlice that lists the user, if one does.
	Slice string `json:"slice,omitempty"`
	// SinceAtLatest is a time from which on the user has been in the role without a break, as far as objects tell: the true time may be
	// earlier, because no object says when somebody joined.
	SinceAtLatest *metav1.Time `json:"sinceAtLatest,omitempty"`
	// Writer is the field manager that last wrote the list, as metadata.managedFields has it.
	Writer string `json:"writer,omitempty"`
	// NoEffect says why the membership gives nothing; empty when it takes effect.
	NoEffect string `json:"noEffect,omitempty"`
}

// Grant is a ClusterAccessGrant, or with a namespace an AccessGrant.
type Grant struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Missing says that there is no such grant any more, or that it is being deleted.
	Missing   bool        `json:"missing,omitempty"`
	CreatedAt metav1.Time `json:"createdAt,omitzero"`
	// Writer and ChangedAt say which field manager last wrote the grant's spec, and when, as metadata.managedFields has it.
	Writer    string       `json:"writer,omitempty"`
	ChangedAt *metav1.Time `json:"changedAt,omitempty"`
	NotBefore *metav1.Time `json:"notBefore,omitempty"`
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// Held says that the guard keeps a subject in a binding although the identity provider took the person out.
type Held struct {
	// AccessPlan is the plan that holds the removal.
	AccessPlan string `json:"accessPlan"`
	// ReleaseTime is when the access ends without anybody's word; absent when the hold was discarded, so that it has no end.
	ReleaseTime *metav1.Time `json:"releaseTime,omitempty"`
}

// Binding is a ClusterRoleBinding or a RoleBinding.
type Binding struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Subject is the one that is, or includes, whom the answer is about; absent where the answer is about a role. Subjects is the
	// number of all of them.
	Subject   *rbacv1.Subject `json:"subject,omitempty"`
	Subjects  int             `json:"subjects"`
	CreatedAt metav1.Time     `json:"createdAt"`
	// Managed says that scim-operator wrote the binding. Of all others, nobody takes it away when an identity provider takes
	// the person out.
	Managed bool `json:"managed"`
	// Writer is the field manager that last wrote the subjects, as metadata.managedFields has it.
	Writer string `json:"writer,omitempty"`
	Held   *Held  `json:"held,omitempty"`
}

// Target is the ClusterRole or Role that a binding gives.
type Target struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Missing says that it does not exist, so that the binding gives nothing.
	Missing bool `json:"missing,omitempty"`
	// Aggregated says that its rules are put together from other ClusterRoles by label, and may grow with them.
	Aggregated bool `json:"aggregated,omitempty"`
	// Rules are those that allow the request, or all of them when there was none.
	Rules []Rule `json:"rules,omitempty"`
}

// Rule is one rule of a ClusterRole or Role.
type Rule struct {
	// Number is its position in the role's rules, from 1.
	Number            int `json:"number"`
	rbacv1.PolicyRule `json:",inline"`
}

// Path is one way in which access comes about, to be read from the end: the rule allows it, the binding gives the rule, the grant asked
// for the binding, and the memberships are why the person is among its subjects.
type Path struct {
	// Members is empty where the binding names the person, or a group of the token, without a role.
	Members []Member `json:"members,omitempty"`
	// Direct says that the grant names the person itself.
	Direct bool `json:"direct,omitempty"`
	// Grant is absent for a binding that scim-operator did not write.
	Grant   *Grant  `json:"grant,omitempty"`
	Binding Binding `json:"binding"`
	Target  Target  `json:"target"`
}

// Reason says why a grant that could give the access does not.
type Reason string

// The reasons why a grant gives somebody nothing.
const (
	ReasonNotAMember    Reason = "NotAMember"
	ReasonNoEffect      Reason = "MembershipWithoutEffect"
	ReasonNotYetValid   Reason = "NotYetValid"
	ReasonExpired       Reason = "Expired"
	ReasonNotWritten    Reason = "BindingNotWritten"
	ReasonGrantNotReady Reason = "GrantNotReady"
)

// Missing is a grant whose target allows the request, and why it does not allow it to this person.
type Missing struct {
	Grant  Grant  `json:"grant"`
	Target Target `json:"target"`
	Reason Reason `json:"reason"`
	// Message says it in a sentence.
	Message string `json:"message"`
	// Roles are the names of the ScimRoles whose members the grant gives the access, sorted.
	Roles []string `json:"roles,omitempty"`
}

// Certificate is a certificate for client authentication that was issued in the name of the user. It is valid until it expires, whatever
// becomes of the ScimUser; what it allows is what bindings give the user and the groups that the certificate names.
type Certificate struct {
	// Request is the metadata.name of the CertificateSigningRequest; Kubernetes deletes these after an hour or a day.
	Request   string       `json:"request"`
	Signer    string       `json:"signer"`
	CreatedAt metav1.Time  `json:"createdAt"`
	Issued    bool         `json:"issued"`
	NotAfter  *metav1.Time `json:"notAfter,omitempty"`
	// Groups are the organizations in the certificate, which are groups to the API server.
	Groups []string `json:"groups,omitempty"`
	// RequestedBy is the user name that asked for it.
	RequestedBy string `json:"requestedBy,omitempty"`
}

// Answer is why one person has access, or the members of one role have.
type Answer struct {
	// Identity is whom the answer is about; absent when it is about a role.
	Identity *Identity `json:"identity,omitempty"`
	// Role is the role that the answer is about; absent when it is about a person.
	Role *Role `json:"role,omitempty"`
	// Request is what was asked; absent for all access.
	Request *Request `json:"request,omitempty"`
	// Allowed says whether RBAC allows the request: where Request.Namespace says, or, without one, anywhere.
	Allowed *bool `json:"allowed,omitempty"`
	// ClusterWide says whether it is allowed in all namespaces; Namespaces are those in which it is allowed besides, sorted. Both are
	// about the request.
	ClusterWide bool     `json:"clusterWide,omitempty"`
	Namespaces  []string `json:"namespaces,omitempty"`
	Paths       []Path   `json:"paths"`
	// Missing is filled when the request is not allowed.
	Missing      []Missing     `json:"missing,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	// Notes are what the answer could not take into account.
	Notes []string `json:"notes,omitempty"`
}

// Role is one ScimRole.
type Role struct {
	Role        string `json:"role"`
	DisplayName string `json:"displayName"`
	Directory   string `json:"directory,omitempty"`
	// Group is the Kubernetes group that stands for it where a grant says so.
	Group string `json:"group,omitempty"`
	// Counts says whether it holds its displayName, so that grants that name it take effect.
	Counts bool `json:"counts"`
	// Members is the number of different users in its lists; Effective that of those to whom grants give something.
	Members   int `json:"members"`
	Effective int `json:"effective"`
	// MissingSlices name lists that do not exist, so that some members are unknown.
	MissingSlices []string `json:"missingSlices,omitempty"`
}

// Holder is somebody to whom RBAC allows a request.
type Holder struct {
	// KubernetesUser is empty in a Holder that is no person.
	KubernetesUser string   `json:"kubernetesUser,omitempty"`
	People         []Person `json:"people,omitempty"`
	// Subject is a group, a service account or a user that is no ScimUser's; absent for a person.
	Subject *rbacv1.Subject `json:"subject,omitempty"`
	Paths   []Path          `json:"paths"`
}

// Holders is everybody to whom RBAC allows a request.
type Holders struct {
	Request Request `json:"request"`
	// People are ScimUsers, sorted by their Kubernetes user names. The groups of the operator's grants are expanded to their members.
	People []Holder `json:"people"`
	// Others are all other subjects, sorted: users whom no identity provider pushed, groups, and service accounts. Who uses the token of
	// a service account, and who is in a group that only tokens know, cannot be seen.
	Others []Holder `json:"others"`
	Notes  []string `json:"notes,omitempty"`
}

// grantKinds are the kinds of a Grant.
const (
	clusterGrantKind = "ClusterAccessGrant"
	grantKind        = "AccessGrant"
	clusterRoleBind  = "ClusterRoleBinding"
	roleBind         = "RoleBinding"
)

// timeOf is a pointer to a time, and nil for none.
func timeOf(t metav1.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func isOurs(labels map[string]string) bool {
	_, ours := access.GrantOf(labels)
	return ours
}
