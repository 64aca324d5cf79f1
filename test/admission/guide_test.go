package admission

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/accounts"
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

// TestGuideToApps: the examples are admitted as they stand, and their expressions compile, because people copy them.
func TestGuideToApps(t *testing.T) {
	c := newClient(t)
	for _, name := range []string{"payments", "security", "infrastructure", "argocd"} {
		namespace := parse(t, "{apiVersion: v1, kind: Namespace, metadata: {name: "+name+"}}")
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), namespace)); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../../docs/apps.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[v1alpha1.AppType]bool{}
	for _, block := range yamlBlock.FindAllStringSubmatch(string(page), -1) {
		object := parse(t, block[1])
		t.Run(object.GetName(), func(t *testing.T) {
			if err := c.Create(t.Context(), object.DeepCopy(), client.DryRunAll); err != nil {
				t.Errorf("the example is refused: %v", err)
			}
			if object.GetKind() == "AppConnection" {
				shown[mustCompile(t, object)] = true
			}
		})
	}
	for _, app := range []v1alpha1.AppType{v1alpha1.AppTypePostgreSQL, v1alpha1.AppTypeLDAP, v1alpha1.AppTypeSCIM, v1alpha1.AppTypeArgoCD} {
		if !shown[app] {
			t.Errorf("docs/apps.md has no example of %s", app)
		}
	}
}

// mustCompile compiles the expressions of an AppConnection and says what it is a connection to.
func mustCompile(t *testing.T, object *unstructured.Unstructured) v1alpha1.AppType {
	t.Helper()
	connection := &v1alpha1.AppConnection{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, connection, true); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Compile(&connection.Spec); err != nil {
		t.Errorf("%s: %v", object.GetName(), err)
	}
	return connection.Spec.Target.Type()
}
