package admission

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const definitionsGlob = "../../config/crd/bases/*.yaml"

// definitions are those of config/crd/bases, the source of the chart's and of every test's.
func definitions(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	paths, err := filepath.Glob(definitionsGlob)
	if err != nil || len(paths) == 0 {
		t.Fatalf("find definitions: %d of %s, error %v", len(paths), definitionsGlob, err)
	}
	all := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, definition); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, definition)
	}
	return all
}

type visitor func(path string, schema *apiextensionsv1.JSONSchemaProps)

// walk visits every part of the schemas of a definition.
func walk(definition *apiextensionsv1.CustomResourceDefinition, visit visitor) {
	for _, version := range definition.Spec.Versions {
		walkSchema("", version.Schema.OpenAPIV3Schema, visit)
	}
}

// walkSpec leaves status out: only the operator writes it, and its conditions are a type of Kubernetes.
func walkSpec(definition *apiextensionsv1.CustomResourceDefinition, visit visitor) {
	walk(definition, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
		if !strings.HasPrefix(path, ".status") {
			visit(path, schema)
		}
	})
}

func walkSchema(path string, schema *apiextensionsv1.JSONSchemaProps, visit visitor) {
	visit(path, schema)
	for name, property := range schema.Properties {
		walkSchema(path+"."+name, &property, visit)
	}
	if schema.Items != nil {
		walkSchema(path+"[]", schema.Items.Schema, visit)
	}
	if schema.AdditionalProperties != nil {
		walkSchema(path+"{}", schema.AdditionalProperties.Schema, visit)
	}
}

// TestEveryPropertyIsDescribed: kubectl explain is the first manual that people read.
func TestEveryPropertyIsDescribed(t *testing.T) {
	for _, definition := range definitions(t) {
		walk(definition, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			for name, property := range schema.Properties {
				if path == "" && name == "metadata" {
					continue // the API server describes it
				}
				if len(property.Description) < 20 {
					t.Errorf("%s: %s.%s is not described: %q", definition.Spec.Names.Kind, path, name, property.Description)
				}
			}
		})
	}
}

// TestEveryPropertyIsBounded: without bounds the API server must assume the worst of a CEL rule's cost, and one object can fill
// etcd's limit. Types of Kubernetes itself have none; JSON values are bounded by the size of a request.
func TestEveryPropertyIsBounded(t *testing.T) {
	for _, definition := range definitions(t) {
		walk(definition, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			if path == ".apiVersion" || path == ".kind" || strings.Contains(path, ".selector.") {
				return
			}
			if why := unbounded(schema); why != "" {
				t.Errorf("%s: %s has no %s", definition.Spec.Names.Kind, path, why)
			}
		})
	}
}

func unbounded(schema *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case schema.Type == "string" && len(schema.Enum) == 0 && schema.Format == "" && schema.MaxLength == nil:
		return "maxLength"
	case schema.Type == "array" && schema.MaxItems == nil:
		return "maxItems"
	case schema.AdditionalProperties != nil && schema.MaxProperties == nil:
		return "maxProperties"
	case schema.Type == "integer" && schema.Minimum == nil:
		return "minimum"
	default:
		return ""
	}
}

// TestEveryListSaysHowItMerges: without a list type two server-side appliers overwrite each other silently.
func TestEveryListSaysHowItMerges(t *testing.T) {
	for _, definition := range definitions(t) {
		walk(definition, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			if schema.Type == "array" && schema.XListType == nil {
				t.Errorf("%s: %s has no list type", definition.Spec.Names.Kind, path)
			}
		})
	}
}

// TestEveryKindIsListedByScim: `kubectl get scim` answers "what is there".
func TestEveryKindIsListedByScim(t *testing.T) {
	for _, definition := range definitions(t) {
		if !slices.Contains(definition.Spec.Names.Categories, "scim") {
			t.Errorf("%s is not in the category scim", definition.Name)
		}
	}
}

// TestTablesOfPrinterColumns: the columns are the answers to the questions that people ask first, so they are part of the design.
func TestTablesOfPrinterColumns(t *testing.T) {
	want := map[string]string{
		"ScimUser":           "Username Active Roles Accounts State (Email Directory External-ID K8s-User Revoked) Age",
		"ScimRole":           "Display-Name Members Grants Directory (External-ID Reason Last-Seen) Age",
		"ScimRoleSlice":      "Role Age",
		"ScimClaim":          "Attribute Value Owner Age",
		"ScimDirectory":      "URL Users Suspended Roles Last-Request Ready Reason (Message) Age",
		"AccessPlan":         "Directory Role State Held Passed Limit Release (Digest) Age",
		"ClusterAccessGrant": "Roles To Namespaces Users Expires Ready Reason (Message) Age",
		"AccessGrant":        "Roles To Users Expires Ready Reason (Message) Age",
		"AppConnection":      "Type Endpoint Accounts Failed Mode Last-Sync Ready Reason (Message) Age",
		"AppAccount":         "App Username Account State Ready Reason (Roles Message) Changed Age",
	}
	for _, definition := range definitions(t) {
		kind := definition.Spec.Names.Kind
		if got := columns(definition.Spec.Versions[0].AdditionalPrinterColumns); got != want[kind] {
			t.Errorf("%s: got columns %q, want %q", kind, got, want[kind])
		}
	}
}

// columns puts those that only `-o wide` shows into brackets.
func columns(all []apiextensionsv1.CustomResourceColumnDefinition) string {
	var text strings.Builder
	for _, column := range all {
		if column.Priority > 0 {
			text.WriteString("(" + column.Name + ") ")
		} else {
			text.WriteString(column.Name + " ")
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(text.String(), ") (", " "))
}
