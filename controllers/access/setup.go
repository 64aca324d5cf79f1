package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

const rbacGroup = rbacv1.GroupName

// Options are what an installer decides.
type Options struct {
	// BindableClusterRoles are the names of the ClusterRoles that grants may give. The operator's own RBAC must hold the verb bind
	// on them. There is no wildcard.
	BindableClusterRoles []string
	// BindableRoles are the names of the Roles that grants may give, in whatever namespace they are. The operator's own RBAC must
	// hold the verb bind on them, and, if there are any, read Roles.
	BindableRoles []string
	// RequiredSubjectPrefix is what the Kubernetes names of all users must begin with; empty for nothing.
	RequiredSubjectPrefix string
	// MaxConcurrentReconciles is the number of grants that are worked on at the same time; 0 means 8, so that a large grant keeps no
	// revocation of another waiting.
	MaxConcurrentReconciles int
	// Clock tells the time; nil means the real one.
	Clock clock.PassiveClock
	// Gate says which removals take effect; nil means all of them.
	Gate Gate
	// Calm tells the other controllers when no revocation is under way; nil means that only this one wants to know.
	Calm *Calm
	// Tracer makes the spans of what traced writes lead to; nil for none.
	Tracer *tracing.Tracer
}

// defaultWorkers is the number of grants that are worked on at the same time.
const defaultWorkers = 8

// CacheOptions restricts the manager's cache to the bindings that the operator wrote. Put it into cache.Options.ByObject: without it
// the controller works, and holds every binding of the cluster in memory.
func CacheOptions() map[client.Object]cache.ByObject {
	ours := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	return map[client.Object]cache.ByObject{
		&rbacv1.ClusterRoleBinding{}: {Label: ours},
		&rbacv1.RoleBinding{}:        {Label: ours},
	}
}

// SetupWithManager adds the controller and its indexes to a manager. The indexes of store.SetupIndexes must be registered.
func SetupWithManager(ctx context.Context, mgr manager.Manager, options Options) error {
	if err := addIndexes(ctx, mgr.GetFieldIndexer(), len(options.BindableRoles) > 0); err != nil {
		return err
	}
	r, err := NewReconciler(mgr, options)
	if err != nil {
		return err
	}
	counters, err := newCounters()
	if err != nil {
		return err
	}
	r.memory, r.frozen, r.counters, r.revocations = newMemory(), newFrozenGrants(), counters, newRevocations(r.clock, counters.observe)
	r.calm = cmp.Or(options.Calm, NewCalm(nil))
	r.revocations.calm = r.calm
	r.tracer, r.causes = options.Tracer, tracing.NewCauses[reconcile.Request](options.Tracer)
	w := &watcher{
		cache: mgr.GetCache(), usernames: r.usernames, memory: r.memory, frozen: r.frozen, revocations: r.revocations,
		alarm: newAlarm(r.clock), calm: r.calm, echoes: r.echoes, causes: r.causes,
	}
	controlled := builder.ControllerManagedBy(mgr).
		Named("access").
		WithOptions(controller.Options{
			MaxConcurrentReconciles: cmp.Or(options.MaxConcurrentReconciles, defaultWorkers),
		}).
		Watches(&v1alpha1.ClusterAccessGrant{}, onStart(w.hearing(w.grant))).
		Watches(&v1alpha1.AccessGrant{}, onStart(w.hearing(w.grant))).
		Watches(&v1alpha1.ScimRole{}, on(w.hearing(w.role))).
		Watches(&v1alpha1.ScimUser{}, on(w.hearing(w.user))).
		Watches(&v1alpha1.ScimClaim{}, on(w.hearing(w.claim))).
		Watches(&v1alpha1.ScimDirectory{}, on(w.hearing(w.directory))).
		WatchesMetadata(metadata("Namespace", ""), on(w.hearing(w.namespace))).
		WatchesMetadata(metadata("ClusterRole", rbacGroup), on(w.hearing(w.clusterRole))).
		Watches(&rbacv1.ClusterRoleBinding{}, onStart(w.binding)).
		Watches(&rbacv1.RoleBinding{}, onStart(w.binding)).
		WatchesRawSource(source.Func(func(_ context.Context, q queue) error {
			r.gate.OnRelease(func(grants []access.GrantKey) {
				begin := func(all []reconcile.Request) { r.revocations.begin(causeReleased, r.clock.Now(), all) }
				enqueue(q, effect{grants: grants, priority: priorityRevoke, begin: begin})
			})
			return nil
		})).
		WatchesRawSource(source.Func(func(ctx context.Context, q queue) error {
			go r.calm.run(ctx, func(grant reconcile.Request) { add(q, 0, grant) })
			return nil
		})).
		WatchesRawSource(source.Func(func(ctx context.Context, q queue) error {
			go w.alarm.run(ctx, func(grant reconcile.Request, end time.Time) {
				r.revocations.begin(causeExpired, end, []reconcile.Request{grant})
				add(q, priorityRevoke, grant)
			})
			return nil
		}))
	if len(options.BindableRoles) > 0 {
		controlled = controlled.WatchesMetadata(metadata("Role", rbacGroup), on(w.hearing(w.namespacedRole)))
	}
	if err := controlled.Complete(r); err != nil {
		return fmt.Errorf("setting up the access controller: %w", err)
	}
	return nil
}

// NewReconciler makes the reconciler without starting it. The manager must have been set up by SetupWithManager, for the indexes. It
// fails when the manager's configuration does not allow to make a client.
func NewReconciler(mgr manager.Manager, options Options) (*Reconciler, error) {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.Gate == nil {
		options.Gate = openGate{}
	}
	overwriter, err := newOverwriter(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	return &Reconciler{
		echoes:        &echo.Echoes{},
		cache:         mgr.GetCache(),
		live:          mgr.GetAPIReader(),
		writer:        mgr.GetClient(),
		overwriter:    overwriter,
		recorder:      mgr.GetEventRecorder("scim-operator-access"),
		clock:         options.Clock,
		bindable:      slices.Sorted(slices.Values(options.BindableClusterRoles)),
		bindableRoles: slices.Sorted(slices.Values(options.BindableRoles)),
		usernames:     newUsernames(options.RequiredSubjectPrefix),
		gate:          options.Gate,
	}, nil
}
