package apps_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// BenchmarkStoppedApp measures how long the other apps take with PostgreSQL away and with PostgreSQL there, in turn. x-all-up is the ratio.
func BenchmarkStoppedApp(b *testing.B) {
	n := numberOf(b, "PEOPLE", 40)
	var stopped, up time.Duration
	for i := range b.N {
		up += lifeWithout(b, fmt.Sprintf("up-%d-%d", b.N, i), n, false)
		stopped += lifeWithout(b, fmt.Sprintf("down-%d-%d", b.N, i), n, true)
	}
	b.ReportMetric(up.Seconds()/float64(b.N), "s-all-up")
	b.ReportMetric(stopped.Seconds()/float64(b.N), "s-one-stopped")
	b.ReportMetric(stopped.Seconds()/up.Seconds(), "x-all-up")
}

// lifeWithout is the time until the other apps have followed all that happens to people.
func lifeWithout(b *testing.B, name string, n int, away bool) time.Duration {
	b.Helper()
	c := newCompany(b, name, nil, nil)
	if away {
		c.postgres.shut()
	}
	var made []*v1alpha1.AppConnection
	for _, app := range connections {
		c.connect(app, func(a *v1alpha1.AppConnection) { made = append(made, a) })
	}
	begin := time.Now()
	c.life(n, func(what string) { c.see(what, "ldap", "scim", "argocd") })
	took := time.Since(begin)
	for _, a := range made {
		check(b, "delete the AppConnection", c.o.kube.Delete(b.Context(), a))
	}
	return took
}
