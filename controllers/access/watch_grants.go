package access

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// grantsBy finds the grants of both kinds by an index that both have.
func (w *watcher) grantsBy(ctx context.Context, index, value string) []access.GrantKey {
	return w.listGrants(ctx, client.MatchingFields{index: value})
}

// listGrants gives the keys of all grants that the options let through.
func (w *watcher) listGrants(ctx context.Context, options ...client.ListOption) []access.GrantKey {
	var keys []access.GrantKey
	w.eachGrant(ctx, func(grant client.Object) { keys = append(keys, keyOf(grant)) }, options...)
	return keys
}

// eachGrant visits the grants of both kinds that the options let through. They are the cache's, so they must not be changed.
func (w *watcher) eachGrant(ctx context.Context, visit func(client.Object), options ...client.ListOption) {
	options = append(slices.Clone(options), client.UnsafeDisableDeepCopy)
	var wide v1alpha1.ClusterAccessGrantList
	if err := w.cache.List(ctx, &wide, options...); err != nil {
		log.FromContext(ctx).Error(err, "cannot find ClusterAccessGrants")
	}
	for i := range wide.Items {
		visit(&wide.Items[i])
	}
	var narrow v1alpha1.AccessGrantList
	if err := w.cache.List(ctx, &narrow, options...); err != nil {
		log.FromContext(ctx).Error(err, "cannot find AccessGrants")
	}
	for i := range narrow.Items {
		visit(&narrow.Items[i])
	}
}

// rolesOf are the entries of spec.roles of a grant of either kind, without a copy.
func rolesOf(grant client.Object) []v1alpha1.RoleSelector {
	switch grant := grant.(type) {
	case *v1alpha1.ClusterAccessGrant:
		return grant.Spec.Roles
	case *v1alpha1.AccessGrant:
		return grant.Spec.Roles
	}
	return nil
}

// usersOf are the entries of spec.users of a grant of either kind, without a copy.
func usersOf(grant client.Object) []v1alpha1.UserSelector {
	switch grant := grant.(type) {
	case *v1alpha1.ClusterAccessGrant:
		return grant.Spec.Users
	case *v1alpha1.AccessGrant:
		return grant.Spec.Users
	}
	return nil
}

func targetOf(grant client.Object) v1alpha1.GrantTarget {
	switch grant := grant.(type) {
	case *v1alpha1.ClusterAccessGrant:
		return grant.Spec.To
	case *v1alpha1.AccessGrant:
		return grant.Spec.To
	}
	return v1alpha1.GrantTarget{}
}

// grantsSelecting finds the grants with a selector that matches the labels of a role.
func (w *watcher) grantsSelecting(ctx context.Context, role *v1alpha1.ScimRole) []access.GrantKey {
	var keys []access.GrantKey
	w.eachGrant(ctx, func(grant client.Object) {
		if slices.ContainsFunc(rolesOf(grant), func(by v1alpha1.RoleSelector) bool { return matches(by, role) }) {
			keys = append(keys, keyOf(grant))
		}
	}, client.MatchingFields{indexGrantRole: roleByLabels})
	return keys
}

// matches says whether an entry that selects by label selects a role.
func matches(by v1alpha1.RoleSelector, role *v1alpha1.ScimRole) bool {
	if by.Selector == nil || by.Directory != "" && by.Directory != role.Spec.Directory {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(by.Selector)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(role.Labels))
}

// relabelled is the effect of a change of a role's labels alone: it concerns the grants that begin or cease to select the role.
func (w *watcher) relabelled(ctx context.Context, before, after *v1alpha1.ScimRole) effect {
	was, is := w.grantsSelecting(ctx, before), w.grantsSelecting(ctx, after)
	found := effect{grants: except(is, was)}
	if gone := except(was, is); len(gone) > 0 {
		found.grants, found.priority = append(found.grants, gone...), priorityRevoke
	}
	return found
}

// namespacedRole is the effect of a Role of Kubernetes RBAC: one that comes or goes concerns the grants that give it.
func (w *watcher) namespacedRole(ctx context.Context, before, after client.Object) effect {
	if before != nil && after != nil {
		return effect{}
	}
	object, priority := after, 0
	if after == nil {
		object, priority = before, priorityRevoke
	}
	target := targetKey(v1alpha1.GrantTarget{Kind: v1alpha1.KindRole, Name: object.GetName()})
	found := effect{priority: priority}
	for _, key := range w.grantsBy(ctx, indexGrantTarget, target) {
		if key.Namespace == "" || key.Namespace == object.GetNamespace() {
			found.grants = append(found.grants, key)
		}
	}
	return found
}

// grantsWithin finds the AccessGrants of a namespace that comes or goes; its labels mean nothing to them.
func (w *watcher) grantsWithin(ctx context.Context, before, after client.Object) []access.GrantKey {
	if before != nil && after != nil && (before.GetDeletionTimestamp() == nil) == (after.GetDeletionTimestamp() == nil) {
		return nil
	}
	name := ""
	for _, object := range []client.Object{before, after} {
		if object != nil {
			name = object.GetName()
		}
	}
	var keys []access.GrantKey
	var grants v1alpha1.AccessGrantList
	if err := w.cache.List(ctx, &grants, client.InNamespace(name), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "cannot find the AccessGrants of a namespace")
	}
	for i := range grants.Items {
		keys = append(keys, keyOf(&grants.Items[i]))
	}
	return keys
}
