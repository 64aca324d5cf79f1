package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

func subject(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
}

// legacy is a ClusterRoleBinding to view that somebody else wrote.
func legacy(name string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   subjects,
	}
}

// handOver labels a binding for a grant, as the commands do that `kubectl scim import bindings --adopt` prints.
func handOver(binding client.Object, grant string) {
	binding.SetLabels(map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelAdoptedBy: grant})
}

// eventuallyAdopted waits for the condition Adopted of a grant.
func (w *world) eventuallyAdopted(grant client.Object, reason, text, law string) {
	w.t.Helper()
	w.eventually(law, func() (bool, string) {
		if err := w.admin.Get(w.ctx, client.ObjectKeyFromObject(grant), grant); err != nil {
			return false, err.Error()
		}
		c := apimeta.FindStatusCondition(statusOf(grant).Conditions, v1alpha1.GrantAdopted)
		if c == nil || c.ObservedGeneration != grant.GetGeneration() {
			return false, "not yet"
		}
		return c.Reason == reason && strings.Contains(c.Message, text), c.Reason + ": " + c.Message
	})
}

func (w *world) exists(object client.Object) bool {
	w.t.Helper()
	err := w.admin.Get(w.ctx, client.ObjectKeyFromObject(object), object)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return err == nil
}

// keepAsking asks without a pause whether users have access, until the function that it gives is called, which says who had none once.
func (w *world) keepAsking(users ...string) (stop func() []string) {
	ctx, cancel := context.WithCancel(w.ctx)
	refused := make(chan []string, 1)
	go func() {
		var without []string
		for ctx.Err() == nil {
			for _, user := range users {
				review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "default", Verb: "list", Resource: "pods"},
				}}
				if err := w.admin.Create(w.ctx, review); err != nil || !review.Status.Allowed {
					without = append(without, fmt.Sprint(user, err))
				}
			}
		}
		refused <- without
	}()
	return func() []string { cancel(); return <-refused }
}

// TestAdopt: a binding goes when the grant gives all that it gave, not before, and nobody is without access in between.
func TestAdopt(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.user("adopt-1", "adopt.ann@example.com")
	w.user("adopt-2", "adopt.ben@example.com")
	w.role("adopt-role-1", "Adopt", "adopt-1")
	machine := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "adopt-ci"}
	old := legacy("adopt-legacy", subject("adopt.ann@example.com"), subject("adopt.ben@example.com"), machine)
	w.create(old)
	for _, user := range []string{"adopt.ann@example.com", "adopt.ben@example.com"} {
		w.eventuallyCan(user, "default", true, "the API server heeds a binding a moment after it has it")
	}
	asked := w.keepAsking("adopt.ann@example.com", "adopt.ben@example.com")
	grant := grantFor("adopt", "Adopt", "view")
	grant.Spec.Existing = v1alpha1.ExistingAdopt
	w.create(grant)
	w.eventuallyAdopted(grant, v1alpha1.ReasonNothingLeft, "", "a binding that nobody handed over is none of the grant's business")

	edit(w, old, func(b *rbacv1.ClusterRoleBinding) { handOver(b, "adopt") })
	w.eventuallyAdopted(grant, v1alpha1.ReasonNotCovered,
		`ClusterRoleBinding adopt-legacy stays, because the grant does not give ClusterRole "view" in the same place to ServiceAccount "default/adopt-ci", User "adopt.ben@example.com"`,
		"whoever would lose access is named")
	w.atRest("adopt")
	if !w.exists(old) {
		t.Fatal("a binding went that gave more than the grant")
	}

	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Users = []v1alpha1.UserSelector{{UserName: "adopt.ben@example.com"}}
		g.Spec.ServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: "default", Name: "adopt-ci"}}
	})
	w.eventuallyAdopted(grant, v1alpha1.ReasonNothingLeft, "", "a binding goes when the grant gives all that it gave")
	if w.exists(old) {
		t.Error("the grant says that nothing is left, and the binding is there")
	}
	if without := asked(); len(without) > 0 {
		t.Errorf("these had no access for a moment: %v", without)
	}
	w.checkOrder("adopt", "adopt-legacy")
	w.atRest("adopt")
	edit(w, &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "adopt-role-1"}}, func(r *v1alpha1.ScimRole) { r.Spec.Members = nil })
	w.eventuallyCan("adopt.ann@example.com", "default", false, "nothing is left of the old binding that a revocation would miss")
}

