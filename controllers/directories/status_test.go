package directories

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestDesiredStatus(t *testing.T) {
	two := []v1alpha1.Credential{{Name: "a"}, {Name: "b"}}
	tests := []struct {
		reason  string
		spec    v1alpha1.ScimDirectorySpec
		facts   facts
		ready   metav1.ConditionStatus
		why     string
		message string
	}{
		{"a directory with a credential serves", v1alpha1.ScimDirectorySpec{Credentials: two}, facts{}, metav1.ConditionTrue,
			v1alpha1.ReasonServing, "are served"},
		{"the switch is off", v1alpha1.ScimDirectorySpec{Credentials: two, Suspend: true}, facts{}, metav1.ConditionFalse,
			v1alpha1.ReasonSuspended, "spec.suspend"},
		{"nobody can sign in without a credential", v1alpha1.ScimDirectorySpec{}, facts{}, metav1.ConditionFalse,
			v1alpha1.ReasonNoCredentials, "spec.credentials"},
		{"one credential that works is enough, and the other is named", v1alpha1.ScimDirectorySpec{Credentials: two},
			facts{credentialErrs: []string{`credential "b": gone`}}, metav1.ConditionTrue, v1alpha1.ReasonServing, `credential "b": gone`},
		{"no credential works", v1alpha1.ScimDirectorySpec{Credentials: two}, facts{credentialErrs: []string{"a: gone", "b: gone"}},
			metav1.ConditionFalse, v1alpha1.ReasonCredentialNotFound, "a: gone; b: gone"},
		{"one credential has expired, and whoever looks should remove it", v1alpha1.ScimDirectorySpec{Credentials: two},
			facts{credentialErrs: []string{`credential "b": expired`}, expired: 1}, metav1.ConditionTrue, v1alpha1.ReasonServing, `credential "b": expired`},
		{"all credentials have expired", v1alpha1.ScimDirectorySpec{Credentials: two},
			facts{credentialErrs: []string{"a: expired", "b: expired"}, expired: 2}, metav1.ConditionFalse,
			v1alpha1.ReasonCredentialExpired, "a: expired; b: expired"},
		{"no credential works, for different reasons", v1alpha1.ScimDirectorySpec{Credentials: two},
			facts{credentialErrs: []string{"a: expired", "b: gone"}, expired: 1}, metav1.ConditionFalse,
			v1alpha1.ReasonCredentialNotFound, "a: expired; b: gone"},
		{"an expression that does not compile takes everybody's access", v1alpha1.ScimDirectorySpec{Credentials: two},
			facts{usernameErr: errors.New("syntax")}, metav1.ConditionFalse, v1alpha1.ReasonInvalidUsernameExpression, "syntax"},
	}
	for _, test := range tests {
		directory := &v1alpha1.ScimDirectory{Spec: test.spec}
		directory.Generation = 4
		test.facts.url, test.facts.users, test.facts.suspended, test.facts.roles = "https://x/scim/okta/v2", 3, 1, 2
		status := desiredStatus(directory, test.facts)
		ready := status.Conditions[0]
		got := []any{ready.Status, ready.Reason, status.URL, *status.Users, *status.SuspendedUsers, *status.Roles, status.ObservedGeneration}
		want := []any{test.ready, test.why, "https://x/scim/okta/v2", int32(3), int32(1), int32(2), int64(4)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", test.reason, diff)
		}
		if !strings.Contains(ready.Message, test.message) {
			t.Errorf("%s: message %q, want it to name %q", test.reason, ready.Message, test.message)
		}
		directory.Status = status
		if again := desiredStatus(directory, test.facts); !apiequality.Semantic.DeepEqual(status, again) {
			t.Errorf("%s: a second pass over the same facts changes the status:\n%s", test.reason, cmp.Diff(status, again))
		}
	}
}
