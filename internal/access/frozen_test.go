package access

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// gives says who has what, as a reviewer reads it.
func gives(bindings []Binding) []string {
	var all []string
	for _, binding := range bindings {
		for _, subject := range binding.Subjects {
			all = append(all, fmt.Sprintf("%s %s: %s", subject.Kind, subject.Name, binding.RoleRef.Name))
		}
	}
	slices.Sort(all)
	return all
}

// planned is the world of crowd with its first grant only, and what that grant gives as its bindings.
func planned(change func(*Grant)) State {
	state := crowd()
	state.Grants = state.Grants[:1]
	state.Grants[0].Spec.Users = []v1alpha1.UserSelector{{Name: "d-1"}}
	state.Grants[0].Spec.ServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: "ci", Name: "robot"}}
	state.Users["d-1"] = User{Name: "d", Active: true, Counts: true, Directory: "okta"}
	if change != nil {
		change(&state.Grants[0])
	}
	state.Existing = Plan(state).Bindings
	state.Grants[0].Spec.Mode = v1alpha1.ModePlan
	return state
}

// TestFrozen: with mode Plan nobody gains and no edit takes anything, and whatever a push takes goes, whoever counts it.
func TestFrozen(t *testing.T) {
	everybody := []string{"ServiceAccount robot: view", "User a: view", "User b: view", "User d: view", "User l: view"}
	without := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(everybody), func(row string) bool {
			return slices.ContainsFunc(names, func(name string) bool { return row == "User "+name+": view" || row == name })
		})
	}
	for _, c := range []struct {
		reason   string
		change   func(*State)
		want     []string
		removals []string
	}{
		{"nothing changed", func(*State) {}, everybody, nil},
		{"a newcomer gains nothing", func(s *State) {
			s.Users["n-1"] = User{Name: "n", Active: true, Counts: true, Directory: "okta"}
			s.Roles[0].Shards[0].Members = append(s.Roles[0].Shards[0].Members, "n-1")
		}, everybody, nil},
		{"an edit of roles, people and target waits", func(s *State) {
			s.Grants[0].Spec.Roles, s.Grants[0].Spec.To.Name = []v1alpha1.RoleSelector{{Name: "local-1"}}, "edit"
			s.Grants[0].Spec.Users, s.Grants[0].Spec.ServiceAccounts = nil, nil
		}, everybody, nil},
		{"a condition that is added waits", func(s *State) { s.Grants[0].Spec.Condition = "false" }, everybody, nil},
		{"one that is nonsense, too", func(s *State) { s.Grants[0].Spec.Condition = "user." }, everybody, nil},
		{"who is suspended loses", func(s *State) { s.Users["a-1"] = User{Directory: "okta"} }, without("a"), []string{"a"}},
		{"who is deleted loses", func(s *State) { delete(s.Users, "d-1") }, without("d"), []string{"d"}},
		{"a renamed one loses the old name and does not gain the new", func(s *State) {
			s.Users["b-1"] = User{Name: "bee", Active: true, Counts: true, Directory: "okta"}
		}, without("b"), []string{"b"}},
		{"somebody else who bears the name by now does not have it", func(s *State) {
			delete(s.Users, "b-1")
			s.Users["b-2"] = User{Name: "b", Active: true, Counts: true, Directory: "okta"}
			s.Roles[0].Shards[0].Members = []string{"a-1", "b-2", "l-1"}
		}, without("b"), []string{"b"}},
		{"who leaves the role loses, though an edit dropped the role", func(s *State) {
			s.Grants[0].Spec.Roles = []v1alpha1.RoleSelector{{Name: "local-1"}}
			s.Roles[0].Shards = []Shard{{Members: []string{"a-1", "l-1"}}}
		}, without("b"), []string{"b"}},
		{"with the role goes everybody in it", func(s *State) { s.Roles = s.Roles[1:] }, without("a", "b", "l"), []string{"a", "b", "l"}},
		{"what the installer takes off the list goes, unguarded", func(s *State) { s.Bindable = nil }, nil, nil},
		{"expiry takes everything, unguarded", func(s *State) {
			s.Grants[0].Spec.Validity = &v1alpha1.Validity{ExpiresAt: drawnInstant()}
		}, nil, nil},
		{"the bindings of an earlier grant of the name go", func(s *State) {
			for i := range s.Existing {
				s.Existing[i].Owner = "another"
			}
		}, nil, nil},
		{"nobody knows who is in a missing slice, so its binding is held", func(s *State) {
			s.Roles[0].Shards = []Shard{{Missing: true}}
		}, without("a", "b", "l"), nil},
	} {
		state := planned(nil)
		c.change(&state)
		result := Plan(state)
		if diff := cmp.Diff(c.want, gives(result.Bindings)); diff != "" {
			t.Errorf("reason: %s\n%s", c.reason, diff)
		}
		var removed []string
		desired := append(slices.Clone(result.Bindings), Keep(state.Existing, result.Held, map[string]bool{"a": true, "b": true, "l": true})...)
		for _, removal := range Removals(state.Grants[0], result.Outcomes[0], state.Existing, desired) {
			removed = append(removed, removal.Name)
		}
		slices.Sort(removed)
		if diff := cmp.Diff(c.removals, removed); diff != "" {
			t.Errorf("reason: the guard hears of what pushes take, and of nothing else: %s\n%s", c.reason, diff)
		}
	}
}

