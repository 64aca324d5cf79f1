// Package admission tests, on a real API server, what the definitions in config/crd/bases admit and refuse. CEL rules compile and
// run nowhere else.
package admission

import (
	"context"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

// newClient refuses unknown fields, so that a case cannot pass because of a misspelt field that was dropped.
func newClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(apiserver.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatalf("make a client: %v", err)
	}
	return client.WithFieldValidation(c, "Strict")
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(text), &object.Object); err != nil {
		t.Fatalf("parse the object of the case: %v\n%s", err, text)
	}
	if object.GetAPIVersion() == "" {
		object.SetAPIVersion(v1alpha1.GroupVersion.String())
	}
	return object
}

// create really creates the object and deletes it when the test ends.
func create(t *testing.T, c client.Client, object client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), object); err != nil {
		t.Fatalf("create %s: %v", object.GetName(), err)
	}
	t.Cleanup(func() {
		// t.Context is cancelled before cleanups run.
		if err := client.IgnoreNotFound(c.Delete(context.Background(), object)); err != nil {
			t.Errorf("delete %s: %v", object.GetName(), err)
		}
	})
}
