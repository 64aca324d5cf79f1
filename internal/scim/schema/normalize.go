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

// Bounds on what is kept without being understood, so that one resource always fits into one object of etcd.
const (
	maxExtensions   = 32
	maxAdditional   = 64
	maxUnknownBytes = 64 << 10
	maxNameBytes    = 256
)

// Normalize brings a resource as a client sent it into canonical form, without changing it:
//
//   - attributes have their canonical names, those under the core schema's URN are at the top;
//   - null and, for attributes of the schemas, empty arrays and empty strings mean unassigned (RFC 7643 section 2.5) and are left out;
//   - what this server decides or never keeps (schemas, id, meta, groups, password) is left out without looking at it;
//   - elements of a multi-valued attribute with the same type and value are one, and canonical values have the schema's spelling;
//   - booleans may come as strings, and some strings as numbers, as clients are known to send them;
//   - top-level attributes, extension attributes and extensions that no schema names are kept as they are, within bounds;
//     sub-attributes that no schema names are left out.
//
// A wrong type, a reference that is no URI, two primary values or a value out of bounds is 400 invalidValue, which names the attribute and never the value.
// Normalize does not ask whether required attributes are there; see RequireAll. It is idempotent.
func Normalize(t *ResourceType, in scim.Resource) (scim.Resource, error) {
	n := normalizer{t: t, out: scim.Resource{}}
	if err := n.schemas(in); err != nil {
		return nil, err
	}
	if err := n.members(in); err != nil {
		return nil, err
	}
	return n.out, n.bounds()
}

// RequireAll refuses (400 invalidValue) a normalised resource without a required attribute.
func RequireAll(t *ResourceType, r scim.Resource) error {
	for _, a := range t.Core.Attributes {
		if _, ok := r[a.Name]; a.Required && !ok {
			return invalid(a.Name + " is required and must not be empty.")
		}
	}
	return nil
}

type normalizer struct {
	t                      *ResourceType
	out                    scim.Resource
	extensions, additional int
	unknownBytes           int
}

func invalid(detail string) error { return scim.BadRequest(scim.TypeInvalidValue, detail) }

// schemas checks that the client means this kind of resource. The attribute itself is derived anew for every answer.
func (n *normalizer) schemas(in scim.Resource) error {
	v, _ := in.Get("schemas")
	list, ok := v.([]any)
	if v == nil || ok && len(list) == 0 {
		return nil
	}
	if !ok {
		return invalid("schemas must be an array of URIs.")
	}
	found := false
	for _, e := range list {
		urn, ok := e.(string)
		if !ok {
			return invalid("schemas must be an array of URIs.")
		}
		found = found || n.t.IsCore(urn)
	}
	if !found {
		return invalid("schemas must name " + n.t.Core.ID + ", the schema of a " + n.t.Name + ".")
	}
	return nil
}

func (n *normalizer) members(in map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if err := n.member(name, in[name]); err != nil {
			return err
		}
	}
	return nil
}

func (n *normalizer) member(name string, v any) error {
	if a := n.t.Attribute(name); a != nil {
		return n.attribute(a, v)
	}
	if n.t.IsCore(name) {
		inner, ok := v.(map[string]any)
		if !ok && v != nil {
			return invalid(n.t.Core.ID + " must be an object of attributes.")
		}
		return n.members(inner)
	}
	if s := n.t.Extension(name); s != nil {
		return n.extension(s, v)
	}
	return n.unknown(name, v)
}

func (n *normalizer) attribute(a *Attribute, v any) error {
	if a.Mutability == ReadOnly || a.Mutability == WriteOnly || a.Name == "schemas" {
		return nil
	}
	value, err := NormalizeValue(a, a.Name, v)
	if err != nil || value == nil {
		return err
	}
	if _, ok := n.out[a.Name]; ok {
		return invalid(a.Name + " is given twice, once under " + n.t.Core.ID + ".")
	}
	n.out[a.Name] = value
	return nil
}

func (n *normalizer) extension(s *Schema, v any) error {
	in, ok := v.(map[string]any)
	if !ok && v != nil {
		return invalid(s.ID + " must be an object of attributes.")
	}
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		a := s.Attribute(name)
		if a == nil {
			if err := n.keep(out, name, in[name]); err != nil {
				return err
			}
			continue
		}
		value, err := NormalizeValue(a, s.ID+":"+a.Name, in[name])
		if err != nil {
			return err
		}
		if value != nil {
			out[a.Name] = value
		}
	}
	if len(out) > 0 {
		n.out[s.ID] = out
	}
	return nil
}

func (n *normalizer) unknown(name string, v any) error {
	before := len(n.out)
	if err := n.keep(n.out, name, v); err != nil || len(n.out) == before {
		return err
	}
	if IsURN(name) {
		n.extensions++
	} else {
		n.additional++
	}
	return nil
}

// keep copies a member that no schema names, unless it is null.
func (n *normalizer) keep(out map[string]any, name string, v any) error {
	if v == nil {
		return nil
	}
	if name == "" || len(name) > maxNameBytes {
		return invalid(fmt.Sprintf("The name of an attribute must have between 1 and %d bytes.", maxNameBytes))
	}
	out[name] = scim.CloneValue(v)
	n.unknownBytes += len(name) + size(v)
	return nil
}

func (n *normalizer) bounds() error {
	switch {
	case n.extensions > maxExtensions:
		return invalid(fmt.Sprintf("The resource has more than %d schema extensions that this server does not know.", maxExtensions))
	case n.additional > maxAdditional:
		return invalid(fmt.Sprintf("The resource has more than %d attributes that this server does not know.", maxAdditional))
	case n.unknownBytes > maxUnknownBytes:
		return invalid(fmt.Sprintf("Attributes that this server does not know take more than %d bytes together.", maxUnknownBytes))
	}
	return nil
}

// size is about the length of a value's JSON.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case json.Number:
		return len(v)
	case map[string]any:
		total := 2
		for k, e := range v {
			total += len(k) + 4 + size(e)
		}
		return total
	case []any:
		total := 2
		for _, e := range v {
			total += 1 + size(e)
		}
		return total
	default:
		return 5
	}
}

// NormalizeValue brings the value of one attribute into canonical form, as Normalize does; nil means unassigned. The path is what
// errors call the attribute.
func NormalizeValue(a *Attribute, path string, v any) (any, error) {
	if !a.MultiValued {
		return NormalizeElement(a, path, v)
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
		value, err := NormalizeElement(a, path, e)
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

// NormalizeElement is NormalizeValue for a single value, or for one element of a multi-valued attribute.
func NormalizeElement(a *Attribute, path string, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch a.Type {
	case Complex:
		return normalizeComplex(a, path, v)
	case Boolean:
		return normalizeBoolean(path, v)
	default:
		return normalizeString(a, path, v)
	}
}

// normalizeComplex takes a bare scalar for the sub-attribute `value`, where there is one: Entra sends managers and roles so.
func normalizeComplex(a *Attribute, path string, v any) (any, error) {
	in, ok := v.(map[string]any)
	if s, isString := v.(string); isString && a.Sub("value") != nil {
		in, ok = map[string]any{"value": s}, true
	}
	if !ok {
		return nil, invalid(path + " must be an object" + plainlyIn(a) + ".")
	}
	out := make(map[string]any, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		s := a.Sub(name)
		if s == nil {
			continue
		}
		value, err := NormalizeValue(s, path+"."+s.Name, in[name])
		if err != nil {
			return nil, err
		}
		if value != nil {
			out[s.Name] = value
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
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
