package doctor

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// controllerName is the name of the controller's Deployment and account.
const controllerName = "scim-operator-controller"

// place is where the operator runs, and what the installer lets it bind.
type place struct {
	namespace               string
	bindable, bindableRoles []string
}

// place finds the controller's Deployment in the namespace that is known, or in any other. Without one, the operator may run outside
// of the cluster, and the namespace is as it was given.
func (e *examination) place(ctx context.Context) (place, error) {
	found := place{namespace: e.namespace}
	var deployments appsv1.DeploymentList
	labels := client.MatchingLabels{labelName: operatorName, "app.kubernetes.io/component": "controller"}
	if err := e.kube.List(ctx, &deployments, labels); err != nil {
		return found, fmt.Errorf("finding the Deployment of the controller: %w", err)
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		if len(deployments.Items) > 1 && d.Namespace != e.namespace {
			continue
		}
		found.namespace = d.Namespace
		for _, container := range d.Spec.Template.Spec.Containers {
			found.bindable = append(found.bindable, namesIn(container.Args, "--bindable-cluster-roles=")...)
			found.bindableRoles = append(found.bindableRoles, namesIn(container.Args, "--bindable-roles=")...)
		}
	}
	return found, nil
}

// namesIn reads a flag that is a list of names.
func namesIn(args []string, flag string) []string {
	var names []string
	for _, arg := range args {
		if list, ok := strings.CutPrefix(arg, flag); ok && list != "" {
			names = append(names, strings.Split(list, ",")...)
		}
	}
	return names
}
