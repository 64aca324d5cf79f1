package access

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// former is a cache that has one user and one binding as they were.
type former struct {
	client.Reader
	user    *v1alpha1.ScimUser
	binding *rbacv1.ClusterRoleBinding
}

func (f *former) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	switch into := object.(type) {
	case *v1alpha1.ScimUser:
		if key.Name == f.user.Name {
			f.user.DeepCopyInto(into)
			return nil
		}
	case *rbacv1.ClusterRoleBinding:
		if key.Name == f.binding.Name {
			f.binding.DeepCopyInto(into)
			return nil
		}
	}
	return f.Reader.Get(ctx, key, object, opts...)
}

func (f *former) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := f.Reader.List(ctx, list, opts...)
	if bindings, ok := list.(*rbacv1.ClusterRoleBindingList); ok {
		for i := range bindings.Items {
			if bindings.Items[i].Name == f.binding.Name {
				bindings.Items[i] = *f.binding.DeepCopy()
			}
		}
	}
	return err
}

// TestALateControllerTakesNothingBack is about a controller that was paused with what it knew then, and goes on when another one has done its
// work: what it decided is refused, and nobody has access again for it.
func TestALateControllerTakesNothingBack(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	ada, bob := w.user("late-1", "ada.late@example.com"), w.user("late-2", "bob.late@example.com")
	w.role("late-role-1", "Late", "late-1", "late-2")
	edit(w, bob, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.create(grantFor("late", "Late", "view"))
	w.eventuallyCan("ada.late@example.com", "", true, "ada has access")
	w.atRest("late")
	then := &former{user: ada.DeepCopy(), binding: w.bindings("late")[0].DeepCopy()}
	edit(w, bob, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
	w.eventuallyCan("bob.late@example.com", "", true, "bob, too")
	edit(w, ada, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("ada.late@example.com", "", false, "and ada no more")
	w.atRest("late")

	for name, change := range map[string]func(*rbacv1.ClusterRoleBinding){
		"replaced": func(*rbacv1.ClusterRoleBinding) {},
		"applied":  func(b *rbacv1.ClusterRoleBinding) { delete(b.Labels, v1alpha1.LabelRole) },
		"deleted":  func(b *rbacv1.ClusterRoleBinding) { b.RoleRef.Name = "edit" },
	} {
		t.Run(name, func(t *testing.T) {
			before := w.versions("late")
			r := w.newReconciler()
			past := &former{Reader: r.cache, user: then.user, binding: then.binding.DeepCopy()}
			change(past.binding)
			r.cache = past
			_, err := r.Reconcile(w.ctx, reconcile.Request{NamespacedName: types.NamespacedName{Name: "late"}})
			if !apierrors.IsConflict(err) {
				t.Errorf("reason: what was decided upon an old version of a binding is refused; got %v", err)
			}
			if diff := cmp.Diff(before, w.versions("late")); diff != "" {
				t.Errorf("reason: nothing is written\n%s", diff)
			}
		})
	}
}

func TestAhead(t *testing.T) {
	key, other := access.Key{Name: "a"}, access.Key{Name: "b"}
	latest := func(a *ahead, version string) string { return a.latest(key, "uid", version) }
	t.Run("a chain of own writes leads from each version to the last", func(t *testing.T) {
		a := &ahead{}
		a.wrote(key, "uid", "1", "2")
		a.wrote(key, "uid", "2", "3")
		got := []string{latest(a, "1"), latest(a, "2"), latest(a, "3"), latest(a, "7"), a.latest(other, "uid", "1"), a.latest(key, "another", "1")}
		if diff := cmp.Diff([]string{"3", "3", "3", "7", "1", "1"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a write that changes nothing adds nothing", func(t *testing.T) {
		a := &ahead{}
		a.wrote(key, "uid", "1", "1")
		if len(a.writes) != 0 {
			t.Error(a.writes)
		}
	})
	t.Run("what somebody else wrote in between ends the chain", func(t *testing.T) {
		a := &ahead{}
		a.wrote(key, "uid", "1", "2")
		a.wrote(key, "uid", "5", "6")
		if diff := cmp.Diff([]string{"1", "6"}, []string{latest(a, "1"), latest(a, "5")}); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nothing is kept once the cache has the last version", func(t *testing.T) {
		a := &ahead{}
		a.wrote(key, "uid", "1", "2")
		a.seen(key, "1")
		if latest(a, "1") != "2" {
			t.Error("the cache is behind still")
		}
		a.seen(key, "2")
		if len(a.writes) != 0 {
			t.Error(a.writes)
		}
	})
	t.Run("a chain is bounded", func(t *testing.T) {
		a := &ahead{}
		for i := range 10 * longestChain {
			a.wrote(key, "uid", fmt.Sprint(i), fmt.Sprint(i+1))
		}
		if kept := len(a.writes[key].over); kept > longestChain {
			t.Errorf("%d versions are kept", kept)
		}
	})
}
