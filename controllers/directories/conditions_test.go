package directories

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const day = 24 * time.Hour

func TestWarnings(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	ends := func(name string, in time.Duration) v1alpha1.Credential {
		return v1alpha1.Credential{Name: name, ExpiresAt: &metav1.Time{Time: now.Add(in)}}
	}
	from := func(name string, in time.Duration) v1alpha1.Credential {
		return v1alpha1.Credential{Name: name, NotBefore: &metav1.Time{Time: now.Add(in)}}
	}
	reader := v1alpha1.Credential{Name: "reader", Access: v1alpha1.AccessReadOnly}
	with := func(credentials ...v1alpha1.Credential) v1alpha1.ScimDirectorySpec {
		return v1alpha1.ScimDirectorySpec{Credentials: credentials}
	}
	const expiring, mismatch = v1alpha1.DirectoryTokenExpiring, v1alpha1.DirectoryUsernameMismatch
	tests := []struct {
		reason  string
		spec    v1alpha1.ScimDirectorySpec
		facts   facts
		kind    string
		status  metav1.ConditionStatus
		why     string
		message string
	}{
		{"a token without an end", with(v1alpha1.Credential{Name: "a"}), facts{}, expiring, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"a token that ends later", with(ends("a", 15*day)), facts{}, expiring, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"a token that ends soon", with(ends("a", 14*day)), facts{}, expiring, metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon, "`kubectl scim token rotate okta`"},
		{"it is named", with(ends("a", day)), facts{}, expiring, metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon, `credential "a" ends at 2026-06-02T00:00:00Z`},
		{"another outlives it", with(ends("a", day), ends("b", 30*day)), facts{}, expiring, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"another outlives it, but not by enough", with(ends("a", day), ends("b", 2*day)), facts{}, expiring, metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon, `credential "b"`},
		{"both end at once", with(ends("a", day), ends("b", day)), facts{}, expiring, metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon, `credential "a" ends at 2026-06-02T00:00:00Z, credential "b"`},
		{"the next begins in time", with(ends("a", 2*day), from("b", day)), facts{}, expiring, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"the next begins too late", with(ends("a", day), from("b", 2*day)), facts{}, expiring, metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon, `credential "a"`},
		{"one that may only read takes no writer's place", with(ends("a", day), reader), facts{}, expiring, metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon, `credential "a"`},
		{"an old one that was forgotten is no news", with(ends("a", -day), ends("b", 30*day)), facts{}, expiring, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"all are over", with(ends("a", -day)), facts{}, expiring, metav1.ConditionTrue, v1alpha1.ReasonCredentialExpired, "`kubectl scim token rotate okta`"},
		{"none is there, which Ready says", with(), facts{}, expiring, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"suspended", v1alpha1.ScimDirectorySpec{Suspend: true}, facts{}, v1alpha1.DirectorySuspended, metav1.ConditionTrue, v1alpha1.ReasonSuspended, "403"},
		{"not suspended", with(), facts{}, v1alpha1.DirectorySuspended, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"all can sign in", with(), facts{users: 3}, mismatch, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"some cannot, and the first are named", with(), facts{mismatched: []string{"a", "b", "c", "d"}}, mismatch, metav1.ConditionTrue,
			v1alpha1.ReasonUsersCannotSignIn, "4 of the users cannot sign in"},
		{"users and no groups (S36)", with(), facts{users: 1}, v1alpha1.DirectoryNoGroupsPushed, metav1.ConditionTrue, v1alpha1.ReasonNoGroups, "by hand"},
		{"nobody yet", with(), facts{}, v1alpha1.DirectoryNoGroupsPushed, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
		{"groups are not wanted", v1alpha1.ScimDirectorySpec{Resources: v1alpha1.ResourcesUsers}, facts{users: 1}, v1alpha1.DirectoryNoGroupsPushed,
			metav1.ConditionFalse, v1alpha1.ReasonUsersOnly, ""},
		{"a default role is missing", with(), facts{missingDefaults: []string{"x"}}, v1alpha1.DirectoryDefaultRoleInvalid, metav1.ConditionTrue, v1alpha1.ReasonRoleNotFound, "x"},
		{"a default role is pushed", with(), facts{managedDefaults: []string{"y"}}, v1alpha1.DirectoryDefaultRoleInvalid, metav1.ConditionTrue, v1alpha1.ReasonRoleNotLocal, "y"},
		{"default roles are local", with(), facts{}, v1alpha1.DirectoryDefaultRoleInvalid, metav1.ConditionFalse, v1alpha1.ReasonAsExpected, ""},
	}
	for _, test := range tests {
		directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta", Generation: 4}, Spec: test.spec}
		test.facts.now = now
		got := apimeta.FindStatusCondition(warnings(directory, test.facts), test.kind)
		if diff := cmp.Diff([]any{test.status, test.why, int64(4)}, []any{got.Status, got.Reason, got.ObservedGeneration}); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", test.reason, diff)
		}
		if !strings.Contains(got.Message, test.message) || len(got.Message) == 0 {
			t.Errorf("%s: message %q, want it to say %q", test.reason, got.Message, test.message)
		}
	}
}

func TestOthersConditionsStay(t *testing.T) {
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
	directory.Spec.Credentials = []v1alpha1.Credential{{Name: "a"}}
	directory.Status.Conditions = []metav1.Condition{{Type: "GuardTripped", Status: metav1.ConditionTrue, Reason: "Held"}}
	directory.Status.Credentials = []v1alpha1.CredentialStatus{{Name: "a"}, {Name: "gone"}}
	status := desiredStatus(directory, facts{})
	if !apimeta.IsStatusConditionTrue(status.Conditions, "GuardTripped") {
		t.Error("a condition of another controller is not this one's to take away")
	}
	if diff := cmp.Diff([]v1alpha1.CredentialStatus{{Name: "a"}}, status.Credentials); diff != "" {
		t.Errorf("what is about a credential that is gone goes: -want, +got:\n%s", diff)
	}
}
