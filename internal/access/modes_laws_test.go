package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// engineers is a condition, compiled once: to compile takes longer than all the rest of a world.
var engineers = sync.OnceValues(func() (Condition, error) { return CompileCondition(`user.title == "Engineer"`) })

// drawModes gives some grants conditions or groups as subjects, and users and roles what these ask for.
func drawModes(t *rapid.T, state *State) {
	condition, err := engineers()
	if err != nil {
		t.Fatal(err)
	}
	for i := range state.Grants {
		grant := &state.Grants[i]
		switch rapid.IntRange(0, 3).Draw(t, "mode of grant") {
		case 1:
			grant.Spec.Condition, grant.Condition = `user.title == "Engineer"`, &condition
		case 2:
			grant.Spec.Subjects = v1alpha1.SubjectsGroup
		case 3:
			grant.Spec.Subjects = v1alpha1.SubjectsAuto
		}
	}
	for id, user := range state.Users {
		user.Spec = &v1alpha1.ScimUserSpec{UserName: user.UserName}
		state.Users[id] = user
	}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(worldUsers[:10]), 0, 10, rapid.ID).Draw(t, "with titles") {
		state.Users[id].Spec.Title = rapid.SampledFrom([]string{"Engineer", "Clerk"}).Draw(t, "title")
	}
	for i := range state.Roles {
		state.Roles[i].Group = rapid.SampledFrom([]string{"ops", "dev", "oidc:ops", "system:masters", "System:x", ""}).Draw(t, "group")
	}
}

// TestWhoGetsWhatByModes is TestWhoGetsWhat for grants with conditions and with groups as subjects.
func TestWhoGetsWhatByModes(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		drawModes(t, &state)
		want := map[right]bool{}
		for _, grant := range state.Grants {
			for _, place := range append([]string{""}, worldSpace...) {
				if !inForce(state, grant) || !takesEffect(state, grant, place) {
					continue
				}
				ref := rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: kindOf(grant), Name: grant.Spec.To.Name}
				for _, subject := range namedByModes(state, grant) {
					want[right{place, ref, subject}] = true
				}
			}
		}
		plan := Plan(state)
		same(t, want, subjectsIn(plan.Bindings), "who gets what is what the grants, their conditions, the roles and the users say")
		return slices.ContainsFunc(plan.Bindings, func(b Binding) bool { return b.Subjects[0].Kind == "Group" }) || slices.ContainsFunc(
			state.Grants, func(g Grant) bool { return g.Spec.Condition != "" })
	})
}

// namedByModes are all subjects of a grant.
func namedByModes(state State, grant Grant) (all []rbacv1.Subject) {
	for _, machine := range grant.Spec.ServiceAccounts {
		all = append(all, rbacv1.Subject{Kind: "ServiceAccount", Namespace: machine.Namespace, Name: machine.Name})
	}
	person := func(user User) {
		all = append(all, rbacv1.Subject{Kind: "User", APIGroup: "rbac.authorization.k8s.io", Name: user.Name})
	}
	itself := grant
	itself.Spec.Roles = nil
	for id, user := range state.Users {
		if mayBeBound(user) && isNamed(state, itself, id) {
			person(user)
		}
	}
	for _, role := range state.Roles {
		if !role.Counts || !selectsRole(grant, role) {
			continue
		}
		one, byHand := role, role
		if grant.Spec.Subjects == "Group" && grant.Spec.Condition == "" && role.Directory != "" {
			byHand.Shards = nil
			missing := slices.ContainsFunc(role.Shards, func(s Shard) bool { return s.Missing })
			one.Local, one.Rules = nil, nil
			anybody := slices.ContainsFunc(slices.Collect(maps.Keys(state.Users)), func(id string) bool {
				return mayBeBound(state.Users[id]) && isMember(state, one, id)
			})
			if (missing || anybody) && mayBeBound(User{Name: role.Group, Active: true, Counts: true}) {
				all = append(all, rbacv1.Subject{Kind: "Group", APIGroup: "rbac.authorization.k8s.io", Name: role.Group})
			}
		}
		for id, user := range state.Users {
			if mayBeBound(user) && isMember(state, byHand, id) && (grant.Spec.Condition == "" || user.Spec.Title == "Engineer") {
				person(user)
			}
		}
	}
	return all
}

