package access

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// right is one thing that one subject may do in one place.
type right struct {
	namespace string
	role      rbacv1.RoleRef
	subject   rbacv1.Subject
}

// subjectsIn is what bindings give, whichever of them does.
func subjectsIn(bindings []Binding) map[right]bool {
	all := map[right]bool{}
	for _, binding := range bindings {
		for _, subject := range binding.Subjects {
			all[right{binding.Namespace, binding.RoleRef, subject}] = true
		}
	}
	return all
}

// TestWhoGetsWhat: the plan gives what one reads in the grants, to those who read as members, and nothing more. The evaluation that it is
// compared with asks, for everybody and every place and every grant, each question one by one, and remembers nothing.
func TestWhoGetsWhat(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		want := map[right]bool{}
		for _, grant := range state.Grants {
			for _, place := range append([]string{""}, worldSpace...) {
				if !inForce(state, grant) || !takesEffect(state, grant, place) {
					continue
				}
				role := rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: kindOf(grant), Name: grant.Spec.To.Name}
				for id, user := range state.Users {
					if mayBeBound(user) && isNamed(state, grant, id) {
						want[right{place, role, rbacv1.Subject{Kind: "User", APIGroup: "rbac.authorization.k8s.io", Name: user.Name}}] = true
					}
				}
				for _, machine := range grant.Spec.ServiceAccounts {
					want[right{place, role, rbacv1.Subject{Kind: "ServiceAccount", Namespace: machine.Namespace, Name: machine.Name}}] = true
				}
			}
		}
		same(t, want, subjectsIn(Plan(state).Bindings), "who gets what is what the grants, the roles and the users say")
		return len(want) > 0
	})
}

func kindOf(grant Grant) string {
	if grant.Spec.To.Kind == "Role" {
		return "Role"
	}
	return "ClusterRole"
}

// inForce says whether the grant gives anything anywhere: by the clock, and by what the installer allows.
func inForce(state State, grant Grant) bool {
	from, until := grant.Spec.Validity.NotBefore, grant.Spec.Validity.ExpiresAt
	if from != nil && from.After(state.Now) || until != nil && !until.After(state.Now) {
		return false
	}
	if kindOf(grant) == "Role" {
		return slices.Contains(state.BindableRoles, grant.Spec.To.Name)
	}
	return slices.Contains(state.Bindable, grant.Spec.To.Name) && slices.Contains(state.ClusterRoles, grant.Spec.To.Name)
}

// takesEffect says whether a grant takes effect in a namespace, or, without one, in the whole cluster.
func takesEffect(state State, grant Grant, place string) bool {
	if grant.Spec.Scope == v1alpha1.ScopeCluster || place == "" {
		return grant.Spec.Scope == v1alpha1.ScopeCluster && place == "" && kindOf(grant) != "Role"
	}
	i := slices.IndexFunc(state.Namespaces, func(ns Namespace) bool { return ns.Name == place })
	if i < 0 || state.Namespaces[i].Terminating || slices.Contains(grant.Spec.Namespaces.ExcludeNames, place) {
		return false
	}
	if kindOf(grant) == "Role" && !slices.Contains(state.Namespaces[i].Roles, grant.Spec.To.Name) {
		return false
	}
	return slices.Contains(grant.Spec.Namespaces.Names, place) || selects(grant.Spec.Namespaces.Selector, state.Namespaces[i].Labels)
}

func selects(selector *metav1.LabelSelector, have map[string]string) bool {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(have))
}

// mayBeBound says whether a user may be a subject of anything.
func mayBeBound(user User) bool {
	folded := v1alpha1.Fold(user.Name)
	return user.Active && user.Counts && user.Refusal == "" && user.Name != "" && len(user.Name) < 254 &&
		utf8.ValidString(user.Name) && !strings.HasPrefix(folded, "system:") && !strings.ContainsAny(user.Name, "\t\u200b\x00") &&
		user.Name != " space"
}

