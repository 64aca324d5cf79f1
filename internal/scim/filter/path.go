package filter

import (
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// Path is the target of a PATCH operation (RFC 7644 section 3.5.2, figure 7), under canonical names where a schema has them.
type Path struct {
	// Raw is the path as the client sent it.
	Raw string
	// URN is the extension that the attribute belongs to; empty for the core. With Name empty the path is the extension as a whole.
	URN string
	// Name and Attribute are the attribute and its definition; the latter is nil where no schema names it.
	Name      string
	Attribute *schema.Attribute
	// Filter selects elements of a multi-valued attribute; nil when the path has no brackets.
	Filter *Filter
	// Sub and SubAttribute are the sub-attribute and its definition; the latter is nil where no schema names it.
	Sub          string
	SubAttribute *schema.Attribute
}

// ParsePath parses a path. What is malformed, and a sub-attribute of an attribute that is not complex, is 400 invalidPath; what is
// wrong in the brackets is 400 invalidFilter. Attributes and sub-attributes that no schema names may be the target.
func ParsePath(t *schema.ResourceType, text string) (Path, error) {
	p := parser{t: t, s: text, errorType: scim.TypeInvalidPath, what: "path"}
	out := Path{Raw: text}
	if len(text) > maxLength {
		return out, p.fail("it is longer than %d bytes", maxLength)
	}
	var ref reference
	if err := p.attribute(&ref); err != nil {
		return out, err
	}
	if p.pos < len(p.s) && p.s[p.pos] == '[' && ref.sub == "" {
		p.errorType = scim.TypeInvalidFilter
		inner, err := p.brackets(&ref)
		if err != nil {
			return out, err
		}
		p.errorType = scim.TypeInvalidPath
		out.Filter = &Filter{root: inner}
		if err := p.subAttribute(&ref); err != nil {
			return out, err
		}
	}
	if p.space(); p.pos < len(p.s) {
		return out, p.fail("expected the end")
	}
	if ref.sub != "" && ref.root != nil {
		if ref.root.Type != schema.Complex {
			return out, p.fail("%s has no sub-attributes", ref.name)
		}
		out.SubAttribute = ref.root.Sub(ref.sub)
	}
	out.URN, out.Name, out.Attribute, out.Sub = ref.urn, ref.name, ref.root, ref.sub
	return out, nil
}

// subAttribute reads the sub-attribute that may follow the brackets.
func (p *parser) subAttribute(ref *reference) error {
	if p.pos >= len(p.s) || p.s[p.pos] != '.' {
		return nil
	}
	p.pos++
	word := p.word()
	if !isName(word) {
		return p.fail("expected the name of a sub-attribute")
	}
	ref.sub = canonicalSub(ref.root, word)
	return nil
}

// resolve takes the name of an attribute apart and finds its definition, or says what is wrong with it.
func resolve(t *schema.ResourceType, scope *schema.Attribute, scoped bool, word string) (ref reference, problem string) {
	if scoped {
		if !isName(word) {
			return ref, "expected the name of a sub-attribute"
		}
		ref.name = canonicalSub(scope, word)
		if scope != nil {
			ref.root = scope.Sub(ref.name)
			ref.leaf = ref.root
		}
		return ref, ""
	}
	if s := t.Extension(word); s != nil {
		return reference{urn: s.ID}, ""
	}
	rest := word
	if i := strings.LastIndexByte(word, ':'); i >= 0 {
		ref.urn, rest = word[:i], word[i+1:]
		if s := t.Extension(ref.urn); s != nil {
			ref.urn = s.ID
		} else if t.IsCore(ref.urn) {
			ref.urn = ""
		}
	}
	name, sub, dotted := strings.Cut(rest, ".")
	if !isName(name) || dotted && !isName(sub) {
		return ref, "that is not the name of an attribute"
	}
	ref.name, ref.root = name, t.Lookup(ref.urn, name)
	ref.leaf = ref.root
	if ref.root != nil {
		ref.name = ref.root.Name
	}
	if dotted {
		ref.sub = canonicalSub(ref.root, sub)
		if ref.leaf != nil {
			ref.leaf = ref.root.Sub(sub)
		}
	}
	return ref, ""
}

func canonicalSub(a *schema.Attribute, name string) string {
	if a != nil {
		if s := a.Sub(name); s != nil {
			return s.Name
		}
	}
	return name
}

// isName says whether the word is an ATTRNAME (RFC 7643 section 2.1), or $ref.
func isName(word string) bool {
	if word == "" {
		return false
	}
	for i := range len(word) {
		c := word[i] | 0x20
		letter := c >= 'a' && c <= 'z' || i == 0 && word[i] == '$'
		if !letter && (i == 0 || !(word[i] >= '0' && word[i] <= '9' || word[i] == '-' || word[i] == '_')) {
			return false
		}
	}
	return true
}
