package guard

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// SetupWithManager adds the controller of a gate to the manager that the gate was made for.
func SetupWithManager(mgr ctrl.Manager, gate *Gate) error {
	err := ctrl.NewControllerManagedBy(mgr).
		Named("guard").
		For(&v1alpha1.AccessPlan{}).
		Watches(&v1alpha1.ScimDirectory{}, handler.EnqueueRequestsFromMapFunc(gate.plansOfDirectory)).
		WatchesRawSource(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
			gate.onChange(func(name string) { queue.AddAfter(request(name), flushDelay) })
			return nil
		})).
		WatchesRawSource(source.Func(func(ctx context.Context, _ workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
			return gate.census.follow(ctx, mgr.GetCache())
		})).
		Complete(&reconciler{gate: gate})
	if err != nil {
		return fmt.Errorf("setting up the guard controller: %w", err)
	}
	return nil
}

func request(name string) ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Name: name}}
}

// plansOfDirectory are the stored plans of a directory: its guard may have changed, or another controller may have overwritten its
// conditions.
func (g *Gate) plansOfDirectory(ctx context.Context, directory client.Object) []ctrl.Request {
	var plans v1alpha1.AccessPlanList
	if err := g.cached.List(ctx, &plans, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "cannot find the plans of a directory")
	}
	var requests []ctrl.Request
	for i := range plans.Items {
		if plans.Items[i].Spec.Directory == directory.GetName() {
			requests = append(requests, request(plans.Items[i].Name))
		}
	}
	return requests
}
