package chart

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	keepAnnotation = "helm.sh/resource-policy"
	definitionKind = "CustomResourceDefinition"
	namespaceKey   = "Namespace " + namespace
)

func TestLint(t *testing.T) {
	mustHelm(t, "lint", "--strict", chartDir)
}

// TestEqualsKustomization: with default values the chart is config/default, object by object. What may differ is what this test
// takes away, and nothing else: the namespace, which a chart cannot make for itself; the image's tag; the labels and the annotation
// that Helm's conventions ask for.
func TestEqualsKustomization(t *testing.T) {
	want := kustomization(t)
	if got := want[namespaceKey].GetLabels()["pod-security.kubernetes.io/enforce"]; got != "restricted" {
		t.Errorf("config/default enforces %q, but the chart's README says restricted", got)
	}
	delete(want, namespaceKey)
	for key, object := range want {
		if object.GetKind() == "Deployment" {
			setTag(t, key, object, "latest", metadata(t).AppVersion)
		}
	}
	got := render(t, nil)
	for key, object := range got {
		withoutHelm(t, key, object)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the chart differs from config/default (-config +chart):\n%s", diff)
	}
}

// TestDefinitions: the chart's CustomResourceDefinitions are those of config/crd/bases, and values decide on them alone.
func TestDefinitions(t *testing.T) {
	bases := generated(t)
	kept := objects{}
	for key, definition := range bases {
		kept[key] = definition.DeepCopy()
		annotate(kept[key], keepAnnotation, "keep")
	}
	cases := map[string]struct {
		reason string
		values values
		want   objects
	}{
		"default":  {"uninstalling must not take people's access away by accident", nil, kept},
		"not kept": {"without the annotation Helm deletes them", values{"crds": values{"keep": false}}, bases},
		"disabled": {"somebody else installs them", values{"crds": values{"enabled": false}}, objects{}},
	}
	others, _ := split(render(t, nil))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			rest, definitions := split(render(t, tc.values))
			if diff := cmp.Diff(tc.want, definitions); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(others, rest); diff != "" {
				t.Errorf("values of crds change other objects (-default +got):\n%s", diff)
			}
		})
	}
}

// TestAdmissionPolicies: the chart's policies are those of config/admission, the value decides on them alone, and they name the
// accounts in the release's namespace. TestEqualsKustomization compares what is in them.
func TestAdmissionPolicies(t *testing.T) {
	with, without := render(t, nil), render(t, values{"admissionPolicies": values{"enabled": false}})
	policies := objects{}
	maps.Copy(policies, with)
	maps.DeleteFunc(policies, func(_ string, object *unstructured.Unstructured) bool {
		return !strings.HasPrefix(object.GetKind(), "ValidatingAdmissionPolicy")
	})
	if len(policies) < 2 {
		t.Fatalf("the chart has %d policies and bindings", len(policies))
	}
	maps.DeleteFunc(with, func(key string, _ *unstructured.Unstructured) bool { return policies[key] != nil })
	if diff := cmp.Diff(with, without); diff != "" {
		t.Errorf("without policies something else differs (-with +without):\n%s", diff)
	}
	elsewhere := mustHelm(t, "template", release, chartDir, "--namespace", "elsewhere").stdout
	if strings.Contains(elsewhere, namespace) {
		t.Errorf("installed elsewhere, the chart still names %s", namespace)
	}
	if want := "system:serviceaccount:elsewhere:scim-operator-server"; !strings.Contains(elsewhere, want) {
		t.Errorf("installed elsewhere, no policy knows %s", want)
	}
}

// kustomization is what kubectl makes of config/default.
func kustomization(t *testing.T) objects {
	t.Helper()
	out, err := run(t, "", apiserver.Kubectl(t), "kustomize", "../../config/default")
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out.stdout)
}

// generated are the files of config/crd/bases.
func generated(t *testing.T) objects {
	t.Helper()
	paths, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := objects{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(found, decode(t, string(text)))
	}
	if len(found) == 0 || len(found) != len(paths) {
		t.Fatalf("%d definitions in %d files of config/crd/bases", len(found), len(paths))
	}
	return found
}

// split parts the CustomResourceDefinitions from everything else.
func split(all objects) (rest, definitions objects) {
	rest, definitions = objects{}, objects{}
	for key, object := range all {
		if object.GetKind() == definitionKind {
			definitions[key] = object
		} else {
			rest[key] = object
		}
	}
	return rest, definitions
}

// chartMetadata is what Chart.yaml says.
type chartMetadata struct{ Name, Version, AppVersion string }

func metadata(t *testing.T) chartMetadata {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var found chartMetadata
	if err := yaml.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// withoutHelm takes away what Helm's conventions add, which must be there.
func withoutHelm(t *testing.T, key string, object *unstructured.Unstructured) {
	t.Helper()
	if object.GetKind() == definitionKind {
		annotations := object.GetAnnotations()
		delete(annotations, keepAnnotation)
		object.SetAnnotations(annotations)
		return
	}
	chart, labels := metadata(t), object.GetLabels()
	for label, want := range map[string]string{
		"app.kubernetes.io/instance":   release,
		"app.kubernetes.io/managed-by": "Helm",
		"app.kubernetes.io/version":    chart.AppVersion,
		"helm.sh/chart":                chart.Name + "-" + chart.Version,
	} {
		if labels[label] != want {
			t.Errorf("%s: label %s is %q, want %q", key, label, labels[label], want)
		}
		delete(labels, label)
	}
	object.SetLabels(labels)
}

// setTag replaces the tag of every image of a Deployment.
func setTag(t *testing.T, key string, deployment *unstructured.Unstructured, old, tag string) {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	for _, container := range containers {
		fields, _ := container.(map[string]any)
		image, _ := fields["image"].(string)
		repository, ok := strings.CutSuffix(image, ":"+old)
		if !ok {
			t.Fatalf("%s: image %q has not the tag %s", key, image, old)
		}
		fields["image"] = repository + ":" + tag
	}
	if err := unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
}

func annotate(object *unstructured.Unstructured, key, value string) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	object.SetAnnotations(annotations)
}
