package access

import (
	"flag"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	rbacv1 "k8s.io/api/rbac/v1"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// lawCases is the smallest number of random worlds in which every law is tried in every run.
const lawCases = 10_000

// prove tries a law in lawCases random worlds; -rapid.checks makes it more. The law says whether the world had what it is about: one that
// speaks in fewer than every twentieth world is no proof, and fails.
func prove(t *testing.T, law func(*rapid.T) bool) {
	t.Helper()
	if checks := flag.Lookup("rapid.checks"); checks.Value.(flag.Getter).Get().(int) < lawCases {
		before := checks.Value.String()
		t.Cleanup(func() { _ = checks.Value.Set(before) })
		if err := checks.Value.Set(strconv.Itoa(lawCases)); err != nil {
			t.Fatal(err)
		}
	}
	cases, telling := 0, 0
	for cases < lawCases { // With -short, rapid tries a fifth at a time.
		rapid.Check(t, func(t *rapid.T) {
			if law(t) {
				telling++
			}
			cases++ // Worlds that rapid gives up while it draws them do not count.
		})
	}
	t.Logf("%d worlds, %d of which the law is about", cases, telling)
	if telling*20 < cases {
		t.Errorf("the law is about %d of %d worlds only: draw them so that there are more", telling, cases)
	}
}

// same fails when two plans differ.
func same(t *rapid.T, want, got any, reason string) {
	if reflect.DeepEqual(want, got) {
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("reason: %s\n-want +got:\n%s", reason, diff)
	}
}

func TestPlanDoesNotDependOnOrder(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		state.Existing = Plan(state).Bindings
		plan := Plan(state)
		same(t, plan, Plan(shuffled(t, state)), "the order of a list must not decide who gets what")
		return len(plan.Bindings) > 1
	})
}

// TestPlanIsIdempotent: what has been done need not be done again, whatever there was before.
func TestPlanIsIdempotent(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		state.Existing = Plan(drawState(t)).Bindings
		first := Plan(state)
		same(t, first, Plan(state), "planning changes nothing that planning reads")
		state.Existing = first.Bindings
		second := Plan(state)
		if changes := Diff(first.Bindings, second.Bindings); len(changes) != 0 {
			t.Fatalf("reason: where the plan is in effect, there is nothing to write; got %v", changes)
		}
		if changes := Diff(first.Bindings, first.Bindings); len(changes) != 0 {
			t.Fatalf("reason: Diff(x, x) is empty; got %v", changes)
		}
		return len(first.Bindings) > 0
	})
}

func TestPlanIsMonotoneInGrants(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		before := Plan(state)
		grant := drawGrant(t, rapid.IntRange(98, 99).Draw(t, "index"))
		state.Grants = append(slices.Clone(state.Grants), grant)
		changes := Diff(before.Bindings, Plan(state).Bindings)
		for _, change := range changes {
			if change.Action != Create || change.Desired.Grant != grant.Key() {
				t.Fatalf("reason: one more grant changes nothing of the others; got %s of %v", change.Action, change.Key)
			}
			if grant.Namespace != "" && change.Namespace != grant.Namespace {
				t.Fatalf("reason: an AccessGrant of %s takes effect there and nowhere else; got %v", grant.Namespace, change.Key)
			}
		}
		return len(changes) > 0
	})
}

// TestPlanIsMonotoneInMembers: whoever is let in takes nothing from anybody, not even a place in a binding.
func TestPlanIsMonotoneInMembers(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		before := Plan(state)
		state.Existing = before.Bindings
		label, newcomer := addMember(t, &state), "newcomer"
		user := User{Name: newcomer, Active: true, Counts: true, Directory: rapid.SampledFrom(worldDirectories).Draw(t, "from")}
		state.Users = maps.Clone(state.Users)
		state.Users[newcomer] = user
		changes := Diff(before.Bindings, Plan(state).Bindings)
		checkOneMember(t, changes, label, newcomer)
		for _, change := range changes {
			if change.TakesAway() {
				t.Fatalf("reason: one more member takes nothing from anybody; got %s of %v, which loses %v", change.Action, change.Key, change.Extra)
			}
		}
		return len(changes) > 0
	})
}

// TestOneMemberLeaves: the one who leaves is the one who loses.
func TestOneMemberLeaves(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state, leaver := drawState(t), "newcomer"
		label := addMember(t, &state)
		state.Users[leaver] = User{Name: leaver, Active: true, Counts: true}
		before := Plan(state)
		state.Existing = before.Bindings
		left := User{Name: leaver, Active: false, Counts: true}
		if rapid.Bool().Draw(t, "no longer counts") {
			left = User{Name: leaver, Active: true, Counts: false}
		}
		state.Users = maps.Clone(state.Users)
		state.Users[leaver] = left
		after := Plan(state)
		changes := Diff(before.Bindings, after.Bindings)
		checkOneMember(t, changes, label, leaver)
		if why := after.Explain(leaver); len(why) > 0 {
			t.Fatalf("reason: who does not count is a subject nowhere; got %v", why)
		}
		return len(changes) > 0
	})
}

