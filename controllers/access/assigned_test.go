package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestAssignedRoles: Okta Governance gives roles to users without groups, where the directory lets it.
func TestAssignedRoles(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "assigned-a"}}
	w.create(directory, &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: "assigned-b"}, Spec: v1alpha1.ScimDirectorySpec{RoleAssignment: v1alpha1.RoleAssignmentEnabled},
	})
	role := w.role("assigned-role", "Assigned")
	w.create(grantFor("assigned", "Assigned", "view"))
	given := []v1alpha1.MultiValue{{Value: "no-such-role"}, {Value: "assigned-role", Display: "Assigned"}}
	user := w.pushed("assigned-a", "assigned-user", "assigned@example.com")
	other := w.pushed("assigned-b", "assigned-other", "assigned-other@example.com")
	local := w.user("assigned-local", "assigned-local@example.com")
	for _, u := range []*v1alpha1.ScimUser{user, other, local} {
		edit(w, u, func(u *v1alpha1.ScimUser) { u.Spec.Roles = given })
	}
	w.eventuallyCan("assigned-other@example.com", "", true, "a directory that may give roles gives a local one by its id")
	if w.can("assigned@example.com", "") || w.can("assigned-local@example.com", "") {
		t.Error("reason: where the directory says nothing, and for local users, the attribute roles has no effect")
	}
	edit(w, directory, func(d *v1alpha1.ScimDirectory) { d.Spec.RoleAssignment = v1alpha1.RoleAssignmentEnabled })
	w.eventuallyCan("assigned@example.com", "", true, "it takes effect as soon as the directory says so")
	w.atRest("assigned")
	w.assignmentsSurviveTheCache()

	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("assigned@example.com", "", false, "who is suspended has no role")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
	w.eventuallyCan("assigned@example.com", "", true, "and has it again when he is back")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Roles = given[:1] })
	w.eventuallyCan("assigned@example.com", "", false, "what is taken away is gone")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Roles = given })
	w.eventuallyCan("assigned@example.com", "", true, "and can be given again")
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.Directory = "assigned-b" })
	w.eventuallyCan("assigned@example.com", "", false, "a role of another directory is not this one's to give")
	w.eventuallyCan("assigned-other@example.com", "", true, "it is that directory's")
	edit(w, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "assigned-b"}}, func(d *v1alpha1.ScimDirectory) {
		d.Spec.RoleAssignment = v1alpha1.RoleAssignmentDisabled
	})
	w.eventuallyCan("assigned-other@example.com", "", false, "without the directory's word nothing is given")
}

// assignmentsSurviveTheCache: nobody loses an assigned role for want of an object in the cache.
func (w *world) assignmentsSurviveTheCache() {
	w.t.Helper()
	for _, hidden := range []forgetful{
		{kind: "*v1alpha1.ScimUser", name: "assigned-user"},
		{kind: "*v1alpha1.ScimDirectory", name: "assigned-a"},
	} {
		before := w.writes.of("assigned")
		r := w.newReconciler()
		hidden.Reader = r.cache
		r.cache = &unlisted{hidden}
		if _, err := r.Reconcile(w.ctx, reconcile.Request{NamespacedName: types.NamespacedName{Name: "assigned"}}); err != nil {
			w.t.Fatal(err)
		}
		if diff := cmp.Diff(before, w.writes.of("assigned")); diff != "" {
			w.t.Errorf("reason: before an assigned role is taken away for want of a %s, it is looked for live\n%s", hidden.kind, diff)
		}
	}
}
