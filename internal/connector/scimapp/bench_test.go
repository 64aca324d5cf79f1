package scimapp_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	server "github.com/scim-operator/scim-operator/test/scimmy"
)

// BenchmarkSuspend compares Suspend with the request that a person would send for it who knows the account's id, on a connection that is
// open already. Both find a person who may sign in, among a thousand others.
func BenchmarkSuspend(b *testing.B) {
	w := newWorld(b, server.Express4)
	c := w.closing()
	for i := range 1000 {
		w.foreign(fmt.Sprintf("somebody else %d", i))
	}
	a := account("suspended all the time")
	w.ensure(c, a)
	path := "/Users/" + w.idOf(a.Name)
	set := func(active bool) {
		operation := object{"op": "replace", "path": "active", "value": active}
		w.Do(b, http.MethodPatch, path, object{"schemas": []string{patchMessage}, "Operations": []object{operation}})
	}
	suspend := func() {
		if changed, err := c.Suspend(b.Context(), a.Owner); err != nil || !changed {
			b.Fatalf("changed=%t, %v", changed, err)
		}
	}
	var hand, connector []time.Duration
	for b.Loop() {
		hand = append(hand, took(func() { set(false) }))
		set(true)
		connector = append(connector, took(suspend))
		set(true)
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
