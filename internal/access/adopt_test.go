package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestAdoptedBy(t *testing.T) {
	handed := map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelAdoptedBy: "g"}
	with := func(key, value string) map[string]string {
		labels := map[string]string{key: value}
		for k, v := range handed {
			if k != key {
				labels[k] = v
			}
		}
		return labels
	}
	for _, tc := range []struct {
		reason, name string
		labels       map[string]string
		want         string
	}{
		{"both labels hand a binding over", "legacy", handed, "g"},
		{"without labels nobody did", "legacy", nil, ""},
		{"a label that was taken off is a word that was taken back", "legacy", with(v1alpha1.LabelAdoptedBy, ""), ""},
		{"what another tool manages is not ours", "legacy", with(v1alpha1.LabelManagedBy, "Helm"), ""},
		{"a grant's own binding is not handed over", "scim-g-1", with(v1alpha1.LabelGrant, "g"), ""},
		{"the bindings of Kubernetes stay", "system:basic-user", handed, ""},
		{"also those with another name", "cluster-admin", with("kubernetes.io/bootstrapping", "rbac-defaults"), ""},
	} {
		if got := AdoptedBy(tc.name, tc.labels); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
		}
	}
}

func TestUncovered(t *testing.T) {
	user := func(name string) rbacv1.Subject {
		return rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: name}
	}
	group := rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "a"}
	account := rbacv1.Subject{Kind: "ServiceAccount", Namespace: "ci", Name: "a"}
	view := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	edit, role := view, view
	edit.Name, role.Kind = "edit", "Role"
	binding := func(namespace, name string, ref rbacv1.RoleRef, subjects ...rbacv1.Subject) Binding {
		return Binding{Key: Key{Namespace: namespace, Name: name}, RoleRef: ref, Subjects: subjects}
	}
	foreign := binding("shop", "legacy", view, user("b"), user("a"), account, group, user("b"))
	for _, tc := range []struct {
		reason string
		others []Binding
		want   []rbacv1.Subject
	}{
		{"nobody gives anything", nil, []rbacv1.Subject{group, account, user("a"), user("b")}},
		{"several bindings together give all of it", []Binding{
			binding("shop", "x", view, user("a"), account), binding("shop", "y", view, user("b"), group),
		}, nil},
		{"another role is another role", []Binding{binding("shop", "x", edit, foreign.Subjects...)}, []rbacv1.Subject{group, account, user("a"), user("b")}},
		{"a Role is no ClusterRole", []Binding{binding("shop", "x", role, foreign.Subjects...)}, []rbacv1.Subject{group, account, user("a"), user("b")}},
		{"another place is another place", []Binding{binding("", "x", view, foreign.Subjects...)}, []rbacv1.Subject{group, account, user("a"), user("b")}},
		{"a binding does not cover itself", []Binding{foreign}, []rbacv1.Subject{group, account, user("a"), user("b")}},
		{"a user is no group and no service account of the same name", []Binding{binding("shop", "x", view, user("a"))},
			[]rbacv1.Subject{group, account, user("b")}},
		{"a service account is one of its namespace", []Binding{
			binding("shop", "x", view, user("a"), user("b"), group, rbacv1.Subject{Kind: "ServiceAccount", Namespace: "cd", Name: "a"}),
		}, []rbacv1.Subject{account}},
	} {
		if diff := cmp.Diff(tc.want, Uncovered(foreign, tc.others)); diff != "" {
			t.Errorf("%s (-want, +got):\n%s", tc.reason, diff)
		}
	}
	if got := Uncovered(binding("shop", "empty", view), nil); len(got) > 0 {
		t.Errorf("a binding of nobody leaves %v", got)
	}
}

// TestUncoveredIsWhatWouldBeLost compares with what everybody has before and after the deletion.
func TestUncoveredIsWhatWouldBeLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) Binding {
			b := Binding{
				Key:     Key{Namespace: rapid.SampledFrom([]string{"", "a"}).Draw(t, "namespace"), Name: rapid.StringMatching(`[a-z]{8}`).Draw(t, "name")},
				RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: rapid.SampledFrom([]string{"view", "edit"}).Draw(t, "role")},
			}
			for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 4).Draw(t, "subjects") {
				b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rapid.SampledFrom([]string{"User", "Group"}).Draw(t, "kind"), Name: name})
			}
			return b
		})
		foreign, own := draw.Draw(t, "foreign"), rapid.SliceOfN(draw, 0, 4).Draw(t, "own")
		type right struct {
			place   string
			ref     rbacv1.RoleRef
			subject rbacv1.Subject
		}
		kept := map[right]bool{}
		for _, b := range own {
			for _, s := range b.Subjects {
				kept[right{b.Namespace, b.RoleRef, s}] = kept[right{b.Namespace, b.RoleRef, s}] || b.Key != foreign.Key
			}
		}
		lost := map[rbacv1.Subject]bool{}
		for _, s := range foreign.Subjects {
			if !kept[right{foreign.Namespace, foreign.RoleRef, s}] {
				lost[s] = true
			}
		}
		got := map[rbacv1.Subject]bool{}
		for _, s := range Uncovered(foreign, own) {
			got[s] = true
		}
		if diff := cmp.Diff(lost, got); diff != "" {
			t.Fatalf("-lost, +uncovered:\n%s", diff)
		}
	})
}