// checkOrder says that every binding of a grant was written before a foreign one was deleted.
func (w *world) checkOrder(grant, foreign string) {
	w.t.Helper()
	w.writes.mu.Lock()
	defer w.writes.mu.Unlock()
	deleted := slices.Index(w.writes.rows, "delete "+foreign)
	applied := 0
	for i, row := range w.writes.rows {
		if strings.HasPrefix(row, "apply scim-"+grant+"-") {
			applied++
			if i > deleted {
				w.t.Errorf("%s was written after %s was deleted", row, foreign)
			}
		}
	}
	if deleted < 0 || applied == 0 {
		w.t.Errorf("%d bindings were written, and %s was deleted at %d", applied, foreign, deleted)
	}
}

// TestAdoptStays: what nobody handed over, or took back, or handed to a grant that ignores it, stays.
func TestAdoptStays(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.user("stay-1", "stay@example.com")
	w.role("stay-role-1", "Stay", "stay-1")
	takenBack, ignored := legacy("stay-back", subject("stay@example.com"), subject("stay.other@example.com")), legacy("stay-ignored", subject("stay@example.com"))
	handOver(takenBack, "stay")
	handOver(ignored, "stay-ignores")
	grant, ignores := grantFor("stay", "Stay", "view"), grantFor("stay-ignores", "Stay", "view")
	grant.Spec.Existing = v1alpha1.ExistingAdopt
	w.create(takenBack, ignored, grant, ignores)
	w.eventuallyAdopted(grant, v1alpha1.ReasonNotCovered, "stay.other@example.com", "the binding names somebody else, too")
	edit(w, takenBack, func(b *rbacv1.ClusterRoleBinding) {
		delete(b.Labels, v1alpha1.LabelAdoptedBy)
		b.Subjects = b.Subjects[:1]
	})
	w.eventuallyAdopted(grant, v1alpha1.ReasonNothingLeft, "", "a label that was taken off is a word that was taken back")
	got := w.eventuallyReady("stay-ignores", v1alpha1.ReasonEnforced, "the other grant is in force")
	if apimeta.FindStatusCondition(got.Status.Conditions, v1alpha1.GrantAdopted) != nil {
		t.Error("a grant that takes nothing over speaks of it")
	}
	w.atRest("stay")
	w.atRest("stay-ignores")
	if !w.exists(takenBack) || !w.exists(ignored) {
		t.Error("a binding went that nobody had handed over")
	}
	edit(w, ignores, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Existing, g.Spec.Mode = v1alpha1.ExistingAdopt, v1alpha1.ModePlan
	})
	w.eventuallyAdopted(ignores, v1alpha1.ReasonPlanned, "spec.mode is Plan", "a grant that only plans deletes nothing")
	if !w.exists(ignored) {
		t.Error("a grant that only plans has deleted a binding")
	}
	edit(w, ignores, func(g *v1alpha1.ClusterAccessGrant) { g.Spec.Mode = v1alpha1.ModeEnforce })
	w.eventuallyAdopted(ignores, v1alpha1.ReasonNothingLeft, "", "a grant that takes over does so with what was labelled before")
}

