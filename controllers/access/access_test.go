package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

func TestAPersonComesAndGoes(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	const name = "come@example.com"
	user := w.user("come-1", name)
	w.create(grantFor("come", "Comers", "view"))
	w.eventuallyReady("come", v1alpha1.ReasonRoleNotFound, "a grant may exist before its role, and says so")
	if w.can(name, "default") {
		t.Fatal("reason: a user without a role may do nothing")
	}
	role := w.role("comers-1", "comers", "come-1", "unknown-1")
	w.eventuallyCan(name, "default", true, "a role that appears takes effect, whatever the case of its name")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan(name, "default", false, "a suspended user may do nothing")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
	w.eventuallyCan(name, "default", true, "a user who is back has the same access")
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.Members = []string{"unknown-1"} })
	w.eventuallyCan(name, "default", false, "who leaves the role loses what it gave")
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.LocalMembers = []string{"come-1"} })
	w.eventuallyCan(name, "default", true, "a local member counts like a pushed one")

	grant := w.eventuallyReady("come", v1alpha1.ReasonEnforced, "all is as asked")
	want := v1alpha1.GrantStatus{
		ObservedGeneration: 1, RoleNames: "Comers", ScopeSummary: "cluster-wide", Users: new(int32(1)), Bindings: new(int32(1)),
	}
	grant.Status.Conditions = nil
	if diff := cmp.Diff(want, grant.Status); diff != "" {
		t.Errorf("reason: status says what the grant came to\n%s", diff)
	}
	w.eventually("a change of bindings is told in an event, with numbers and without names", func() (bool, string) {
		var all eventsv1.EventList
		if err := w.admin.List(w.ctx, &all, client.InNamespace("default")); err != nil {
			return false, err.Error()
		}
		found := slices.ContainsFunc(all.Items, func(e eventsv1.Event) bool {
			return e.Regarding.Name == "come" && e.Reason == "BindingsChanged" && strings.Contains(e.Note, "subjects: 1 added, 0 removed")
		})
		return found, fmt.Sprint(len(all.Items))
	})
	w.delete(claimOf(v1alpha1.ClaimUserName, name, "come-1"))
	w.eventuallyCan(name, "default", false, "a user counts only while the claim of the userName names it")
	w.create(claimOf(v1alpha1.ClaimUserName, name, "come-1"))
	w.eventuallyCan(name, "default", true, "and counts again when it does")
	w.delete(grant)
	w.eventuallyCan(name, "default", false, "a deleted grant gives nothing, with no garbage collector")
	w.eventually("its bindings are pruned", func() (bool, string) { n := len(w.bindings("come")); return n == 0, fmt.Sprint(n) })
}

func TestNamespacesJoinAndLeave(t *testing.T) {
	w := newWorld(t)
	w.needs("edit")
	const name = "ns@example.com"
	w.user("ns-1", name)
	w.role("ns-role-1", "NS", "ns-1")
	grant := grantFor("ns", "NS", "edit")
	grant.Spec.Scope = v1alpha1.ScopeNamespaces
	grant.Spec.Namespaces = &v1alpha1.NamespaceSelection{
		Names: []string{"ns-listed"}, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "ns"}},
	}
	w.create(namespace("ns-other", nil), grant)
	got := w.eventuallyReady("ns", v1alpha1.ReasonNamespaceNotFound, "a listed namespace that is missing is reported")
	if !strings.Contains(message(got), `"ns-listed"`) || got.Status.ScopeSummary != "0 namespaces" {
		t.Errorf("reason: the message names the namespace; got %q, %q", message(got), got.Status.ScopeSummary)
	}
	labelled := namespace("ns-labelled", map[string]string{"team": "ns"})
	w.create(namespace("ns-listed", nil), labelled)
	w.eventuallyCan(name, "ns-listed", true, "a listed namespace joins when it is made")
	w.eventuallyCan(name, "ns-labelled", true, "a labelled namespace joins when it is made")
	if w.can(name, "ns-other") || w.can(name, "") {
		t.Error("reason: a grant for namespaces gives nothing elsewhere")
	}
	edit(w, labelled, func(n *corev1.Namespace) { n.Labels["team"] = "other" })
	w.eventuallyCan(name, "ns-labelled", false, "a namespace that loses the label leaves")
	// The status follows the bindings, so that it may still be that of two namespaces when the access is gone.
	w.eventually("status counts namespaces and bindings", func() (bool, string) {
		status := w.eventuallyReady("ns", v1alpha1.ReasonEnforced, "all is as asked").Status
		return status.ScopeSummary == "1 namespace" && *status.Namespaces == 1 && *status.Bindings == 1, fmt.Sprintf("%+v", status)
	})
}

