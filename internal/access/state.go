package access

import (
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// MaxSubjects is the largest number of subjects in one binding. The RBAC authorizer reads every binding for every request, and a
// binding of 1,000 subjects is about 100 kB, so this is a bound for both.
const MaxSubjects = 1000

// State is what the plan depends on, all of it. The order of its lists means nothing, except the order of a role's shards.
type State struct {
	// Now is the time at which the plan should hold.
	Now time.Time `json:"now"`
	// Grants say which roles get what, and where.
	Grants []Grant `json:"grants,omitempty"`
	// Roles are the ScimRoles that the grants may name.
	Roles []Role `json:"roles,omitempty"`
	// Users are the members of these roles, and those whom the grants name, by their ids. An id that is not here is an unknown user.
	Users map[string]User `json:"users,omitempty"`
	// Namespaces are those of the cluster that the grants may select.
	Namespaces []Namespace `json:"namespaces,omitempty"`
	// Bindable are the names of the ClusterRoles that the installer lets the operator give.
	Bindable []string `json:"bindable,omitempty"`
	// BindableRoles are the names of the Roles that the installer lets the operator give, in whatever namespace they are.
	BindableRoles []string `json:"bindableRoles,omitempty"`
	// ClusterRoles are the names of the ClusterRoles that exist, at least those that the grants name.
	ClusterRoles []string `json:"clusterRoles,omitempty"`
	// Existing are the bindings of the grants that the cluster has. They decide nothing but in which of several bindings a subject
	// is that is a member by a rule: one that has a place keeps it.
	Existing []Binding `json:"existing,omitempty"`
	// Known are parts that an earlier plan of the same grant has resolved, and that would be resolved the same now; the users of their
	// members need not be among Users. There must be one grant only. They change nothing but how long the plan takes.
	Known map[PartKey]*Part `json:"-"`
	// Memory is what earlier plans of the same grant have left; nil when there is nothing. There must be one grant only.
	Memory *Memory `json:"-"`
}

// Role is one ScimRole with its members resolved from its slices.
type Role struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	Directory   string `json:"directory,omitempty"`
	// Labels are those of the ScimRole. People set them; identity providers cannot.
	Labels map[string]string `json:"labels,omitempty"`
	// Group is the name of the pushed group in Kubernetes, as its directory's expression gives it, at least where a grant may bind it. It
	// is not trusted: GroupSubject decides whether it may be bound.
	Group string `json:"group,omitempty"`
	// GroupRefusal says why there is no Group. It is empty when there is one.
	GroupRefusal string `json:"groupRefusal,omitempty"`
	// Counts says whether the ScimClaim of the displayName names this role. A role that does not count gives nothing.
	Counts bool `json:"counts"`
	// Shards are the pushed members: one shard for each slice, in order, or one for all inline members.
	Shards []Shard `json:"shards,omitempty"`
	// Local are the members that people added. They have a shard of their own, so that they never move a pushed member into
	// another binding.
	Local []string `json:"local,omitempty"`
	// Rules are the members that no list names. Each rule has shards of its own.
	Rules []Rule `json:"rules,omitempty"`
}

// Rule is a reason for membership that is no list in the role, and may cover any number of users.
type Rule struct {
	// Label tells the rules of a role apart: it is the value of the label scim-operator.io/shard on the first binding, and its
	// beginning, before a dot, on all others. DefaultShard is one.
	Label string `json:"label"`
	// Members are ids of users.
	Members []string `json:"members,omitempty"`
}

// Shard is a part of a role's members.
type Shard struct {
	// Members are ids of users, at most MaxSubjects of them.
	Members []string `json:"members,omitempty"`
	// Missing says that the slice could not be read, so that nobody knows who is in it. Its bindings are held.
	Missing bool `json:"missing,omitempty"`
}

// User is one identity as the planner sees it.
type User struct {
	// Name is the user name in Kubernetes. It is not trusted: SubjectName decides whether it may be bound. An expression may give two
	// users the same name; it stays a subject while one of them is active, because to Kubernetes they are the same person.
	Name string `json:"name,omitempty"`
	// Refusal says why there is no Name, for example because the directory's expression failed. It is empty when there is one.
	Refusal string `json:"refusal,omitempty"`
	// Active is spec.active.
	Active bool `json:"active"`
	// UserName is spec.userName, by which a grant may name the user, at least where one does.
	UserName string `json:"userName,omitempty"`
	// Spec is what the identity provider said, at least where a grant has a condition. It is not changed.
	Spec *v1alpha1.ScimUserSpec `json:"spec,omitempty"`
	// Counts says whether the ScimClaim of the userName names this user.
	Counts bool `json:"counts"`
	// Directory is the ScimDirectory that the user came through; empty for local users. What one directory pushes gives nothing to the
	// users of another: a directory must not be able to put people whom it does not know into roles by guessing their ids.
	Directory string `json:"directory,omitempty"`
}

// Namespace is one namespace of the cluster.
type Namespace struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	// Terminating says that the namespace is being deleted: the API server takes no new object in it.
	Terminating bool `json:"terminating,omitempty"`
	// Roles are the names of the Roles (of Kubernetes RBAC) that exist in the namespace, at least those that the grants name.
	Roles []string `json:"roles,omitempty"`
}
