package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkSuspend compares Suspend with the statements that a person would type for it, on a connection that is open already. Both find a
// person who may sign in, among a thousand others, and is not signed in.
func BenchmarkSuspend(b *testing.B) {
	w := newWorld(b)
	c := w.closing()
	a := account("suspended all the time")
	for i := range 1000 {
		w.ensure(c, account(fmt.Sprintf("somebody else %d", i)))
	}
	w.ensure(c, a)
	byHand := func() {
		w.exec(`ALTER ROLE %s NOLOGIN`, a.Name)
		if _, err := w.admin.Exec(b.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, a.Name); err != nil {
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
		w.exec(`ALTER ROLE %s LOGIN`, a.Name)
		connector = append(connector, took(suspend))
		w.exec(`ALTER ROLE %s LOGIN`, a.Name)
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