// TestFrozenGrantsGiveNothingNew: with mode Plan nobody gains anything, whatever was edited and pushed, and whoever a push took out goes.
func TestFrozenGrantsGiveNothingNew(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		before := drawState(t)
		drawModes(t, &before)
		existing := tampered(t, Plan(before).Bindings)
		after := drawState(t)
		drawModes(t, &after)
		for i := range after.Grants {
			after.Grants[i].Spec.Mode = v1alpha1.ModePlan
		}
		after.Existing = existing
		had, plan := subjectsIn(existing), Plan(after)
		for _, binding := range plan.Bindings {
			for _, subject := range binding.Subjects {
				if !had[right{binding.Namespace, binding.RoleRef, subject}] {
					t.Fatalf("reason: with mode Plan nobody gains anything; %v gains %v in %q", subject, binding.RoleRef, binding.Namespace)
				}
			}
			checkFrozen(t, after, binding)
		}
		return len(plan.Bindings) > 0
	})
}

// checkFrozen wants everybody in a binding of a frozen grant to be whom a push would still have there.
func checkFrozen(t *rapid.T, state State, binding Binding) {
	allowed := state.Bindable
	if binding.RoleRef.Kind == "Role" {
		allowed = state.BindableRoles
	}
	if !slices.Contains(allowed, binding.RoleRef.Name) {
		t.Fatalf("reason: what the installer no longer allows goes even from a frozen grant; got %v", binding)
	}
	for _, subject := range binding.Subjects {
		if subject.Kind != rbacv1.UserKind {
			if strings.HasPrefix(subject.Name, "system:") {
				t.Fatalf("reason: what belongs to Kubernetes stays nowhere; got %v in %v", subject, binding.Key)
			}
			continue
		}
		entitled := false
		for id, user := range state.Users {
			if user.Name != subject.Name || !mayBeBound(user) {
				continue
			}
			entitled = entitled || binding.Role == "" || slices.ContainsFunc(state.Roles, func(r Role) bool {
				return r.ID == binding.Role && r.Counts && isMember(state, r, id)
			})
		}
		if !entitled {
			t.Fatalf("reason: whom a push took out loses access even by a frozen grant; %v stays in %v", subject, binding.Key)
		}
	}
}

// TestBindingsAreFewAndSmall: the number of bindings follows from the numbers of members, and none has more subjects than the bound.
func TestBindingsAreFewAndSmall(t *testing.T) {
	for _, size := range []int{0, 1, 999, 1000, 1001, 2000, 2001, 3500} {
		state := largeState(size)
		role := &state.Roles[0]
		pushed := *role
		pushed.Shards, pushed.Local = []Shard{{Members: role.Local}}, nil
		byRule := *role
		byRule.Rules, byRule.Local = []Rule{{Label: DefaultShard, Members: role.Local}}, nil
		for kind, role := range map[string]Role{"local": *role, "pushed": pushed, "by rule": byRule} {
			state.Roles = []Role{role}
			bindings := Plan(state).Bindings
			if most := (size + MaxSubjects - 1) / MaxSubjects; len(bindings) > most {
				t.Errorf("reason: %d members %s make at most %d bindings; got %d", size, kind, most, len(bindings))
			}
			for _, binding := range bindings {
				if len(binding.Subjects) > MaxSubjects {
					t.Errorf("reason: no binding has more than %d subjects; one of %d members %s has %d", MaxSubjects, size, kind, len(binding.Subjects))
				}
			}
		}
	}
}

// TestAutoKeepsToItsForm: a group that grows and shrinks by a few at an edge stays as it stands.
func TestAutoKeepsToItsForm(t *testing.T) {
	state := largeState(1100)
	all := state.Roles[0].Local
	state.Grants[0].Spec.Subjects = v1alpha1.SubjectsAuto
	for i, step := range []struct {
		members int
		want    string
		reason  string
	}{
		{1000, "User", "up to a thousand are bound one by one"}, {1001, "Group", "more are bound as a group"},
		{1000, "Group", "a group at the edge does not flap"}, {801, "Group", "it stays a group down to eight hundred"},
		{800, "User", "then they are bound one by one"}, {1000, "User", "and stay so up to a thousand"}, {1001, "Group", "and then again"},
	} {
		state.Roles = []Role{{ID: "r", DisplayName: "R", Directory: "okta", Group: "oidc:R", Counts: true, Shards: []Shard{{Members: all[:min(step.members, 1000)]}}}}
		if step.members > 1000 {
			state.Roles[0].Shards = append(state.Roles[0].Shards, Shard{Members: all[1000:step.members]})
		}
		state.Existing = Plan(state).Bindings
		kinds := map[string]bool{}
		for _, binding := range state.Existing {
			for _, subject := range binding.Subjects {
				kinds[subject.Kind] = true
			}
		}
		if got := fmt.Sprint(slices.Sorted(maps.Keys(kinds))); got != "["+step.want+"]" {
			t.Errorf("step %d, %d members: subjects are %s, want %s: %s", i, step.members, got, step.want, step.reason)
		}
	}
}
