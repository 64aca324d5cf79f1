package schema

import (
	"fmt"
	"maps"
	"slices"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// Normalize brings a resource as a client sent it into canonical form, without changing it:
//
//   - attributes have their canonical names, those under the core schema's URN are at the top;
//   - null and, for attributes of the schemas, empty arrays and empty strings mean unassigned (RFC 7643 section 2.5) and are left out;
//   - what this server decides or never keeps (schemas, id, meta, groups, password) is left out without looking at it;
//   - elements of a multi-valued attribute with the same type and value are one, and canonical values have the schema's spelling;
//   - booleans may come as strings, and some strings as numbers, as clients are known to send them;
//   - attributes, extensions, attributes of extensions and sub-attributes that no schema names are kept as they are, within bounds.
//
// A wrong type, a reference that is no URI, two primary values or a value out of bounds is 400 invalidValue, which names the attribute and never the value.
// Normalize does not ask whether required attributes are there; see RequireAll. It is idempotent.
func Normalize(t *ResourceType, in scim.Resource) (scim.Resource, error) {
	return NormalizeOver(t, in, nil)
}

// NormalizeOver is Normalize for a change of a resource that is stored, given under canonical names. What is stored already is let
// through as it is, whatever is wrong with it: an attribute that equals the stored one keeps its value, a part of an attribute that
// has the value of the same part in the store is not checked, and bounds that the stored resource exceeds may be exceeded as far.
// People change objects past this server, and nothing that they leave behind may keep a client from changing something else, such
// as `active`.
func NormalizeOver(t *ResourceType, in, stored scim.Resource) (scim.Resource, error) {
	n := normalizer{t: t, out: scim.Resource{}, stored: stored}
	if err := n.schemas(in); err != nil {
		return nil, err
	}
	if err := n.members(in); err != nil {
		return nil, err
	}
	return n.out, tallyOf(t, n.out).check(tallyOf(t, stored))
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

// RequireExtensions refuses (400 invalidValue) a normalised resource with an extension that lacks a required attribute, unless that
// extension is as the stored resource has it.
func RequireExtensions(t *ResourceType, r, stored scim.Resource) error {
	for _, s := range t.Extensions {
		v, ok := r[s.ID].(map[string]any)
		if !ok || scim.Equal(v, storedUnder(s, stored)) {
			continue
		}
		for _, a := range s.Attributes {
			if _, ok := v[a.Name]; a.Required && !ok {
				return invalid(s.ID + ":" + a.Name + " is required in this extension and must not be empty.")
			}
		}
	}
	return nil
}

type normalizer struct {
	t           *ResourceType
	out, stored scim.Resource
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
	_, known := n.stored[name]
	return keep(n.out, name, v, known)
}

func (n *normalizer) attribute(a *Attribute, v any) error {
	if a.Mutability == ReadOnly || a.Mutability == WriteOnly || a.Name == "schemas" {
		return nil
	}
	value, err := NormalizeValue(a, a.Name, v, n.stored[a.Name])
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
		if before, _ := n.stored.Get(s.ID); scim.Equal(before, v) {
			n.out[s.ID] = v
			return nil
		}
		return invalid(s.ID + " must be an object of attributes.")
	}
	out := map[string]any{}
	stored := storedUnder(s, n.stored)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		a := s.Attribute(name)
		if a == nil {
			_, known := stored[name]
			if err := keep(out, name, in[name], known); err != nil {
				return err
			}
			continue
		}
		value, err := NormalizeValue(a, s.ID+":"+a.Name, in[name], stored[a.Name])
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

// storedUnder gives what the stored resource has under an extension, by the names of its schema. A declared one may have been stored
// under other spellings, before it was declared.
func storedUnder(s *Schema, stored scim.Resource) map[string]any {
	if !s.Declared || stored == nil {
		under, _ := stored[s.ID].(map[string]any)
		return under
	}
	v, _ := stored.Get(s.ID)
	under, _ := v.(map[string]any)
	out := make(map[string]any, len(under))
	for name, v := range under {
		if a := s.Attribute(name); a != nil {
			name = a.Name
		}
		out[name] = v
	}
	return out
}

// keep copies a member that no schema names, unless it is null. Its name is checked if it is not known to be in the store already.
func keep(out map[string]any, name string, v any, known bool) error {
	if v == nil {
		return nil
	}
	if !known && (name == "" || len(name) > maxNameBytes) {
		return invalid(fmt.Sprintf("The name of an attribute must have between 1 and %d bytes.", maxNameBytes))
	}
	out[name] = scim.CloneValue(v)
	return nil
}
