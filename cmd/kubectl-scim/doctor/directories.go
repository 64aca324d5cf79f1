package doctor

import (
	"fmt"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// tokenWarns is how long before its end a credential is warned of, when nothing else would still be valid then.
const tokenWarns = 14 * 24 * time.Hour

// directoryFindings are what a directory's own conditions say, and what its credentials will come to.
func directoryFindings(d *v1alpha1.ScimDirectory, now time.Time) []Finding {
	check := "directory/" + d.Name
	if d.Status.ObservedGeneration == 0 {
		return []Finding{fail(check, "its status was never written", "Check that the Deployment scim-operator-controller runs, and its log.")}
	}
	findings := []Finding{readyFinding(check, d)}
	if d.Status.ObservedGeneration < d.Generation {
		findings = append(findings, warn(check, "its status describes an earlier spec", "Look again in a moment; if it stays, check that the controller runs."))
	}
	for i := range d.Status.Conditions {
		c := &d.Status.Conditions[i]
		// The other conditions speak up when something is the matter.
		if c.Type != v1alpha1.DirectoryReady && c.Status == metav1.ConditionTrue && troubles(c.Type) {
			findings = append(findings, warn(check+"/"+c.Type, c.Message, remedyFor(c.Type, d.Name)))
		}
	}
	return append(findings, tokenFinding(d, now))
}

func readyFinding(check string, d *v1alpha1.ScimDirectory) Finding {
	ready := apimeta.FindStatusCondition(d.Status.Conditions, v1alpha1.DirectoryReady)
	switch {
	case ready == nil:
		return fail(check, "it has no condition Ready", "Check that the controller runs, and its log.")
	case ready.Status == metav1.ConditionTrue:
		return pass(check, "%s", ready.Message)
	case ready.Reason == v1alpha1.ReasonSuspended:
		return warn(check, ready.Message, "`kubectl scim resume "+d.Name+"` lets the identity provider in again.")
	}
	return fail(check, ready.Reason+": "+ready.Message, "`kubectl scim directory status "+d.Name+"` and `kubectl scim token list "+d.Name+"` show more.")
}

// troubles leaves out conditions that are states and no fault: a directory into which no group was pushed yet, and suspension, of which Ready
// speaks already.
func troubles(condition string) bool {
	return condition != v1alpha1.DirectoryNoGroupsPushed && condition != v1alpha1.DirectorySuspended
}

func remedyFor(condition, directory string) string {
	switch condition {
	case "GuardTripped":
		return "`kubectl scim plan list --directory " + directory + "` shows what waits for a person's word."
	case v1alpha1.DirectoryTokenExpiring:
		return "`kubectl scim token rotate " + directory + "` makes a new token without a refused request."
	}
	return "`kubectl scim directory status " + directory + "` shows more."
}

// tokenFinding looks ahead: will a credential be valid in two weeks?
func tokenFinding(d *v1alpha1.ScimDirectory, now time.Time) Finding {
	check := "token/" + d.Name
	var valid, later int
	var ends []string
	for i := range d.Spec.Credentials {
		c := &d.Spec.Credentials[i]
		if c.ValidAt(now) {
			valid++
			if c.ExpiresAt != nil {
				ends = append(ends, c.Name+" ends on "+cli.Time(c.ExpiresAt))
			}
		}
		if c.ValidAt(now.Add(tokenWarns)) {
			later++
		}
	}
	switch {
	case valid == 0:
		return fail(check, "no credential is valid, so every request is refused with 401", "`kubectl scim token create "+d.Name+"` makes a token.")
	case later == 0:
		return warn(check, fmt.Sprintf("no credential will be valid in two weeks (%s)", strings.Join(ends, ", ")),
			"`kubectl scim token rotate "+d.Name+"` makes a new one without a refused request.")
	}
	return pass(check, "%s valid", cli.Plural(valid, "credential"))
}
