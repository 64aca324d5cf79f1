package doctor

import (
	"context"
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// connections are what the AppConnections of all namespaces say of themselves. Without any there is nothing to find.
func (e *examination) connections(ctx context.Context) []Finding {
	apps, err := cli.FindApps(ctx, e.kube, client.ObjectKey{})
	if err != nil {
		return []Finding{unknown("apps", err)}
	}
	slices.SortFunc(apps, func(a, b v1alpha1.AppConnection) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	var findings []Finding
	for i := range apps {
		findings = append(findings, connectionFinding(&apps[i]))
	}
	return findings
}

func connectionFinding(app *v1alpha1.AppConnection) Finding {
	check := "app/" + app.Namespace + "/" + app.Name
	ready := apimeta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppReady)
	switch {
	case ready == nil:
		return fail(check, "it has no condition Ready", "Check that the controller runs, and its log.")
	case app.Status.ObservedGeneration < app.Generation:
		return warn(check, "its status describes an earlier spec", "Look again in a moment; if it stays, check that the controller runs.")
	case ready.Status == metav1.ConditionTrue:
		return pass(check, "%s", cli.Printable(ready.Message))
	}
	message := ready.Reason + ": " + cli.Printable(ready.Message)
	named := app.Name + " -n " + app.Namespace
	switch ready.Reason {
	case v1alpha1.ReasonSuspended:
		return warn(check, message, "Take spec.suspend back to have its accounts kept again.")
	case v1alpha1.ReasonSyncing:
		return warn(check, message, "Look again in a moment; `kubectl scim accounts "+named+"` shows how far it is.")
	case v1alpha1.ReasonRemovalsHeld:
		return warn(check, message, "`kubectl scim accounts approve "+named+"` shows who waits for a person's word, and asks for it.")
	case v1alpha1.ReasonAccountsFailed:
		return fail(check, message, "`kubectl scim accounts "+named+" --failed -o wide` says why; `kubectl scim retry "+named+"` tries them again.")
	}
	return fail(check, message, "Mend what the message names; `kubectl scim retry "+named+"` then tries again at once.")
}
