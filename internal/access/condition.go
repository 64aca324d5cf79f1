package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Condition is a compiled spec.condition of a grant. The zero value is not usable. It may be used by several goroutines at once.
type Condition struct {
	expression string
	program    cel.Program
}

// CompileCondition compiles the expression of a grant's spec.condition: CEL over the variable `user`, which has the fields of ScimUserSpec under
// their JSON names, with CEL's standard and string functions. It fails when the expression does not compile or cannot give a bool.
func CompileCondition(expression string) (Condition, error) {
	env, err := cel.NewEnv(cel.Variable("user", cel.MapType(cel.StringType, cel.DynType)), ext.Strings())
	if err != nil {
		return Condition{}, fmt.Errorf("preparing CEL: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return Condition{}, fmt.Errorf("the condition does not compile: %w", issues.Err())
	}
	if out := ast.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return Condition{}, fmt.Errorf("the condition gives %s, want a bool", out)
	}
	program, err := env.Program(ast, cel.CostLimit(usernameCostLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return Condition{}, fmt.Errorf("the condition cannot be run: %w", err)
	}
	return Condition{expression: expression, program: program}, nil
}

// The reasons why a condition says nothing about a user. They are shown, so they repeat nothing of the user's data.
var (
	errNotBool   = errors.New("the condition gives neither true nor false for this user")
	errCondition = errors.New("the condition fails for this user")
)

// Of says whether the condition holds for a user, whose field active is there even if the identity provider never sent it. It fails, for
// example, when the condition reads a field that the user does not have, or costs too much.
func (c Condition) Of(user *v1alpha1.ScimUserSpec) (bool, error) {
	fields, err := Fields(user)
	if err != nil {
		return false, err
	}
	value, _, err := c.program.Eval(map[string]any{"user": fields})
	if err != nil {
		return false, c.explain(err)
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, errNotBool
	}
	return holds, nil
}

// Fields are what an expression sees as `user`: the fields under their JSON names, and active even if the identity provider never sent it.
func Fields(user *v1alpha1.ScimUserSpec) (map[string]any, error) {
	if user == nil {
		user = &v1alpha1.ScimUserSpec{}
	}
	fields, err := asMap(user)
	if err != nil {
		return nil, err
	}
	fields["active"] = user.Active == nil || *user.Active
	return fields, nil
}

// explain names the field that is missing if the condition itself does. What else CEL says may repeat the value of a field.
func (c Condition) explain(err error) error {
	if _, key, found := strings.Cut(err.Error(), "no such key: "); found && key != "" && strings.Contains(c.expression, key) {
		return fmt.Errorf("%w: it has no %s", errCondition, key)
	}
	return errCondition
}

// conditionOf gives the condition of a grant, nil without one, or why it cannot be used.
func conditionOf(grant Grant) (*Condition, error) {
	if grant.Spec.Condition == "" {
		return nil, nil
	}
	if grant.Condition != nil {
		return grant.Condition, nil
	}
	compiled, err := CompileCondition(grant.Spec.Condition)
	if err != nil {
		return nil, err
	}
	return &compiled, nil
}

// selectorLabel is the label of a binding for what selected its role: that of the entry in spec.roles, and, where the grant has a condition,
// a dot and a hash of that. So a person's change of the condition can be told from a push that changes whom it is true of.
func selectorLabel(selector v1alpha1.RoleSelector, condition string) string {
	if condition == "" {
		return SelectorLabel(selector)
	}
	return SelectorLabel(selector) + "." + shortHash(condition)
}

// conditionHash is what selectorLabel says of the condition; empty for none.
func conditionHash(label string) string {
	_, hash, _ := strings.Cut(label, ".")
	return hash
}
