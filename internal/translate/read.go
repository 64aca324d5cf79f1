package translate

import (
	"bytes"
	"encoding/json"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// object reads the members of a normalised resource, whose types are known to be right.
type object map[string]any

func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

func (o object) boolean(name string) *bool {
	if b, ok := o[name].(bool); ok {
		return &b
	}
	return nil
}

func (o object) object(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

func (o object) objects(name string) []object {
	list, _ := o[name].([]any)
	out := make([]object, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func (o object) multiValues(name string) []v1alpha1.MultiValue {
	var out []v1alpha1.MultiValue
	for _, e := range o.objects(name) {
		out = append(out, v1alpha1.MultiValue{
			Value: e.text("value"), Display: e.text("display"), Type: e.text("type"), Primary: e.boolean("primary"),
			AdditionalAttributes: e.unknownParts(schema.User().Attribute(name)),
		})
	}
	return out
}

func (o object) addresses(name string) []v1alpha1.Address {
	var out []v1alpha1.Address
	for _, e := range o.objects(name) {
		out = append(out, v1alpha1.Address{
			Formatted: e.text("formatted"), StreetAddress: e.text("streetAddress"), Locality: e.text("locality"),
			Region: e.text("region"), PostalCode: e.text("postalCode"), Country: e.text("country"), Type: e.text("type"),
			Primary: e.boolean("primary"), AdditionalAttributes: e.unknownParts(schema.User().Attribute(name)),
		})
	}
	return out
}

// unknownParts collects the sub-attributes of a complex attribute, or of one of its elements, that its schema does not name.
func (o object) unknownParts(a *schema.Attribute) map[string]apiextensionsv1.JSON {
	var out map[string]apiextensionsv1.JSON
	for name, v := range o {
		if a.Sub(name) == nil {
			out = put(out, name, apiextensionsv1.JSON{Raw: scim.AppendValue(nil, v)})
		}
	}
	return out
}

// unknown is what a spec keeps of a resource without its being understood.
type unknown struct {
	extensions, additional map[string]apiextensionsv1.JSON
}

// unknownMembers collects what no schema names: extensions, under their URNs, and top-level attributes. Attributes that a client
// adds to a schema that is known are kept as an extension under that schema's URN. What a person has put among the others stays there.
func unknownMembers(t *schema.ResourceType, res scim.Resource, stored unknown) (out unknown) {
	for name, v := range res {
		if t.Attribute(name) != nil {
			continue
		}
		if s := t.Extension(name); s != nil {
			if v = surplus(s, v); v == nil {
				continue
			}
		}
		raw := apiextensionsv1.JSON{Raw: scim.AppendValue(nil, v)}
		_, extension := stored.extensions[name]
		if _, additional := stored.additional[name]; extension == additional {
			extension = schema.IsURN(name)
		}
		if extension {
			out.extensions = put(out.extensions, name, raw)
		} else {
			out.additional = put(out.additional, name, raw)
		}
	}
	return out
}

func put(m map[string]apiextensionsv1.JSON, name string, raw apiextensionsv1.JSON) map[string]apiextensionsv1.JSON {
	if m == nil {
		m = map[string]apiextensionsv1.JSON{}
	}
	m[name] = raw
	return m
}

// surplus is the part of an extension that its schema does not name; nil when there is none.
func surplus(s *schema.Schema, v any) any {
	in, _ := v.(map[string]any)
	out := map[string]any{}
	for name, value := range in {
		if s.Attribute(name) == nil {
			out[name] = value
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// keepRaw gives every value of next that means the same as the current one the current one's bytes. The API server writes JSON in
// its own way, and a difference in writing must not become a write.
func keepRaw(current, next map[string]apiextensionsv1.JSON) {
	for name, value := range next {
		old, ok := current[name]
		if !ok || bytes.Equal(old.Raw, value.Raw) {
			continue
		}
		a, okA := decodeRaw(old.Raw)
		b, okB := decodeRaw(value.Raw)
		if okA && okB && scim.Equal(a, b) {
			next[name] = old
		}
	}
}

// decodeRaw reads the raw JSON of an extension. What is not JSON, and null, counts as absent: a person may have written it by hand.
func decodeRaw(raw []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	return v, v != nil
}
