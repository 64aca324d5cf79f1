// Package patch parses and applies PATCH requests (RFC 7644 section 3.5.2), in the standard's form and in those that clients are
// known to send.
package patch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// MaxOperations is the largest number of operations in one request; Okta sends up to 256.
const MaxOperations = 1000

// Kind is what an operation does.
type Kind string

// The kinds of operations.
const (
	Add     Kind = "add"
	Remove  Kind = "remove"
	Replace Kind = "replace"
)

// Op is one operation. It must not be changed.
type Op struct {
	Kind Kind
	// Path is the target; nil is the resource as a whole, and Value is then an object.
	Path *filter.Path
	// Value is as the client sent it; HasValue is false when it is absent, or null in a removal.
	Value    any
	HasValue bool

	// number is the position in the request, from 1, for errors.
	number int
}

// Parse reads a decoded PATCH body. A body that is not a PatchOp message with at least one operation is 400 invalidSyntax, more than
// MaxOperations are 413, and a path that is malformed is 400 invalidPath. The message's schemas may be absent.
func Parse(t *schema.ResourceType, body scim.Resource) ([]Op, error) {
	if schemas, _ := body.Get("schemas"); schemas != nil && !names(schemas, scim.PatchOpSchema) {
		return nil, scim.BadRequest(scim.TypeInvalidSyntax, "schemas of a PATCH request must name "+scim.PatchOpSchema+".")
	}
	operations, _ := body.Get("Operations")
	list, ok := operations.([]any)
	if !ok || len(list) == 0 {
		return nil, scim.BadRequest(scim.TypeInvalidSyntax, "Operations must be an array of at least one operation.")
	}
	if len(list) > MaxOperations {
		return nil, &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("The request has %d operations; send at most %d at a time.", len(list), MaxOperations),
		}
	}
	ops := make([]Op, 0, len(list))
	for i, e := range list {
		op, err := parseOp(t, i+1, e)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func names(schemas any, urn string) bool {
	list, _ := schemas.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok && strings.EqualFold(s, urn) {
			return true
		}
	}
	return false
}

func parseOp(t *schema.ResourceType, number int, v any) (Op, error) {
	op := Op{number: number}
	m, ok := v.(map[string]any)
	if !ok {
		return op, op.fail(scim.TypeInvalidSyntax, "it must be an object")
	}
	in := scim.Resource(m)
	word, _ := in.Get("op")
	text, _ := word.(string)
	switch op.Kind = Kind(strings.ToLower(text)); op.Kind {
	case Add, Remove, Replace:
	default:
		return op, op.fail(scim.TypeInvalidSyntax, "op must be add, remove or replace")
	}
	op.Value, op.HasValue = in.Get("value")
	if op.Value == nil && op.Kind == Remove {
		op.HasValue = false
	}
	if !op.HasValue && op.Kind != Remove {
		return op, op.fail(scim.TypeInvalidValue, "it lacks a value")
	}
	return op, op.parsePath(t, in)
}

func (op *Op) parsePath(t *schema.ResourceType, in scim.Resource) error {
	v, _ := in.Get("path")
	text, ok := v.(string)
	if v != nil && !ok {
		return op.fail(scim.TypeInvalidPath, "path must be a string")
	}
	// The core schema's URN alone is the resource itself.
	if text = strings.TrimSpace(text); text == "" || t.IsCore(text) {
		return op.pathless()
	}
	path, err := filter.ParsePath(t, text)
	if err != nil {
		return op.wrap(err)
	}
	op.Path = &path
	return nil
}

func (op *Op) pathless() error {
	if op.Kind == Remove {
		return op.fail(scim.TypeNoTarget, "a removal needs a path")
	}
	if _, ok := op.Value.(map[string]any); !ok {
		return op.fail(scim.TypeInvalidValue, "without a path the value must be an object of attributes")
	}
	return nil
}

func (op *Op) fail(t scim.ErrorType, text string) error {
	return scim.BadRequest(t, fmt.Sprintf("Operation %d: %s.", op.number, text))
}

// wrap says in which operation the fault is, and keeps the rest of the error.
func (op *Op) wrap(err error) error {
	var e *scim.Error
	if !errors.As(err, &e) {
		return err
	}
	wrapped := *e
	wrapped.Detail = fmt.Sprintf("Operation %d: %s", op.number, e.Detail)
	return &wrapped
}
