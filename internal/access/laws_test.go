package access

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

var (
	worldNames = []string{
		"alice@example.com", "bob@example.com", "Bob@example.com", "oidc:carol", "", "system:masters", "SYSTEM:node:a", "tab\tname",
		" space", "zero\u200bwidth", "\xff\xfe", string(make([]byte, 300)), "dave",
	}
	worldUsers = []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "stranger"}
	worldRoles = []string{"ops", "Ops", "dev", "shop"}
	worldSpace = []string{"a", "b", "c", "d"}
	worldClust = []string{"view", "edit", "cluster-admin", "gone"}
	epoch      = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func drawInstant(t *rapid.T, label string) *metav1.Time {
	at := rapid.IntRange(-3, 3).Draw(t, label)
	if at == -3 {
		return nil
	}
	return new(metav1.NewTime(epoch.Add(time.Duration(at) * time.Hour)))
}

func drawIDs(t *rapid.T, label string) []string {
	return rapid.SliceOfN(rapid.SampledFrom(worldUsers), 0, 6).Draw(t, label)
}

func drawUsers(t *rapid.T) map[string]User {
	users := map[string]User{}
	for _, id := range worldUsers[:len(worldUsers)-1] {
		users[id] = User{
			Name:    rapid.SampledFrom(worldNames).Draw(t, "name of "+id),
			Refusal: rapid.SampledFrom([]string{"", "", "", "fails"}).Draw(t, "refusal"),
			Active:  rapid.Bool().Draw(t, "active"),
			Counts:  rapid.Bool().Draw(t, "counts"),
		}
	}
	return users
}

func drawRole(t *rapid.T, index int) Role {
	role := Role{
		ID:          fmt.Sprintf("role-%d", index),
		DisplayName: rapid.SampledFrom(worldRoles).Draw(t, "displayName"),
		Directory:   rapid.SampledFrom([]string{"", "okta"}).Draw(t, "directory"),
		Counts:      rapid.IntRange(0, 3).Draw(t, "role counts") > 0,
		Local:       drawIDs(t, "local"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "shards") {
		if rapid.IntRange(0, 9).Draw(t, "missing") == 0 {
			role.Shards = append(role.Shards, Shard{Missing: true})
			continue
		}
		role.Shards = append(role.Shards, Shard{Members: drawIDs(t, "members")})
	}
	if rapid.Bool().Draw(t, "default role") {
		role.Rules = []Rule{{Label: DefaultShard, Members: drawIDs(t, "by default")}}
	}
	return role
}

func drawGrant(t *rapid.T, index int) Grant {
	grant := Grant{Name: fmt.Sprintf("grant-%d", index), UID: types.UID(fmt.Sprintf("uid-%d", index))}
	for range rapid.IntRange(1, 3).Draw(t, "selectors") {
		selector := v1alpha1.RoleSelector{DisplayName: rapid.SampledFrom(worldRoles).Draw(t, "selector")}
		if rapid.Bool().Draw(t, "by name") {
			selector = v1alpha1.RoleSelector{Name: fmt.Sprintf("role-%d", rapid.IntRange(0, 4).Draw(t, "role"))}
		} else {
			selector.Directory = rapid.SampledFrom([]string{"", "okta"}).Draw(t, "selector's directory")
		}
		grant.Spec.Roles = append(grant.Spec.Roles, selector)
	}
	grant.Spec.To.Name = rapid.SampledFrom(worldClust).Draw(t, "to")
	grant.Spec.Scope = v1alpha1.ScopeCluster
	if rapid.Bool().Draw(t, "namespaced") {
		grant.Spec.Scope = v1alpha1.ScopeNamespaces
		grant.Spec.Namespaces = &v1alpha1.NamespaceSelection{
			Names: rapid.SliceOfN(rapid.SampledFrom(worldSpace), 0, 3).Draw(t, "names"),
		}
		if op := rapid.SampledFrom([]metav1.LabelSelectorOperator{"", "Exists", "Nonsense"}).Draw(t, "selector operator"); op != "" {
			grant.Spec.Namespaces.Selector = &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: op}},
			}
		}
	}
	grant.Spec.Validity = &v1alpha1.Validity{NotBefore: drawInstant(t, "notBefore"), ExpiresAt: drawInstant(t, "expiresAt")}
	return grant
}

