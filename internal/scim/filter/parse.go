package filter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// Parse parses a filter for resources of one type. A filter that is malformed, too large (4,096 bytes, 16 levels, 64 comparisons)
// or that compares what cannot be compared is 400 invalidFilter with the position. Attributes that no schema names may be
// filtered. Besides the standard's grammar it takes what Entra sends: values of `eq` without quotes, booleans in quotes, and a
// sub-attribute after the brackets. Errors never quote a value.
func Parse(t *schema.ResourceType, text string) (*Filter, error) {
	p := parser{t: t, s: text, errorType: scim.TypeInvalidFilter, what: "filter"}
	if len(text) > maxLength {
		return nil, p.fail("it is longer than %d bytes", maxLength)
	}
	root, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.s) {
		return nil, p.fail("expected the end, or `and` or `or`")
	}
	return &Filter{root: root}, nil
}

type parser struct {
	t   *schema.ResourceType
	s   string
	pos int
	// scope is the attribute in whose brackets the parser is; scoped says that it is in brackets, also those of an attribute that no
	// schema names.
	scope        *schema.Attribute
	scoped       bool
	depth, terms int
	errorType    scim.ErrorType
	what         string
}

func (p *parser) fail(format string, args ...any) error {
	return scim.BadRequest(p.errorType, fmt.Sprintf("The %s is wrong at position %d: %s.", p.what, p.pos+1, fmt.Sprintf(format, args...)))
}

func (p *parser) space() {
	for p.pos < len(p.s) && p.s[p.pos] == ' ' {
		p.pos++
	}
}

// take reads the byte if it comes next, after spaces.
func (p *parser) take(c byte) bool {
	p.space()
	if p.pos < len(p.s) && p.s[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// word reads up to the next byte that cannot be in a word.
func (p *parser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.s) && !strings.ContainsRune(` ()[]"`, rune(p.s[p.pos])) {
		p.pos++
	}
	return p.s[start:p.pos]
}

// keyword reads the word if it comes next, in any case.
func (p *parser) keyword(want string) bool {
	start := p.pos
	if strings.EqualFold(p.word(), want) {
		return true
	}
	p.pos = start
	return false
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return p.fail("it nests deeper than %d", maxDepth)
	}
	return nil
}

func (p *parser) disjunction() (*node, error) { return p.chain("or", or, p.conjunction) }

func (p *parser) conjunction() (*node, error) { return p.chain("and", and, p.term) }

// chain parses operands joined by one keyword, from left to right.
func (p *parser) chain(word string, k kind, operand func() (*node, error)) (*node, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for p.keyword(word) {
		right, err := operand()
		if err != nil {
			return nil, err
		}
		left = &node{kind: k, left: left, right: right}
	}
	return left, nil
}

func (p *parser) term() (*node, error) {
	if p.take('(') {
		return p.group()
	}
	start := p.pos
	if p.keyword("not") {
		if p.take('(') {
			inner, err := p.group()
			if err != nil {
				return nil, err
			}
			return &node{kind: not, left: inner}, nil
		}
		p.pos = start
	}
	return p.expression()
}

// group parses what is between parentheses, of which the first is already read.
func (p *parser) group() (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	inner, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if !p.take(')') {
		return nil, p.fail("expected `)`, `and` or `or`")
	}
	p.depth--
	return inner, nil
}

// expression parses one comparison, or a value path.
func (p *parser) expression() (*node, error) {
	if p.terms++; p.terms > maxTerms {
		return nil, p.fail("it has more than %d comparisons", maxTerms)
	}
	p.space()
	start := p.pos
	n := &node{}
	if err := p.attribute(&n.attr); err != nil {
		return nil, err
	}
	if p.pos < len(p.s) && p.s[p.pos] == '[' {
		return n, p.valuePath(n)
	}
	return n, p.comparison(n, start)
}

// attribute reads an attribute path and finds its definition.
func (p *parser) attribute(out *reference) error {
	p.space()
	start := p.pos
	word := p.word()
	if word == "" {
		return p.fail("expected the name of an attribute")
	}
	ref, problem := resolve(p.t, p.scope, p.scoped, word)
	if problem != "" {
		p.pos = start
		return p.fail("%s", problem)
	}
	*out = ref
	return nil
}

// valuePath parses the brackets after an attribute, and the comparison of a sub-attribute that may follow them.
func (p *parser) valuePath(n *node) error {
	if p.scoped || n.attr.sub != "" {
		return p.fail("brackets must follow an attribute with several values")
	}
	inner, err := p.brackets(&n.attr)
	if err != nil {
		return err
	}
	n.kind, n.left = valuePath, inner
	if p.pos >= len(p.s) || p.s[p.pos] != '.' {
		return nil
	}
	p.pos++
	p.scope, p.scoped = n.attr.root, true
	defer func() { p.scope, p.scoped = nil, false }()
	start := p.pos
	right := &node{}
	if err := p.attribute(&right.attr); err != nil {
		return err
	}
	n.right = right
	return p.comparison(right, start)
}

func (p *parser) brackets(attr *reference) (*node, error) {
	if attr.name == "" || attr.root != nil && (!attr.root.MultiValued || attr.root.Type != schema.Complex) {
		return nil, p.fail("brackets must follow an attribute with several values")
	}
	p.pos++
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.scope, p.scoped = attr.root, true
	inner, err := p.disjunction()
	p.scope, p.scoped = nil, false
	if err != nil {
		return nil, err
	}
	if !p.take(']') {
		return nil, p.fail("expected `]`, `and` or `or`")
	}
	p.depth--
	return inner, nil
}

