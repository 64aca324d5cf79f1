package world

import (
	"maps"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// Objects are all objects of the cluster that say who may do what. The order of the lists means nothing. What is left out does not exist
// as far as a World can tell.
type Objects struct {
	Users               []v1alpha1.ScimUser
	Roles               []v1alpha1.ScimRole
	Slices              []v1alpha1.ScimRoleSlice
	Claims              []v1alpha1.ScimClaim
	Directories         []v1alpha1.ScimDirectory
	ClusterAccessGrants []v1alpha1.ClusterAccessGrant
	AccessGrants        []v1alpha1.AccessGrant
	AccessPlans         []v1alpha1.AccessPlan
	// Namespaces need their metadata only.
	Namespaces []metav1.PartialObjectMetadata
	// ClusterRoles and RBACRoles are those of rbac.authorization.k8s.io, with their rules as far as these are asked for.
	ClusterRoles []rbacv1.ClusterRole
	RBACRoles    []rbacv1.Role
	// ClusterRoleBindings and RoleBindings are all of the cluster, whoever wrote them.
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	RoleBindings        []rbacv1.RoleBinding
}

// Via says by what way somebody is a member of a role.
type Via string

// The ways into a role.
const (
	// ViaPushed means that the identity provider put the user into the group.
	ViaPushed Via = "Pushed"
	// ViaLocal means that a person did, in spec.localMembers, or in the members of a local role.
	ViaLocal Via = "Local"
	// ViaDefault means that the role is among the default roles of the user's directory.
	ViaDefault Via = "Default"
	// ViaAssigned means that the identity provider gave the role by the user's attribute roles.
	ViaAssigned Via = "Assigned"
)

// Membership is one way in which a user is in a role. It says nothing about whether the user or the role counts.
type Membership struct {
	// Role and User are the names of the ScimRole and the ScimUser. There may be no such user.
	Role, User string
	Via        Via
	// Slice is the ScimRoleSlice that lists the user; empty when none does.
	Slice string
	// Stranger says that the membership gives nothing, because the directory that pushed it is not the one that the user came through.
	Stranger bool
}

// World knows its way around Objects. It never changes, so it may be used by several goroutines at once; what its methods give belongs to
// it and must not be changed.
type World struct {
	objects     Objects
	users       map[string]*v1alpha1.ScimUser
	roles       map[string]*v1alpha1.ScimRole
	slices      map[string]*v1alpha1.ScimRoleSlice
	directories map[string]*v1alpha1.ScimDirectory
	claims      map[string]string
	naming      naming
	groupNames  groupNaming
	planned     map[string]access.User
	rules       map[string]ruleMembers
}

// ruleMembers are the active users who are in a role without being in a list.
type ruleMembers struct{ byDefault, assigned []string }

// New looks at every object once.
func New(objects Objects) *World {
	w := &World{
		objects:     objects,
		users:       byName(objects.Users, func(o *v1alpha1.ScimUser) string { return o.Name }),
		roles:       byName(objects.Roles, func(o *v1alpha1.ScimRole) string { return o.Name }),
		slices:      byName(objects.Slices, func(o *v1alpha1.ScimRoleSlice) string { return o.Name }),
		directories: byName(objects.Directories, func(o *v1alpha1.ScimDirectory) string { return o.Name }),
		claims:      make(map[string]string, len(objects.Claims)),
		planned:     make(map[string]access.User, len(objects.Users)),
		rules:       map[string]ruleMembers{},
	}
	for i := range objects.Claims {
		if claim := &objects.Claims[i]; claim.DeletionTimestamp == nil {
			w.claims[claim.Name] = claim.Spec.Owner
		}
	}
	w.naming, w.groupNames = newNaming(w.directories), newGroupNaming(w.directories)
	for i := range objects.Users {
		w.planned[objects.Users[i].Name] = w.plan(&objects.Users[i])
	}
	w.applyRules()
	return w
}

func byName[T any](all []T, name func(*T) string) map[string]*T {
	found := make(map[string]*T, len(all))
	for i := range all {
		found[name(&all[i])] = &all[i]
	}
	return found
}

// Objects are what the World was made of.
func (w *World) Objects() Objects { return w.objects }

// User is the ScimUser of a name; nil when there is none.
func (w *World) User(name string) *v1alpha1.ScimUser { return w.users[name] }

// Role is the ScimRole of a name; nil when there is none.
func (w *World) Role(name string) *v1alpha1.ScimRole { return w.roles[name] }

// Slice is the ScimRoleSlice of a name; nil when there is none.
func (w *World) Slice(name string) *v1alpha1.ScimRoleSlice { return w.slices[name] }

// Directory is the ScimDirectory of a name; nil when there is none.
func (w *World) Directory(name string) *v1alpha1.ScimDirectory { return w.directories[name] }

// Planned is what the planner must know of a user; the zero value for one that does not exist or is being deleted.
func (w *World) Planned(user string) access.User { return w.planned[user] }

// ClaimOwner is the object that holds a userName or displayName; empty when none does.
func (w *World) ClaimOwner(attribute v1alpha1.ClaimAttribute, value string) string {
	return w.claims[v1alpha1.ClaimName(attribute, value)]
}

// RoleCounts says whether a role is the one that holds its displayName, so that grants that name it take effect.
func (w *World) RoleCounts(role *v1alpha1.ScimRole) bool {
	return role.DeletionTimestamp == nil && w.ClaimOwner(v1alpha1.ClaimDisplayName, role.Spec.DisplayName) == role.Name
}

// Limits are what the installer lets the operator give.
type Limits struct {
	// ClusterRoles are the values of --bindable-cluster-roles, Roles those of --bindable-roles.
	ClusterRoles, Roles []string
}

// Grants are the grants of the World in the planner's terms. One that is being deleted gives nothing any more and is not among them.
func (w *World) Grants() []access.Grant {
	var grants []access.Grant
	for i := range w.objects.ClusterAccessGrants {
		if grant := &w.objects.ClusterAccessGrants[i]; grant.DeletionTimestamp == nil {
			grants = append(grants, access.OfCluster(grant))
		}
	}
	for i := range w.objects.AccessGrants {
		if grant := &w.objects.AccessGrants[i]; grant.DeletionTimestamp == nil {
			grants = append(grants, access.OfNamespace(grant))
		}
	}
	return grants
}

// State is everything that a plan for some grants depends on, at an instant. The grants need not be among those of the World.
func (w *World) State(now time.Time, limits Limits, grants ...access.Grant) access.State {
	state := access.State{
		Now: now, Grants: grants, Users: w.planned, Bindable: limits.ClusterRoles, BindableRoles: limits.Roles, Existing: w.existing(),
	}
	for i := range w.objects.Roles {
		state.Roles = append(state.Roles, w.planRole(&w.objects.Roles[i]))
	}
	roles := map[string][]string{}
	for i := range w.objects.RBACRoles {
		role := &w.objects.RBACRoles[i]
		roles[role.Namespace] = append(roles[role.Namespace], role.Name)
	}
	for i := range w.objects.Namespaces {
		namespace := &w.objects.Namespaces[i]
		state.Namespaces = append(state.Namespaces, access.Namespace{
			Name: namespace.Name, Labels: namespace.Labels, Terminating: namespace.DeletionTimestamp != nil, Roles: roles[namespace.Name],
		})
	}
	for i := range w.objects.ClusterRoles {
		state.ClusterRoles = append(state.ClusterRoles, w.objects.ClusterRoles[i].Name)
	}
	return state
}

// existing are the bindings that carry the operator's label, in the planner's terms.
func (w *World) existing() []access.Binding {
	var all []access.Binding
	for i := range w.objects.ClusterRoleBindings {
		b := &w.objects.ClusterRoleBindings[i]
		all = appendOurs(all, &b.ObjectMeta, b.RoleRef, b.Subjects)
	}
	for i := range w.objects.RoleBindings {
		b := &w.objects.RoleBindings[i]
		all = appendOurs(all, &b.ObjectMeta, b.RoleRef, b.Subjects)
	}
	return all
}

func appendOurs(all []access.Binding, meta *metav1.ObjectMeta, ref rbacv1.RoleRef, subjects []rbacv1.Subject) []access.Binding {
	grant, ours := access.GrantOf(meta.Labels)
	if !ours {
		return all
	}
	return append(all, access.Binding{
		Key: access.Key{Namespace: meta.Namespace, Name: meta.Name}, UID: meta.UID, Labels: maps.Clone(meta.Labels),
		RoleRef: ref, Subjects: slices.Clone(subjects), Grant: grant,
		People: access.DecodePeople(meta.Annotations[v1alpha1.AnnotationPeople], len(subjects)),
	})
}
