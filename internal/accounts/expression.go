package accounts

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"

	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// costLimit bounds what one evaluation may do, in CEL's own units (about one per step).
const costLimit = 100_000

// maxText is the longest text, in bytes, that an expression may give.
const maxText = 4096

// The errors of expressions are shown in conditions, so they repeat nothing of the person's data.
var (
	errFails   = errors.New("the expression fails for this person")
	errNotText = errors.New("the expression gives neither a text nor a list of texts for this person")
	errTooLong = fmt.Errorf("the expression gives more than %d bytes for this person", maxText)
	errNotBool = errors.New("the expression gives neither true nor false")
)

// expression is a compiled CEL expression.
type expression struct {
	program cel.Program
}

func compile(what, text string, variables ...cel.EnvOption) (expression, error) {
	env, err := cel.NewEnv(append(variables, cel.Variable("user", cel.MapType(cel.StringType, cel.DynType)), ext.Strings())...)
	if err != nil {
		return expression{}, fmt.Errorf("preparing CEL: %w", err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return expression{}, fmt.Errorf("%s does not compile: %w", what, issues.Err())
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return expression{}, fmt.Errorf("%s cannot be run: %w", what, err)
	}
	return expression{program: program}, nil
}

// compileText compiles an expression over `user`, `roles` and `aliases`.
func compileText(what, text string) (expression, error) {
	return compile(what, text,
		cel.Variable("roles", cel.ListType(cel.StringType)),
		cel.Variable("aliases", cel.MapType(cel.StringType, cel.ListType(cel.StringType))))
}

// compileMatch compiles an expression over `user` and `account`.
func compileMatch(what, text string) (expression, error) {
	return compile(what, text, cel.Variable("account", cel.MapType(cel.StringType, cel.DynType)))
}

// absent says that CEL failed because it read what is not there.
func absent(err error) bool {
	return strings.Contains(err.Error(), "no such key") || strings.Contains(err.Error(), "index out of bounds")
}

// texts evaluates to a list of texts without empty ones. What reads a field that the person does not have gives none, with missing set.
func (e expression) texts(variables map[string]any) (values []string, missing bool, err error) {
	value, _, err := e.program.Eval(variables)
	if err != nil {
		if absent(err) {
			return nil, true, nil
		}
		return nil, false, errFails
	}
	all, err := textsOf(value)
	if err != nil {
		return nil, false, err
	}
	for _, text := range all {
		if len(text) > maxText {
			return nil, false, errTooLong
		}
		if text != "" {
			values = append(values, text)
		}
	}
	return values, false, nil
}

func textsOf(value ref.Val) ([]string, error) {
	switch native := value.Value().(type) {
	case string:
		return []string{native}, nil
	case []ref.Val:
		return collect(native, func(v ref.Val) any { return v.Value() })
	case []string:
		return native, nil
	case []any:
		return collect(native, func(v any) any { return v })
	}
	return nil, errNotText
}

func collect[T any](list []T, value func(T) any) ([]string, error) {
	texts := make([]string, 0, len(list))
	for _, item := range list {
		text, ok := value(item).(string)
		if !ok {
			return nil, errNotText
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// holds evaluates to a bool.
func (e expression) holds(variables map[string]any) (bool, error) {
	value, _, err := e.program.Eval(variables)
	if err != nil {
		return false, errFails
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, errNotBool
	}
	return holds, nil
}

// variables are what the expressions of an account see of a person.
func variables(p Person) (map[string]any, error) {
	fields, err := access.Fields(p.Spec)
	if err != nil {
		return nil, err
	}
	roles := make([]string, 0, len(p.Roles))
	for _, role := range p.Roles {
		roles = append(roles, role.DisplayName)
	}
	return map[string]any{"user": fields, "roles": roles, "aliases": aliases(fields)}, nil
}

// aliases are the identity aliases of a person by set: the values "SET,ALIAS" of an attribute identityAliases in any extension.
func aliases(fields map[string]any) map[string][]string {
	found := map[string][]string{}
	extensions, _ := fields["extensions"].(map[string]any)
	for _, extension := range extensions {
		attributes, _ := extension.(map[string]any)
		values, _ := attributes["identityAliases"].([]any)
		for _, value := range values {
			text, _ := value.(string)
			set, alias, ok := strings.Cut(text, ",")
			if ok && strings.TrimSpace(set) != "" && strings.TrimSpace(alias) != "" {
				set = strings.TrimSpace(set)
				found[set] = append(found[set], strings.TrimSpace(alias))
			}
		}
	}
	return found
}

// accountFields are what an expression sees as `account`.
func accountFields(o connector.Observed) map[string]any {
	attributes := make(map[string]any, len(o.Attributes))
	for name, values := range o.Attributes {
		attributes[name] = values
	}
	return map[string]any{"name": o.Name, "active": o.Active, "roles": o.Roles, "attributes": attributes}
}
