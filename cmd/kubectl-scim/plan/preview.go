package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/subjects"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// preview is what a grant would change if it were written and enforced.
type preview struct {
	Kind string `json:"kind"`
	// Grant is the name, after the namespace and a slash for an AccessGrant.
	Grant string `json:"grant"`
	// Exists says that there is a grant of this name, which would be replaced.
	Exists   bool            `json:"exists"`
	Bindings []bindingChange `json:"bindings"`
	Changes  []change        `json:"changes"`
	// Gained and Lost count different subjects.
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// Notes say what is wrong with the grant, and what was not looked at.
	Notes []string `json:"notes"`
}

// bindingChange is one write.
type bindingChange struct {
	Action    access.Action `json:"action"`
	Namespace string        `json:"namespace,omitempty"`
	Name      string        `json:"name"`
}

// change is what would change for those behind one role in one place.
type change struct {
	// Namespace is empty for the whole cluster.
	Namespace string `json:"namespace,omitempty"`
	// Role and RoleName are metadata.name and spec.displayName of the ScimRole; empty for whom the grant names itself.
	Role     string   `json:"role,omitempty"`
	RoleName string   `json:"roleName,omitempty"`
	Target   string   `json:"target"`
	Gained   []string `json:"gained"`
	Lost     []string `json:"lost"`
}

// cluster is what previews are made from.
type cluster struct {
	world  *world.World
	limits cli.Limits
	// checked says whether the installer's limits are known.
	checked bool
	now     time.Time
}

func newCluster(objects world.Objects, now time.Time) cluster {
	c := cluster{world: world.New(objects), now: now}
	c.limits, c.checked = cli.LimitsOf(objects)
	return c
}

// preview plans a grant as the controller would, and compares with the bindings that a grant of its name has. It writes nothing.
func (c cluster) preview(kind string, grant access.Grant) preview {
	p := preview{Kind: kind, Grant: grant.Key().String(), Bindings: []bindingChange{}, Changes: []change{}, Notes: []string{}}
	p.Exists = slices.ContainsFunc(c.world.Grants(), func(g access.Grant) bool { return g.Key() == grant.Key() })
	if grant.Spec.Mode == v1alpha1.ModePlan {
		p.Notes = append(p.Notes, "spec.mode is Plan: this takes effect when it is Enforce.")
		grant.Spec.Mode = v1alpha1.ModeEnforce
	}
	limits := world.Limits{ClusterRoles: c.limits.ClusterRoles, Roles: c.limits.Roles}
	if !c.checked {
		p.Notes = append(p.Notes, "Whether the installer lets the operator give the role is not checked: the controller's ClusterRole is not in this cluster.")
		limits = world.Limits{ClusterRoles: []string{grant.Spec.To.Name}, Roles: []string{grant.Spec.To.Name}}
	}
	at := c.now
	if v := grant.Spec.Validity; v != nil && v.NotBefore != nil && v.NotBefore.After(at) {
		at = v.NotBefore.Time
		p.Notes = append(p.Notes, "The grant gives nothing before "+cli.Time(v.NotBefore)+": this is what it gives then.")
	}
	state := c.world.State(at, limits, grant)
	result := access.Plan(state)
	p.Notes = append(p.Notes, problems(grant, result.Outcomes[0])...)
	var current []access.Binding
	for _, binding := range state.Existing {
		if binding.Grant == grant.Key() {
			current = append(current, binding)
		}
	}
	desired := slices.Concat(result.Bindings, access.Keep(current, result.Held, c.live()))
	c.compare(&p, current, desired)
	return p
}

// live are the names of all who may be bound.
func (c cluster) live() map[string]bool {
	names := map[string]bool{}
	users := c.world.Objects().Users
	for i := range users {
		if name, _ := c.world.Planned(users[i].Name).Subject(); name != "" {
			names[name] = true
		}
	}
	return names
}

// place is what somebody has by one role, and where.
type place struct {
	namespace, role string
	target          rbacv1.RoleRef
}

func (c cluster) compare(p *preview, current, desired []access.Binding) {
	for _, write := range access.Diff(current, desired) {
		if write.Action != access.Update || len(write.Missing)+len(write.Extra) > 0 {
			p.Bindings = append(p.Bindings, bindingChange{Action: write.Action, Namespace: write.Namespace, Name: write.Name})
		}
	}
	gained, lost := gains(current, desired), gains(desired, current)
	p.Gained, p.Lost = different(gained), different(lost)
	labels := map[string]*v1alpha1.ScimRole{}
	roles := c.world.Objects().Roles
	for i := range roles {
		labels[access.RoleLabel(roles[i].Name)] = &roles[i]
	}
	for _, at := range placesOf(gained, lost) {
		entry := change{
			Namespace: at.namespace, Role: at.role, Target: at.target.Kind + "/" + at.target.Name,
			Gained: describe(gained[at]), Lost: describe(lost[at]),
		}
		if role := labels[at.role]; role != nil {
			entry.Role, entry.RoleName = role.Name, role.Spec.DisplayName
		}
		p.Changes = append(p.Changes, entry)
	}
}

