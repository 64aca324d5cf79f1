package admission

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/internal/access"
)

// yamlBlock is an example in a page of docs.
var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestGuideToGrants: the examples are admitted as they stand, and their conditions compile, because people copy them.
func TestGuideToGrants(t *testing.T) {
	c := newClient(t)
	payments := parse(t, `{apiVersion: v1, kind: Namespace, metadata: {name: payments}}`)
	if err := client.IgnoreAlreadyExists(c.Create(t.Context(), payments)); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/grants.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 7 {
		t.Fatalf("docs/grants.md has %d examples, want at least 7: the pattern misses some", len(blocks))
	}
	conditions := 0
	for _, block := range blocks {
		object := parse(t, block[1])
		t.Run(object.GetName(), func(t *testing.T) {
			if err := c.Create(t.Context(), object, client.DryRunAll); err != nil {
				t.Errorf("the example is refused: %v", err)
			}
		})
		spec, _ := object.Object["spec"].(map[string]any)
		if condition, ok := spec["condition"].(string); ok {
			conditions++
			if _, err := access.CompileCondition(condition); err != nil {
				t.Errorf("%s: %v", object.GetName(), err)
			}
		}
	}
	if conditions == 0 || !strings.Contains(string(page), "condition:") {
		t.Error("docs/grants.md shows no condition")
	}
}
