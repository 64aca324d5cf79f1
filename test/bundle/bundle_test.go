// Package bundle_test compares the bundle for the Operator Lifecycle Manager with config, which make bundle writes it from, and has an API
// server look at its examples. Whether the Lifecycle Manager takes it, nothing here can say.
package bundle_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	config    = "../../config"
	manifests = "../../bundle/manifests"
)

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	check(t, err)
	return string(text)
}

// object parses one document.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	check(t, yaml.Unmarshal([]byte(text), &o.Object))
	return o
}

// rendered is what kubectl apply -k config/default would apply, by kind and name.
func rendered(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), apiserver.Kubectl(t), "kustomize", filepath.Join(config, "default")).Output()
	check(t, err)
	objects := map[string]*unstructured.Unstructured{}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		o := object(t, document)
		objects[o.GetKind()+" "+o.GetName()] = o
	}
	return objects
}

// csv is the ClusterServiceVersion.
func csv(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	return object(t, read(t, manifests, "scim-operator.clusterserviceversion.yaml"))
}

// field is what an object has at a path, nil when it has nothing.
func field(t *testing.T, o map[string]any, path ...string) any {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(o, path...)
	check(t, err)
	return value
}

// list is field for a list of objects.
func list(t *testing.T, o map[string]any, path ...string) []map[string]any {
	t.Helper()
	items, _ := field(t, o, path...).([]any)
	var objects []map[string]any
	for _, item := range items {
		objects = append(objects, item.(map[string]any))
	}
	return objects
}

