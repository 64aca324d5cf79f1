package access

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// change writes a binding that exists. Where nothing but its subjects differs, it replaces the version that the cache has, which takes
// the API server less than half of the time that server-side apply takes for 1,000 subjects: a revocation waits for it. Everything
// else, and a binding that has changed since the cache read it, is applied.
func (r *Reconciler) change(ctx context.Context, want access.Binding, uid types.UID) error {
	replacement, err := r.replacement(ctx, want, uid)
	if err != nil {
		return err
	}
	if replacement != nil {
		err = r.writer.Update(ctx, replacement, client.FieldOwner(v1alpha1.ManagedBy))
		if !apierrors.IsConflict(err) {
			return err
		}
	}
	return r.send(ctx, want, uid)
}

// replacement is the binding of the cache with the subjects as wanted; nil when more than these differs. It shares no memory with
// anything, because the client decodes the answer into it. The subjects of the cache, of which there may be 1,000, are not copied for it.
func (r *Reconciler) replacement(ctx context.Context, want access.Binding, uid types.UID) (client.Object, error) {
	cached := object(want.Key)
	if err := r.cache.Get(ctx, client.ObjectKeyFromObject(cached), cached, client.UnsafeDisableDeepCopy); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	present := describeFrame(cached, roleRefOf(cached))
	if present.UID != uid || present.RoleRef != want.RoleRef || present.Owner != want.Owner || !bears(present.Labels, want.Labels) {
		return nil, nil
	}
	var replacement client.Object
	switch binding := cached.(type) {
	case *rbacv1.ClusterRoleBinding:
		replacement = &rbacv1.ClusterRoleBinding{
			ObjectMeta: *binding.ObjectMeta.DeepCopy(), RoleRef: binding.RoleRef, Subjects: slices.Clone(want.Subjects),
		}
	case *rbacv1.RoleBinding:
		replacement = &rbacv1.RoleBinding{
			ObjectMeta: *binding.ObjectMeta.DeepCopy(), RoleRef: binding.RoleRef, Subjects: slices.Clone(want.Subjects),
		}
	}
	annotations := replacement.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationPeople] = access.EncodePeople(want.People)
	replacement.SetAnnotations(annotations)
	return replacement, nil
}

// bears says whether labels are as wanted; there may be others.
func bears(labels, want map[string]string) bool {
	for key, value := range want {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}
