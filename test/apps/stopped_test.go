package apps_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// perSecond is the limit of the app that is away, and burst what the operator may ask at once: a quarter of a second's, as many operations as
// are under way, two suspensions beside them, and a second of suspensions ahead of their turn.
const (
	perSecond = 8
	burst     = perSecond/4 + 4 + 2 + perSecond
)

// TestStoppedApp: with PostgreSQL away for the whole run, the other apps end as if it were there. When it returns it gets what it missed by
// itself, and no faster than its limit.
func TestStoppedApp(t *testing.T) {
	n := numberOf(t, "PEOPLE", 40)
	c := newCompany(t, "stopped", nil, nil)
	c.postgres.shut()
	for _, app := range connections {
		c.connect(app, func(a *v1alpha1.AppConnection) {
			if app == "postgres" {
				a.Spec.Limits.PerSecond = perSecond
			}
		})
	}
	c.life(n, func(what string) { c.see(what, "ldap", "scim", "argocd") })
	eventually(t, "the AppConnection says so", func(ctx context.Context) error {
		app := &v1alpha1.AppConnection{}
		if err := c.o.kube.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "postgres"}, app); err != nil {
			return err
		}
		if ready := apimeta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppReady); ready == nil || ready.Reason != v1alpha1.ReasonUnreachable {
			return fmt.Errorf("it says %+v", app.Status.Conditions)
		}
		return nil
	})
	before, err := c.truth(t.Context(), "postgres")
	check(t, "read PostgreSQL", err)
	if len(before) != 1 {
		t.Fatalf("PostgreSQL was away, and has %v", before)
	}
	// Who was suspended or deleted before there was an account gets none.
	for i, p := range c.people {
		if !p.active {
			delete(c.people, i)
		}
	}
	mark := len(c.o.postgres.Log())
	c.postgres.listen()
	c.see("PostgreSQL is back", "postgres")
	assertPace(t, c.o.postgres.Log()[mark:])
}

// operation is the first statement of one, as the server logs it.
var operation = regexp.MustCompile(`(?mi)^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC \[\d+\] LOG:  (?:execute [^:]*|statement): begin`)

// assertPace counts operations by the server's own log: in no stretch of time were there more than the limit lets through.
func assertPace(t *testing.T, log string) {
	t.Helper()
	var times []time.Time
	for _, match := range operation.FindAllStringSubmatch(log, -1) {
		at, err := time.Parse("2006-01-02 15:04:05.999", match[1])
		check(t, "read the log", err)
		times = append(times, at)
	}
	if len(times) < 20 {
		t.Fatalf("the log has %d operations, too few to be all:\n%s", len(times), log[:min(4000, len(log))])
	}
	for i := range times {
		for j := i; j < len(times); j++ {
			if limit := perSecond*times[j].Sub(times[i]).Seconds() + burst; float64(j-i+1) > limit {
				t.Fatalf("%d operations in %v, more than the limit of %d a second lets through", j-i+1, times[j].Sub(times[i]), perSecond)
			}
		}
	}
	t.Logf("%d operations in %v, with a limit of %d a second", len(times), times[len(times)-1].Sub(times[0]), perSecond)
}
