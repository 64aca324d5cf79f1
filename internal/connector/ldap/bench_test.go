package ldap_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector/ldap"
)

// BenchmarkSuspend compares Suspend with the request that a person would send for it, on a connection that is open already and encrypted
// as well. Both find a person who may sign in, among a thousand others.
func BenchmarkSuspend(b *testing.B) {
	w := newWorld(b, ldap.GroupOfNames)
	c := w.closing()
	a := account("suspended all the time")
	for i := range 1000 {
		w.ensure(c, account(fmt.Sprintf("somebody else %d", i)))
	}
	w.ensure(c, a)
	dn := w.personDN(a.Name)
	conn, err := goldap.DialURL(w.server.SecureURL(), goldap.DialWithTLSConfig(w.server.TLS(b)))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(connectorDN, connectorPassword); err != nil {
		b.Fatal(err)
	}
	resume := func() {
		w.modify(dn, func(r *goldap.ModifyRequest) { r.Delete("pwdAccountLockedTime", nil) })
	}
	byHand := func() {
		request := goldap.NewModifyRequest(dn, nil)
		request.Replace("pwdAccountLockedTime", []string{"000001010000Z"})
		if err := conn.Modify(request); err != nil {
			b.Fatal(err)
		}
	}
	suspend := func() {
		if changed, err := c.Suspend(b.Context(), a.Owner); err != nil || !changed {
			b.Fatalf("changed=%t, %v", changed, err)
		}
	}
	var hand, connector []time.Duration
	for b.Loop() {
		hand = append(hand, took(byHand))
		resume()
		connector = append(connector, took(suspend))
		resume()
	}
	b.ReportMetric(float64(median(hand).Nanoseconds())/1000, "by-hand-µs")
	b.ReportMetric(float64(median(connector).Nanoseconds())/1000, "suspend-µs")
	b.ReportMetric(float64(median(connector))/float64(median(hand)), "suspend/by-hand")
	b.ReportMetric(0, "ns/op") // A round is both, so its time says nothing.
}

func took(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
