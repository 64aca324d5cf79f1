// Package filter parses and evaluates the filters of RFC 7644 section 3.4.2.2 and the attribute paths of PATCH (section 3.5.2).
package filter

import (
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// Bounds on what a filter may cost, whoever sends it.
const (
	maxLength = 4096
	maxDepth  = 16
	maxTerms  = 64
)

// Filter is a filter that fits a resource type. It is immutable.
type Filter struct{ root *node }

type kind uint8

const (
	compare kind = iota
	and
	or
	not
	valuePath
)

// node is one part of a filter. A compare uses attr, op and value; not and the filter of a valuePath are in left; the comparison
// that may follow a valuePath, as Entra sends it, is in right.
type node struct {
	kind        kind
	op          operator
	left, right *node
	attr        reference
	value       literal
}

type operator uint8

const (
	eq operator = iota
	ne
	co
	sw
	ew
	gt
	ge
	lt
	le
	pr
)

func operatorOf(word string) (operator, bool) {
	if len(word) != 2 {
		return 0, false
	}
	for op, name := range [...]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"} {
		if strings.EqualFold(name, word) {
			return operator(op), true
		}
	}
	return 0, false
}

// ordering says whether the operator asks for an order.
func (o operator) ordering() bool { return o >= gt && o <= le }

// reference is an attribute as a filter names it, under canonical names where a schema has them. In the brackets of a value path
// it is a sub-attribute.
type reference struct {
	urn, name, sub string
	// root is the definition of name, leaf that of what is compared; nil where no schema names it.
	root, leaf *schema.Attribute
}

func (r *reference) caseExact() bool { return r.leaf != nil && r.leaf.CaseExact }

type literalKind uint8

const (
	textLiteral literalKind = iota
	numberLiteral
	booleanLiteral
	nullLiteral
)

// literal is the value that an attribute is compared with. The text is there in any case but null, as the client wrote it.
type literal struct {
	kind   literalKind
	text   string
	folded string
	number float64
	truth  bool
	at     time.Time
}

// EqualTo recognises the one comparison that an index can answer: a filter that is a single `eq` of a single-valued core attribute
// with a text. The name is canonical, the value as the client sent it.
func (f *Filter) EqualTo() (attribute, value string, ok bool) {
	if !f.root.indexable() {
		return "", "", false
	}
	return f.root.attr.name, f.root.value.text, true
}

// Requires finds the text that the core attribute equals in whatever the filter matches: that of the comparison that EqualTo
// recognises, which here may be joined with others by `and`. The attribute is a canonical name.
func (f *Filter) Requires(attribute string) (value string, ok bool) {
	return f.root.requires(attribute)
}

func (n *node) requires(attribute string) (value string, ok bool) {
	if n.kind == and {
		if value, ok = n.left.requires(attribute); ok {
			return value, true
		}
		return n.right.requires(attribute)
	}
	if !n.indexable() || n.attr.name != attribute {
		return "", false
	}
	return n.value.text, true
}

// indexable says whether the node is an `eq` of a single-valued core attribute with a text.
func (n *node) indexable() bool {
	if n.kind != compare || n.op != eq || n.attr.urn != "" || n.attr.sub != "" || n.attr.root == nil || n.attr.root.MultiValued {
		return false
	}
	return (n.value.kind == textLiteral || n.value.kind == numberLiteral) && n.attr.root.Type != schema.Boolean
}

// References says whether the filter asks for the core attribute, so that what is costly to read (groups, members) is read only then.
func (f *Filter) References(attribute string) bool { return f.root.references(attribute) }

func (n *node) references(attribute string) bool {
	switch {
	case n == nil:
		return false
	case n.kind == compare || n.kind == valuePath:
		return n.attr.urn == "" && strings.EqualFold(n.attr.name, attribute)
	default:
		return n.left.references(attribute) || n.right.references(attribute)
	}
}

// EachAttribute names the attributes that the filter looks at, some of them perhaps more than once: the URN of the extension, which is
// empty for the core, and the name, which is empty for the extension as a whole. What else a resource has does not matter.
func (f *Filter) EachAttribute(visit func(urn, name string)) { f.root.eachAttribute(visit) }

func (n *node) eachAttribute(visit func(urn, name string)) {
	switch {
	case n == nil:
	case n.kind == compare || n.kind == valuePath:
		visit(n.attr.urn, n.attr.name)
	default:
		n.left.eachAttribute(visit)
		n.right.eachAttribute(visit)
	}
}

// AnyOf recognises a filter that is one `eq` of the attribute, or several joined by `or`, and returns their values in order.
func (f *Filter) AnyOf(attribute string) ([]string, bool) { return f.root.anyOf(attribute, nil) }

func (n *node) anyOf(attribute string, values []string) ([]string, bool) {
	if n.kind == or {
		values, ok := n.left.anyOf(attribute, values)
		if !ok {
			return nil, false
		}
		return n.right.anyOf(attribute, values)
	}
	if n.kind != compare || n.op != eq || n.attr.sub != "" || !strings.EqualFold(n.attr.name, attribute) ||
		n.value.kind == nullLiteral {
		return nil, false
	}
	return append(values, n.value.text), true
}

// Equalities recognises a filter that is one `eq`, or several joined by `and`, and returns what an element has that meets it.
func (f *Filter) Equalities() (map[string]any, bool) {
	out := map[string]any{}
	return out, f.root.equalities(out)
}

func (n *node) equalities(out map[string]any) bool {
	if n.kind == and {
		return n.left.equalities(out) && n.right.equalities(out)
	}
	if n.kind != compare || n.op != eq || n.attr.sub != "" || n.value.kind == nullLiteral {
		return false
	}
	if n.value.kind == booleanLiteral {
		out[n.attr.name] = n.value.truth
	} else {
		out[n.attr.name] = n.value.text
	}
	return true
}
