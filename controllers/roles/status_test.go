package roles

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestDesiredStatus(t *testing.T) {
	seven := int32(7)
	tests := []struct {
		reason  string
		facts   facts
		ready   metav1.ConditionStatus
		why     string
		members int32
	}{
		{"every member is known", facts{claimOwner: "role-id", members: 3}, metav1.ConditionTrue, v1alpha1.ReasonResolved, 3},
		{"unknown members are normal, and counted", facts{claimOwner: "role-id", members: 3, unresolved: 1},
			metav1.ConditionTrue, v1alpha1.ReasonUnresolvedMembers, 3},
		{"no claim, no effect", facts{members: 3}, metav1.ConditionFalse, v1alpha1.ReasonClaimPending, 3},
		{"the name belongs to who holds its claim", facts{claimOwner: "other", members: 3},
			metav1.ConditionFalse, v1alpha1.ReasonDisplayNameConflict, 3},
		{"with a slice missing nobody knows how many members there are, so the last count stays",
			facts{claimOwner: "role-id", members: 1, missingSlice: "role-id-x"}, metav1.ConditionFalse, v1alpha1.ReasonSliceNotFound, 7},
	}
	for _, test := range tests {
		role := &v1alpha1.ScimRole{Status: v1alpha1.ScimRoleStatus{Members: &seven}}
		role.Name, role.Generation = "role-id", 2
		status := desiredStatus(role, test.facts)
		ready := status.Conditions[0]
		got := []any{ready.Status, ready.Reason, *status.Members, status.ObservedGeneration}
		if diff := cmp.Diff([]any{test.ready, test.why, test.members, int64(2)}, got); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", test.reason, diff)
		}
		role.Status = status
		if again := desiredStatus(role, test.facts); !apiequality.Semantic.DeepEqual(status, again) {
			t.Errorf("%s: a second pass over the same facts changes the status:\n%s", test.reason, cmp.Diff(status, again))
		}
	}
}

func TestNames(t *testing.T) {
	role := &v1alpha1.ScimRole{Spec: v1alpha1.ScimRoleSpec{Directory: "okta", DisplayName: "Straße"}}
	role.Name, role.Labels = "role-id", map[string]string{"tier": "one"}
	tests := []struct {
		reason   string
		selector v1alpha1.RoleSelector
		want     bool
	}{
		{"by name", v1alpha1.RoleSelector{Name: "role-id"}, true},
		{"by another name", v1alpha1.RoleSelector{Name: "other"}, false},
		{"by display name, folded", v1alpha1.RoleSelector{DisplayName: "STRASSE"}, true},
		{"by display name in its directory", v1alpha1.RoleSelector{DisplayName: "straße", Directory: "okta"}, true},
		{"by display name in another directory", v1alpha1.RoleSelector{DisplayName: "straße", Directory: "entra"}, false},
		{"by label", v1alpha1.RoleSelector{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "one"}}}, true},
		{"by another label", v1alpha1.RoleSelector{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "two"}}}, false},
		{"by label in another directory", v1alpha1.RoleSelector{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "one"}}, Directory: "entra",
		}, false},
		{"by no requirement", v1alpha1.RoleSelector{Selector: &metav1.LabelSelector{}}, false},
	}
	for _, test := range tests {
		if got := names([]v1alpha1.RoleSelector{test.selector}, role); got != test.want {
			t.Errorf("%s: names = %v, want %v", test.reason, got, test.want)
		}
	}
}
