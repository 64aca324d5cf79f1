package guard

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

func TestCensus(t *testing.T) {
	c := newCensus()
	user := func(name, directory string, active bool) *v1alpha1.ScimUser {
		return &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimUserSpec{Directory: directory, Active: &active},
		}
	}
	is := func(reason, directory string, want int, others ...string) {
		t.Helper()
		for i := range others {
			if others[i] != "" {
				others[i] = access.Print(others[i])
			}
		}
		if got, ok := c.with(directory, others); got != want || !ok {
			t.Errorf("reason: %s; got %d, %t, want %d", reason, got, ok, want)
		}
	}
	if _, ok := c.with("okta", nil); ok {
		t.Error("reason: before everybody has been counted, there is no number")
	}
	c.synced = func() bool { return true }
	c.see(user("a", "okta", true), false)
	c.see(user("b", "okta", true), false)
	c.see(user("c", "entra", true), false)
	is("each directory has its own", "okta", 2)
	is("who is active already is not counted twice, others are", "okta", 4, "a", "left", "")
	is("somebody active elsewhere is not active here", "okta", 3, "c")
	c.see(user("a", "okta", false), false)
	is("the inactive do not count", "okta", 1)
	is("but among those who would lose access", "okta", 2, "a")
	c.see(user("b", "entra", true), false)
	is("who changes hands leaves", "okta", 0)
	is("and arrives", "entra", 2)
	c.see(toolscache.DeletedFinalStateUnknown{Obj: user("b", "entra", true)}, true)
	is("a deletion that was missed counts", "entra", 1)
	c.see(user("nobody", "entra", true), true)
	is("a deletion of somebody unknown changes nothing", "entra", 1)
}