// comparison reads operator and value, and checks that both fit the attribute, which is at start.
func (p *parser) comparison(n *node, start int) error {
	p.space()
	at := p.pos
	op, ok := operatorOf(p.word())
	if !ok {
		p.pos = at
		return p.fail("expected one of the operators eq, ne, co, sw, ew, gt, ge, lt, le and pr")
	}
	n.op = op
	if op == pr {
		return nil
	}
	if problem := n.attr.comparable(); problem != "" {
		p.pos = start
		return p.fail("%s", problem)
	}
	p.space()
	at = p.pos
	if err := p.literal(n); err != nil {
		return err
	}
	if problem := n.typed(); problem != "" {
		p.pos = at
		return p.fail("%s", problem)
	}
	return nil
}

func (p *parser) literal(n *node) error {
	if p.pos < len(p.s) && p.s[p.pos] == '"' {
		return p.quoted(&n.value)
	}
	start := p.pos
	v := &n.value
	v.text = p.word()
	switch word := v.text; {
	case word == "" || p.pos < len(p.s) && p.s[p.pos] == '"':
		p.pos = start
		return p.fail("expected a value")
	case strings.EqualFold(word, "true"), strings.EqualFold(word, "false"):
		v.kind, v.truth = booleanLiteral, strings.EqualFold(word, "true")
	case strings.EqualFold(word, "null"):
		v.kind = nullLiteral
	case isNumber(word):
		v.kind = numberLiteral
		v.number, _ = strconv.ParseFloat(word, 64)
	case n.op != eq || strings.EqualFold(word, "and") || strings.EqualFold(word, "or") || strings.EqualFold(word, "not"):
		p.pos = start
		return p.fail("a text must be in double quotes")
	}
	return nil
}

func isNumber(word string) bool {
	return (word[0] == '-' || word[0] >= '0' && word[0] <= '9') && json.Valid([]byte(word))
}

// quoted reads a JSON string. One without escapes is a part of the filter's text, and costs no allocation.
func (p *parser) quoted(v *literal) error {
	start := p.pos
	escaped := false
	for p.pos++; p.pos < len(p.s); p.pos++ {
		switch c := p.s[p.pos]; {
		case c == '\\':
			escaped = true
			p.pos++
		case c < 0x20:
			return p.fail("a text has a control character that is not escaped")
		case c == '"':
			p.pos++
			v.text = p.s[start+1 : p.pos-1]
			if escaped && json.Unmarshal([]byte(p.s[start:p.pos]), &v.text) != nil {
				p.pos = start
				return p.fail("a text has a malformed escape")
			}
			return nil
		}
	}
	p.pos = start
	return p.fail("a text lacks its closing double quote")
}

// comparable says what is wrong with comparing the attribute with a value; empty when nothing is. A complex attribute stands for
// its `value`, as in `emails co "example.com"` (RFC 7644 section 3.4.2.2).
func (r *reference) comparable() string {
	switch {
	case r.name == "":
		return "a schema cannot be compared with a value; name an attribute of it"
	case r.leaf == nil:
		return ""
	case r.leaf.Mutability == schema.WriteOnly:
		return r.leaf.Name + " is never kept, so it cannot be filtered"
	case r.leaf.Type != schema.Complex:
		return ""
	}
	value := r.leaf.Sub("value")
	if value == nil {
		return r.leaf.Name + " has parts; name one of them, such as " + r.leaf.Name + "." + r.leaf.SubAttributes[0].Name
	}
	r.sub, r.leaf = value.Name, value
	return ""
}

// typed brings the value into the attribute's type, and says what is wrong with it; empty when nothing is.
func (n *node) typed() string {
	v := &n.value
	if v.kind == nullLiteral {
		if n.op != eq && n.op != ne {
			return "null goes with eq and ne only"
		}
		return ""
	}
	kind := schema.Type("")
	if n.attr.leaf != nil {
		kind = n.attr.leaf.Type
	}
	switch kind {
	case schema.Boolean:
		return n.typedBoolean()
	case schema.Binary:
		if n.op.ordering() {
			return n.attr.leaf.Name + " is binary and has no order"
		}
		v.kind = textLiteral
	case schema.DateTime:
		at, err := time.Parse(time.RFC3339Nano, v.text)
		if err != nil && (n.op.ordering() || n.op == eq || n.op == ne) {
			return n.attr.leaf.Name + " is compared with a date and time such as \"2026-01-31T12:00:00Z\""
		}
		v.at = at
	case schema.String, schema.Reference:
		v.kind = textLiteral
	case schema.Decimal, schema.Integer:
		return n.typedNumber()
	default:
		if v.kind == booleanLiteral && n.op != eq && n.op != ne {
			return "a boolean goes with eq and ne only"
		}
	}
	if !n.attr.caseExact() {
		v.folded = strings.ToLower(v.text)
	}
	return ""
}

// typedNumber wants a number and an operator that goes with numbers.
func (n *node) typedNumber() string {
	switch {
	case n.op == co || n.op == sw || n.op == ew:
		return n.attr.leaf.Name + " is a number, which has no parts; use eq, ne, gt, ge, lt, le or pr"
	case n.value.kind != numberLiteral:
		return n.attr.leaf.Name + " is a number; compare it with one, not in quotes"
	}
	return ""
}

func (n *node) typedBoolean() string {
	if n.op != eq && n.op != ne {
		return n.attr.leaf.Name + " is a boolean, which goes with eq, ne and pr only"
	}
	switch {
	case strings.EqualFold(n.value.text, "true"):
		n.value.kind, n.value.truth = booleanLiteral, true
	case strings.EqualFold(n.value.text, "false"):
		n.value.kind, n.value.truth = booleanLiteral, false
	default:
		return n.attr.leaf.Name + " is a boolean; compare it with true or false"
	}
	return ""
}
