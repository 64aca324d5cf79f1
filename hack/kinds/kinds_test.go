package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
)

// TestPages: docs/kinds is what make generate would write, with every field of every kind.
func TestPages(t *testing.T) {
	want, err := pages("../../config/crd/bases")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("../../docs/kinds/*")
	if err != nil {
		t.Fatal(err)
	}
	is := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		is[filepath.Base(path)] = string(text)
	}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("docs/kinds is not what the definitions say: run make generate (-want +is):\n%s", diff)
	}
	for _, field := range []string{"spec.credentials[].tokenSHA256", "spec.matching.recycledUsers", "status.conditions[].reason"} {
		if !strings.Contains(want["scimdirectory.md"], "| `"+field+"` |") {
			t.Errorf("the page of ScimDirectory lacks %s", field)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		reason string
		schema apiextensionsv1.JSONSchemaProps
		want   []string
	}{
		{"nothing is demanded", apiextensionsv1.JSONSchemaProps{Type: "string"}, nil},
		{"both ends", apiextensionsv1.JSONSchemaProps{MinLength: ptr.To[int64](1), MaxLength: ptr.To[int64](63)}, []string{"1 to 63 characters"}},
		{"zero is no lower end", apiextensionsv1.JSONSchemaProps{MinItems: ptr.To[int64](0), MaxItems: ptr.To[int64](1)}, []string{"at most 1 entry"}},
		{"one number", apiextensionsv1.JSONSchemaProps{MinItems: ptr.To[int64](2), MaxItems: ptr.To[int64](2)}, []string{"exactly 2 entries"}},
		{"a large number is written out", apiextensionsv1.JSONSchemaProps{Maximum: ptr.To(86400000.0)}, []string{"at most 86400000"}},
		{"a choice has no quotes", apiextensionsv1.JSONSchemaProps{Enum: []apiextensionsv1.JSON{{Raw: []byte(`"Link"`)}}}, []string{"one of `Link`"}},
		{"a bar would end the cell", apiextensionsv1.JSONSchemaProps{Pattern: "^(a|b)$"}, []string{"pattern `^(a\\|b)$`"}},
		{"elements have limits of their own", apiextensionsv1.JSONSchemaProps{
			XListType: ptr.To("set"), MaxItems: ptr.To[int64](8),
			Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{MinLength: ptr.To[int64](1)}},
		}, []string{"at most 8 entries", "all different", "each: at least 1 character"}},
	} {
		if diff := cmp.Diff(c.want, limitsOf(&c.schema)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func TestInTable(t *testing.T) {
	for text, want := range map[string]string{
		"a | b":                      `a \| b`,
		"of <kind> and\n`<kind>`":    "of &lt;kind> and `<kind>`",
		"[\"*-admins\"] and `[\"*]`": "\\[\"\\*-admins\"\\] and `[\"*]`",
	} {
		if got := inTable(text); got != want {
			t.Errorf("inTable(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestRules: every rule of a definition is on its page.
func TestRules(t *testing.T) {
	schema := &apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{"roles": {
		XValidations: apiextensionsv1.ValidationRules{{Rule: "self.size() > 0", Message: "none"}},
		Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{
			XValidations: apiextensionsv1.ValidationRules{{Rule: "has(self.name)", MessageExpression: "'no ' + name"}},
		}},
	}}}
	var got []string
	for _, r := range rulesOf(schema, "spec", true) {
		got = append(got, r.path+": "+r.expression+": "+r.message)
	}
	want := []string{"spec.roles: self.size() > 0: none", "spec.roles[]: has(self.name): 'no ' + name"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rules (-want +got):\n%s", diff)
	}
	if rules := rulesOf(schema, "", false); len(rules) != 0 {
		t.Errorf("rules of fields are said to be of the whole object: %v", rules)
	}
}
