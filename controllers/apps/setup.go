package apps

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// Indexes of AppAccounts.
const (
	indexApp = "apps.app"
	// IndexUser finds AppAccounts by spec.user.
	IndexUser = "apps.user"
)

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// SetupIndexes registers on a cache how AppAccounts are found, once.
func SetupIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for index, of := range map[string]func(*v1alpha1.AppAccount) string{
		indexApp:  func(a *v1alpha1.AppAccount) string { return a.Spec.App },
		IndexUser: func(a *v1alpha1.AppAccount) string { return a.Spec.User },
	} {
		err := indexer.IndexField(ctx, &v1alpha1.AppAccount{}, index, func(o client.Object) []string { return []string{of(o.(*v1alpha1.AppAccount))} })
		if err != nil {
			return err
		}
	}
	return nil
}

// SetupWithManager adds the controller to a manager. The indexes of this package, of store.SetupIndexes and of memberships.SetupIndex must be
// registered.
func SetupWithManager(mgr ctrl.Manager, options Options) error {
	if options.Now == nil {
		options.Now = time.Now
	}
	counted, err := newMetrics()
	if err != nil {
		return err
	}
	h := &engines{
		options: options, client: mgr.GetClient(), cache: mgr.GetCache(), live: mgr.GetAPIReader(), log: mgr.GetLogger().WithName("apps"),
		reports: make(chan event.TypedGenericEvent[*v1alpha1.AppConnection], 1024), metrics: counted,
		running: map[client.ObjectKey]*engine{}, begun: make(chan struct{}),
	}
	if err := mgr.Add(h); err != nil {
		return err
	}
	connections := source.Channel(h.reports, handler.TypedFuncs[*v1alpha1.AppConnection, ctrl.Request]{
		GenericFunc: func(_ context.Context, e event.TypedGenericEvent[*v1alpha1.AppConnection], q queue) {
			q.AddAfter(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)}, quiet)
		},
	})
	r := &reconciler{engines: h}
	annotated := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, r.echoes.Predicate()))
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("apps").
		For(&v1alpha1.AppConnection{}, annotated).
		WatchesRawSource(connections).
		Watches(&v1alpha1.AppAccount{}, h.accountEvents()).
		Watches(&v1alpha1.ScimUser{}, h.userEvents()).
		Watches(&v1alpha1.ScimRole{}, h.roleEvents()).
		Watches(&v1alpha1.ScimRoleSlice{}, h.sliceEvents()).
		Watches(&v1alpha1.ScimClaim{}, h.claimEvents(), changed).
		Watches(&v1alpha1.ScimDirectory{}, h.directoryEvents(), changed).
		Complete(r)
}

// accountEvents concern the engine, and the numbers in the AppConnection's status.
func (h *engines) accountEvents() handler.EventHandler {
	report := func(before *v1alpha1.AppAccount, o client.Object, gone bool, q queue) {
		account := o.(*v1alpha1.AppAccount)
		h.accountChanged(before, account, gone)
		q.AddAfter(ctrl.Request{NamespacedName: client.ObjectKey{Namespace: account.Namespace, Name: account.Spec.App}}, quiet)
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { report(nil, e.Object, false, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			report(e.ObjectOld.(*v1alpha1.AppAccount), e.ObjectNew, false, q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { report(nil, e.Object, true, q) },
	}
}

// created is the cause of an object that was created. What is there when this process starts was caused before its time.
func created(ctx context.Context, e event.CreateEvent) tracing.Cause {
	if e.IsInInitialList {
		return untraced
	}
	return tracing.CauseOf(ctx, nil, e.Object)
}

func (h *engines) userEvents() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, _ queue) {
			h.userChanged(created(ctx, e), nil, e.Object.(*v1alpha1.ScimUser))
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, _ queue) {
			h.userChanged(tracing.CauseOf(ctx, e.ObjectOld, e.ObjectNew), e.ObjectOld.(*v1alpha1.ScimUser), e.ObjectNew.(*v1alpha1.ScimUser))
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) {
			h.everywhere(untraced, true, e.Object.GetName())
		},
	}
}

func (h *engines) roleEvents() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, _ queue) {
			h.roleChanged(ctx, created(ctx, e), nil, e.Object.(*v1alpha1.ScimRole))
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, _ queue) {
			h.roleChanged(ctx, tracing.CauseOf(ctx, e.ObjectOld, e.ObjectNew), e.ObjectOld.(*v1alpha1.ScimRole), e.ObjectNew.(*v1alpha1.ScimRole))
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, _ queue) {
			h.roleChanged(ctx, untraced, e.Object.(*v1alpha1.ScimRole), nil)
		},
	}
}

// sliceEvents: a slice that comes late tells of its members, and one that goes, of those who are in no other.
func (h *engines) sliceEvents() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) {
			h.everywhere(untraced, false, e.Object.(*v1alpha1.ScimRoleSlice).Spec.Members...)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, _ queue) {
			h.sliceGone(ctx, e.Object.(*v1alpha1.ScimRoleSlice))
		},
	}
}

func (h *engines) claimEvents() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, _ queue) {
			h.claimChanged(ctx, created(ctx, e), e.Object.(*v1alpha1.ScimClaim))
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, _ queue) {
			h.claimChanged(ctx, tracing.CauseOf(ctx, e.ObjectOld, e.ObjectNew), e.ObjectNew.(*v1alpha1.ScimClaim))
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, _ queue) {
			h.claimChanged(ctx, untraced, e.Object.(*v1alpha1.ScimClaim))
		},
	}
}

func (h *engines) directoryEvents() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, _ queue) {
			h.directoryChanged(ctx, e.Object.(*v1alpha1.ScimDirectory))
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, _ queue) {
			h.directoryChanged(ctx, e.ObjectNew.(*v1alpha1.ScimDirectory))
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, _ queue) {
			h.directoryChanged(ctx, e.Object.(*v1alpha1.ScimDirectory))
		},
	}
}
