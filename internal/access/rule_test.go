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

func TestShardLabel(t *testing.T) {
	tests := []struct {
		reason, label string
		k             int
		ok            bool
	}{
		{"the first shard has the label of the rule", "default", 0, true},
		{"later ones have a number", "default.12", 12, true},
		{"the first has no other name", "default.0", 0, false},
		{"a number has one form", "default.01", 0, false},
		{"a number is not negative", "default.-1", 0, false},
		{"another rule is none of ours", "default-2.1", 0, false},
		{"the shard of a list is no rule", "1", 0, false},
	}
	for _, test := range tests {
		if k, ok := shardNumber(DefaultShard, test.label); ok != test.ok || ok && k != test.k {
			t.Errorf("%s: shardNumber(%q) = %d, %t, want %d, %t", test.reason, test.label, k, ok, test.k, test.ok)
		}
	}
}

// ruleWorld is a role that everybody of a directory is in, and nothing else.
func ruleWorld(members []string, existing []Binding) State {
	state := State{
		Now: epoch, Bindable: []string{"view"}, ClusterRoles: []string{"view"}, Users: map[string]User{}, Existing: existing,
		Roles: []Role{{ID: "all-1", DisplayName: "All", Counts: true, Rules: []Rule{{Label: DefaultShard, Members: members}}}},
		Grants: []Grant{{Name: "all", Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{Name: "all-1"}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeNamespaces,
			Namespaces: &v1alpha1.NamespaceSelection{Selector: &metav1.LabelSelector{}},
		}}},
		Namespaces: []Namespace{{Name: "a"}, {Name: "b"}},
	}
	for _, id := range members {
		state.Users[id] = User{Name: id + "@example.com", Active: true, Counts: true}
	}
	return state
}

func people(from, to int) []string {
	ids := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("u%05d", i))
	}
	return ids
}

func sizes(result Result) (all []string) {
	for _, binding := range result.Bindings {
		all = append(all, fmt.Sprintf("%s %s %d", binding.Namespace, binding.Labels[v1alpha1.LabelShard], len(binding.Subjects)))
	}
	slices.Sort(all)
	return all
}

func TestMembersByRuleKeepTheirPlaces(t *testing.T) {
	first := Plan(ruleWorld(people(0, 2500), nil))
	want := []string{"a default 1000", "a default.1 1000", "a default.2 500", "b default 1000", "b default.1 1000", "b default.2 500"}
	if diff := cmp.Diff(want, sizes(first)); diff != "" {
		t.Fatalf("reason: no binding has more than %d subjects\n%s", MaxSubjects, diff)
	}
	if first.Outcomes[0].Users != 2500 {
		t.Errorf("reason: everybody is counted, and once: %d", first.Outcomes[0].Users)
	}
	steps := []struct {
		reason  string
		members []string
		want    []string
	}{
		{"one who comes first in the order changes one binding in each namespace", append([]string{"aaa"}, people(0, 2500)...), []string{"a Update", "b Update"}},
		{"and so does one who leaves", people(1, 2500), []string{"a Update", "b Update"}},
		{"a whole shard that leaves is one binding less", append(people(0, 1000), people(2000, 2500)...), []string{"a Delete", "b Delete"}},
		{"the last thousand who come take the free places, and a new shard", people(0, 3500), []string{"a Create", "a Update", "b Create", "b Update"}},
		{"nobody comes and nobody goes", people(0, 2500), nil},
	}
	for _, step := range steps {
		result := Plan(ruleWorld(step.members, first.Bindings))
		var got []string
		for _, change := range Diff(first.Bindings, result.Bindings) {
			got = append(got, change.Namespace+" "+string(change.Action))
		}
		slices.Sort(got)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", step.reason, diff)
		}
	}
}

// TestSettle: whatever the places were, everybody has exactly one afterwards, and whoever had a free one kept it.
func TestSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		home := map[rbacv1.Subject]int{}
		var subjects []rbacv1.Subject
		for _, id := range people(0, rapid.IntRange(0, 2200).Draw(t, "subjects")) {
			subjects = append(subjects, rbacv1.Subject{Kind: "User", Name: id})
		}
		crowd := rapid.IntRange(1, 4).Draw(t, "shards")
		for i := range rapid.IntRange(0, len(subjects)).Draw(t, "with a place") {
			home[subjects[i]] = i % crowd
		}
		if len(subjects) > 0 {
			home[subjects[len(subjects)-1]] = rapid.SampledFrom([]int{0, 7, maxRuleShards, 1 << 40}).Draw(t, "far away")
		}
		shards := settle(home, subjects)
		var got []rbacv1.Subject
		for k, shard := range shards {
			if len(shard) > MaxSubjects || !slices.IsSortedFunc(shard, compareSubjects) {
				t.Fatalf("reason: a shard is sorted and small enough; shard %d has %d", k, len(shard))
			}
			got = append(got, shard...)
		}
		slices.SortFunc(got, compareSubjects)
		if !slices.Equal(got, subjects) {
			t.Fatalf("reason: everybody has one place: %d of %d", len(got), len(subjects))
		}
		if again := settle(homesOf(shards), subjects); !slices.EqualFunc(again, shards, slices.Equal) {
			t.Fatal("reason: who has a place keeps it, so that a second plan changes nothing")
		}
	})
}

func homesOf(shards [][]rbacv1.Subject) map[rbacv1.Subject]int {
	home := map[rbacv1.Subject]int{}
	for k, shard := range shards {
		for _, subject := range shard {
			home[subject] = k
		}
	}
	return home
}
