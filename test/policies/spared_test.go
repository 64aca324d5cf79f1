package policies

import (
	"slices"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"pgregory.net/rapid"
)

// expressions are those of the policy for bindings, compiled, for one choice of an installer.
type expressions struct {
	condition   cel.Program
	variables   []named
	validations []named
}

type named struct {
	name    string
	program cel.Program
}

// TestSparedBindingsAreInOrder: the match condition of the policy for bindings spares no request of the operator's that one of its validations
// refuses, and it spares everybody else's. The API server evaluates both in its own tests; here it is many requests.
func TestSparedBindingsAreInOrder(t *testing.T) {
	spared, refused := 0, 0
	for _, installer := range []map[string]string{
		nil,
		{"requiredSubjectPrefix": `"okta:"`},
		{"requiredSubjectPrefix": `"scim-"`, "bindableRoles": `["deployer"]`},
		{"bindableClusterRoles": `[]`, "bindableRoles": `["view"]`},
	} {
		compiled := compile(t, installer)
		rapid.Check(t, func(t *rapid.T) {
			for range 20 {
				matched, message := compiled.try(t, admission(t))
				if message != "" {
					refused++
				}
				if !matched {
					spared++
				}
			}
		})
	}
	if spared == 0 || refused == 0 {
		t.Errorf("%d requests were spared and %d refused, want some of each", spared, refused)
	}
}

// try says whether the policy looks at a request at all, and what a validation would say of one of the operator's; empty for nothing.
func (e expressions) try(t *rapid.T, input map[string]any) (matched bool, message string) {
	matched = isTrue(t, "the match condition", e.condition, input)
	if input["request"].(map[string]any)["userInfo"].(map[string]any)["username"] == "kubernetes-admin" {
		if matched {
			t.Fatalf("the policy is about somebody else")
		}
		return false, ""
	}
	if message = e.refusal(t, input); message != "" && !matched {
		t.Fatalf("spared is what a validation refuses: %s", message)
	}
	return matched, message
}

// compile prepares the policy as an installer may choose it. It knows what the API server's own environment has and this policy uses.
func compile(t *testing.T, installer map[string]string) expressions {
	t.Helper()
	all := policies(t)
	policy := all[slices.IndexFunc(all, func(p admissionv1.ValidatingAdmissionPolicy) bool { return p.Name == bindingsPolicy })]
	for i, variable := range policy.Spec.Variables {
		if expression, ok := installer[variable.Name]; ok {
			choose(t, &policy, i, expression)
		}
	}
	env, err := cel.NewEnv(cel.Variable("request", cel.DynType), cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType),
		cel.Variable("variables", cel.DynType), ext.Strings(), cel.OptionalTypes(), cel.HomogeneousAggregateLiterals())
	if err != nil {
		t.Fatal(err)
	}
	program := func(name, expression string) named {
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			t.Fatalf("%s: %v", name, issues.Err())
		}
		compiled, err := env.Program(ast)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return named{name, compiled}
	}
	compiled := expressions{condition: program("match condition", policy.Spec.MatchConditions[0].Expression).program}
	for _, variable := range policy.Spec.Variables {
		compiled.variables = append(compiled.variables, program(variable.Name, variable.Expression))
	}
	for _, validation := range policy.Spec.Validations {
		compiled.validations = append(compiled.validations, program(validation.Message, validation.Expression))
	}
	return compiled
}

// refusal is the message of the first validation that does not hold; empty for none.
func (e expressions) refusal(t *rapid.T, input map[string]any) string {
	variables := map[string]any{}
	input["variables"] = variables
	for _, variable := range e.variables {
		value, _, err := variable.program.Eval(input)
		if err != nil {
			t.Fatalf("variable %s: %v", variable.name, err)
		}
		variables[variable.name] = value
	}
	for _, validation := range e.validations {
		if !isTrue(t, validation.name, validation.program, input) {
			return validation.name
		}
	}
	return ""
}

func isTrue(t *rapid.T, name string, program cel.Program, input map[string]any) bool {
	value, _, err := program.Eval(input)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value.Value() == true
}

// usually draws one of some values, four times in five the first.
func usually(t *rapid.T, label string, values ...string) string {
	if rapid.IntRange(0, 4).Draw(t, label+"?") > 0 {
		return values[0]
	}
	return rapid.SampledFrom(values).Draw(t, label)
}

// admission is a request for a binding as the API server gives it to a policy. Most of it is as it should be, so that one thing alone is wrong now
// and then.
func admission(t *rapid.T) map[string]any {
	const part = "system:serviceaccount:scim-operator-system:scim-operator-"
	operation := usually(t, "operation", "UPDATE", "CREATE", "DELETE")
	input := map[string]any{
		"request": map[string]any{
			"operation": operation, "name": usually(t, "name", "b", "system:b"),
			"userInfo": map[string]any{"username": usually(t, "user", part+"controller", part+"server", "kubernetes-admin")},
		},
		"object": nil, "oldObject": nil,
	}
	role := map[string]any{
		"kind": usually(t, "role kind", "ClusterRole", "Role"), "name": usually(t, "role", "view", "edit", "deployer", "cluster-admin"),
	}
	if operation != "DELETE" {
		input["object"] = aBinding(t, role)
	}
	if operation != "CREATE" {
		input["oldObject"] = aBinding(t, role)
	}
	return input
}

func aBinding(t *rapid.T, role map[string]any) map[string]any {
	labels := map[string]any{}
	if by := usually(t, "managed by", "scim-operator", "helm", ""); by != "" {
		labels["app.kubernetes.io/managed-by"] = by
	}
	if usually(t, "bootstrapping", "no", "yes") == "yes" {
		labels["kubernetes.io/bootstrapping"] = "rbac-defaults"
	}
	metadata := map[string]any{"name": "b"}
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	if usually(t, "owner", "none", "grant") == "grant" {
		metadata["ownerReferences"] = []any{map[string]any{
			"apiVersion": "scim-operator.io/v1alpha1", "kind": "ClusterAccessGrant", "name": "g", "uid": "u", "controller": true,
		}}
	}
	binding := map[string]any{"metadata": metadata, "roleRef": role}
	var subjects []any
	for range rapid.IntRange(0, 2).Draw(t, "subjects") {
		subject := map[string]any{
			"kind": usually(t, "kind", "User", "Group", "ServiceAccount", "ServiceAccount"),
			"name": usually(t, "subject", "okta:ada", "ada", "scim-ada", "scim-operator-controller", "scim-operator-server", "builder", "system:masters"),
		}
		if subject["kind"] == "ServiceAccount" {
			subject["namespace"] = usually(t, "namespace", "scim-operator-system", "team-0")
		}
		subjects = append(subjects, subject)
	}
	if subjects != nil {
		binding["subjects"] = subjects
	}
	return binding
}
