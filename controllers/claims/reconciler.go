// Package claims repairs what an interrupted operation of the identity store leaves behind: claims that make nothing count, users and
// roles that lack their claim, and slices that no role names. It runs on the leader. It decides nothing itself: it finds in the
// cache what looks wrong, and lets the store look at it live. At rest it makes no API call.
package claims

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// kind is the kind of object that a key is about.
type kind string

const (
	userKind  kind = "ScimUser"
	roleKind  kind = "ScimRole"
	claimKind kind = "ScimClaim"
	sliceKind kind = "ScimRoleSlice"
)

// key names one object to look at.
type key struct {
	kind kind
	name string
}

// String is how logs show the key.
func (k key) String() string { return string(k.kind) + "/" + k.name }

type reconciler struct {
	cache client.Reader
	store *store.Store
}

// Reconcile looks at one object in the cache, and has it repaired when it looks wrong there.
func (r *reconciler) Reconcile(ctx context.Context, k key) (ctrl.Result, error) {
	look, repair := r.looks(k.kind)
	wrong, wait, err := look(ctx, k.name)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("look at %s: %w", k, err)
	}
	if wait > 0 || !wrong {
		return ctrl.Result{RequeueAfter: max(wait, 0)}, nil
	}
	if wait, err = repair(ctx, k.name); err != nil {
		return ctrl.Result{}, fmt.Errorf("repair %s: %w", k, err)
	}
	return ctrl.Result{RequeueAfter: max(wait, 0)}, nil
}

// looks returns how a kind is looked at in the cache, and how it is repaired.
func (r *reconciler) looks(k kind) (look func(context.Context, string) (bool, time.Duration, error), repair func(context.Context, string) (time.Duration, error)) {
	switch k {
	case userKind:
		return func(ctx context.Context, name string) (bool, time.Duration, error) {
			return r.bearer(ctx, name, &v1alpha1.ScimUser{}, &v1alpha1.ScimUser{})
		}, r.store.RepairUser
	case roleKind:
		return func(ctx context.Context, name string) (bool, time.Duration, error) {
			return r.bearer(ctx, name, &v1alpha1.ScimRole{}, &v1alpha1.ScimRole{})
		}, r.store.RepairRole
	case claimKind:
		return r.claim, r.store.RepairClaim
	default:
		return r.slice, r.store.RepairSlice
	}
}

// bearer says whether a user or role lacks the claim of its name without another that has it, or may be the rest of a create. A
// wait means that the operation that wrote it may still be under way. obj and owner are empty objects of its kind.
func (r *reconciler) bearer(ctx context.Context, name string, obj, owner client.Object) (bool, time.Duration, error) {
	if found, err := r.get(ctx, name, obj); !found || err != nil {
		return false, 0, err
	}
	if obj.GetDeletionTimestamp() != nil {
		return false, 0, nil
	}
	if obj.GetAnnotations()[v1alpha1.AnnotationCondemned] != "" {
		return true, 0, nil
	}
	claim := &v1alpha1.ScimClaim{}
	found, err := r.get(ctx, store.ClaimNameOf(obj), claim)
	switch {
	case err != nil:
		return false, 0, err
	case !found:
		return true, r.store.Settling(obj), nil
	case store.Counts(obj, claim):
		return false, 0, nil
	}
	found, err = r.get(ctx, claim.Spec.Owner, owner)
	taken := found && store.Counts(owner, claim)
	return !taken || store.Residue(obj), r.store.Settling(obj), err
}

// claim says whether a claim makes nothing count.
func (r *reconciler) claim(ctx context.Context, name string) (bool, time.Duration, error) {
	claim := &v1alpha1.ScimClaim{}
	if found, err := r.get(ctx, name, claim); !found || err != nil {
		return false, 0, err
	}
	var owner client.Object = &v1alpha1.ScimUser{}
	if claim.Spec.Attribute == v1alpha1.ClaimDisplayName {
		owner = &v1alpha1.ScimRole{}
	}
	found, err := r.get(ctx, claim.Spec.Owner, owner)
	if err != nil || found && store.Counts(owner, claim) {
		return false, 0, err
	}
	return true, r.store.Settling(claim), nil
}

// slice says whether no role names a slice.
func (r *reconciler) slice(ctx context.Context, name string) (bool, time.Duration, error) {
	slice, role := &v1alpha1.ScimRoleSlice{}, &v1alpha1.ScimRole{}
	if found, err := r.get(ctx, name, slice); !found || err != nil {
		return false, 0, err
	}
	found, err := r.get(ctx, slice.Spec.Role, role)
	if err != nil || found && store.Names(role, name) {
		return false, 0, err
	}
	return true, r.store.Settling(slice), nil
}

// get reads from the cache into an object that belongs to the cache afterwards and must not be changed.
func (r *reconciler) get(ctx context.Context, name string, into client.Object) (bool, error) {
	err := r.cache.Get(ctx, client.ObjectKey{Name: name}, into, client.UnsafeDisableDeepCopy)
	return err == nil, client.IgnoreNotFound(err)
}
