package plan

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// heldPeople are the Kubernetes user names of everybody whose removal a plan holds.
func heldPeople(_ context.Context, _ client.Client, plan *v1alpha1.AccessPlan) ([]string, error) {
	return plan.Status.Samples, nil
}
