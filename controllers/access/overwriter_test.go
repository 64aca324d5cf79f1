package access

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestOverwrite: a binding is replaced in the version that it has and in no other, its new version is told, and errors are those of the API server.
func TestOverwrite(t *testing.T) {
	w := newWorld(t)
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	for kind, binding := range map[string]client.Object{
		"ClusterRoleBinding": &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "overwritten"}, RoleRef: ref},
		"RoleBinding":        &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "overwritten", Namespace: "default"}, RoleRef: ref},
	} {
		t.Run(kind, func(t *testing.T) {
			w.create(binding)
			o := w.newReconciler().overwriter
			first := binding.GetResourceVersion()
			nameOnly(binding, "ada")
			second, err := o.overwrite(w.ctx, binding)
			if err != nil {
				t.Fatal(err)
			}
			live := binding.DeepCopyObject().(client.Object)
			if err := w.admin.Get(w.ctx, client.ObjectKeyFromObject(binding), live); err != nil {
				t.Fatal(err)
			}
			if got := subjectsOf(live); len(got) != 1 || got[0].Name != "ada" || live.GetResourceVersion() != second || second == first {
				t.Errorf("the binding names %v in version %s, told was %s after %s", got, live.GetResourceVersion(), second, first)
			}
			if !slices.ContainsFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Manager == v1alpha1.ManagedBy }) {
				t.Errorf("nobody can tell who wrote it: %v", live.GetManagedFields())
			}

			nameOnly(binding, "grace")
			if _, err := o.overwrite(w.ctx, binding); !apierrors.IsConflict(err) {
				t.Errorf("over a version that is gone: %v", err)
			}
			binding.SetResourceVersion(second)
			nameOnly(binding, "")
			if _, err := o.overwrite(w.ctx, binding); !apierrors.IsInvalid(err) {
				t.Errorf("with a subject that has no name: %v", err)
			}
			if err := w.admin.Delete(w.ctx, live); err != nil {
				t.Fatal(err)
			}
			nameOnly(binding, "grace")
			if _, err := o.overwrite(w.ctx, binding); !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
				t.Errorf("over nothing: %v", err)
			}
		})
	}
}

// nameOnly makes somebody the only subject of a binding.
func nameOnly(binding client.Object, user string) {
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
	switch binding := binding.(type) {
	case *rbacv1.ClusterRoleBinding:
		binding.Subjects = subjects
	case *rbacv1.RoleBinding:
		binding.Subjects = subjects
	}
}