// addMember puts somebody into one list of one role, and gives the label of the bindings that may change.
func addMember(t *rapid.T, state *State) (label string) {
	state.Roles = slices.Clone(state.Roles)
	role := &state.Roles[rapid.IntRange(0, len(state.Roles)-1).Draw(t, "role of the newcomer")]
	const newcomer = "newcomer"
	role.Shards, role.Rules = slices.Clone(role.Shards), slices.Clone(role.Rules)
	switch kind := rapid.SampledFrom([]string{"pushed", "pushed", "local", "rule"}).Draw(t, "list"); {
	case kind == "pushed" && len(role.Shards) > 0:
		k := rapid.IntRange(0, len(role.Shards)-1).Draw(t, "shard")
		role.Shards[k].Members = append(slices.Clone(role.Shards[k].Members), newcomer)
		return strconv.Itoa(k)
	case kind == "rule" && len(role.Rules) > 0:
		rule := &role.Rules[rapid.IntRange(0, len(role.Rules)-1).Draw(t, "rule")]
		rule.Members = append(slices.Clone(rule.Members), newcomer)
		return rule.Label
	default:
		role.Local = append(slices.Clone(role.Local), newcomer)
		return LocalShard
	}
}

// checkOneMember wants one change at most for each grant and place, in the bindings of one shard, and about nobody but one member.
func checkOneMember(t *rapid.T, changes []Change, shard, who string) {
	type at struct {
		grant     GrantKey
		namespace string
	}
	touched := map[at]bool{}
	for _, change := range changes {
		for _, subject := range slices.Concat(change.Missing, change.Extra) {
			if subject.Name != who {
				t.Fatalf("reason: one member's change is about that member; %v changes %v", change.Key, subject)
			}
		}
		if change.Action == Delete {
			continue // It had nobody else in it, as the subjects say.
		}
		here := at{change.Desired.Grant, change.Namespace}
		if touched[here] || change.Desired.Labels[v1alpha1.LabelShard] != shard {
			t.Fatalf("reason: one member's change writes the binding of the member's own shard %s; got %v", shard, change)
		}
		touched[here] = true
	}
}

func TestSubjectsAreFit(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		bindings := Plan(state).Bindings
		for _, binding := range bindings {
			checkBinding(t, state, binding)
		}
		return len(bindings) > 0
	})
}

func checkBinding(t *rapid.T, state State, binding Binding) {
	if len(binding.Subjects) == 0 || len(binding.Subjects) != len(binding.People) {
		t.Fatalf("reason: a binding has subjects, and says who stands behind each; got %d and %d", len(binding.Subjects), len(binding.People))
	}
	if !slices.IsSortedFunc(binding.Subjects, compareSubjects) || len(slices.Compact(slices.Clone(binding.Subjects))) != len(binding.Subjects) {
		t.Fatalf("reason: the order of subjects is fixed, and each is there once; got %v", binding.Subjects)
	}
	allowed := state.Bindable
	if binding.RoleRef.Kind == "Role" {
		allowed = state.BindableRoles
	}
	if !slices.Contains(allowed, binding.RoleRef.Name) || binding.RoleRef.APIGroup != rbacv1.GroupName {
		t.Fatalf("reason: only what the installer allows is ever given; got %v", binding.RoleRef)
	}
	if binding.RoleRef.Kind == "Role" && binding.Namespace == "" {
		t.Fatalf("reason: a Role lives in a namespace; got %v", binding)
	}
	key, ours := GrantOf(binding.Labels)
	if len(binding.Name) > 79 || !ours || key != binding.Grant {
		t.Fatalf("reason: every binding is known by name and labels to be ours, and whose it is; got %v", binding)
	}
	if key.Namespace != "" && key.Namespace != binding.Namespace {
		t.Fatalf("reason: an AccessGrant takes effect in its own namespace; %v has %v", key, binding.Key)
	}
}

// TestNamesOfBindingsNeverMeet: two bindings of one name would be written in turn for ever.
func TestNamesOfBindingsNeverMeet(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		plan := Plan(drawState(t))
		seen := map[Key]bool{}
		for _, key := range slices.Concat(plan.Held, keysOf(plan.Bindings)) {
			if seen[key] {
				t.Fatalf("reason: no two grants, roles, shards and targets share a binding; %v is there twice", key)
			}
			seen[key] = true
		}
		return len(seen) > 1
	})
}

func keysOf(bindings []Binding) (all []Key) {
	for _, binding := range bindings {
		all = append(all, binding.Key)
	}
	return all
}

func TestNothingChangesBeforeNext(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		state := drawState(t)
		result := Plan(state)
		later, waits := epoch.Add(10*time.Hour), false
		for _, outcome := range result.Outcomes {
			if !outcome.Next.IsZero() && outcome.Next.Before(later) {
				later, waits = outcome.Next, true
			}
		}
		state.Now = later.Add(-time.Nanosecond)
		same(t, result, Plan(state), "until Next, time changes nothing, so a controller may sleep")
		return waits
	})
}

// TestDiffLeadsFromAnyWorldToAnother: also from one in which somebody has tampered with the bindings.
func TestDiffLeadsFromAnyWorldToAnother(t *testing.T) {
	prove(t, func(t *rapid.T) bool {
		from, to := tampered(t, Plan(drawState(t)).Bindings), Plan(drawState(t)).Bindings
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
		if changes := Diff(got, to); len(changes) != 0 {
			t.Fatalf("reason: the changes lead exactly to what is wanted; left over %v", changes)
		}
		same(t, subjectsIn(to), subjectsIn(got), "the changes lead exactly to who should have what")
		return len(from) > 0 && len(to) > 0
	})
}

// tampered is what somebody may have made of our bindings: other roles, other subjects, other labels.
func tampered(t *rapid.T, bindings []Binding) []Binding {
	bindings = slices.Clone(bindings)
	for i := range bindings {
		switch rapid.IntRange(0, 6).Draw(t, "tampered") {
		case 4:
			bindings[i].RoleRef.Name = "cluster-admin"
		case 5:
			bindings[i].Subjects = append(slices.Clone(bindings[i].Subjects), rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "system:masters"})
		case 6:
			bindings[i].Labels = nil
		}
	}
	return bindings
}
