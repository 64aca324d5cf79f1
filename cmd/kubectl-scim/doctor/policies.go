package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// labelName and operatorName mark what belongs to an installation.
	labelName    = "app.kubernetes.io/name"
	operatorName = "scim-operator"

	policiesRemedy = "Install the admission policies of the version that runs: `helm upgrade` does, or `kubectl apply -k config/default`."
)

// policyNames are the admission policies of this version.
func policyNames() []string {
	return []string{
		"scim-operator-accounts", "scim-operator-bindings", "scim-operator-cluster-grants", "scim-operator-connections",
		"scim-operator-controller-connections", "scim-operator-controller-objects", "scim-operator-deletions",
		"scim-operator-directory-managed", "scim-operator-grants", "scim-operator-internals",
		"scim-operator-marks", "scim-operator-plans", "scim-operator-server-objects", "scim-operator-server-reach",
	}
}

// policies checks that the rules which the API server itself keeps are there and in force.
func (e *examination) policies(ctx context.Context) []Finding {
	var policies admissionregistrationv1.ValidatingAdmissionPolicyList
	var bindings admissionregistrationv1.ValidatingAdmissionPolicyBindingList
	if err := e.kube.List(ctx, &policies, client.MatchingLabels{labelName: operatorName}); err != nil {
		return []Finding{unknown("admission", err)}
	}
	if err := e.kube.List(ctx, &bindings); err != nil {
		return []Finding{unknown("admission", err)}
	}
	return policyFindings(policies.Items, bindings.Items)
}

func policyFindings(policies []admissionregistrationv1.ValidatingAdmissionPolicy, bindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding) []Finding {
	var findings []Finding
	for _, name := range policyNames() {
		if !slices.ContainsFunc(policies, func(p admissionregistrationv1.ValidatingAdmissionPolicy) bool { return p.Name == name }) {
			findings = append(findings, fail("admission/"+name, "there is no such ValidatingAdmissionPolicy, so what it forbids is allowed", policiesRemedy))
		}
	}
	for i := range policies {
		if f, ok := policyFinding(&policies[i], bindings); ok {
			findings = append(findings, f)
		}
	}
	if len(findings) == 0 {
		findings = append(findings, pass("admission", "%d policies are in force", len(policies)))
	}
	return findings
}

// policyFinding says what is wrong with one policy, if anything is.
func policyFinding(policy *admissionregistrationv1.ValidatingAdmissionPolicy, bindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding) (Finding, bool) {
	check := "admission/" + policy.Name
	var actions []admissionregistrationv1.ValidationAction
	for i := range bindings {
		if bindings[i].Spec.PolicyName == policy.Name {
			actions = append(actions, bindings[i].Spec.ValidationActions...)
		}
	}
	switch {
	case len(actions) == 0:
		return fail(check, "no ValidatingAdmissionPolicyBinding puts the policy into force", policiesRemedy), true
	case !slices.Contains(actions, admissionregistrationv1.Deny) && !slices.Contains(actions, admissionregistrationv1.Warn):
		return warn(check, fmt.Sprintf("its binding only does %v: nobody is refused or warned", actions), policiesRemedy), true
	case policy.Spec.FailurePolicy != nil && *policy.Spec.FailurePolicy == admissionregistrationv1.Ignore && slices.Contains(actions, admissionregistrationv1.Deny):
		return warn(check, "its failurePolicy is Ignore: what it cannot judge is allowed", policiesRemedy), true
	case policy.Status.TypeChecking != nil && len(policy.Status.TypeChecking.ExpressionWarnings) > 0:
		var paths []string
		for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
			paths = append(paths, warning.FieldRef)
		}
		return warn(check, "the API server doubts its expressions "+strings.Join(paths, ", "),
			"The policies and the custom resource definitions are probably of different versions. "+policiesRemedy), true
	}
	return Finding{}, false
}
