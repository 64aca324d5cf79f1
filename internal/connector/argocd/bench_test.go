package argocd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/internal/connector/argocd"
)

// BenchmarkSuspend compares Suspend with what is the least that it could do: an update of the ConfigMap by a client that has the object at hand.
// Both change the row of one person among a thousand.
func BenchmarkSuspend(b *testing.B) {
	w := newWorld(b, argocd.SSO)
	c := w.connector()
	w.edit(policyName, func(data map[string]string) { data[ownKey] = strings.Join(crowd(1000), "\n") + "\n" })
	a := account("suspended all the time", giveable[0])
	w.ensure(c, a)
	resume := func() { w.ensure(c, a) }
	suspend := func() {
		if changed, err := c.Suspend(b.Context(), a.Owner); err != nil || !changed {
			b.Fatalf("changed=%t, %v", changed, err)
		}
	}
	var hand, connector []time.Duration
	for b.Loop() {
		object := w.object(policyName)
		object.Data[ownKey] = strings.Replace(object.Data[ownKey], row("g", a.Name, giveable[0])+"\n", "", 1)
		hand = append(hand, took(func() { w.update(object) }))
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