// TestFrozenByItsCondition: a binding that was made under the condition is held to it.
func TestFrozenByItsCondition(t *testing.T) {
	state := planned(func(g *Grant) { g.Spec.Condition = `!has(user.title)` })
	if got := gives(state.Existing); !slices.Contains(got, "User a: view") {
		t.Fatalf("reason: without a title the condition is true; got %v", got)
	}
	boss := state.Users["a-1"]
	boss.Spec = &v1alpha1.ScimUserSpec{Title: "Boss"}
	state.Users["a-1"] = boss
	if got := gives(Plan(state).Bindings); slices.Contains(got, "User a: view") || !slices.Contains(got, "User b: view") {
		t.Errorf("reason: a push that makes the condition false takes access away; got %v", got)
	}
	state.Grants[0].Spec.Condition = `has(user.nickName)`
	if got := gives(Plan(state).Bindings); !slices.Contains(got, "User a: view") {
		t.Errorf("reason: what the condition before an edit would say cannot be known; got %v", got)
	}
}

// TestWhoChangedTheCondition: that a condition is no longer true of a member is a push's work, unless a person wrote another.
func TestWhoChangedTheCondition(t *testing.T) {
	conditional := func(condition string) State {
		state := crowd()
		state.Grants = state.Grants[:1]
		state.Grants[0].Spec.Condition = condition
		return state
	}
	before := conditional(`!has(user.title)`)
	after := conditional(`!has(user.title)`)
	boss := after.Users["a-1"]
	boss.Spec = &v1alpha1.ScimUserSpec{Title: "Boss"}
	after.Users["a-1"] = boss
	if diff := cmp.Diff([]string{"a from ops by okta.ops-1"}, lost(before, after)); diff != "" {
		t.Errorf("reason: the identity provider gave a title\n%s", diff)
	}
	if got := lost(before, conditional("false")); got != nil {
		t.Errorf("reason: a person wrote another condition; got %v", got)
	}
}

// TestAutoHasTwoEdges: a role at the limit does not go to and fro, and one whose group may not be bound keeps its users.
func TestAutoHasTwoEdges(t *testing.T) {
	state := State{
		Now: epoch, Bindable: []string{"view"}, ClusterRoles: []string{"view"}, Users: map[string]User{},
		Roles: []Role{{ID: "r", DisplayName: "R", Directory: "okta", Group: "oidc:R", Counts: true}},
		Grants: []Grant{{Name: "g", Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{Name: "r"}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
			Subjects: v1alpha1.SubjectsAuto,
		}}},
	}
	for _, id := range people(0, 1001) {
		state.Users[id] = User{Name: id, Active: true, Counts: true, Directory: "okta"}
	}
	for _, step := range []struct {
		members int
		group   bool
		reason  string
	}{
		{1000, false, "up to the limit they are users"},
		{1001, true, "above it the group"},
		{1000, true, "back at the limit it stays the group"},
		{801, true, "down to the other edge"},
		{800, false, "where they are users again"},
		{1000, false, "and stay it"},
	} {
		state.Roles[0].Shards = []Shard{{Members: people(0, min(step.members, 1000))}, {Members: people(1000, max(step.members, 1000))}}
		result := Plan(state)
		isGroup := result.Bindings[0].Subjects[0].Kind == rbacv1.GroupKind
		if isGroup != step.group || result.Outcomes[0].Users != step.members {
			t.Errorf("%d members: group %t, %d users: %s", step.members, isGroup, result.Outcomes[0].Users, step.reason)
		}
		if moved := Removals(state.Grants[0], result.Outcomes[0], state.Existing, result.Bindings); len(moved) > 0 && step.group && len(state.Existing) > 0 {
			if kept, others := Exempt(state.Grants[0], result.Bindings, moved, map[string]bool{Print("u00007"): true}); len(others) != 0 || len(kept) > 1 {
				t.Errorf("reason: who moves into the group loses nothing, and break-glass stays by name; got %d and %d", len(kept), len(others))
			}
		}
		state.Existing = result.Bindings
	}
	state.Existing = nil
	state.Roles[0].Shards = []Shard{{Members: people(0, 1000)}, {Members: people(1000, 1001)}}
	state.Roles[0].Group = "system:masters"
	result := Plan(state)
	if len(result.Bindings) != 2 || len(result.Outcomes[0].GroupsRefused) != 1 {
		t.Errorf("reason: a group that may not be bound takes nobody's access with Auto; got %d bindings", len(result.Bindings))
	}
	state.Grants[0].Spec.Subjects = v1alpha1.SubjectsGroup
	if result := Plan(state); len(result.Bindings) != 0 || len(result.Outcomes[0].GroupsRefused) != 1 {
		t.Errorf("reason: and is never bound; got %v", gives(result.Bindings))
	}
}

// TestConditionKeepsSecrets: what is said of a condition that fails repeats nothing of the user's.
func TestConditionKeepsSecrets(t *testing.T) {
	for expression, want := range map[string]string{
		`int(user.title) > 0`: "the condition fails for this user",
		`user.nickName == ""`: "the condition fails for this user: it has no nickName",
		`user.title`:          errNotBool.Error(),
	} {
		condition, err := CompileCondition(expression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := condition.Of(&v1alpha1.ScimUserSpec{Title: "secret"}); err == nil || err.Error() != want {
			t.Errorf("reason: the text is shown in conditions; %s gives %v, want %s", expression, err, want)
		}
	}
	if _, err := CompileCondition(`"text"`); err == nil {
		t.Error("reason: a condition is true or false")
	}
}

// drawnInstant is the present of the worlds of these tests, at which a grant is over that ends then.
func drawnInstant() *metav1.Time { return new(metav1.NewTime(epoch)) }
