package access

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// binding looks after the bindings that somebody has changed. Most often it was the controller itself, so there is time.
func (w *watcher) binding(_ context.Context, before, after client.Object) effect {
	var found effect
	if !w.calm.is() {
		found.later = w.calm.postpone
	}
	for _, object := range []client.Object{before, after} {
		if object == nil {
			continue
		}
		if key, ok := grantOf(object); ok {
			found.grants = append(found.grants, key)
		}
		found.grants = append(found.grants, adopters(object)...)
	}
	return found
}

// grantsBinding finds the grants whose bindings name a user at present, whatever the roles say: a binding may be held for a slice that
// is missing, and then no role lists the user. The grant with the largest of these bindings comes first, because that takes the longest to write.
func (w *watcher) grantsBinding(ctx context.Context, user *v1alpha1.ScimUser) []access.GrantKey {
	name, _, _ := strings.Cut(w.subject(ctx, user), "\n")
	if name == "" {
		return nil
	}
	options := []client.ListOption{client.MatchingFields{indexBindSubject: name}, client.UnsafeDisableDeepCopy}
	var wide rbacv1.ClusterRoleBindingList
	var narrow rbacv1.RoleBindingList
	if err := errors.Join(w.cache.List(ctx, &wide, options...), w.cache.List(ctx, &narrow, options...)); err != nil {
		log.FromContext(ctx).Error(err, "cannot find the bindings of a user")
	}
	subjects := map[access.GrantKey]int{}
	for i := range wide.Items {
		key, _ := grantOf(&wide.Items[i])
		subjects[key] = max(subjects[key], len(wide.Items[i].Subjects))
	}
	for i := range narrow.Items {
		key, _ := grantOf(&narrow.Items[i])
		subjects[key] = max(subjects[key], len(narrow.Items[i].Subjects))
	}
	return slices.SortedFunc(maps.Keys(subjects), func(a, b access.GrantKey) int {
		return cmp.Or(subjects[b]-subjects[a], a.Compare(b))
	})
}
