// Package chart proves what charts/scim-operator says: that it installs what config/default installs, that its values do what they are
// described to do and nothing else, and that a real API server accepts the result.
package chart

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	chartDir     = "../../charts/scim-operator"
	release      = "scim-operator"
	namespace    = "scim-operator-system"
	helmVariable = "HELM"
)

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

// result is what a program printed.
type result struct{ stdout, stderr string }

// run runs a program with no more of the environment than it needs, so that nobody's configuration of Helm or kubectl has a say.
func run(t *testing.T, stdin, program string, args ...string) (result, error) {
	t.Helper()
	home := t.TempDir()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = []string{"HOME=" + home, "KUBECACHEDIR=" + home, "PATH=" + os.Getenv("PATH")}
	command.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return result{stdout.String(), stderr.String()}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return result{stdout.String(), stderr.String()}, nil
}

// helm runs the Helm that make test provides.
func helm(t *testing.T, args ...string) (result, error) {
	t.Helper()
	program := os.Getenv(helmVariable)
	if program == "" {
		t.Fatalf("%s is not set, so there is no Helm to test with: run make test, or: export %s=$(hack/helm.sh)", helmVariable, helmVariable)
	}
	return run(t, "", program, args...)
}

func mustHelm(t *testing.T, args ...string) result {
	t.Helper()
	out, err := helm(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kubectl talks to the API server of this package as an administrator.
func kubectl(t *testing.T, stdin string, args ...string) (result, error) {
	t.Helper()
	return run(t, stdin, apiserver.Kubectl(t), append([]string{"--kubeconfig", kubeconfig(t)}, args...)...)
}

func kubeconfig(t *testing.T) string {
	t.Helper()
	return apiserver.Kubeconfig(t, apiserver.Config())
}

func mustKubectl(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	out, err := kubectl(t, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// values are what a user puts into a file for --values.
type values map[string]any

// file writes the values to a file, which keeps what --set would take apart: commas, empty lists, numbers.
func (v values) file(t *testing.T) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// template is the YAML that Helm renders.
func template(t *testing.T, v values) string {
	t.Helper()
	return mustHelm(t, "template", release, chartDir, "--namespace", namespace, "--values", v.file(t)).stdout
}

// objects are Kubernetes objects by kind, namespace and name.
type objects map[string]*unstructured.Unstructured

func render(t *testing.T, v values) objects {
	t.Helper()
	return decode(t, template(t, v))
}

// decode reads a stream of YAML documents. Two objects of the same name, or a key that is there twice, fail the test.
func decode(t *testing.T, stream string) objects {
	t.Helper()
	found := objects{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(stream)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if len(object.Object) == 0 {
			continue // nothing but comments
		}
		if found[keyOf(object)] != nil {
			t.Fatalf("%s is there twice", keyOf(object))
		}
		found[keyOf(object)] = object
	}
}

func keyOf(object *unstructured.Unstructured) string {
	if object.GetNamespace() == "" {
		return object.GetKind() + " " + object.GetName()
	}
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

// as reads one object into its type; a field that the type lacks fails the test.
func as[T any](t *testing.T, all objects, key string) *T {
	t.Helper()
	object, ok := all[key]
	if !ok {
		t.Fatalf("there is no %s", key)
	}
	typed := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return typed
}