// TestManifests wants each object of config in the bundle as it is, but for those that the Lifecycle Manager makes itself and those that it
// cannot carry, and nothing else.
func TestManifests(t *testing.T) {
	want := map[string]any{"ClusterServiceVersion scim-operator.v0.1.0": nil}
	objects := rendered(t)
	bound := map[string]bool{}
	for _, o := range objects {
		if o.GetKind() == "ClusterRoleBinding" {
			bound[field(t, o.Object, "roleRef", "name").(string)] = true
		}
	}
	for key, o := range objects {
		switch o.GetKind() {
		case "CustomResourceDefinition", "Service", "PodDisruptionBudget":
			o.SetNamespace("")
			want[key] = o.Object
		case "ClusterRole":
			if !bound[o.GetName()] {
				want[key] = o.Object
			}
		}
	}
	got := map[string]any{}
	paths, err := filepath.Glob(filepath.Join(manifests, "*.yaml"))
	check(t, err)
	for _, path := range paths {
		o := object(t, read(t, path))
		got[o.GetKind()+" "+o.GetName()] = o.Object
		if o.GetKind() == "ClusterServiceVersion" {
			got[o.GetKind()+" "+o.GetName()] = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("make bundle would change the bundle (-config +bundle):\n%s", diff)
	}
}

// TestInstallStrategy wants the Deployments and the rights of config.
func TestInstallStrategy(t *testing.T) {
	objects, strategy := rendered(t), field(t, csv(t).Object, "spec", "install", "spec").(map[string]any)
	want, got := map[string]any{}, map[string]any{}
	accounts := map[string]bool{}
	for _, o := range objects {
		if o.GetKind() != "Deployment" {
			continue
		}
		accounts[field(t, o.Object, "spec", "template", "spec", "serviceAccountName").(string)] = true
		want["Deployment "+o.GetName()] = map[string]any{"name": o.GetName(), "label": field(t, o.Object, "metadata", "labels"), "spec": field(t, o.Object, "spec")}
	}
	for account := range accounts {
		want["permissions "+account] = rules(t, objects, "Role", account)
		want["clusterPermissions "+account] = rules(t, objects, "ClusterRole", account)
	}
	for _, deployment := range list(t, strategy, "deployments") {
		got["Deployment "+deployment["name"].(string)] = deployment
	}
	for _, scope := range []string{"permissions", "clusterPermissions"} {
		for _, permission := range list(t, strategy, scope) {
			got[scope+" "+permission["serviceAccountName"].(string)] = list(t, permission, "rules")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is installed (-config +bundle):\n%s", diff)
	}
	if len(accounts) != 2 {
		t.Errorf("%d accounts, want those of the server and of the controller", len(accounts))
	}
	image := field(t, list(t, strategy, "deployments")[0], "spec", "template", "spec").(map[string]any)
	if named := csv(t).GetAnnotations()["containerImage"]; list(t, image, "containers")[0]["image"] != named {
		t.Errorf("containerImage is %s, which no Deployment has", named)
	}
}

// rules are those that an account has by bindings of a kind, in the order of the names of the bindings.
func rules(t *testing.T, objects map[string]*unstructured.Unstructured, kind, account string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		binding := objects[key]
		if binding.GetKind() != kind+"Binding" {
			continue
		}
		for _, subject := range list(t, binding.Object, "subjects") {
			if subject["name"] == account {
				all = append(all, list(t, objects[kind+" "+field(t, binding.Object, "roleRef", "name").(string)].Object, "rules")...)
			}
		}
	}
	return all
}

// TestDescription wants what a person wrote, the icon and the kinds of config in the ClusterServiceVersion.
func TestDescription(t *testing.T) {
	got, written := csv(t), object(t, read(t, config, "manifests", "scim-operator.clusterserviceversion.yaml"))
	for key, value := range written.Object["spec"].(map[string]any) {
		if diff := cmp.Diff(value, field(t, got.Object, "spec", key)); diff != "" {
			t.Errorf("spec.%s (-config +bundle):\n%s", key, diff)
		}
	}
	for key, value := range written.GetAnnotations() {
		if got.GetAnnotations()[key] != value {
			t.Errorf("annotation %s is %q, want %q", key, got.GetAnnotations()[key], value)
		}
	}
	icon := list(t, got.Object, "spec", "icon")
	if want := base64.StdEncoding.EncodeToString([]byte(read(t, config, "manifests", "icon.svg"))); len(icon) != 1 || icon[0]["base64data"] != want {
		t.Error("the icon is another than config/manifests/icon.svg")
	}
	var kinds, described, shown []string
	for _, o := range rendered(t) {
		if o.GetKind() == "CustomResourceDefinition" {
			kinds = append(kinds, field(t, o.Object, "spec", "names", "kind").(string))
		}
	}
	for _, owned := range list(t, got.Object, "spec", "customresourcedefinitions", "owned") {
		if owned["description"] == nil {
			t.Errorf("%s has no description", owned["kind"])
		}
		described = append(described, owned["kind"].(string))
	}
	for _, example := range examples(t) {
		shown = append(shown, example.GetKind())
	}
	for _, list := range [][]string{kinds, described, shown} {
		slices.Sort(list)
	}
	if diff := cmp.Diff([][]string{kinds, kinds}, [][]string{described, shown}); diff != "" {
		t.Errorf("kinds that are described, and shown by an example (-config +bundle):\n%s", diff)
	}
}

func examples(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	check(t, json.Unmarshal([]byte(csv(t).GetAnnotations()["alm-examples"]), &objects))
	return objects
}

// TestExamples wants the API server to take each example.
func TestExamples(t *testing.T) {
	kube, err := client.New(apiserver.Config(), client.Options{})
	check(t, err)
	for _, example := range examples(t) {
		if namespace := example.GetNamespace(); namespace != "" {
			made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
			check(t, client.IgnoreAlreadyExists(kube.Create(t.Context(), made)))
		}
		if err := kube.Create(t.Context(), example, client.DryRunAll); err != nil {
			t.Errorf("the example of a %s: %v", example.GetKind(), err)
		}
	}
}

// TestImage wants the labels of the bundle's image to be its annotations.
func TestImage(t *testing.T) {
	want := map[string]any{}
	for line := range strings.Lines(read(t, manifests, "..", "bundle.Dockerfile")) {
		if label, ok := strings.CutPrefix(strings.TrimSpace(line), "LABEL "); ok {
			name, value, _ := strings.Cut(label, "=")
			want[name] = value
		}
	}
	got := object(t, read(t, manifests, "..", "metadata", "annotations.yaml")).Object["annotations"]
	if diff := cmp.Diff(any(want), got); diff != "" || len(want) != 6 {
		t.Errorf("labels and annotations (-labels +annotations):\n%s", diff)
	}
}
