package policies

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// documents are the objects of the files that match, of one kind, strictly decoded.
func documents[T any](t *testing.T, pattern, kind string) []T {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var found []T
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			object := &unstructured.Unstructured{}
			if err := errors.Join(err, yaml.UnmarshalStrict(document, &object.Object)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if object.GetKind() != kind {
				continue
			}
			var typed T
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &typed, true); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			found = append(found, typed)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no %s in %s", kind, pattern)
	}
	return found
}

func policies(t *testing.T) []admissionv1.ValidatingAdmissionPolicy {
	t.Helper()
	return documents[admissionv1.ValidatingAdmissionPolicy](t, "../../config/admission/*.yaml", "ValidatingAdmissionPolicy")
}

// TestEveryValidationHasCases fails when somebody adds a validation and no case, or changes a message without looking at its case.
func TestEveryValidationHasCases(t *testing.T) {
	unused := map[string]bool{}
	for _, r := range rules() {
		unused[r.policy+": "+r.message] = true
		if len(r.accept) == 0 || len(r.refuse) == 0 {
			t.Errorf("%q has nothing to accept or nothing to refuse", r.reason)
		}
	}
	for _, policy := range policies(t) {
		for i, validation := range policy.Spec.Validations {
			covered := 0
			for key := range unused {
				name, message, _ := strings.Cut(key, ": ")
				if name == policy.Name && strings.Contains(validation.Message, message) {
					unused[key] = false
					covered++
				}
			}
			if covered != 1 {
				t.Errorf("validation %d of %s has %d different messages of cases, want 1: %q", i, policy.Name, covered, validation.Message)
			}
		}
	}
	for key, left := range unused {
		if left {
			t.Errorf("a case is about a validation that no policy has: %s", key)
		}
	}
}

// TestPoliciesFailClosed: a policy that cannot be evaluated refuses, one that is about a version is about all of them, and each is
// bound to do what its name says.
func TestPoliciesFailClosed(t *testing.T) {
	bindings := map[string]admissionv1.ValidatingAdmissionPolicyBindingSpec{}
	for _, binding := range documents[admissionv1.ValidatingAdmissionPolicyBinding](t, "../../config/admission/*.yaml", "ValidatingAdmissionPolicyBinding") {
		bindings[binding.Name] = binding.Spec
	}
	for _, policy := range policies(t) {
		if got := policy.Spec.FailurePolicy; got == nil || *got != admissionv1.Fail {
			t.Errorf("%s: failurePolicy is not Fail", policy.Name)
		}
		if got := policy.Spec.MatchConstraints.MatchPolicy; got == nil || *got != admissionv1.Equivalent {
			t.Errorf("%s: matchPolicy is not Equivalent", policy.Name)
		}
		action := admissionv1.Deny
		if policy.Name == "scim-operator-deletions" {
			action = admissionv1.Warn
		}
		want := admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy.Name, ValidationActions: []admissionv1.ValidationAction{action},
		}
		if diff := cmp.Diff(want, bindings[policy.Name]); diff != "" {
			t.Errorf("the binding of %s (-want +got):\n%s", policy.Name, diff)
		}
		delete(bindings, policy.Name)
		for _, validation := range policy.Spec.Validations {
			if !strings.Contains(validation.Message, ": ") || len(validation.Message) < 60 {
				t.Errorf("%s: the message gives no remedy after a colon: %q", policy.Name, validation.Message)
			}
		}
	}
	for name := range bindings {
		t.Errorf("a binding binds no policy: %s", name)
	}
}

// TestPoliciesKnowTheAccounts: the names in the policies are those of config/rbac, and that of the part of Kubernetes that clears away.
func TestPoliciesKnowTheAccounts(t *testing.T) {
	paths, err := filepath.Glob("../../config/admission/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, part := range []account{server, controller, collector} {
		want["system:serviceaccount:"+namespaces[part]+":"+string(part)] = true
	}
	got := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`system:serviceaccount[^"]*`).FindAllString(string(text), -1) {
			got[name] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts in config/admission (-want +got):\n%s", diff)
	}
}