func TestDriftIsRepairedAndForeignersAreNot(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.user("drift-1", "drift@example.com")
	w.role("drift-role-1", "Drift", "drift-1")
	foreign := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: access.BindingName(access.GrantKey{Name: "foreign"}, "drift-role-1", "0", v1alpha1.GrantTarget{Name: "view"})},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "somebody-elses"}},
	}
	w.create(foreign, grantFor("drift", "Drift", "view"), grantFor("foreign", "Drift", "view"))

	got := w.eventuallyReady("foreign", v1alpha1.ReasonApplyFailed, "a foreign binding of the same name is reported")
	if !strings.Contains(message(got), foreign.Name) || *got.Status.Bindings != 0 {
		t.Errorf("reason: the message names the binding; got %q", message(got))
	}
	after := &rbacv1.ClusterRoleBinding{}
	if err := w.admin.Get(w.ctx, client.ObjectKeyFromObject(foreign), after); err != nil || after.ResourceVersion != foreign.ResourceVersion {
		t.Errorf("reason: what we did not write is never touched; %v", err)
	}

	w.eventuallyReady("drift", v1alpha1.ReasonEnforced, "all is as asked")
	binding := w.bindings("drift")[0]
	repaired := func() (bool, string) {
		now := w.bindings("drift")
		if len(now) != 1 {
			return false, fmt.Sprintf("%d bindings", len(now))
		}
		same := cmp.Equal(now[0].Subjects, binding.Subjects) && cmp.Equal(now[0].Labels, binding.Labels) &&
			cmp.Equal(now[0].RoleRef, binding.RoleRef)
		return same, fmt.Sprint(now[0].Subjects, now[0].Labels)
	}
	edit(w, binding.DeepCopy(), func(b *rbacv1.ClusterRoleBinding) {
		b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "intruders"})
	})
	w.eventually("a subject added by hand goes", repaired)
	edit(w, binding.DeepCopy(), func(b *rbacv1.ClusterRoleBinding) { b.Labels[v1alpha1.LabelShard] = "7" })
	w.eventually("a label changed by hand is put right", repaired)
	edit(w, binding.DeepCopy(), func(b *rbacv1.ClusterRoleBinding) { b.Labels = nil })
	w.eventually("our binding is known as ours even without its labels", repaired)
	w.delete(binding.DeepCopy())
	w.eventually("a binding deleted by hand comes back", repaired)
	w.eventually("somebody takes the name of our binding for another ClusterRole", func() (bool, string) {
		other := binding.DeepCopy()
		other.ObjectMeta = metav1.ObjectMeta{Name: binding.Name, Labels: binding.Labels}
		other.RoleRef.Name = "cluster-admin"
		_ = w.admin.Delete(w.ctx, binding.DeepCopy())
		err := w.admin.Create(w.ctx, other)
		return err == nil, fmt.Sprint(err)
	})
	w.eventually("a binding of ours with another roleRef is made anew", repaired)
}

func TestNotAllowedAndNotFoundTargets(t *testing.T) {
	w := newWorld(t)
	w.user("target-1", "target@example.com")
	w.role("target-role-1", "Target", "target-1")
	w.create(grantFor("target-admin", "Target", "cluster-admin"), grantFor("target-later", "Target", "later"))
	got := w.eventuallyReady("target-admin", v1alpha1.ReasonRoleNotAllowed, "only what the installer lists is given")
	if !strings.Contains(message(got), "access.bindableClusterRoles") || len(w.bindings("target-admin")) != 0 {
		t.Errorf("reason: the message names the remedy; got %q", message(got))
	}
	w.eventuallyReady("target-later", v1alpha1.ReasonTargetNotFound, "a ClusterRole that does not exist is reported")
	pods := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}
	later := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "later"}, Rules: []rbacv1.PolicyRule{pods}}
	w.create(later)
	w.eventuallyCan("target@example.com", "default", true, "it takes effect when it is made")
	w.delete(later)
	w.eventually("nothing is left for whoever makes a ClusterRole of that name next", func() (bool, string) {
		n := len(w.bindings("target-later"))
		return n == 0, fmt.Sprint(n)
	})
}