// gains finds those to whom one list of bindings gives what another does not. Somebody who moves from one binding to another of the same
// role of Kubernetes in the same namespace gains nothing.
func gains(without, with []access.Binding) map[place][]rbacv1.Subject {
	type gift struct {
		namespace string
		target    rbacv1.RoleRef
		subject   rbacv1.Subject
	}
	have := map[gift]bool{}
	for _, binding := range without {
		for _, subject := range binding.Subjects {
			have[gift{binding.Namespace, binding.RoleRef, subject}] = true
		}
	}
	found := map[place][]rbacv1.Subject{}
	for _, binding := range with {
		at := place{binding.Namespace, binding.Labels[v1alpha1.LabelRole], binding.RoleRef}
		for _, subject := range binding.Subjects {
			if !have[gift{binding.Namespace, binding.RoleRef, subject}] {
				found[at] = append(found[at], subject)
			}
		}
	}
	return found
}

func different(found map[place][]rbacv1.Subject) int {
	all := map[rbacv1.Subject]bool{}
	for _, some := range found {
		for _, subject := range some {
			all[subject] = true
		}
	}
	return len(all)
}

func placesOf(gained, lost map[place][]rbacv1.Subject) []place {
	var all []place
	for at := range gained {
		all = append(all, at)
	}
	for at := range lost {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.role, b.role), cmp.Compare(a.target.Kind, b.target.Kind),
			cmp.Compare(a.target.Name, b.target.Name))
	})
	return slices.Compact(all)
}

// describe names subjects, sorted, each once.
func describe(some []rbacv1.Subject) []string {
	names := make([]string, len(some))
	for i, subject := range some {
		names[i] = subjects.Describe(subject)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// problems say why the grant gives less than it asks for.
func problems(grant access.Grant, outcome access.Outcome) []string {
	var all []string
	note := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	target := fmt.Sprintf("%s %q", access.RoleRef(grant.Spec.To).Kind, grant.Spec.To.Name)
	if outcome.Phase == access.PhaseExpired {
		note("The grant has expired and gives nothing: set a later spec.validity.expiresAt.")
	}
	if outcome.TargetNotAllowed {
		note("The operator may not give %s: ask whoever installs it to add it to access.bindable%ss.", target, access.RoleRef(grant.Spec.To).Kind)
	}
	if outcome.TargetNotFound {
		note("%s does not exist, so the grant gives nothing.", target)
	}
	for _, namespace := range outcome.TargetNotFoundIn {
		note("%s does not exist in namespace %q.", target, namespace)
	}
	for _, role := range outcome.RolesNotFound {
		note("No ScimRole counts that matches %s.", describeSelector(role))
	}
	for _, user := range outcome.UsersNotFound {
		note("No ScimUser counts that is %q.", cmp.Or(user.UserName, user.Name))
	}
	for _, role := range outcome.RolesIncomplete {
		note("Some members of ScimRole %q cannot be read, because a ScimRoleSlice is missing.", role)
	}
	if outcome.SelectorError != "" {
		note("spec.namespaces.selector selects nothing: %s.", outcome.SelectorError)
	}
	for _, namespace := range outcome.NamespacesNotFound {
		note("Namespace %q does not exist.", namespace)
	}
	if outcome.ConditionError != "" {
		note("spec.condition cannot be used, so nobody gains: %s.", outcome.ConditionError)
	}
	for _, refusal := range outcome.GroupsRefused {
		note("The group of ScimRole %q cannot be bound: %s.", refusal.Role, refusal.Reason)
	}
	for _, refusal := range outcome.Refused {
		note("ScimUser %q is left out: %s.", refusal.User, refusal.Reason)
	}
	return all
}

func describeSelector(role v1alpha1.RoleSelector) string {
	switch {
	case role.Selector != nil:
		return "spec.roles.selector"
	case role.Name != "":
		return fmt.Sprintf("name %q", role.Name)
	case role.Directory != "":
		return fmt.Sprintf("displayName %q in directory %q", role.DisplayName, role.Directory)
	}
	return fmt.Sprintf("displayName %q", role.DisplayName)
}