func drawState(t *rapid.T) State {
	state := State{
		Now:          epoch,
		Users:        drawUsers(t),
		Bindable:     rapid.SliceOfN(rapid.SampledFrom(worldClust), 0, 4).Draw(t, "bindable"),
		ClusterRoles: []string{"view", "edit", "cluster-admin"},
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "roles") {
		state.Roles = append(state.Roles, drawRole(t, i))
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "grants") {
		state.Grants = append(state.Grants, drawGrant(t, i))
	}
	for _, name := range worldSpace[:3] {
		ns := Namespace{Name: name, Terminating: rapid.IntRange(0, 4).Draw(t, "terminating") == 0}
		if rapid.Bool().Draw(t, "labelled") {
			ns.Labels = map[string]string{"team": "x"}
		}
		state.Namespaces = append(state.Namespaces, ns)
	}
	return state
}

// shuffled is the same state in another order, in everything in which order means nothing.
func shuffled(t *rapid.T, state State) State {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	state.Grants, state.Roles = slices.Clone(state.Grants), slices.Clone(state.Roles)
	state.Namespaces, state.Bindable = slices.Clone(state.Namespaces), slices.Clone(state.Bindable)
	r.Shuffle(len(state.Grants), func(i, j int) { state.Grants[i], state.Grants[j] = state.Grants[j], state.Grants[i] })
	r.Shuffle(len(state.Roles), func(i, j int) { state.Roles[i], state.Roles[j] = state.Roles[j], state.Roles[i] })
	r.Shuffle(len(state.Namespaces), func(i, j int) {
		state.Namespaces[i], state.Namespaces[j] = state.Namespaces[j], state.Namespaces[i]
	})
	r.Shuffle(len(state.Bindable), func(i, j int) { state.Bindable[i], state.Bindable[j] = state.Bindable[j], state.Bindable[i] })
	for i, role := range state.Roles {
		local := slices.Clone(role.Local)
		r.Shuffle(len(local), func(a, b int) { local[a], local[b] = local[b], local[a] })
		state.Roles[i].Local = local
	}
	return state
}

func TestPlanDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		if diff := cmp.Diff(Plan(state), Plan(shuffled(t, state)), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("reason: the order of a list must not decide who gets what\n%s", diff)
		}
	})
}

func TestPlanIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		first, second := Plan(state), Plan(state)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("reason: planning changes nothing that planning reads\n%s", diff)
		}
		if changes := Diff(first.Bindings, second.Bindings); len(changes) != 0 {
			t.Fatalf("reason: Diff(x, x) is empty, so nothing is written at rest; got %v", changes)
		}
	})
}

func TestPlanIsMonotoneInGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		before := Plan(state)
		state.Grants = append(slices.Clone(state.Grants), drawGrant(t, 99))
		for _, change := range Diff(before.Bindings, Plan(state).Bindings) {
			if change.Action != Create {
				t.Fatalf("reason: one more grant takes nothing from anybody; got %s of %v", change.Action, change.Key)
			}
		}
	})
}

func TestSubjectsAreFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		allowed := map[string]bool{}
		for _, user := range state.Users {
			if user.Active && user.Counts && user.Refusal == "" && SubjectName(user.Name) == nil {
				allowed[user.Name] = true
			}
		}
		for _, binding := range Plan(state).Bindings {
			checkBinding(t, state, binding)
			for _, subject := range binding.Subjects {
				if subject.Kind != "User" || !allowed[subject.Name] {
					t.Fatalf("reason: only active users that count are subjects, under names that may be bound; got %q", subject)
				}
			}
		}
	})
}

