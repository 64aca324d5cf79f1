package admission

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// schemaPatternMessage is what the API server answers when a string does not match the pattern of its schema.
const schemaPatternMessage = "should match '%s'"

// TestEveryRuleHasARefusal fails when somebody adds a CEL rule, a pattern or an enum to a type and no case to this package, or
// changes the message of one without looking at its case.
func TestEveryRuleHasARefusal(t *testing.T) {
	covered := map[string]bool{}
	for _, r := range rules() {
		covered[r.kind+": "+r.message] = true
	}
	found := map[string]bool{}
	for _, definition := range definitions(t) {
		walkSpec(definition, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			for _, message := range refusals(schema) {
				key := definition.Spec.Names.Kind + ": " + message
				found[key] = true
				if !covered[key] {
					t.Errorf("%s.%s has a rule without a case: %q", definition.Spec.Names.Kind, path, message)
				}
			}
		})
	}
	if len(found) < 20 {
		t.Errorf("found %d rules in config/crd/bases, want at least 20: the walk misses some", len(found))
	}
	for key := range covered {
		if !found[key] {
			t.Errorf("a case is about a rule that no definition has: %s", key)
		}
	}
}

// refusals are the texts with which the API server refuses what this part of a schema does not admit.
func refusals(schema *apiextensionsv1.JSONSchemaProps) []string {
	var messages []string
	for _, validation := range schema.XValidations {
		messages = append(messages, validation.Message)
	}
	if schema.Pattern != "" {
		messages = append(messages, fmt.Sprintf(schemaPatternMessage, schema.Pattern))
	}
	if len(schema.Enum) > 0 {
		values := make([]string, 0, len(schema.Enum))
		for _, value := range schema.Enum {
			values = append(values, string(value.Raw))
		}
		messages = append(messages, "supported values: "+strings.Join(values, ", "))
	}
	return messages
}

// TestEveryMessageNamesFieldAndRemedy: a refusal is the only documentation that somebody in a hurry reads.
func TestEveryMessageNamesFieldAndRemedy(t *testing.T) {
	generated := []string{
		oneNameMessage,
		oneUserMessage,
		"exactly one of the fields in [tokenSecretRef tokenSHA256 basicSecretRef] must be set",
		"exactly one of the fields in [postgresql ldap scim argocd] must be set",
	}
	for _, definition := range definitions(t) {
		walk(definition, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			for _, validation := range schema.XValidations {
				message := validation.Message
				if slices.Contains(generated, message) {
					continue
				}
				if !strings.Contains(message, ":") && !strings.Contains(message, ", so ") {
					t.Errorf("%s.%s: the message gives no remedy after a colon: %q", definition.Name, path, message)
				}
				if len(message) < 40 {
					t.Errorf("%s.%s: the message is too short to help: %q", definition.Name, path, message)
				}
			}
		})
	}
}
