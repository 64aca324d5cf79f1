package docs_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

// valuesMark is the first line of a block of values for the chart.
const valuesMark = "# values.yaml\n"

// others are the kinds of other projects that pages show. No API server is at hand that knows them, so they are only read.
var others = []string{
	"argoproj.io/v1alpha1 Application", "cert-manager.io/v1 Issuer", "gateway.networking.k8s.io/v1 BackendTLSPolicy",
	"helm.toolkit.fluxcd.io/v2 HelmRelease", "kustomize.config.k8s.io/v1beta1 Kustomization", "source.toolkit.fluxcd.io/v1 GitRepository",
}

// TestYAML: an API server takes the objects that pages show, and the chart takes the values.
func TestYAML(t *testing.T) {
	c, err := client.New(apiserver.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c = client.WithFieldValidation(c, "Strict")
	objects, values, foreign := 0, 0, map[string]bool{}
	for _, p := range pagesOfTheProject(t) {
		blocks, _ := blocksOf(p.text)
		for _, b := range blocks {
			switch {
			case b.language != "yaml":
			case strings.HasPrefix(b.text, valuesMark):
				values++
				if out, err := helmTemplate(t, b.text); err != nil {
					t.Errorf("%s, line %d: the chart does not take these values: %v\n%s", p.path, b.line, err, out)
				}
			default:
				for _, object := range objectsOf(t, p, b) {
					objects++
					kind := object.GetAPIVersion() + " " + object.GetKind()
					if slices.Contains(others, kind) {
						foreign[kind] = true
						continue
					}
					if err := dryRun(t, c, object); err != nil {
						t.Errorf("%s, line %d: %s %s: %v", p.path, b.line, object.GetKind(), object.GetName(), err)
					}
				}
			}
		}
	}
	if objects < 30 || values < 5 {
		t.Errorf("found %d objects and %d blocks of values, want at least 30 and 5: the pages have another form than this test reads", objects, values)
	}
	for _, kind := range others {
		if !foreign[kind] {
			t.Errorf("no page shows a %s: take it off the list of what is only read", kind)
		}
	}
}

// objectsOf are the objects of a block. A key that is there twice, or a document that is no object, fails the test.
func objectsOf(t *testing.T, p page, b block) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(b.text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s, line %d: %v", p.path, b.line, err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil || object.GetKind() == "" {
			t.Errorf("%s, line %d: no object (values begin with %q): %v", p.path, b.line, valuesMark, err)
			continue
		}
		objects = append(objects, object)
	}
}

// dryRun asks the API server to create the object in a namespace that exists.
func dryRun(t *testing.T, c client.Client, object *unstructured.Unstructured) error {
	t.Helper()
	gvk := object.GroupVersionKind()
	mapping, err := c.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if object.GetNamespace() == "" {
			object.SetNamespace("default")
		}
		namespace := &unstructured.Unstructured{}
		namespace.SetAPIVersion("v1")
		namespace.SetKind("Namespace")
		namespace.SetName(object.GetNamespace())
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), namespace)); err != nil {
			return err
		}
	}
	return client.IgnoreAlreadyExists(c.Create(t.Context(), object, client.DryRunAll))
}

// helmTemplate renders the chart with the values, which Helm holds to the chart's schema.
func helmTemplate(t *testing.T, values string) (string, error) {
	t.Helper()
	helm := os.Getenv("HELM")
	if helm == "" {
		t.Fatal("HELM is not set, so there is no Helm to test with: run make test, or: export HELM=$(hack/helm.sh)")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), helm, "template", "scim-operator", filepath.Join(root, "charts", "scim-operator"),
		"--namespace", "scim-operator-system", "--values", file)
	command.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	output, err := command.CombinedOutput()
	if err != nil {
		return string(output), err
	}
	return "", nil
}

// TestWrongYAML: what pages should not show is noticed.
func TestWrongYAML(t *testing.T) {
	c, err := client.New(apiserver.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c = client.WithFieldValidation(c, "Strict")
	for reason, text := range map[string]string{
		"a field that does not exist": "{apiVersion: scim-operator.io/v1alpha1, kind: ScimDirectory, metadata: {name: a}, spec: {provider: Okta, providr: Okta}}",
		"a kind that does not exist":  "{apiVersion: scim-operator.io/v1alpha1, kind: ScimFolder, metadata: {name: a}}",
		"a value that is refused":     "{apiVersion: scim-operator.io/v1alpha1, kind: ScimDirectory, metadata: {name: a}, spec: {provider: Oktaa}}",
	} {
		for _, object := range objectsOf(t, page{}, block{text: text}) {
			if dryRun(t, c, object) == nil {
				t.Errorf("%s is accepted", reason)
			}
		}
	}
	if out, err := helmTemplate(t, valuesMark+"server: {replica: 2}\n"); err == nil || !strings.Contains(out, "replica") {
		t.Errorf("a value that does not exist is accepted: %q", out)
	}
}
