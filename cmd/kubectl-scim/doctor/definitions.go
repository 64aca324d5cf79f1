package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// definitionNames are the plurals of the kinds that this version of the operator works with, each with a path of its schema that
// earlier versions lack, if there is one.
func definitionNames() map[string][]string {
	return map[string][]string{
		"accessgrants":        nil,
		"accessplans":         {"spec", "decision", "digest"},
		"appaccounts":         nil,
		"appconnections":      nil,
		"clusteraccessgrants": nil,
		"scimclaims":          nil,
		"scimdirectories":     {"status", "credentials"},
		"scimroles":           nil,
		"scimroleslices":      nil,
		"scimusers":           nil,
	}
}

const definitionsRemedy = "Install the custom resource definitions of the version that runs: `helm upgrade` does, or `kubectl apply --server-side -k config/crd`."

// definitions checks that the API server serves the kinds, in the version that the operator speaks. served says whether it does.
func (e *examination) definitions(ctx context.Context) (findings []Finding, served bool) {
	served = true
	for plural, path := range definitionNames() {
		name := plural + "." + v1alpha1.GroupName
		var definition apiextensionsv1.CustomResourceDefinition
		err := e.kube.Get(ctx, client.ObjectKey{Name: name}, &definition)
		switch {
		case apierrors.IsNotFound(err):
			served = false
			findings = append(findings, fail("crd/"+plural, "there is no CustomResourceDefinition "+name, definitionsRemedy))
		case err != nil:
			findings = append(findings, unknown("crd/"+plural, err))
		default:
			if problem := definitionProblem(&definition, path); problem != "" {
				findings = append(findings, fail("crd/"+plural, problem, definitionsRemedy))
			}
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.Check, b.Check) })
	if len(findings) == 0 {
		findings = append(findings, pass("crd", "%d kinds are served as %s", len(definitionNames()), v1alpha1.GroupVersion))
	}
	return findings, served
}

// definitionProblem says what is wrong with a definition, or nothing.
func definitionProblem(definition *apiextensionsv1.CustomResourceDefinition, path []string) string {
	established := slices.ContainsFunc(definition.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
	if !established {
		return "the API server has not established the kind"
	}
	for i := range definition.Spec.Versions {
		version := &definition.Spec.Versions[i]
		if version.Name != v1alpha1.GroupVersion.Version || !version.Served {
			continue
		}
		if version.Schema != nil && !hasProperty(version.Schema.OpenAPIV3Schema, path) {
			return fmt.Sprintf("the definition is of an older version of the operator: it lacks %s", strings.Join(path, "."))
		}
		return ""
	}
	return "version " + v1alpha1.GroupVersion.Version + " is not served"
}

func hasProperty(schema *apiextensionsv1.JSONSchemaProps, path []string) bool {
	for _, name := range path {
		if schema == nil {
			return false
		}
		next, found := schema.Properties[name]
		if !found {
			return false
		}
		schema = &next
	}
	return true
}
