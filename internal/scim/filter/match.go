package filter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// Matches evaluates the filter on a resource under canonical names. A multi-valued attribute matches when any of its values does.
// Texts are compared with or without regard to case as the schema says, and without it where no schema names the attribute. An
// attribute without a value equals null, differs from everything else, and matches no other operator.
func (f *Filter) Matches(r scim.Resource) bool { return f.root.matches(r) }

// MatchesElement evaluates the filter in the brackets of a path on one element of the attribute.
func (f *Filter) MatchesElement(element map[string]any) bool { return f.root.matches(element) }

func (n *node) matches(in map[string]any) bool {
	switch n.kind {
	case and:
		return n.left.matches(in) && n.right.matches(in)
	case or:
		return n.left.matches(in) || n.right.matches(in)
	case not:
		return !n.left.matches(in)
	case valuePath:
		return n.matchesElements(in)
	default:
		return n.compares(in)
	}
}

func (n *node) matchesElements(in map[string]any) bool {
	list, _ := n.attr.find(in).([]any)
	for _, e := range list {
		element, ok := e.(map[string]any)
		if ok && n.left.matches(element) && (n.right == nil || n.right.matches(element)) {
			return true
		}
	}
	return false
}

func (n *node) compares(in map[string]any) bool {
	v := n.attr.find(in)
	list, ok := v.([]any)
	if !ok {
		return n.comparesOne(v)
	}
	if len(list) == 0 {
		return n.comparesOne(nil)
	}
	for _, e := range list {
		if n.comparesOne(e) {
			return true
		}
	}
	return false
}

func (n *node) comparesOne(v any) bool {
	if n.attr.sub != "" {
		m, _ := v.(map[string]any)
		v = get(m, n.attr.sub, n.attr.leaf != nil)
	}
	return n.holds(v)
}

// find returns the value of the attribute before the dot.
func (r *reference) find(in map[string]any) any {
	if r.urn != "" {
		// What a person has described only lately may be stored under other spellings.
		inner := get(in, r.urn, false)
		if r.name == "" {
			return inner
		}
		in, _ = inner.(map[string]any)
		return get(in, r.name, false)
	}
	return get(in, r.name, r.root != nil)
}

// get reads a member; one that no schema names is found without regard to case.
func get(m map[string]any, name string, canonical bool) any {
	if v, ok := m[name]; ok || canonical {
		return v
	}
	v, _ := scim.Resource(m).Get(name)
	return v
}

// holds compares one value.
func (n *node) holds(v any) bool {
	if n.op == pr {
		return present(v)
	}
	if !present(v) {
		return (n.op == eq) == (n.value.kind == nullLiteral) && (n.op == eq || n.op == ne)
	}
	if n.value.kind == nullLiteral {
		return n.op == ne
	}
	if !n.value.at.IsZero() {
		if s, ok := v.(string); ok {
			if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
				return n.op.of(at.Compare(n.value.at))
			}
		}
		return n.op == ne
	}
	switch v := v.(type) {
	case bool:
		return n.holdsBoolean(v)
	case string:
		return n.holdsText(v)
	case json.Number:
		f, err := v.Float64()
		return n.holdsNumber(f, string(v), err == nil)
	case float64:
		return n.holdsNumber(v, strconv.FormatFloat(v, 'f', -1, 64), true)
	default:
		return n.op == ne
	}
}

// present says whether a value is assigned (RFC 7644 table 3, `pr`).
func present(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	default:
		return true
	}
}

func (n *node) holdsBoolean(v bool) bool {
	if n.value.kind == booleanLiteral {
		return (v == n.value.truth) == (n.op == eq)
	}
	return n.op == ne
}

func (n *node) holdsNumber(v float64, text string, ok bool) bool {
	if n.value.kind != numberLiteral || !ok {
		return n.holdsText(text)
	}
	switch {
	case v < n.value.number:
		return n.op.of(-1)
	case v > n.value.number:
		return n.op.of(1)
	default:
		return n.op.of(0)
	}
}

func (n *node) holdsText(v string) bool {
	if n.attr.caseExact() {
		return n.op.ofTexts(v, n.value.text)
	}
	if n.op == eq || n.op == ne {
		return strings.EqualFold(v, n.value.text) == (n.op == eq)
	}
	return n.op.ofTexts(strings.ToLower(v), n.value.folded)
}

func (o operator) ofTexts(v, with string) bool {
	switch o {
	case co:
		return strings.Contains(v, with)
	case sw:
		return strings.HasPrefix(v, with)
	case ew:
		return strings.HasSuffix(v, with)
	default:
		return o.of(strings.Compare(v, with))
	}
}

// of interprets the sign of a comparison.
func (o operator) of(sign int) bool {
	switch o {
	case eq:
		return sign == 0
	case ne:
		return sign != 0
	case gt:
		return sign > 0
	case ge:
		return sign >= 0
	case lt:
		return sign < 0
	case le:
		return sign <= 0
	default:
		return false
	}
}
