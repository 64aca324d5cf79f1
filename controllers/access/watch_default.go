package access

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// grantsOfMember finds the grants that name the user, or a role that the user is a member of, by a list or by a rule.
func (w *watcher) grantsOfMember(ctx context.Context, user *v1alpha1.ScimUser) []access.GrantKey {
	return slices.Concat(w.grantsOfUser(ctx, user.Name), w.grantsByDefault(ctx, user.Spec.Directory), w.grantsOfRoles(ctx, assignedRoles(user)),
		w.grantsBy(ctx, indexGrantUser, userByUserName(v1alpha1.Fold(user.Spec.UserName))))
}

// grantsByDefault finds the grants that name a default role of a directory.
func (w *watcher) grantsByDefault(ctx context.Context, name string) []access.GrantKey {
	if name == "" {
		return nil
	}
	directory := &v1alpha1.ScimDirectory{}
	if err := w.cache.Get(ctx, client.ObjectKey{Name: name}, directory, client.UnsafeDisableDeepCopy); err != nil {
		return nil // Its own event, when it comes, concerns every grant.
	}
	return w.grantsOfRoles(ctx, directory.Spec.DefaultRoles)
}

// defaultRoles is the effect of a change of a directory's default roles: it concerns those that came and those that went.
func (w *watcher) defaultRoles(ctx context.Context, before, after *v1alpha1.ScimDirectory) effect {
	found := effect{grants: w.grantsOfRoles(ctx, except(after.Spec.DefaultRoles, before.Spec.DefaultRoles))}
	if gone := w.grantsOfRoles(ctx, except(before.Spec.DefaultRoles, after.Spec.DefaultRoles)); len(gone) > 0 {
		found.grants, found.priority = append(found.grants, gone...), priorityRevoke
	}
	return found
}

// except gives those of a list that another does not have.
func except[T comparable](all, others []T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool { return slices.Contains(others, one) })
}

func (w *watcher) grantsOfRoles(ctx context.Context, names []string) []access.GrantKey {
	var grants []access.GrantKey
	for _, name := range names {
		role := &v1alpha1.ScimRole{}
		if err := w.cache.Get(ctx, client.ObjectKey{Name: name}, role, client.UnsafeDisableDeepCopy); err == nil {
			grants = append(grants, w.grantsOfRole(ctx, role)...)
		}
	}
	return grants
}