// isNamed says whether a grant means a user: by a role, or itself.
func isNamed(state State, grant Grant, id string) bool {
	for _, role := range state.Roles {
		if role.Counts && selectsRole(grant, role) && isMember(state, role, id) {
			return true
		}
	}
	return slices.ContainsFunc(grant.Spec.Users, func(by v1alpha1.UserSelector) bool {
		user := state.Users[id]
		if by.Name != "" {
			return by.Name == id
		}
		return strings.EqualFold(by.UserName, user.UserName) && (by.Directory == "" || by.Directory == user.Directory)
	})
}

func selectsRole(grant Grant, role Role) bool {
	return slices.ContainsFunc(grant.Spec.Roles, func(by v1alpha1.RoleSelector) bool {
		if by.Name != "" {
			return by.Name == role.ID
		}
		if by.Directory != "" && by.Directory != role.Directory {
			return false
		}
		if by.Selector != nil {
			return len(by.Selector.MatchLabels)+len(by.Selector.MatchExpressions) > 0 && selects(by.Selector, role.Labels)
		}
		return strings.EqualFold(by.DisplayName, role.DisplayName)
	})
}

// isMember says whether a user is in a role: pushed by the user's own directory, or put there by people or by a rule.
func isMember(state State, role Role, id string) bool {
	pushed := slices.ContainsFunc(role.Shards, func(shard Shard) bool { return slices.Contains(shard.Members, id) })
	from := state.Users[id].Directory
	if pushed && (role.Directory == "" || from == "" || from == role.Directory) {
		return true
	}
	return slices.Contains(role.Local, id) || slices.ContainsFunc(role.Rules, func(rule Rule) bool { return slices.Contains(rule.Members, id) })
}

// TestWhatTakesEverything: each of these makes a user a subject nowhere, whatever names the user.
func TestWhatTakesEverything(t *testing.T) {
	const name = "only-u0"
	flaws := map[string]User{
		"suspended":                    {Name: name, Active: false, Counts: true},
		"without its claim":            {Name: name, Active: true, Counts: false},
		"without a Kubernetes name":    {Name: name, Active: true, Counts: true, Refusal: "the expression fails"},
		"under a name of the system's": {Name: "system:masters", Active: true, Counts: true},
	}
	prove(t, func(t *rapid.T) bool {
		flaw := rapid.SampledFrom(slices.Sorted(maps.Keys(flaws))).Draw(t, "flaw")
		state := drawState(t)
		state.Users["u0"] = User{Name: name, Active: true, Counts: true}
		had := len(Plan(state).Explain(name)) > 0
		state.Users = maps.Clone(state.Users)
		state.Users["u0"] = flaws[flaw]
		if why := Plan(state).Explain(flaws[flaw].Name); len(why) > 0 {
			t.Fatalf("reason: a user %s is a subject nowhere; got %v", flaw, why)
		}
		return had
	})
}

// TestNoStrangers: what one directory pushes gives nothing to the people of another; lists that people wrote do.
func TestNoStrangers(t *testing.T) {
	grant := func(role string) v1alpha1.ClusterAccessGrantSpec {
		return v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{Name: role}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
		}
	}
	for _, tc := range []struct {
		role   Role
		user   string
		want   bool
		reason string
	}{
		{Role{Directory: "okta", Shards: []Shard{{Members: []string{"u"}}}}, "okta", true, "a directory's own users are members of what it pushes"},
		{Role{Directory: "okta", Shards: []Shard{{Members: []string{"u"}}}}, "", true, "so are local ones (S66)"},
		{Role{Directory: "okta", Shards: []Shard{{Members: []string{"u"}}}}, "entra", false, "an id of another directory's user gives that user nothing"},
		{Role{Directory: "okta", Local: []string{"u"}}, "entra", true, "people may put anybody into any role"},
		{Role{Shards: []Shard{{Members: []string{"u"}}}}, "entra", true, "a local role has members whom people listed"},
		{Role{Rules: []Rule{{Label: AssignedShard, Members: []string{"u"}}}}, "entra", true, "rules choose their users themselves"},
	} {
		tc.role.ID, tc.role.Counts = "r", true
		plan := Plan(State{
			Grants: []Grant{{Name: "g", Spec: grant("r")}}, Roles: []Role{tc.role}, Bindable: []string{"view"}, ClusterRoles: []string{"view"},
			Users: map[string]User{"u": {Name: "somebody", Active: true, Counts: true, Directory: tc.user}},
		})
		if got := len(plan.Bindings) > 0; got != tc.want {
			t.Errorf("%+v with a user of %q: bound %v: %s", tc.role, tc.user, got, tc.reason)
		}
	}
}

