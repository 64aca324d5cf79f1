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
	r := &reconciler{cached: mgr.GetClient(), live: mgr.GetAPIReader(), clock: clock.RealClock{}, options: options}
	return ctrl.NewControllerManagedBy(mgr).
		Named("directories").
		For(&v1alpha1.ScimDirectory{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.ScimUser{}, countLater(), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.ScimRole{}, countLater(), builder.WithPredicates(created())).
		Complete(r)
}

// created passes what changes a count of objects: their creation and deletion.
func created() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}
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
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { add(e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { add(e.Object, q) },
	}
}
