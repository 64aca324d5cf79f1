package access

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// crowd is a world with one pushed role of two people, a local role of the first by assignment, and a grant to both roles.
func crowd() State {
	return State{
		Now: epoch, Bindable: []string{"view"}, ClusterRoles: []string{"view"},
		Users: map[string]User{
			"a-1": {Name: "a", Active: true, Counts: true, Directory: "okta"},
			"b-1": {Name: "b", Active: true, Counts: true, Directory: "okta"},
			"l-1": {Name: "l", Active: true, Counts: true},
		},
		Roles: []Role{
			{ID: "ops-1", DisplayName: "Ops", Directory: "okta", Counts: true, Shards: []Shard{{Members: []string{"a-1", "b-1", "l-1"}}}},
			{ID: "local-1", DisplayName: "Local", Counts: true, Rules: []Rule{{Label: AssignedShard, Members: []string{"a-1"}}}},
		},
		Grants: []Grant{
			{Name: "ops", Spec: v1alpha1.ClusterAccessGrantSpec{
				Roles: []v1alpha1.RoleSelector{{DisplayName: "ops"}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
			}},
			{Name: "local", Spec: v1alpha1.ClusterAccessGrantSpec{
				Roles: []v1alpha1.RoleSelector{{Name: "local-1"}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
			}},
		},
	}
}

// lost describes what a change of the world takes away, and who counts it.
func lost(before, after State) (all []string) {
	identities := map[string]Identity{}
	for id, user := range after.Users {
		name, _ := user.Subject()
		identities[Print(id)] = Identity{ID: id, Directory: user.Directory, Name: name}
	}
	existing, plan := Plan(before).Bindings, Plan(after)
	for i, grant := range after.Grants {
		of := func(bindings []Binding) []Binding {
			return slices.DeleteFunc(slices.Clone(bindings), func(b Binding) bool { return b.Grant != grant.Key() })
		}
		j := slices.IndexFunc(plan.Outcomes, func(o Outcome) bool { return o.Grant == after.Grants[i].Key() })
		for _, removal := range Attribute(grant, plan.Outcomes[j], Removals(grant, plan.Outcomes[j], of(existing), of(plan.Bindings)), identities) {
			all = append(all, fmt.Sprintf("%s from %s by %s", removal.Name, grant.Name, removal.Plan.Name()))
		}
	}
	slices.Sort(all)
	return all
}

func TestRemovals(t *testing.T) {
	for _, c := range []struct {
		reason string
		change func(*State)
		want   []string
	}{
		{"nothing changed", func(*State) {}, nil},
		{"a suspended person is counted by the directory, wherever access was", func(s *State) {
			s.Users["a-1"] = User{Directory: "okta"}
		}, []string{"a from local by okta-users", "a from ops by okta-users"}},
		{"a deleted one too, whose directory the binding knows", func(s *State) { delete(s.Users, "b-1") }, []string{"b from ops by okta-users"}},
		{"the old name of a renamed one too", func(s *State) {
			s.Users["b-1"] = User{Name: "bee", Active: true, Counts: true, Directory: "okta"}
		}, []string{"b from ops by okta-users"}},
		{"a member that left is counted by the role, a local user as well", func(s *State) { s.Roles[0].Shards = []Shard{{Members: []string{"a-1"}}} },
			[]string{"b from ops by okta.ops-1", "l from ops by okta.ops-1"}},
		{"a role that is gone", func(s *State) { s.Roles = s.Roles[1:] },
			[]string{"a from ops by okta.ops-1", "b from ops by okta.ops-1", "l from ops by okta.ops-1"}},
		{"a role that was renamed away from its grant", func(s *State) { s.Roles[0].DisplayName = "Other" },
			[]string{"a from ops by okta.ops-1", "b from ops by okta.ops-1", "l from ops by okta.ops-1"}},
		{"a local role that the identity provider assigns", func(s *State) { s.Roles[1].Rules = nil }, []string{"a from local by okta.local-1"}},
		{"a local user is deactivated by a person", func(s *State) { s.Users["l-1"] = User{} }, nil},
		{"a person edits the grant", func(s *State) { s.Grants[0].Spec.Roles = []v1alpha1.RoleSelector{{DisplayName: "dev"}} }, nil},
		{"a person lets it expire", func(s *State) {
			s.Grants[0].Spec.Validity = &v1alpha1.Validity{ExpiresAt: &metav1.Time{Time: epoch}}
		}, nil},
		{"a person takes the ClusterRole off the list", func(s *State) { s.Bindable = nil }, nil},
		{"a person gives another ClusterRole", func(s *State) { s.Grants[0].Spec.To.Name = "edit" }, nil},
		{"who keeps the same by another role loses nothing", func(s *State) {
			s.Grants[0].Spec.Roles = append(slices.Clone(s.Grants[0].Spec.Roles), v1alpha1.RoleSelector{Name: "local-1"})
			s.Roles[0].Shards = []Shard{{Members: []string{"b-1", "l-1"}}}
		}, nil},
	} {
		after := crowd()
		c.change(&after)
		if diff := cmp.Diff(c.want, lost(crowd(), after)); diff != "" {
			t.Errorf("reason: %s\n%s", c.reason, diff)
		}
	}
}

func TestExempt(t *testing.T) {
	removals := []Removal{
		{Name: "inactive", Plan: PlanKey{Directory: "okta"}, Person: Person{Print: Print("i")}},
		{Name: "member", Plan: PlanKey{Directory: "okta", Role: "r"}, Person: Person{Print: Print("m")}},
		{Name: "other", Plan: PlanKey{Directory: "okta", Role: "r"}, Person: Person{Print: Print("o")}},
	}
	names := func(protection v1alpha1.GrantProtection, desired []Binding, breakGlass ...string) []string {
		grant, prints := Grant{}, map[string]bool{}
		grant.Spec.Protection = protection
		for _, id := range breakGlass {
			prints[Print(id)] = true
		}
		kept, others := Exempt(grant, desired, removals, prints)
		all := []string{}
		for _, removal := range kept {
			all = append(all, removal.Name)
		}
		if len(kept)+len(others) != len(removals) {
			t.Errorf("reason: nobody is lost between the two; %d and %d", len(kept), len(others))
		}
		return all
	}
	served := []Binding{{Subjects: []rbacv1.Subject{{Name: "somebody"}}}}
	for _, c := range []struct {
		reason    string
		got, want []string
	}{
		{"nobody is exempt by default", names("", nil), []string{}},
		{"break-glass is", names("", served, "i", "nobody"), []string{"inactive"}},
		{"of a protected grant one who is active stays", names(v1alpha1.ProtectLastSubject, nil), []string{"member"}},
		{"but not when others have access", names(v1alpha1.ProtectLastSubject, served), []string{}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("reason: %s\n%s", c.reason, diff)
		}
	}
}

func TestRecycledNamesAreNotKept(t *testing.T) {
	removals := []Removal{
		{Name: "gone", Person: Person{Print: "old-----"}}, {Name: "back", Person: Person{Print: "same----"}},
		{Name: "taken", Person: Person{Print: "old-----"}}, {Name: "unknown", Person: Person{}},
	}
	bearers := map[string][]string{"back": {"other---", "same----"}, "taken": {"new-----"}, "unknown": {"new-----"}}
	var names []string
	for _, removal := range WithoutRecycled(removals, bearers) {
		names = append(names, removal.Name)
	}
	if diff := cmp.Diff([]string{"gone", "back"}, names); diff != "" {
		t.Errorf("reason: a name is kept only for the person who was bound by it\n%s", diff)
	}
}

// TestHoldKeepsWhoIsHeld: after any change, holding every removal takes nothing from anybody that a push took, and adds nobody.
func TestHoldKeepsWhoIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		existing := Plan(state).Bindings
		for _, id := range worldUsers {
			if rapid.Bool().Draw(t, "goes") {
				delete(state.Users, id)
			}
		}
		result := Plan(state)
		var removals []Removal
		for i, outcome := range result.Outcomes {
			grant := state.Grants[slices.IndexFunc(state.Grants, func(g Grant) bool { return g.Key() == outcome.Grant })]
			mine := func(b Binding) bool { return b.Grant != result.Outcomes[i].Grant }
			removals = append(removals, Removals(grant, outcome, slices.DeleteFunc(slices.Clone(existing), mine),
				slices.DeleteFunc(slices.Clone(result.Bindings), mine))...)
		}
		held := Hold(existing, result.Bindings, removals)
		for _, change := range Diff(existing, held) {
			for _, subject := range change.Extra {
				if slices.ContainsFunc(removals, func(r Removal) bool { return r.Key == change.Key && r.Name == subject.Name }) {
					t.Fatalf("reason: who is held stays bound; %s of %v was taken out", subject.Name, change.Key)
				}
			}
		}
		for _, binding := range held {
			if len(binding.People) != len(binding.Subjects) || !slices.IsSortedFunc(binding.Subjects, compareSubjects) {
				t.Fatalf("reason: subjects stay sorted, and it stays known who stands behind each; got %v", binding)
			}
		}
	})
}