func TestARenameIsOneWrite(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	user := w.user("rename-1", "before@example.com")
	w.user("rename-2", "stays@example.com")
	w.role("rename-role-1", "Rename", "rename-1", "rename-2")
	w.create(grantFor("rename", "Rename", "view"))
	w.eventuallyCan("before@example.com", "", true, "the old name has access")
	w.create(claimOf(v1alpha1.ClaimUserName, "after@example.com", "rename-1"))
	before := w.bindings("rename")[0]
	writes := w.watchBinding(before)
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName = "after@example.com" })
	changed := <-writes
	want := []rbacv1.Subject{
		{Kind: "User", APIGroup: rbacv1.GroupName, Name: "after@example.com"},
		{Kind: "User", APIGroup: rbacv1.GroupName, Name: "stays@example.com"},
	}
	if diff := cmp.Diff(want, changed.Subjects); diff != "" || changed.UID != before.UID {
		t.Errorf("reason: the first write after a rename takes the old name out and the new one in\n%s", diff)
	}
	w.eventuallyCan("before@example.com", "", false, "the old name has no access")
}

func TestRefusedSubjects(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "refuse"}}
	directory.Spec.Identity.Username = `"oidc:" + user.userName`
	w.create(directory)
	w.user("refuse-1", "system:masters")
	pushed := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "refuse-2"}}
	pushed.Spec = v1alpha1.ScimUserSpec{UserName: "ok@example.com", Directory: "refuse"}
	w.create(pushed, claimOf(v1alpha1.ClaimUserName, "ok@example.com", "refuse-2"))
	w.role("refuse-role-1", "Refuse", "refuse-1", "refuse-2")
	w.create(grantFor("refuse", "Refuse", "view"))
	got := w.eventuallyReady("refuse", v1alpha1.ReasonSubjectsRefused, "a name of the system is refused")
	if diff := cmp.Diff([]string{"refuse-1"}, got.Status.RefusedUsers); diff != "" || *got.Status.Users != 1 {
		t.Errorf("reason: status names who was left out, the others are in\n%s", diff)
	}
	w.eventuallyCan("oidc:ok@example.com", "", true, "the directory's expression makes the name")
	edit(w, directory, func(d *v1alpha1.ScimDirectory) { d.Spec.Identity.Username = `"corp:" + user.userName.lowerAscii()` })
	w.eventuallyCan("corp:ok@example.com", "", true, "a changed expression changes the names")
	w.eventuallyCan("oidc:ok@example.com", "", false, "and takes the old ones out")
}

func TestExpiry(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.user("expiry-1", "expiry@example.com")
	w.role("expiry-role-1", "Expiry", "expiry-1")
	grant := grantFor("expiry", "Expiry", "view")
	grant.Spec.Validity = &v1alpha1.Validity{NotBefore: new(metav1.NewTime(time.Now().Add(2 * time.Second)))}
	w.create(grant)
	w.eventuallyReady("expiry", v1alpha1.ReasonNotYetValid, "before its time a grant gives nothing")
	w.eventuallyCan("expiry@example.com", "", true, "time alone brings a grant into force")
	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Validity = &v1alpha1.Validity{ExpiresAt: new(metav1.NewTime(time.Now().Add(2 * time.Second)))}
	})
	w.eventuallyCan("expiry@example.com", "", false, "time alone ends it")
	w.eventuallyReady("expiry", v1alpha1.ReasonExpired, "and status says so")
}

