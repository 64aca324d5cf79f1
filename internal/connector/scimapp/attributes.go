package scimapp

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// path says where an attribute is in a resource: in a schema's object or not, and below another attribute or not.
type path struct{ schema, name, sub string }

var attributeName = regexp.MustCompile(`^[A-Za-z$][-$\w]*(\.[A-Za-z$][-$\w]*)?$`)

// parsePath reads the name of an attribute. A URN has colons and dots in it, so that the last colon ends it.
func parsePath(text string) (path, bool) {
	var p path
	if strings.HasPrefix(strings.ToLower(text), "urn:") {
		colon := strings.LastIndexByte(text, ':')
		p.schema, text = text[:colon], text[colon+1:]
	}
	if !attributeName.MatchString(text) {
		return path{}, false
	}
	p.name, p.sub, _ = strings.Cut(text, ".")
	return p, true
}

// read lists the values that a resource has.
func (a Attribute) read(raw object) []string {
	p, _ := parsePath(a.Name)
	if p.schema != "" {
		raw, _ = attribute(raw, p.schema).(object)
	}
	value := attribute(raw, p.name)
	if p.sub != "" {
		inner, _ := value.(object)
		value = attribute(inner, p.sub)
	}
	if list, ok := value.([]any); ok {
		var texts []string
		for _, item := range list {
			texts = append(texts, textOf(item)...)
		}
		return texts
	}
	return textOf(value)
}

// textOf is a text, or the value of an object; nothing when it is neither or empty.
func textOf(value any) []string {
	if entry, ok := value.(object); ok {
		value = attribute(entry, "value")
	}
	if text, ok := value.(string); ok && text != "" {
		return []string{text}
	}
	return nil
}

// value is what JSON has in the place of the values.
func (a Attribute) value(values []string) any {
	switch a.Shape {
	case Texts:
		return values
	case Values:
		list := make([]object, 0, len(values))
		for i, value := range values {
			list = append(list, object{"value": value, "type": "work", "primary": i == 0})
		}
		return list
	}
	return values[0]
}

// target is the path and the value of a PATCH. Not every server makes the object that an extension's attribute is in, so that is written whole.
func (a Attribute) target(raw object, values []string) (at string, value any) {
	p, _ := parsePath(a.Name)
	if p.schema == "" || p.sub == "" {
		return a.Name, a.value(values)
	}
	extension, _ := attribute(raw, p.schema).(object)
	whole := object{}
	if before, ok := attribute(extension, p.name).(object); ok {
		maps.Copy(whole, before)
	}
	remove(whole, "$ref") // It is that of the value before.
	remove(whole, p.sub)
	whole[p.sub] = a.value(values)
	return p.schema + ":" + p.name, whole
}

// put writes the values into a resource; none takes the attribute out.
func (a Attribute) put(raw object, values []string) {
	p, _ := parsePath(a.Name)
	within := raw
	if p.schema != "" {
		within = inner(raw, p.schema)
		addSchema(raw, p.schema)
	}
	name := p.name
	if p.sub != "" {
		within, name = inner(within, p.name), p.sub
	}
	remove(within, name)
	if len(values) > 0 {
		within[name] = a.value(values)
	}
}

// inner is the object of that name within another, which is made if it is not there.
func inner(raw object, name string) object {
	found, ok := attribute(raw, name).(object)
	if !ok {
		found = object{}
		remove(raw, name)
		raw[name] = found
	}
	return found
}

func remove(raw object, name string) {
	maps.DeleteFunc(raw, func(key string, _ any) bool { return strings.EqualFold(key, name) })
}

func addSchema(raw object, schema string) {
	list, _ := attribute(raw, "schemas").([]any)
	if !slices.Contains(list, any(schema)) {
		raw["schemas"] = append(list, schema)
	}
}

// change is one attribute and what it should be; no values take it away.
type change struct {
	attribute Attribute
	values    []string
}

// checkAttributes refuses what the app does not keep, or not so. The error has no value in it.
func checkAttributes(op string, p Profile, attributes map[string][]string) error {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a, ok := p.attribute(name)
		if !ok {
			return connector.Errorf(connector.Rejected, op, "profile %s has no attribute %q; it has %s", p.Name, name, strings.Join(p.names(), ", "))
		}
		values := attributes[name]
		if a.Shape == Text && len(values) > 1 {
			return connector.Errorf(connector.Rejected, op, "attribute %q has one value, and %d are given", name, len(values))
		}
		for _, value := range values {
			if value == "" || !isText(value) {
				return connector.Errorf(connector.Rejected, op, "a value of attribute %q is empty, is not UTF-8 or has a control character in it", name)
			}
		}
	}
	return nil
}

// changes compares the attributes of an account that is there, or of none, with those it should have.
func (p Profile) changes(account connector.Account, raw object) []change {
	var all []change
	for _, a := range p.Attributes {
		values, given := account.Attributes[a.Name]
		if !given && !slices.Contains(account.Record.Attributes, a.Name) {
			continue
		}
		if !slices.Equal(a.read(raw), values) {
			all = append(all, change{a, values})
		}
	}
	return all
}
