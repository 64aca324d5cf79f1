package claims

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// workers is the number of objects that are repaired at once. After all claims of a large cluster were lost, each user costs
// about five requests; more workers would crowd out the people whom it is done for.
const workers = 4

type queue = workqueue.TypedRateLimitingInterface[key]

// SetupWithManager starts the controller with the manager. The indexes of store.SetupIndexes must be registered.
func SetupWithManager(mgr ctrl.Manager) error {
	live, err := client.New(mgr.GetConfig(), client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return fmt.Errorf("make a client that reads live: %w", err)
	}
	repairs, err := store.New(store.Config{Client: live, Cache: mgr.GetCache(), Log: mgr.GetLogger().WithName("claims")})
	if err != nil {
		return err
	}
	return SetupWithStore(mgr, repairs)
}

// SetupWithStore is SetupWithManager with a store of the caller's, whose cache must be that of the manager.
func SetupWithStore(mgr ctrl.Manager, repairs *store.Store) error {
	r := &reconciler{cache: mgr.GetCache(), store: repairs}
	return builder.TypedControllerManagedBy[key](mgr).
		Named("claims").
		WithOptions(controller.TypedOptions[key]{MaxConcurrentReconciles: workers}).
		Watches(&v1alpha1.ScimUser{}, events(0, bearerKeys)).
		Watches(&v1alpha1.ScimRole{}, events(0, bearerKeys)).
		Watches(&v1alpha1.ScimRole{}, events(store.SliceSettleTime, r.unnamedKeys)).
		Watches(&v1alpha1.ScimClaim{}, events(0, r.claimKeys)).
		Watches(&v1alpha1.ScimRoleSlice{}, events(0, sliceKeys)).
		Complete(r)
}

// change is what happened to an object: before is nil when it is new, after is nil when it is gone.
type change struct{ before, after client.Object }

// any is the object as it is, or as it was.
func (c change) any() client.Object {
	if c.after != nil {
		return c.after
	}
	return c.before
}

// events turns every event into the keys of what it may have put out of order, to be looked at some time later.
func events(later time.Duration, keys func(context.Context, change) []key) handler.TypedEventHandler[client.Object, key] {
	add := func(ctx context.Context, c change, q queue) {
		for _, k := range keys(ctx, c) {
			q.AddAfter(k, later)
		}
	}
	return handler.TypedFuncs[client.Object, key]{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, change{after: e.Object}, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			add(ctx, change{before: e.ObjectOld, after: e.ObjectNew}, q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, change{before: e.Object}, q) },
	}
}

// bearerKeys are the object itself and, when it was renamed or has gone, the claim of the name that it bore.
func bearerKeys(_ context.Context, c change) []key {
	k := userKind
	if _, ok := c.any().(*v1alpha1.ScimRole); ok {
		k = roleKind
	}
	keys := []key{{k, c.any().GetName()}}
	switch {
	case c.before == nil:
	case c.after == nil || c.after.GetDeletionTimestamp() != nil || store.ClaimNameOf(c.before) != store.ClaimNameOf(c.after):
		keys = append(keys, key{claimKind, store.ClaimNameOf(c.before)})
	}
	return keys
}

// unnamedKeys are the slices that a role no longer names. Whoever wrote or deleted the role is about to delete them, so repair comes later: it would
// write to the role first, while somebody may be waiting for what the change takes away.
func (r *reconciler) unnamedKeys(ctx context.Context, c change) []key {
	if c.before == nil {
		return nil
	}
	parts := &v1alpha1.ScimRoleSliceList{}
	// The cache answers; an error means that it is stopping.
	if err := r.cache.List(ctx, parts, client.MatchingFields{store.IndexRole: c.any().GetName()}, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	after, _ := c.after.(*v1alpha1.ScimRole)
	var keys []key
	for i := range parts.Items {
		if after == nil || !store.Names(after, parts.Items[i].Name) {
			keys = append(keys, key{sliceKind, parts.Items[i].Name})
		}
	}
	return keys
}

// claimKeys are the claim and everyone who bears its name: those who may have lost it, and those who may now have it.
func (r *reconciler) claimKeys(ctx context.Context, c change) []key {
	name := c.any().GetName()
	keys := []key{{claimKind, name}}
	users, roles := &v1alpha1.ScimUserList{}, &v1alpha1.ScimRoleList{}
	bearers := client.MatchingFields{store.IndexClaim: name}
	if err := r.cache.List(ctx, users, bearers, client.UnsafeDisableDeepCopy); err == nil {
		for i := range users.Items {
			keys = append(keys, key{userKind, users.Items[i].Name})
		}
	}
	if err := r.cache.List(ctx, roles, bearers, client.UnsafeDisableDeepCopy); err == nil {
		for i := range roles.Items {
			keys = append(keys, key{roleKind, roles.Items[i].Name})
		}
	}
	return keys
}

// sliceKeys are the slice, while it exists.
func sliceKeys(_ context.Context, c change) []key {
	if c.after == nil {
		return nil
	}
	return []key{{sliceKind, c.after.GetName()}}
}
