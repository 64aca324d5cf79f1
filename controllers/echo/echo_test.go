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
		if len(e.wrote) != 0 {
			t.Error(e.wrote)
		}
	})
}

func TestNewest(t *testing.T) {
	tests := map[string]struct {
		reason, wrote, cached, want string
	}{
		"behind":  {"the cache has not heard of the write", "3", "2", "3"},
		"in step": {"the cache has it", "3", "3", "3"},
		"ahead":   {"somebody has written since", "3", "4", "4"},
		"nothing": {"nothing was written here", "", "2", "2"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var e Echoes
			if tc.wrote != "" {
				e.Wrote(user(tc.wrote, "b"))
			}
			if got := Newest(&e, user(tc.cached, "a")).ResourceVersion; got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
	t.Run("another object of the same name is another", func(t *testing.T) {
		var e Echoes
		e.Wrote(user("3", "b"))
		again := user("2", "a")
		again.UID = "another"
		if got := Newest(&e, again); got != again {
			t.Error(got)
		}
	})
	t.Run("an event of before the write does not end the wait for its own", func(t *testing.T) {
		var e Echoes
		e.Wrote(user("3", "c"))
		e.Foreign(user("1", "a"), user("2", "b"))
		if got := Newest(&e, user("2", "b")).ResourceVersion; got != "3" {
			t.Errorf("got %s", got)
		}
	})
}
