package apps

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// stateOf is a status with a state and a time that the API server keeps in seconds.
func stateOf(state v1alpha1.AccountState, roles ...string) *v1alpha1.AppAccountStatus {
	at := metav1.NewTime(time.Unix(1_800_000_000, 999))
	return &v1alpha1.AppAccountStatus{State: state, LastChangeTime: &at, Given: v1alpha1.GivenRecord{Roles: roles}}
}

func TestForeignStatus(t *testing.T) {
	active, suspended, absent := stateOf(v1alpha1.AccountActive), stateOf(v1alpha1.AccountSuspended), stateOf(v1alpha1.AccountAbsent)
	tests := map[string]struct {
		reason        string
		intended      []*v1alpha1.AppAccountStatus
		before, after *v1alpha1.AppAccountStatus
		want          bool
	}{
		"own":          {"what was written here is known when it comes", []*v1alpha1.AppAccountStatus{suspended}, active, suspended, false},
		"own, first":   {"an event may come after the next write", []*v1alpha1.AppAccountStatus{suspended, absent}, active, suspended, false},
		"own, last":    {"a cache may pass over a state", []*v1alpha1.AppAccountStatus{suspended, absent}, active, absent, false},
		"foreign":      {"nobody here wrote that", nil, active, suspended, true},
		"foreign, too": {"something else was written here", []*v1alpha1.AppAccountStatus{absent}, active, suspended, true},
		"same":         {"the status is as it was", nil, active, active, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var m memory
			for _, status := range tc.intended {
				m.intend("ada", status)
			}
			kept := tc.after.DeepCopy()
			kept.LastChangeTime.Time = kept.LastChangeTime.Truncate(time.Second)
			if tc.before == tc.after {
				tc.before = kept
			}
			if got := m.foreign("ada", tc.before, kept); got != tc.want {
				t.Errorf("%s: got %v", tc.reason, got)
			}
		})
	}
}

// TestWhatWasGivenIsRecalled has two statuses overwritten, one after the other: what both said was given is to be remembered.
func TestWhatWasGivenIsRecalled(t *testing.T) {
	var m memory
	m.foreign("ada", stateOf(v1alpha1.AccountActive, "b", "a"), stateOf(v1alpha1.AccountActive, "c"))
	m.foreign("ada", stateOf(v1alpha1.AccountActive, "c"), stateOf(v1alpha1.AccountActive))
	given, lost := m.recall("ada")
	if diff := cmp.Diff(v1alpha1.GivenRecord{Roles: []string{"a", "b", "c"}}, given); diff != "" || !lost {
		t.Errorf("lost: %v (-want +got):\n%s", lost, diff)
	}
	m.recalled("ada")
	if _, lost := m.recall("ada"); lost {
		t.Error("it is recalled for ever")
	}
}
