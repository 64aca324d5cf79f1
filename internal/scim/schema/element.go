package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// NormalizeValue brings the value of one attribute into canonical form, as Normalize does; nil means unassigned. The path is what
// errors call the attribute, stored the value that it has in the store, nil if it has none: NormalizeOver says what that is let
// through for.
func NormalizeValue(a *Attribute, path string, v, stored any) (any, error) {
	if stored != nil && scim.Equal(v, stored) {
		return scim.CloneValue(stored), nil
	}
	if !a.MultiValued {
		return NormalizeElement(a, path, v, stored)
	}
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil, nil
		}
		return nil, invalid(path + " must be an array.")
	}
	out := make([]any, 0, len(list))
	primaries := 0
	for _, e := range list {
		value, err := NormalizeElement(a, path, e, stored)
		if err != nil {
			return nil, err
		}
		if m, ok := value.(map[string]any); ok && m["primary"] == true {
			primaries++
		}
		if value != nil {
			out = append(out, value)
		}
	}
	if primaries > 1 {
		return nil, invalid(path + " has more than one value whose primary is true; at most one may be.")
	}
	if len(out) == 0 {
		return nil, nil
	}
	return merged(out), nil
}

// NormalizeElement is NormalizeValue for a single value, or for one element of a multi-valued attribute; stored is then the list of
// all elements in the store.
func NormalizeElement(a *Attribute, path string, v, stored any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch a.Type {
	case Complex:
		return normalizeComplex(a, path, v, stored)
	case Boolean:
		return normalizeBoolean(path, v)
	case Decimal, Integer:
		return normalizeNumber(a, path, v)
	default:
		return normalizeString(a, path, v)
	}
}

// normalizeComplex takes a bare scalar for the sub-attribute `value`, where there is one: Entra sends managers and roles so.
func normalizeComplex(a *Attribute, path string, v, stored any) (any, error) {
	in, ok := v.(map[string]any)
	if s, isString := v.(string); isString && a.Sub("value") != nil {
		in, ok = map[string]any{"value": s}, true
	}
	if !ok {
		return nil, invalid(path + " must be an object" + plainlyIn(a) + ".")
	}
	out := make(map[string]any, len(in))
	unknown := 0
	for _, name := range slices.Sorted(maps.Keys(in)) {
		s := a.Sub(name)
		if s == nil {
			if err := keep(out, name, in[name], hasSub(stored, name, in[name])); err != nil {
				return nil, err
			}
			if in[name] != nil {
				unknown++
			}
			continue
		}
		value, err := NormalizeSub(s, path+"."+s.Name, in[name], stored)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out[s.Name] = value
		}
	}
	if unknown > maxUnknownParts {
		return nil, invalid(fmt.Sprintf("%s has more than %d parts that this server does not know.", path, maxUnknownParts))
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// NormalizeSub is NormalizeValue for a sub-attribute. What is stored is the value of the whole attribute: an object, or a list of
// objects of which each may have the value already.
func NormalizeSub(s *Attribute, path string, v, stored any) (any, error) {
	value, err := NormalizeValue(s, path, v, nil)
	if err != nil && hasSub(stored, s.Name, v) {
		return v, nil
	}
	return value, err
}

// hasSub says whether an attribute has a sub-attribute with a value, in any of its elements if there are several.
func hasSub(attribute any, name string, v any) bool {
	if v == nil {
		return false
	}
	switch attribute := attribute.(type) {
	case map[string]any:
		return scim.Equal(attribute[name], v)
	case []any:
		return slices.ContainsFunc(attribute, func(e any) bool { return hasSub(e, name, v) })
	}
	return false
}

func plainlyIn(a *Attribute) string {
	if a.MultiValued {
		return " in an array"
	}
	return ""
}

func normalizeBoolean(path string, v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch {
		case strings.EqualFold(v, "true"):
			return true, nil
		case strings.EqualFold(v, "false"):
			return false, nil
		case v == "":
			return nil, nil
		}
	}
	return nil, invalid(path + " must be a boolean, true or false.")
}

// normalizeNumber wants a number, and of an integer neither a fraction nor an exponent (RFC 7643 sections 2.3.3 and 2.3.4).
func normalizeNumber(a *Attribute, path string, v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); a.Type == Decimal || err == nil {
			return v, nil
		}
	case string:
		if v == "" {
			return nil, nil
		}
	}
	if a.Type == Integer {
		return nil, invalid(path + " must be an integer, a number without a fraction and not in quotes.")
	}
	return nil, invalid(path + " must be a number, not in quotes.")
}

func normalizeString(a *Attribute, path string, v any) (any, error) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil, nil
		}
		return checkString(a, path, v)
	case json.Number:
		if a.number {
			return v.String(), nil
		}
	case float64:
		if a.number {
			return strconv.FormatFloat(v, 'f', -1, 64), nil
		}
	}
	return nil, invalid(path + " must be a string.")
}
