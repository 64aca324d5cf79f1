package echo

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func user(version, name string) *v1alpha1.ScimUser {
	u := &v1alpha1.ScimUser{}
	u.Name, u.ResourceVersion, u.Status.KubernetesUser = "ada", version, name
	return u
}

func TestForeign(t *testing.T) {
	tests := map[string]struct {
		reason        string
		wrote         string
		before, after *v1alpha1.ScimUser
		want          bool
	}{
		"own":         {"what was written here is known", "2", user("1", "a"), user("2", "b"), false},
		"foreign":     {"what somebody else wrote is to be looked at", "", user("1", "a"), user("2", "b"), true},
		"after own":   {"somebody wrote over what was written here", "2", user("2", "b"), user("3", "c"), true},
		"same status": {"what does not concern the status is no business of this", "", user("1", "a"), user("2", "a"), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var e Echoes
			if tc.wrote != "" {
				e.Wrote(user(tc.wrote, "b"))
			}
			if got := e.Predicate().Update(event.UpdateEvent{ObjectOld: tc.before, ObjectNew: tc.after}); got != tc.want {
				t.Errorf("%s: got %v", tc.reason, got)
			}
		})
	}
	t.Run("nothing is kept once the event has come", func(t *testing.T) {
		var e Echoes
		e.Wrote(user("2", "b"))
		e.Foreign(user("1", "a"), user("2", "b"))
		if len(e.versions) != 0 {
			t.Error(e.versions)
		}
	})
}
