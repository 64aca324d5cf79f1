package access

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// DefaultGroupname is the expression of a directory that has none.
const DefaultGroupname = "role.displayName"

// prefixedGroup is the form that nearly every directory has, as prefixed is for users.
var prefixedGroup = regexp.MustCompile(`^\s*(?:"([^"\\]*)"\s*\+\s*|'([^'\\]*)'\s*\+\s*)?role\.displayName\s*$`)

// Groupname is a compiled expression that gives the Kubernetes group of a pushed role. The zero value is not usable. It may be used by
// several goroutines at once.
type Groupname struct {
	prefix  string
	program cel.Program
}

// CompileGroupname compiles the expression of ScimDirectory spec.identity.group: CEL over the variable `role`, which has the fields
// displayName, externalId and name, with CEL's standard and string functions. An empty expression stands for DefaultGroupname. It fails when
// the expression does not compile or cannot give a string.
func CompileGroupname(expression string) (Groupname, error) {
	if expression == "" {
		expression = DefaultGroupname
	}
	if match := prefixedGroup.FindStringSubmatch(expression); match != nil {
		return Groupname{prefix: match[1] + match[2]}, nil
	}
	env, err := cel.NewEnv(cel.Variable("role", cel.MapType(cel.StringType, cel.DynType)), ext.Strings())
	if err != nil {
		return Groupname{}, fmt.Errorf("preparing CEL: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return Groupname{}, fmt.Errorf("the group expression does not compile: %w", issues.Err())
	}
	if out := ast.OutputType(); !out.IsExactType(cel.StringType) && !out.IsExactType(cel.DynType) {
		return Groupname{}, fmt.Errorf("the group expression gives %s, want a string", out)
	}
	program, err := env.Program(ast, cel.CostLimit(usernameCostLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return Groupname{}, fmt.Errorf("the group expression cannot be run: %w", err)
	}
	return Groupname{program: program}, nil
}

// errGroupNotString is the same for every role, so that it can be shown in a condition.
var errGroupNotString = errors.New("the group expression gives no string for this role")

// Of gives the Kubernetes group of a role. The name is not checked: SubjectName does that. It fails when the expression fails for this role.
func (g Groupname) Of(role *v1alpha1.ScimRole) (string, error) {
	if g.program == nil {
		return g.prefix + role.Spec.DisplayName, nil
	}
	fields := map[string]any{"displayName": role.Spec.DisplayName, "externalId": role.Spec.ExternalID, "name": role.Name}
	value, _, err := g.program.Eval(map[string]any{"role": fields})
	if err != nil {
		return "", fmt.Errorf("the group expression fails for this role: %w", err)
	}
	name, ok := value.Value().(string)
	if !ok {
		return "", errGroupNotString
	}
	return name, nil
}
