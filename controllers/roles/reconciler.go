// Package roles keeps the status of ScimRoles: whether the role counts, how many members it has, how many of them are known, and how
// many grants name it.
package roles

import (
	"context"
	"fmt"
	"slices"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/store"
)

// Options configures the controller.
type Options struct {
	// Calm returns when no revocation is under way; nil means at once.
	Calm func(ctx context.Context)
}

type reconciler struct {
	// cached reads from informers; live reads from the API server.
	cached  client.Client
	live    client.Reader
	options Options
	echoes  echo.Echoes
}

// Reconcile brings the status of one role up to date.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if r.options.Calm != nil {
		r.options.Calm(ctx)
	}
	role := &v1alpha1.ScimRole{}
	if err := r.cached.Get(ctx, request.NamespacedName, role); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	role = echo.Newest(&r.echoes, role)
	found, err := r.gather(ctx, role)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("role %s: %w", role.Name, err)
	}
	status := desiredStatus(role, found)
	if apiequality.Semantic.DeepEqual(status, role.Status) {
		return ctrl.Result{}, nil
	}
	changed := role.DeepCopy()
	changed.Status = status
	if err := r.cached.Status().Patch(ctx, changed, client.MergeFrom(role)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("role %s: write status: %w", role.Name, err)
	}
	r.echoes.Wrote(changed)
	return ctrl.Result{}, nil
}

func (r *reconciler) gather(ctx context.Context, role *v1alpha1.ScimRole) (facts, error) {
	f := facts{}
	var claim v1alpha1.ScimClaim
	err := r.cached.Get(ctx, client.ObjectKey{Name: store.ClaimNameOf(role)}, &claim)
	if client.IgnoreNotFound(err) != nil {
		return f, fmt.Errorf("read claim: %w", err)
	}
	f.claimOwner = claim.Spec.Owner
	ids, missing, err := r.members(ctx, role)
	if err != nil {
		return f, err
	}
	if err := r.addDefaultMembers(ctx, role, ids); err != nil {
		return f, err
	}
	f.missingSlice = missing
	f.members = len(ids)
	for id := range ids {
		var user v1alpha1.ScimUser
		err := r.cached.Get(ctx, client.ObjectKey{Name: id}, &user, client.UnsafeDisableDeepCopy) // There may be 50,000.
		if apierrors.IsNotFound(err) {
			f.unresolved++
		} else if err != nil {
			return f, fmt.Errorf("read member %s: %w", id, err)
		}
	}
	if f.grants, err = r.countGrants(ctx, role); err != nil {
		return f, err
	}
	return f, nil
}

// members are the ids of all members, pushed and local, and the name of the first slice that does not exist.
func (r *reconciler) members(ctx context.Context, role *v1alpha1.ScimRole) (ids map[string]struct{}, missing string, err error) {
	ids = map[string]struct{}{}
	add := func(list []string) {
		for _, id := range list {
			ids[id] = struct{}{}
		}
	}
	add(role.Spec.Members)
	add(role.Spec.LocalMembers)
	for _, name := range role.Spec.Slices {
		var part v1alpha1.ScimRoleSlice
		err := r.cached.Get(ctx, client.ObjectKey{Name: name}, &part, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			// The role may have come before its slice.
			err = r.live.Get(ctx, client.ObjectKey{Name: name}, &part)
		}
		switch {
		case apierrors.IsNotFound(err) && missing == "":
			missing = name
		case err != nil && !apierrors.IsNotFound(err):
			return nil, "", fmt.Errorf("read slice %s: %w", name, err)
		}
		add(part.Spec.Members)
	}
	return ids, missing, nil
}

func (r *reconciler) countGrants(ctx context.Context, role *v1alpha1.ScimRole) (int, error) {
	var grants v1alpha1.ClusterAccessGrantList
	if err := r.cached.List(ctx, &grants, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("list ClusterAccessGrants: %w", err)
	}
	var narrow v1alpha1.AccessGrantList
	if err := r.cached.List(ctx, &narrow, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("list AccessGrants: %w", err)
	}
	n := 0
	for i := range grants.Items {
		if names(grants.Items[i].Spec.Roles, role) {
			n++
		}
	}
	for i := range narrow.Items {
		if names(narrow.Items[i].Spec.Roles, role) {
			n++
		}
	}
	return n, nil
}

// names says whether one of a grant's selectors names the role.
func names(selectors []v1alpha1.RoleSelector, role *v1alpha1.ScimRole) bool {
	return slices.ContainsFunc(selectors, func(selector v1alpha1.RoleSelector) bool {
		if selector.Name != "" {
			return selector.Name == role.Name
		}
		if selector.Directory != "" && selector.Directory != role.Spec.Directory {
			return false
		}
		if selector.Selector != nil {
			return selects(selector.Selector, role)
		}
		return v1alpha1.Fold(selector.DisplayName) == v1alpha1.Fold(role.Spec.DisplayName)
	})
}

// selects says whether a label selector matches a role. One without a requirement, or that cannot be used, matches none.
func selects(by *metav1.LabelSelector, role *v1alpha1.ScimRole) bool {
	selector, err := metav1.LabelSelectorAsSelector(by)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(role.Labels))
}
