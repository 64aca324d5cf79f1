package chaos_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// mutation gives one field of a spec another value: one at or beyond a limit, of another kind, or none at all.
type mutation struct {
	// path leads to the field, from spec on. A number is an item of a list.
	path []any
	// value is nil where the field is removed.
	value any
}

func (m mutation) String() string {
	text := fmt.Sprintf("%v", m.value)
	if len(text) > 40 {
		text = fmt.Sprintf("%s... (%d characters)", text[:40], len(text))
	}
	if m.value == nil {
		text = "nothing"
	}
	path := "spec"
	for _, step := range m.path {
		path += fmt.Sprintf(".%v", step)
	}
	return fmt.Sprintf("%s = %s", path, strings.ToValidUTF8(text, "?"))
}

// schemaOf reads the schema of a kind's spec, as it is shipped.
func schemaOf(plural string) (*apiextensionsv1.JSONSchemaProps, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "scim-operator.io_"+plural+".yaml"))
	if err != nil {
		return nil, err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, err
	}
	spec := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	return &spec, nil
}

// mutations are those of a value, which is what a schema describes, and of all that is in it.
func mutations(schema *apiextensionsv1.JSONSchemaProps, value any, path ...any) (all []mutation) {
	if len(path) > 0 {
		for _, other := range others(schema, value) {
			if !reflect.DeepEqual(other, value) {
				all = append(all, mutation{path: slices.Clone(path), value: other})
			}
		}
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
			inner := schema.Properties[name]
			all = append(all, mutations(&inner, v[name], append(path, name)...)...)
		}
	case []any:
		if len(v) > 0 && schema.Items != nil && schema.Items.Schema != nil {
			all = append(all, mutations(schema.Items.Schema, v[0], append(path, 0)...)...)
		}
	}
	return all
}

// others are values that a field may be given in the place of one.
func others(schema *apiextensionsv1.JSONSchemaProps, value any) (values []any) {
	values = append(values, nil)
	switch {
	case schema.XIntOrString:
		return append(values, "50%", "101%", "half", int64(0), int64(-1))
	case len(schema.Enum) > 0:
		for _, each := range schema.Enum {
			values = append(values, strings.Trim(string(each.Raw), `"`))
		}
		return append(values, "Nonsense", "")
	}
	switch schema.Type {
	case "string":
		return append(values, texts(schema)...)
	case "integer":
		for _, limit := range []*float64{schema.Minimum, schema.Maximum} {
			if limit != nil {
				values = append(values, int64(*limit)-1, int64(*limit), int64(*limit)+1)
			}
		}
		return append(values, int64(-1), int64(0), int64(1)<<31-1, "7")
	case "boolean":
		return append(values, true, false, "yes")
	case "array":
		return append(values, lists(schema, value)...)
	case "object":
		return append(values, map[string]any{}, "nothing")
	}
	return values
}

// texts are strings that are empty, as long as they may be and longer, with what no name has, and of other forms than the one wanted.
func texts(schema *apiextensionsv1.JSONSchemaProps) []any {
	if schema.Format == "date-time" {
		return []any{"2001-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "soon"}
	}
	longest := int64(300)
	if schema.MaxLength != nil {
		longest = min(*schema.MaxLength, 20_000)
	}
	long := strings.Repeat("a", int(longest))
	return []any{"", "a", long, long + "a", "two words", "-\u202e\u0000é", "${HOME}", int64(7)}
}

// lists are one without items, and one with an item too many.
func lists(schema *apiextensionsv1.JSONSchemaProps, value any) []any {
	found := []any{[]any{}}
	present, _ := value.([]any)
	if len(present) == 0 {
		return append(found, []any{map[string]any{}}, []any{"a"})
	}
	found = append(found, append(slices.Clone(present), present[0]))
	if most := schema.MaxItems; most != nil && *most <= 1000 {
		found = append(found, slices.Repeat(present[:1], int(*most)+1))
	}
	return found
}

// mutate gives a spec with the mutation in it.
func (m mutation) mutate(spec map[string]any) {
	var at any = spec
	for _, step := range m.path[:len(m.path)-1] {
		switch step := step.(type) {
		case string:
			at = at.(map[string]any)[step]
		case int:
			at = at.([]any)[step]
		}
	}
	switch step := m.path[len(m.path)-1].(type) {
	case string:
		if m.value == nil {
			delete(at.(map[string]any), step)
			return
		}
		at.(map[string]any)[step] = m.value
	case int:
		at.([]any)[step] = m.value
	}
}

// conditions are the conditions of an object, sorted, without what tells when or in which words.
func conditions(object map[string]any) (lines []string) {
	status, _ := object["status"].(map[string]any)
	all, _ := status["conditions"].([]any)
	for _, each := range all {
		c, _ := each.(map[string]any)
		lines = append(lines, fmt.Sprintf("%v %v %v", c["type"], c["status"], c["reason"]))
	}
	slices.SortFunc(lines, cmp.Compare)
	return lines
}
