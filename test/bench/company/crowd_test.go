package company_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// statusWrites is how the audit log calls the writes that a resync of all users consists of.
const statusWrites = "controller patch scimusers/status"

// deactivatedDuringResync deactivates people while the status of every user is written anew and every grant is planned anew: the
// directory gets another list of domains, which is in every user's status, and another guard, which concerns every grant.
func (c *company) deactivatedDuringResync(b *testing.B) {
	var took, raw []time.Duration
	round, resynced := 0, 0
	for b.Loop() {
		for len(took) < repeats {
			before := c.audit.at(b)[statusWrites]
			c.resync(b, round)
			round++
			progress := func() int { return c.audit.at(b)[statusWrites] - before }
			poll(b, "users are being written", func(context.Context) bool { return progress() > c.users/50 })
			for len(took) < repeats {
				fresh := c.rawWrites(b)
				t := c.time(b, "deactivated during a resync", c.deactivation(b, inLarge))
				// Only what began and ended while users were being written counts.
				if progress() > c.users*95/100 {
					break
				}
				took, raw, resynced = append(took, t), append(raw, fresh...), progress()
			}
			c.audit.await(b, settled)
		}
	}
	b.Logf("%d resyncs; the last deactivation that counts was made when %d of %d users were written", round, resynced, c.users)
	c.add(b, row{what: "the same during a resync of all users and grants", took: median(took), slowest: slowest(took), raw: median(raw), writes: -1})
}

// resync changes the directory, so that every user and every grant is looked at, and every user is written.
func (c *company) resync(b *testing.B, round int) {
	b.Helper()
	directory := &v1alpha1.ScimDirectory{}
	must(b, c.kube.Get(b.Context(), client.ObjectKey{Name: directoryName}, directory))
	before := directory.DeepCopy()
	directory.Spec.SignInDomains = nil
	if round%2 == 0 {
		directory.Spec.SignInDomains = []string{"example.com"}
	}
	directory.Spec.Guard.Users.Count = int32(100_000 - round - 1)
	must(b, c.kube.Patch(b.Context(), directory, client.MergeFrom(before)))
}

// pushers is how many connections push at the same time.
const pushers = 4

// deactivatedDuringPush deactivates people while the identity provider pushes one user after the other, each with a change, as fast as
// it is answered, over several connections.
func (c *company) deactivatedDuringPush(b *testing.B) {
	var took, raw []time.Duration
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	var pushed atomic.Int64
	for p := range pushers {
		group.Go(func() error {
			for n := p; ctx.Err() == nil; n += pushers {
				err := c.scim.retitle(ctx, userID(n%c.users), fmt.Sprintf("Engineer %d", n/c.users))
				if err != nil && ctx.Err() == nil {
					return err
				}
				pushed.Add(1)
			}
			return nil
		})
	}
	start := time.Now()
	for b.Loop() {
		for range repeats {
			raw = append(raw, c.rawWrites(b)...)
			took = append(took, c.time(b, "deactivated during a push", c.deactivation(b, inLarge)))
		}
	}
	b.ReportMetric(float64(pushed.Load())/time.Since(start).Seconds(), "pushes/s")
	stop()
	must(b, group.Wait())
	c.add(b, row{what: "the same while users are pushed over 4 connections", took: median(took), slowest: slowest(took), raw: median(raw), writes: -1})
}
