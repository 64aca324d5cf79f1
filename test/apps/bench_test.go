package apps_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/slapd"
)

// suspended is the number of people of BenchmarkSuspension whose suspension is measured in one run.
const suspended = 20

// BenchmarkSuspension measures the time from the accepted SCIM request that deactivates a person to the moment when PostgreSQL has NOLOGIN,
// or slapd the lock, while thousands of creations wait, and the time of the same statement by hand. x-by-hand is the ratio of the medians.
// PostgreSQL keeps what it commits, as it does where people use it. slapd does not (dbnosync), so that its ratio is rather too high.
func BenchmarkSuspension(b *testing.B) {
	for _, app := range []string{"postgres", "ldap"} {
		b.Run(app, func(b *testing.B) {
			backlog := numberOf(b, "BACKLOG", 5000)
			var made *v1alpha1.AppConnection
			// A benchmark may be run again with another b.N, and then has another company.
			c := newCompany(b, fmt.Sprintf("bench-%s-%d", app, b.N), []string{app}, func(a *v1alpha1.AppConnection) {
				made, a.Spec.Limits = a, v1alpha1.AppLimits{} // the default, with which suspensions one after the other keep within the limit
			})
			half := suspended * b.N
			c.hire(upTo(2*half), func(int) []int { return []int{0} })
			c.see("people are there", app)
			if app == "postgres" {
				check(b, "make PostgreSQL durable", c.o.postgres.BehaveAsInstalled(b.Context()))
			}
			c.fill(app, backlog)
			var operator, hand []time.Duration
			b.ResetTimer()
			for i := range half {
				operator = append(operator, c.suspendOne(app, c.people[i]))
				hand = append(hand, c.byHand(app, c.people[half+i].name))
			}
			b.StopTimer()
			waiting := c.waiting(app)
			b.ReportMetric(float64(median(operator).Microseconds())/1000, "ms-operator")
			b.ReportMetric(float64(median(hand).Microseconds())/1000, "ms-by-hand")
			b.ReportMetric(float64(median(operator))/float64(median(hand)), "x-by-hand")
			b.ReportMetric(float64(waiting), "waiting")
			check(b, "delete the AppConnection", c.o.kube.Delete(b.Context(), made))
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// fill pushes people whose accounts have to wait.
func (c *company) fill(app string, n int) {
	c.t.Helper()
	members := make([]okta.Member, n)
	group, ctx := errgroup.WithContext(c.t.Context())
	group.SetLimit(8)
	for i := range n {
		group.Go(func() error {
			user, err := c.CreateUser(ctx, okta.DefaultProfile(fmt.Sprintf("%s-waits%d@example.com", c.name, i)))
			if err == nil {
				members[i] = okta.Members(user.ID())[0]
			}
			return err
		})
	}
	check(c.t, "push", group.Wait())
	check(c.t, "push a group", c.ChangeMembers(c.t.Context(), c.groupIDs[1], c.group(1), members, nil))
	eventually(c.t, "they wait", func(context.Context) error {
		if waiting := c.waiting(app); waiting < n*8/10 {
			return fmt.Errorf("%d wait", waiting)
		}
		return nil
	})
}

func (c *company) waiting(app string) int {
	c.t.Helper()
	a := &v1alpha1.AppConnection{}
	check(c.t, "read the AppConnection", c.o.kube.Get(c.t.Context(), client.ObjectKey{Namespace: c.name, Name: app}, a))
	if a.Status.Waiting == nil {
		return 0
	}
	return int(*a.Status.Waiting)
}

// suspendOne is the time from the answer to the request to what the app has.
func (c *company) suspendOne(app string, p *person) time.Duration {
	c.t.Helper()
	seen := c.watch(app)
	check(c.t, "deactivate", c.DeactivateUser(c.t.Context(), p.id))
	accepted := time.Now()
	// Between two looks the machine belongs to the operator and the app.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ; !seen(p.name); <-tick.C {
		if time.Since(accepted) > patience {
			c.t.Fatalf("%s is not suspended", p.name)
		}
	}
	return time.Since(accepted)
}

// watch gives a function that asks the app, over one connection, whether somebody is suspended.
func (c *company) watch(app string) func(name string) bool {
	c.t.Helper()
	if app == "postgres" {
		conn := c.superuser()
		return func(name string) bool {
			var may bool
			check(c.t, "ask PostgreSQL", conn.QueryRow(c.t.Context(), "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", name).Scan(&may))
			return !may
		}
	}
	conn := c.manager()
	return func(name string) bool {
		found, err := conn.Search(goldap.NewSearchRequest(c.entryOf(name), goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=*)", []string{"pwdAccountLockedTime"}, nil))
		check(c.t, "ask slapd", err)
		return found.Entries[0].GetAttributeValue("pwdAccountLockedTime") != ""
	}
}

func (c *company) entryOf(name string) string {
	return "uid=" + name + ",ou=people,ou=" + c.name + "," + slapd.Suffix
}

// superuser and manager are connections that the benchmark keeps.
func (c *company) superuser() *pgx.Conn {
	if c.sql == nil {
		c.sql = c.o.postgres.Connect(c.t, "postgres")
	}
	return c.sql
}

func (c *company) manager() *goldap.Conn {
	if c.directory == nil {
		c.directory = c.o.slapd.Connect(c.t)
	}
	return c.directory
}

// byHand is the time of the statement with which an administrator suspends somebody.
func (c *company) byHand(app, name string) time.Duration {
	c.t.Helper()
	if app == "postgres" {
		conn := c.superuser()
		begin := time.Now()
		_, err := conn.Exec(c.t.Context(), fmt.Sprintf("ALTER ROLE %q NOLOGIN", name))
		check(c.t, "alter a role", err)
		return time.Since(begin)
	}
	conn := c.manager()
	request := goldap.NewModifyRequest(c.entryOf(name), nil)
	request.Replace("pwdAccountLockedTime", []string{"000001010000Z"})
	begin := time.Now()
	check(c.t, "modify an entry", conn.Modify(request))
	return time.Since(begin)
}