func checkBinding(t *rapid.T, state State, binding Binding) {
	if len(binding.Subjects) == 0 || len(binding.Subjects) > MaxSubjects {
		t.Fatalf("reason: a binding has between 1 and %d subjects; got %d", MaxSubjects, len(binding.Subjects))
	}
	if !slices.IsSortedFunc(binding.Subjects, compareSubjects) {
		t.Fatalf("reason: the order of subjects is fixed; got %v", binding.Subjects)
	}
	if !slices.Contains(state.Bindable, binding.RoleRef.Name) || binding.RoleRef.Kind != "ClusterRole" {
		t.Fatalf("reason: only what the installer allows is ever given; got %v", binding.RoleRef)
	}
	if len(binding.Name) > 79 || binding.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
		t.Fatalf("reason: every binding is known by name and label to be ours; got %v", binding)
	}
}

func TestSuspendingTakesEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		state.Users["u0"] = User{Name: "only-u0", Active: true, Counts: true}
		state.Users = maps.Clone(state.Users)
		state.Users["u0"] = User{Name: "only-u0", Active: rapid.Bool().Draw(t, "active?"), Counts: false}
		if why := Plan(state).Explain("only-u0"); len(why) != 0 {
			t.Fatalf("reason: a user who does not count is a subject nowhere; got %v", why)
		}
	})
}

func TestOneMemberOneBinding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		if len(state.Roles) == 0 || len(state.Roles[0].Shards) == 0 || len(state.Roles[0].Shards[0].Members) == 0 {
			return
		}
		before := Plan(state)
		after := state
		after.Roles = slices.Clone(state.Roles)
		shards := slices.Clone(after.Roles[0].Shards)
		shards[0].Members = shards[0].Members[1:]
		after.Roles[0].Shards = shards
		touched := map[string]int{}
		for _, change := range Diff(before.Bindings, Plan(after).Bindings) {
			grant := change.Desired.Grant.String()
			if change.Action == Delete {
				grant = grantOf(before.Bindings, change.Key)
			}
			touched[grant+"/"+change.Namespace]++
		}
		for target, n := range touched {
			if n > 1 {
				t.Fatalf("reason: one member's change writes at most one binding of a grant, role and place; %s had %d", target, n)
			}
		}
	})
}

func grantOf(bindings []Binding, key Key) string {
	i := slices.IndexFunc(bindings, func(b Binding) bool { return b.Key == key })
	return bindings[i].Grant.String()
}

func TestNothingChangesBeforeNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		result := Plan(state)
		later := epoch.Add(10 * time.Hour)
		for _, outcome := range result.Outcomes {
			if !outcome.Next.IsZero() && outcome.Next.Before(later) {
				later = outcome.Next
			}
		}
		state.Now = later.Add(-time.Nanosecond)
		if diff := cmp.Diff(result, Plan(state), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("reason: until Next, time changes nothing, so a controller may sleep\n%s", diff)
		}
	})
}

func TestDiffLeadsFromAnyWorldToAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := Plan(drawState(t)).Bindings, Plan(drawState(t)).Bindings
		world := map[Key]Binding{}
		for _, binding := range from {
			world[binding.Key] = binding
		}
		gave := false
		for _, change := range Diff(from, to) {
			if gave && change.TakesAway() {
				t.Fatalf("reason: what takes access away is written before what gives; got %s of %v", change.Action, change.Key)
			}
			gave = gave || !change.TakesAway()
			delete(world, change.Key)
			if change.Action != Delete {
				world[change.Key] = change.Desired
			}
		}
		got := slices.Collect(maps.Values(world))
		sortBindings(got)
		if changes := Diff(got, to); len(changes) != 0 || len(got) != len(to) {
			t.Fatalf("reason: the changes lead exactly to what is wanted; left over %v", changes)
		}
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