// TestAccessGrantAdopts: an AccessGrant takes over RoleBindings of its namespace, to a Role of that.
func TestAccessGrantAdopts(t *testing.T) {
	w := newWorld(t)
	w.user("adoptns-1", "adoptns@example.com")
	w.role("adoptns-role-1", "Adopt in a namespace", "adoptns-1")
	w.create(namespace("adopt-a", nil), namespace("adopt-b", nil), podReader("adopt-a"), podReader("adopt-b"))
	var old []*rbacv1.RoleBinding
	for _, place := range []string{"adopt-a", "adopt-b"} {
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "adopt-old"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "pod-reader"}, Subjects: []rbacv1.Subject{subject("adoptns@example.com")},
		}
		handOver(binding, "adoptns")
		old = append(old, binding)
		w.create(binding)
	}
	grant := ownGrant("adopt-a", "adoptns", "Adopt in a namespace", v1alpha1.GrantTarget{Kind: "Role", Name: "pod-reader"})
	grant.Spec.Existing = v1alpha1.ExistingAdopt
	w.create(grant)
	w.eventuallyAdopted(grant, v1alpha1.ReasonNothingLeft, "", "the grant gives what the binding of its namespace gave")
	w.grantAtRest(access.GrantKey{Namespace: "adopt-a", Name: "adoptns"})
	if w.exists(old[0]) || !w.exists(old[1]) {
		t.Error("an AccessGrant takes over what is in its own namespace, and nothing else")
	}
}

// racing lets something happen between the last look at a binding and its deletion.
type racing struct {
	client.Reader
	meanwhile func()
}

func (r racing) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := r.Reader.List(ctx, list, options...)
	r.meanwhile()
	return err
}

// TestAdoptRace: a binding that somebody changes, or makes anew, after it was looked at stays.
func TestAdoptRace(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.user("race-1", "race@example.com")
	w.role("race-role-1", "Race", "race-1")
	w.create(grantFor("race", "Race", "view"))
	grant := w.eventuallyReady("race", v1alpha1.ReasonEnforced, "the grant is in force")
	for i, tc := range []struct {
		reason    string
		meanwhile func(*rbacv1.ClusterRoleBinding)
	}{
		{"somebody was added", func(b *rbacv1.ClusterRoleBinding) {
			edit(w, b.DeepCopy(), func(b *rbacv1.ClusterRoleBinding) { b.Subjects = append(b.Subjects, subject("late@example.com")) })
		}},
		{"the label was taken off", func(b *rbacv1.ClusterRoleBinding) {
			edit(w, b.DeepCopy(), func(b *rbacv1.ClusterRoleBinding) { b.Labels = nil })
		}},
		{"another binding took the name", func(b *rbacv1.ClusterRoleBinding) {
			again := legacy(b.Name, subject("late@example.com"))
			w.delete(b.DeepCopy())
			w.create(again)
		}},
	} {
		old := legacy(fmt.Sprintf("race-legacy-%d", i), subject("race@example.com"))
		handOver(old, "race")
		w.create(old)
		r := w.newReconciler()
		r.live = racing{Reader: r.live, meanwhile: func() { tc.meanwhile(old) }}
		s := &scope{key: access.GrantKey{Name: "race"}, grant: grant, planned: planned(grant)}
		s.planned.Spec.Existing = v1alpha1.ExistingAdopt // The running controller sees a grant that ignores the binding.
		w.eventually("the cache has the binding", func() (bool, string) {
			found, err := r.handedOver(w.ctx, s.key)
			return len(found) == 1 && found[0].Name == old.Name, fmt.Sprint(found, err)
		})
		if err := r.readBindings(w.ctx, s); err != nil {
			t.Fatal(err)
		}
		s.desired = s.existing
		if err := r.adopt(w.ctx, s); !apierrors.IsConflict(err) {
			t.Errorf("%s: the deletion was not a conflict: %v", tc.reason, err)
		}
		now := legacy(old.Name)
		if !w.exists(now) || len(now.Subjects) == 0 {
			t.Errorf("%s: the binding is gone", tc.reason)
		}
		w.delete(now)
		w.eventually("the cache has seen the end of it", func() (bool, string) {
			found, err := r.handedOver(w.ctx, s.key)
			return len(found) == 0, fmt.Sprint(found, err)
		})
	}
}
