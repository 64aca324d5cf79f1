package access

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// pushed makes a user of a directory, with its claim.
func (w *world) pushed(directory, id, userName string) *v1alpha1.ScimUser {
	w.t.Helper()
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}}
	user.Spec = v1alpha1.ScimUserSpec{UserName: userName, Directory: directory}
	w.create(user, claimOf(v1alpha1.ClaimUserName, userName, id))
	return user
}

// TestDefaultRoles: S42, everybody whom the identity provider pushes is in the roles that the directory names.
func TestDefaultRoles(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "default-a"}}
	directory.Spec.DefaultRoles = []string{"default-staff", "default-missing"}
	w.create(directory, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "default-b"}})
	role := w.role("default-staff", "Default Staff")
	w.create(grantFor("default", "Default Staff", "view"))
	early := w.pushed("default-a", "default-early", "early@example.com")
	w.pushed("default-b", "default-other", "other@example.com")
	w.eventuallyCan("early@example.com", "", true, "who is pushed has the default role, and nobody listed him")
	w.pushed("default-a", "default-late", "late@example.com")
	w.eventuallyCan("late@example.com", "", true, "who comes later has it, too")
	if w.can("other@example.com", "") {
		t.Error("reason: the people of another directory are not in it")
	}
	edit(w, early, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("early@example.com", "", false, "who is suspended has no role")
	edit(w, early, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
	w.eventuallyCan("early@example.com", "", true, "and has it again when he is back")
	w.atRest("default")
	w.defaultsSurviveTheCache()

	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.Directory = "default-b" })
	w.eventuallyCan("early@example.com", "", false, "a role that a directory manages is nobody's default")
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.Directory = "" })
	w.eventuallyCan("early@example.com", "", true, "a local role is")
	edit(w, directory, func(d *v1alpha1.ScimDirectory) { d.Spec.DefaultRoles = []string{"default-missing"} })
	w.eventuallyCan("early@example.com", "", false, "what the directory no longer names is taken away")
	edit(w, directory, func(d *v1alpha1.ScimDirectory) { d.Spec.DefaultRoles = []string{"default-staff"} })
	w.eventuallyCan("late@example.com", "", true, "and given again")
	w.delete(early)
	w.eventuallyCan("early@example.com", "", false, "who is deleted is in no role")
	edit(w, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "default-late"}}, func(u *v1alpha1.ScimUser) { u.Spec.Directory = "" })
	w.eventuallyCan("late@example.com", "", false, "who is detached from the directory leaves its default roles")
}

// unlisted is a cache that has fallen back in time: its lists lack one object.
type unlisted struct {
	forgetful
}

func (u *unlisted) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := u.forgetful.List(ctx, list, opts...); err != nil {
		return err
	}
	switch all := list.(type) {
	case *v1alpha1.ScimUserList:
		all.Items = without(all.Items, u.name)
	case *v1alpha1.ScimDirectoryList:
		all.Items = without(all.Items, u.name)
	}
	return nil
}

func without[T any, P interface {
	*T
	client.Object
}](items []T, name string) []T {
	kept := items[:0:0]
	for i := range items {
		if P(&items[i]).GetName() != name {
			kept = append(kept, items[i])
		}
	}
	return kept
}

// defaultsSurviveTheCache: nobody loses a default role for want of an object in the cache.
func (w *world) defaultsSurviveTheCache() {
	w.t.Helper()
	tests := []forgetful{
		{kind: "*v1alpha1.ScimUser", name: "default-early"},
		{kind: "*v1alpha1.ScimDirectory", name: "default-a"},
		{kind: "*v1alpha1.ScimClaim", name: v1alpha1.ClaimName(v1alpha1.ClaimUserName, "early@example.com")},
	}
	for _, hidden := range tests {
		before := w.writes.of("default")
		r := w.newReconciler()
		hidden.Reader = r.cache
		r.cache = &unlisted{hidden}
		if _, err := r.Reconcile(w.ctx, reconcile.Request{NamespacedName: types.NamespacedName{Name: "default"}}); err != nil {
			w.t.Fatal(err)
		}
		if diff := cmp.Diff(before, w.writes.of("default")); diff != "" {
			w.t.Errorf("reason: before a default role is taken away for want of a %s, it is looked for live\n%s", hidden.kind, diff)
		}
	}
}

// TestOneUserMoreRewritesOneBinding: the people of a large directory are in several bindings, and stay in theirs.
func TestOneUserMoreRewritesOneBinding(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "crowd"}}
	directory.Spec.DefaultRoles = []string{"crowd-all"}
	w.role("crowd-all", "Crowd")
	w.parallel(1200, func(i int) []client.Object {
		id := fmt.Sprintf("crowd-user-%04d", i)
		user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}}
		user.Spec = v1alpha1.ScimUserSpec{UserName: id + "@example.com", Directory: "crowd"}
		return []client.Object{user, claimOf(v1alpha1.ClaimUserName, id+"@example.com", id)}
	})
	w.create(directory, grantFor("crowd", "Crowd", "view"))
	w.eventually("everybody has access", func() (bool, string) {
		subjects, sizes := 0, []int{}
		for _, binding := range w.bindings("crowd") {
			subjects += len(binding.Subjects)
			sizes = append(sizes, len(binding.Subjects))
		}
		return subjects == 1200, fmt.Sprint(sizes)
	})
	before := w.versions("crowd")
	if len(before) != 2 {
		t.Fatalf("reason: a binding has at most %d subjects; %d bindings", access.MaxSubjects, len(before))
	}
	w.pushed("crowd", "crowd-a-newcomer", "a-newcomer@example.com")
	w.eventuallyCan("a-newcomer@example.com", "", true, "the newcomer has access")
	changed := 0
	for name, version := range w.versions("crowd") {
		if before[name] != version {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("reason: one user more rewrites one binding; %d of %d changed", changed, len(before))
	}
	w.atRest("crowd")
}
