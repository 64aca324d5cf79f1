package patch

import (
	"maps"
	"slices"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// change is one operation on one attribute of an object.
type change struct {
	kind     Kind
	path     *filter.Path
	value    any
	hasValue bool
	// stored is what the attribute was before the request.
	stored        any
	createMissing bool
}

func (c *change) applyTo(into map[string]any) error {
	name := c.name(into)
	attr := c.path.Attribute
	switch list, isList := into[name].([]any); {
	case c.path.Filter != nil:
		return c.filtered(into, name)
	case attr != nil && attr.MultiValued || attr == nil && isList:
		return c.plural(into, name, list)
	case c.path.Sub != "":
		return c.subAttribute(into, name)
	default:
		return c.singular(into, name)
	}
}

// name is the name under which the object has the attribute: that of the schema, or whatever a client called it first.
func (c *change) name(into map[string]any) string {
	if c.path.Attribute != nil {
		return c.path.Attribute.Name
	}
	return foldedKey(into, c.path.Name)
}

// element normalises a value for the attribute, or one of its elements.
func (c *change) element(v any) (any, error) {
	if c.path.Attribute == nil {
		return scim.CloneValue(v), nil
	}
	return schema.NormalizeElement(c.path.Attribute, c.label(), v, c.stored)
}

// sub normalises a value for the sub-attribute.
func (c *change) sub(v any) (any, error) {
	if c.path.SubAttribute == nil {
		return scim.CloneValue(v), nil
	}
	return schema.NormalizeSub(c.path.SubAttribute, c.label()+"."+c.path.Sub, v, c.stored)
}

// label is what errors call the attribute.
func (c *change) label() string {
	if c.path.URN != "" {
		return c.path.URN + ":" + c.path.Name
	}
	return c.path.Name
}

// singular changes an attribute with one value. The sub-attributes of a complex one that the value does not name stay as they are.
func (c *change) singular(into map[string]any, name string) error {
	if c.kind == Remove {
		delete(into, name)
		return nil
	}
	raw := c.alone()
	value, err := c.element(raw)
	if err != nil {
		return err
	}
	given, ok := raw.(map[string]any)
	if attr := c.path.Attribute; attr == nil || attr.Type != schema.Complex || !ok {
		set(into, name, value)
		return nil
	}
	merged := map[string]any{}
	if before, ok := into[name].(map[string]any); ok {
		merged = maps.Clone(before)
	}
	// A sub-attribute that is given as null or empty is unassigned, so normalisation has dropped it.
	for key := range given {
		if s := c.path.Attribute.Sub(key); s != nil {
			key = s.Name
		}
		delete(merged, foldedKey(merged, key))
	}
	if m, ok := value.(map[string]any); ok {
		maps.Copy(merged, m)
	}
	if len(merged) == 0 {
		delete(into, name)
		return nil
	}
	into[name] = merged
	return nil
}

// alone is the value of a complex attribute out of an array of one, in which Entra sends managers.
func (c *change) alone() any {
	attr := c.path.Attribute
	if list, ok := c.value.([]any); ok && len(list) == 1 && attr != nil && attr.Type == schema.Complex {
		return list[0]
	}
	return c.value
}

func set(into map[string]any, name string, value any) {
	if value == nil {
		delete(into, name)
		return
	}
	into[name] = value
}

// subAttribute changes one part of an attribute with one value.
func (c *change) subAttribute(into map[string]any, name string) error {
	before, ok := into[name].(map[string]any)
	if !ok && into[name] != nil {
		return refuse(scim.TypeInvalidPath, c.label()+" has no sub-attributes.")
	}
	after := map[string]any{}
	if ok {
		after = maps.Clone(before)
	}
	if err := c.setSub(after); err != nil {
		return err
	}
	if len(after) == 0 {
		delete(into, name)
		return nil
	}
	into[name] = after
	return nil
}

// setSub changes the sub-attribute of one object in place.
func (c *change) setSub(m map[string]any) error {
	name := c.path.Sub
	if c.path.SubAttribute == nil {
		name = foldedKey(m, name)
	}
	if c.kind == Remove {
		delete(m, name)
		return nil
	}
	value, err := c.sub(c.value)
	if err != nil {
		return err
	}
	set(m, name, value)
	return nil
}

// plural changes an attribute with several values, without a filter.
func (c *change) plural(into map[string]any, name string, list []any) error {
	if c.path.Sub != "" {
		return c.subOfAll(into, name, list)
	}
	given, err := c.elements()
	if err != nil {
		return err
	}
	switch c.kind {
	case Remove:
		if !c.hasValue {
			list = nil
			break
		}
		list = slices.DeleteFunc(slices.Clone(list), func(e any) bool {
			return slices.ContainsFunc(given, func(g any) bool { return covers(e, c.knownParts(g)) })
		})
	case Replace:
		list = given
	default:
		list = addAll(list, given)
	}
	setList(into, name, list)
	return nil
}

// elements normalises the value of a plural attribute, which may be an array or a single element.
func (c *change) elements() ([]any, error) {
	raw, ok := c.value.([]any)
	if !ok {
		if c.value == nil {
			return nil, nil
		}
		raw = []any{c.value}
	}
	if attr := c.path.Attribute; attr != nil {
		v, err := schema.NormalizeValue(attr, c.label(), raw, c.stored)
		list, _ := v.([]any)
		return list, err
	}
	list, _ := scim.CloneValue(raw).([]any)
	return list, nil
}

// knownParts is what a client names of an element that it takes away. What the schema does not name, such as a $ref, says nothing of
// which element it is, unless there is nothing else.
func (c *change) knownParts(named any) any {
	m, ok := named.(map[string]any)
	if !ok || c.path.Attribute == nil {
		return named
	}
	known := maps.Clone(m)
	maps.DeleteFunc(known, func(name string, _ any) bool { return c.path.Attribute.Sub(name) == nil })
	if len(known) == 0 {
		return named
	}
	return known
}

// subOfAll changes the sub-attribute of every element; with none, it creates one.
func (c *change) subOfAll(into map[string]any, name string, list []any) error {
	if len(list) == 0 && c.kind != Remove {
		list = []any{map[string]any{}}
	}
	return c.changeElements(into, name, list, func(map[string]any) bool { return true })
}

// filtered changes the elements that the filter of the path selects.
func (c *change) filtered(into map[string]any, name string) error {
	list, _ := into[name].([]any)
	matches := c.path.Filter.MatchesElement
	matched := slices.ContainsFunc(list, func(e any) bool {
		m, ok := e.(map[string]any)
		return ok && matches(m)
	})
	switch {
	case matched:
		return c.changeElements(into, name, list, matches)
	case c.kind == Remove:
		return nil
	case c.kind == Replace && !c.createMissing:
		return refuse(scim.TypeNoTarget, "no value of "+c.label()+" matches the filter of the path.")
	default:
		return c.create(into, name, list)
	}
}

// create adds the element that the filter describes, unless the client takes away what is not there, as Entra does with an empty text.
func (c *change) create(into map[string]any, name string, list []any) error {
	element, ok := c.path.Filter.Equalities()
	if !ok {
		return refuse(scim.TypeNoTarget, "no value of "+c.label()+" matches the filter of the path, which does not say what to create.")
	}
	if c.path.Sub != "" {
		if c.isEmpty() {
			return nil
		}
		if err := c.setSub(element); err != nil {
			return err
		}
	} else {
		given, err := c.one()
		if err != nil {
			return err
		}
		maps.Copy(element, given)
	}
	value, err := c.element(element)
	if err != nil || value == nil {
		return err
	}
	setList(into, name, addAll(list, []any{value}))
	return nil
}

// isEmpty says whether the value stands for no value.
func (c *change) isEmpty() bool {
	value, err := c.sub(c.value)
	return err == nil && (value == nil || value == "")
}

// one is the value as the object that replaces one element. An array of one element is taken for that element.
func (c *change) one() (map[string]any, error) {
	v := c.value
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	value, err := c.element(v)
	if err != nil {
		return nil, err
	}
	m, ok := value.(map[string]any)
	if !ok {
		return nil, refuse(scim.TypeInvalidValue, "the value for one element of "+c.label()+" must be an object.")
	}
	return m, nil
}

// changeElements changes those elements that matches selects. Elements that were made primary push the others back.
func (c *change) changeElements(into map[string]any, name string, list []any, matches func(map[string]any) bool) error {
	out := make([]any, 0, len(list))
	primary := -1
	for _, e := range list {
		before, ok := e.(map[string]any)
		if !ok || !matches(before) {
			out = append(out, e)
			continue
		}
		after, err := c.changeElement(before)
		if err != nil {
			return err
		}
		if len(after) == 0 {
			continue
		}
		if after["primary"] == true && before["primary"] != true {
			primary = len(out)
		}
		out = append(out, after)
	}
	if primary >= 0 {
		onlyPrimary(out, primary)
	}
	setList(into, name, out)
	return nil
}

func (c *change) changeElement(before map[string]any) (map[string]any, error) {
	if c.path.Sub != "" {
		after := maps.Clone(before)
		err := c.setSub(after)
		return after, err
	}
	if c.kind == Remove {
		return nil, nil
	}
	given, err := c.one()
	if err != nil || c.kind == Replace {
		return maps.Clone(given), err
	}
	return overlaid(before, given), nil
}
