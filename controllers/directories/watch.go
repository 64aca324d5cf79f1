package directories

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// countDelay gathers the events of a first sync, so that counts are written every few seconds and not once a user.
const countDelay = 5 * time.Second

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// SetupWithManager starts the controller with the manager. The indexes of store.SetupIndexes must be registered.
func SetupWithManager(mgr ctrl.Manager, options Options) error {
	r := &reconciler{
		cached: mgr.GetClient(), live: mgr.GetAPIReader(), clock: clock.RealClock{}, options: options,
		recorder: mgr.GetEventRecorder("scim-operator-directories"),
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("directories").
		For(&v1alpha1.ScimDirectory{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, r.echoes.Predicate()))).
		Watches(&v1alpha1.ScimUser{}, countLater(), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, mismatchChanged()))).
		Watches(&v1alpha1.ScimRole{}, countLater(), builder.WithPredicates(ownerChanged())).
		Watches(&v1alpha1.ScimRole{}, handler.EnqueueRequestsFromMapFunc(r.directoriesWith), builder.WithPredicates(ownerChanged())).
		Complete(r)
}

// ownerChanged passes what changes a count of roles: their creation and deletion, and that a directory lets go of one or takes one over.
func ownerChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.ScimRole), e.ObjectNew.(*v1alpha1.ScimRole)
		return before.Spec.Directory != after.Spec.Directory
	}}
}

// mismatchChanged passes a user's status when it says anew that the user can or cannot sign in.
func mismatchChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return isMismatched(e.ObjectOld.(*v1alpha1.ScimUser)) != isMismatched(e.ObjectNew.(*v1alpha1.ScimUser))
	}}
}

// directoriesWith are the directories that have a role as a default.
func (r *reconciler) directoriesWith(ctx context.Context, role client.Object) []ctrl.Request {
	var all v1alpha1.ScimDirectoryList
	// The cache answers; an error means that it is stopping.
	if err := r.cached.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []ctrl.Request
	for i := range all.Items {
		if all.Items[i].HasDefaultRole(role.GetName()) {
			requests = append(requests, ctrl.Request{NamespacedName: types.NamespacedName{Name: all.Items[i].Name}})
		}
	}
	return requests
}

func countLater() handler.EventHandler {
	add := func(o client.Object, q queue) {
		name := ""
		switch o := o.(type) {
		case *v1alpha1.ScimUser:
			name = o.Spec.Directory
		case *v1alpha1.ScimRole:
			name = o.Spec.Directory
		}
		if name != "" {
			q.AddAfter(ctrl.Request{NamespacedName: types.NamespacedName{Name: name}}, countDelay)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { add(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			add(e.ObjectOld, q)
			add(e.ObjectNew, q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { add(e.Object, q) },
	}
}
