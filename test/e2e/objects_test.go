package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// lists are the kinds that a push leads to.
func lists() map[string]client.ObjectList {
	return map[string]client.ObjectList{
		"ScimUser": &v1alpha1.ScimUserList{}, "ScimRole": &v1alpha1.ScimRoleList{}, "ScimRoleSlice": &v1alpha1.ScimRoleSliceList{},
		"ScimClaim": &v1alpha1.ScimClaimList{}, "ClusterAccessGrant": &v1alpha1.ClusterAccessGrantList{},
		"ClusterRoleBinding": &rbacv1.ClusterRoleBindingList{}, "RoleBinding": &rbacv1.RoleBindingList{},
	}
}

// versions are the UID and resourceVersion of every object, by kind and name.
type versions map[string]string

// kinds are those of lists.
func kinds() []schema.GroupVersionKind {
	var all []schema.GroupVersionKind
	for _, kind := range []string{"ScimUser", "ScimRole", "ScimRoleSlice", "ScimClaim", "ClusterAccessGrant"} {
		all = append(all, v1alpha1.GroupVersion.WithKind(kind))
	}
	return append(all, rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"), rbacv1.SchemeGroupVersion.WithKind("RoleBinding"))
}

// snapshot reads the version of every object live. A write that leaves no trace in it did not happen.
func (o *operator) snapshot(ctx context.Context) (versions, error) {
	all := versions{}
	for _, kind := range kinds() {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind)
		if err := o.kube.List(ctx, list); err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			object := &list.Items[i]
			all[kind.Kind+"/"+client.ObjectKeyFromObject(object).String()] = string(object.UID) + "@" + object.ResourceVersion
		}
	}
	return all, nil
}

func eachItem(list client.ObjectList, visit func(client.Object)) error {
	switch l := list.(type) {
	case *v1alpha1.ScimUserList:
		visitAll(l.Items, func(i *v1alpha1.ScimUser) { visit(i) })
	case *v1alpha1.ScimRoleList:
		visitAll(l.Items, func(i *v1alpha1.ScimRole) { visit(i) })
	case *v1alpha1.ScimRoleSliceList:
		visitAll(l.Items, func(i *v1alpha1.ScimRoleSlice) { visit(i) })
	case *v1alpha1.ScimClaimList:
		visitAll(l.Items, func(i *v1alpha1.ScimClaim) { visit(i) })
	case *v1alpha1.ClusterAccessGrantList:
		visitAll(l.Items, func(i *v1alpha1.ClusterAccessGrant) { visit(i) })
	case *rbacv1.ClusterRoleBindingList:
		visitAll(l.Items, func(i *rbacv1.ClusterRoleBinding) { visit(i) })
	case *rbacv1.RoleBindingList:
		visitAll(l.Items, func(i *rbacv1.RoleBinding) { visit(i) })
	default:
		return fmt.Errorf("unknown list %T", list)
	}
	return nil
}

func visitAll[T any](items []T, visit func(*T)) {
	for i := range items {
		visit(&items[i])
	}
}

// changes counts, by kind, what was created, updated and deleted between two snapshots.
func changes(before, after versions) map[string]int {
	counts := map[string]int{}
	for key, version := range after {
		kind, _, _ := strings.Cut(key, "/")
		old, existed := before[key]
		oldUID, _, _ := strings.Cut(old, "@")
		newUID, _, _ := strings.Cut(version, "@")
		switch {
		case !existed:
			counts[kind+" created"]++
		case oldUID != newUID:
			counts[kind+" recreated"]++
		case old != version:
			counts[kind+" updated"]++
		}
	}
	for key := range before {
		if _, exists := after[key]; !exists {
			kind, _, _ := strings.Cut(key, "/")
			counts[kind+" deleted"]++
		}
	}
	return counts
}

// changedKeys names what differs between two snapshots, for messages.
func changedKeys(before, after versions) []string {
	var keys []string
	for key := range maps.Keys(after) {
		if before[key] != after[key] {
			keys = append(keys, key)
		}
	}
	for key := range before {
		if _, exists := after[key]; !exists {
			keys = append(keys, key+" (deleted)")
		}
	}
	slices.Sort(keys)
	return keys
}

// atRest waits until the controllers have caught up: repair has cleared what earlier renames left, every status describes the present
// spec, and nothing changed between many reads in a row. It returns the last snapshot.
func (o *operator) atRest(t *testing.T) versions {
	t.Helper()
	o.assertNoResidue(t)
	// Controllers gather for up to five seconds before they count; the reads, a tenth of a second apart, must outlast that.
	const reads = 70
	var last versions
	same := 0
	eventually(t, "the controllers come to rest", func(ctx context.Context) error {
		now, err := o.snapshot(ctx)
		if err != nil {
			return err
		}
		if !maps.Equal(last, now) {
			keys := changedKeys(last, now)
			last, same = now, 0
			return fmt.Errorf("still changing: %d objects, such as %v", len(keys), keys[:min(3, len(keys))])
		}
		if same++; same < reads {
			return fmt.Errorf("unchanged for %d reads of %d", same, reads)
		}
		return o.observed(ctx)
	})
	return last
}

// observed says whether every status describes the present spec.
func (o *operator) observed(ctx context.Context) error {
	users, roles, grants := &v1alpha1.ScimUserList{}, &v1alpha1.ScimRoleList{}, &v1alpha1.ClusterAccessGrantList{}
	if err := errors.Join(o.kube.List(ctx, users), o.kube.List(ctx, roles), o.kube.List(ctx, grants)); err != nil {
		return err
	}
	for _, user := range users.Items {
		if user.Status.ObservedGeneration != user.Generation {
			return fmt.Errorf("status of ScimUser %s is of generation %d, not %d", user.Name, user.Status.ObservedGeneration, user.Generation)
		}
	}
	for _, role := range roles.Items {
		if role.Status.ObservedGeneration != role.Generation {
			return fmt.Errorf("status of ScimRole %s is of generation %d, not %d", role.Name, role.Status.ObservedGeneration, role.Generation)
		}
	}
	for _, grant := range grants.Items {
		if grant.Status.ObservedGeneration != grant.Generation {
			return fmt.Errorf("status of ClusterAccessGrant %s is of generation %d, not %d", grant.Name, grant.Status.ObservedGeneration, grant.Generation)
		}
	}
	return nil
}

// grant gives a group a ClusterRole in the whole cluster, and takes it back when the test ends.
func (o *operator) grant(t *testing.T, name, displayName, clusterRole string) {
	t.Helper()
	grant := &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{DisplayName: displayName}},
			To:    v1alpha1.GrantTarget{Name: clusterRole},
			Scope: v1alpha1.ScopeCluster,
		},
	}
	check(t, "create the grant", o.kube.Create(t.Context(), grant))
	t.Cleanup(func() { _ = o.kube.Delete(context.WithoutCancel(t.Context()), grant) })
}

// may waits until the API server itself says whether a user may read pods.
func (o *operator) may(t *testing.T, user string, want bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s may read pods: %t", user, want), func(ctx context.Context) error {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               user,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "default", Verb: "get", Resource: "pods"},
		}}
		if err := o.kube.Create(ctx, review); err != nil {
			return err
		}
		if review.Status.Allowed != want {
			return fmt.Errorf("the API server says %t: %s", review.Status.Allowed, review.Status.Reason)
		}
		return nil
	})
}