// TestStrangers: what one directory pushes gives nothing to the people of another.
func TestStrangers(t *testing.T) {
	const name = "only-u0"
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		for i := range state.Roles {
			state.Roles[i].Directory, state.Roles[i].Local, state.Roles[i].Rules = "okta", nil, nil
		}
		for i := range state.Grants {
			state.Grants[i].Spec.Users = nil
		}
		state.Users["u0"] = User{Name: name, Active: true, Counts: true, Directory: "okta"}
		had := len(Plan(state).Explain(name)) > 0
		state.Users = maps.Clone(state.Users)
		state.Users["u0"] = User{Name: name, Active: true, Counts: true, Directory: "entra"}
		if why := Plan(state).Explain(name); len(why) > 0 {
			t.Fatalf("reason: a directory must not put people whom it does not know into roles by guessing their ids; got %v", why)
		}
		return had
	})
}

// whyNothing is a change that makes a grant give nothing, or nothing in one namespace.
type whyNothing struct {
	name   string
	reason string
	// within is the namespace in which the grant then gives nothing; empty for everywhere.
	within string
	change func(*State, *Grant)
}

func whyNothings() []whyNothing {
	return []whyNothing{
		{"target not listed", "only what the installer allows is ever given", "", func(s *State, g *Grant) {
			s.Bindable, s.BindableRoles = less(s.Bindable, g.Spec.To.Name), less(s.BindableRoles, g.Spec.To.Name)
		}},
		{"only the other kind listed", "a ClusterRole that is allowed allows no Role of its name, nor the other way round", "", func(s *State, g *Grant) {
			if kindOf(*g) == "Role" {
				s.BindableRoles = nil
				return
			}
			s.Bindable = nil
		}},
		{"expired", "from expiresAt on a grant gives nothing", "", func(s *State, g *Grant) {
			g.Spec.Validity = &v1alpha1.Validity{ExpiresAt: new(metav1.NewTime(s.Now))}
		}},
		{"not yet valid", "before notBefore a grant gives nothing", "", func(s *State, g *Grant) {
			g.Spec.Validity = &v1alpha1.Validity{NotBefore: new(metav1.NewTime(s.Now.Add(1)))}
		}},
		{"excluded", "what is excluded stays out, by whatever else it is selected", "a", func(_ *State, g *Grant) {
			if g.Spec.Namespaces != nil {
				where := *g.Spec.Namespaces
				where.ExcludeNames = append(slices.Clone(where.ExcludeNames), "a")
				g.Spec.Namespaces = &where
			}
		}},
		{"terminating", "the API server takes no new binding in a namespace that ends", "a", func(s *State, _ *Grant) {
			s.Namespaces = slices.Clone(s.Namespaces)
			s.Namespaces[0].Terminating = true
		}},
	}
}

func TestWhatGivesNothing(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		why := whyNothings()[rapid.IntRange(0, len(whyNothings())-1).Draw(t, "why")]
		state := drawState(t)
		state.Grants = slices.Clone(state.Grants)
		had := false
		for i := range state.Grants {
			grant := &state.Grants[i]
			concerned := func(b Binding) bool { return b.Grant == grant.Key() && (why.within == "" || b.Namespace == why.within) }
			had = had || slices.ContainsFunc(Plan(state).Bindings, concerned)
			why.change(&state, grant)
			if plan := Plan(state); slices.ContainsFunc(plan.Bindings, concerned) {
				t.Fatalf("reason: %s (%s); got %v", why.reason, why.name, plan.Bindings)
			}
		}
		return had
	})
}

func less(values []string, value string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == value })
}