func TestOneMemberLessRewritesOneBindingAndThenThereIsRest(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "large-1"}, Spec: v1alpha1.ScimRoleSpec{DisplayName: "Large"}}
	for k := range 3 {
		slice := w.slice("large-1", fmt.Sprintf("large-1-%d", k), k, 0)
		role.Spec.Slices = append(role.Spec.Slices, slice)
	}
	w.manyUsers(3000)
	w.create(role, claimOf(v1alpha1.ClaimDisplayName, "Large", "large-1"), grantFor("large", "Large", "view"))
	w.eventually("a member has access", func() (bool, string) {
		total := 0
		for _, binding := range w.bindings("large") {
			total += len(binding.Subjects)
		}
		return total == 3000, fmt.Sprint(total)
	})
	versions := w.versions("large")
	if len(versions) != 3 {
		t.Fatalf("reason: one binding for each slice; got %d", len(versions))
	}
	w.slice("large-1", "large-1-1b", 1, 1)
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.Slices[1] = "large-1-1b" })
	w.eventuallyCan("large-user-1000@example.com", "", false, "the member who left has no access")
	changed := 0
	for name, version := range w.versions("large") {
		if versions[name] != version {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("reason: one member's change rewrites one binding; %d of %d changed", changed, len(versions))
	}
	w.atRest("large")
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.Members = []string{"large-user-1000"} })
	w.eventuallyCan("large-user-1000@example.com", "", true, "a member in the role itself has access like those in its slices")
	if n := len(w.bindings("large")); n != 3 {
		t.Errorf("reason: who fits into a slice's binding needs none of his own; %d bindings", n)
	}
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.Members = nil })
	w.eventuallyCan("large-user-1000@example.com", "", false, "and loses it like them")
	w.missingSlice(role)
}

// atRest reconciles again and again, and nothing is written.
func (w *world) atRest(grant string) { w.t.Helper(); w.grantAtRest(access.GrantKey{Name: grant}) }

func (w *world) grantAtRest(grant access.GrantKey) {
	w.t.Helper()
	w.eventually("the controller comes to rest", func() (bool, string) {
		before := w.writes.of(grant.Name)
		r := w.newReconciler()
		spoken := events.NewFakeRecorder(10)
		r.recorder = spoken
		for range 3 {
			if _, err := r.Reconcile(w.ctx, requestFor(grant)); err != nil {
				return false, err.Error()
			}
		}
		after := w.writes.of(grant.Name)
		atRest := len(before) > 0 && cmp.Equal(before, after) && len(spoken.Events) == 0
		return atRest, fmt.Sprint(after[len(before):], len(spoken.Events))
	})
}

// missingSlice takes a slice away: what it gave stays, but not for a user who is suspended.
func (w *world) missingSlice(role *v1alpha1.ScimRole) {
	w.t.Helper()
	slice := &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: "large-1-2"}}
	w.delete(slice)
	w.eventually("the cache learns of it", func() (bool, string) {
		err := w.mgr.GetCache().Get(w.ctx, client.ObjectKeyFromObject(slice), slice)
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Spec.ExternalID = "moved" })
	got := w.eventuallyReady("large", v1alpha1.ReasonSliceNotFound, "a missing slice is reported")
	if !w.can("large-user-2500@example.com", "") || *got.Status.Bindings != 3 {
		w.t.Errorf("reason: nobody loses access because a slice cannot be read; %d bindings", *got.Status.Bindings)
	}
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "large-user-0000"}}
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("large-user-0000@example.com", "", false, "revocation in other slices goes on")
	held := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "large-user-2500"}}
	edit(w, held, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("large-user-2500@example.com", "", false, "a suspended user is out, even of a binding that is held")
	if !w.can("large-user-2501@example.com", "") {
		w.t.Error("reason: the others of that binding stay")
	}
}

// manyUsers makes users with their claims, several at a time.
func (w *world) manyUsers(n int) {
	w.t.Helper()
	w.parallel(n, func(i int) []client.Object {
		id := fmt.Sprintf("large-user-%04d", i)
		user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: v1alpha1.ScimUserSpec{UserName: id + "@example.com"}}
		return []client.Object{user, claimOf(v1alpha1.ClaimUserName, id+"@example.com", id)}
	})
}

// parallel creates n times some objects, several at a time.
func (w *world) parallel(n int, objects func(i int) []client.Object) {
	w.t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			for _, object := range objects(i) {
				if err := w.admin.Create(w.ctx, object); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) slice(role, name string, k, without int) string {
	w.t.Helper()
	slice := &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimRoleSliceSpec{Role: role}}
	for i := k*1000 + without; i < (k+1)*1000; i++ {
		slice.Spec.Members = append(slice.Spec.Members, fmt.Sprintf("large-user-%04d", i))
	}
	w.create(slice)
	return name
}

func (w *world) versions(grant string) map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	for _, binding := range w.bindings(grant) {
		versions[binding.Name] = binding.ResourceVersion
	}
	return versions
}
