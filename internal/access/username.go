package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// DefaultUsername is the expression of a directory that has none, and of local users.
const DefaultUsername = "user.userName"

// usernameCostLimit bounds what one evaluation may do, in CEL's own units (about one per step). A prefix, a replacement or a search in
// the e-mail addresses takes less than a thousand.
const usernameCostLimit = 100_000

// prefixed is the form that nearly every directory has. It needs no CEL, which matters for a role of 20,000 members.
var prefixed = regexp.MustCompile(`^\s*(?:"([^"\\]*)"\s*\+\s*|'([^'\\]*)'\s*\+\s*)?user\.userName\s*$`)

// Username is a compiled expression that gives a user's Kubernetes user name. The zero value is not usable. It may be used by several
// goroutines at once.
type Username struct {
	prefix  string
	program cel.Program
	// required is what every name must begin with; empty for nothing.
	required string
}

// CompileUsername compiles the expression of ScimDirectory spec.identity.username: CEL over the variable `user`, which has the fields
// of ScimUserSpec under their JSON names, with CEL's standard and string functions. An empty expression stands for DefaultUsername.
// It fails when the expression does not compile or cannot give a string.
func CompileUsername(expression string) (Username, error) {
	if expression == "" {
		expression = DefaultUsername
	}
	if match := prefixed.FindStringSubmatch(expression); match != nil {
		return Username{prefix: match[1] + match[2]}, nil
	}
	env, err := cel.NewEnv(cel.Variable("user", cel.MapType(cel.StringType, cel.DynType)), ext.Strings())
	if err != nil {
		return Username{}, fmt.Errorf("preparing CEL: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return Username{}, fmt.Errorf("the username expression does not compile: %w", issues.Err())
	}
	if out := ast.OutputType(); !out.IsExactType(cel.StringType) && !out.IsExactType(cel.DynType) {
		return Username{}, fmt.Errorf("the username expression gives %s, want a string", out)
	}
	program, err := env.Program(ast, cel.CostLimit(usernameCostLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return Username{}, fmt.Errorf("the username expression cannot be run: %w", err)
	}
	return Username{program: program}, nil
}

// Prefix says that a name is this text and the userName after it; ok is false when the expression is of another form, and nothing is known.
func (u Username) Prefix() (prefix string, ok bool) { return u.prefix, u.program == nil }

// Requiring gives an expression that fails for a user whose name it would not begin with the prefix, which the installer chose so that
// nobody of an identity provider bears a name that another authenticator gives out. An empty prefix requires nothing.
func (u Username) Requiring(prefix string) Username {
	u.required = prefix
	return u
}

// errNotString is the same for every user, so that it can be shown in a condition.
var errNotString = errors.New("the username expression gives no string for this user")

// Of gives the Kubernetes user name of a user. The name is not checked: SubjectName does that. It fails when the expression fails for
// this user, for example because it reads an attribute that the user does not have, or when the name lacks the prefix that is
// required; the error does not repeat the user's data.
func (u Username) Of(user *v1alpha1.ScimUserSpec) (string, error) {
	name, err := u.evaluate(user)
	if err == nil && !strings.HasPrefix(name, u.required) {
		return "", fmt.Errorf("the Kubernetes user name does not begin with %q, which the installer requires of all (access.requiredSubjectPrefix)", u.required)
	}
	return name, err
}

func (u Username) evaluate(user *v1alpha1.ScimUserSpec) (string, error) {
	if u.program == nil {
		return u.prefix + user.UserName, nil
	}
	fields, err := asMap(user)
	if err != nil {
		return "", err
	}
	value, _, err := u.program.Eval(map[string]any{"user": fields})
	if err != nil {
		return "", fmt.Errorf("the username expression fails for this user: %w", err)
	}
	name, ok := value.Value().(string)
	if !ok {
		return "", errNotString
	}
	return name, nil
}

func asMap(user *v1alpha1.ScimUserSpec) (map[string]any, error) {
	raw, err := json.Marshal(user)
	if err != nil {
		return nil, fmt.Errorf("the user cannot be turned into JSON: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("the user cannot be read back from JSON: %w", err)
	}
	return fields, nil
}
