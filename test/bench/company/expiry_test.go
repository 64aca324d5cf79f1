package company_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// expiring is the number of grants that expire in the same second.
	expiring = 1000
	// notice is how long before that second they are all in effect, at least.
	notice = 10 * time.Second
)

// expiry lets many grants expire in the same second, once while the controller runs on, and once when it was restarted in between.
func (c *company) expiry(b *testing.B) {
	for b.Loop() {
		for _, restarted := range []bool{false, true} {
			what := fmt.Sprintf("%d grants expire in the same second: the last is gone", expiring)
			prefix := "expiring-"
			if restarted {
				what, prefix = what+", after a restart", "expiring-again-"
			}
			end := c.grantUntil(b, prefix)
			if restarted {
				c.stopController(b)
				c.startController(b)
			}
			took := c.seen.await(b, what, func(all map[place]bound) bool { return c.inEffect(all, prefix) == 0 }).Sub(end)
			if took < 0 {
				b.Fatalf("grants were gone %v before they expired", -took)
			}
			c.add(b, row{what: what, took: took, slowest: took, writes: -1})
			b.ReportMetric(took.Seconds(), strings.TrimSuffix(prefix, "-")+"-s")
		}
	}
}

// grantUntil creates the grants and returns, with the second in which they expire, when all are in effect.
func (c *company) grantUntil(b *testing.B, prefix string) time.Time {
	b.Helper()
	made, began := make([]*v1alpha1.ClusterAccessGrant, expiring), time.Now()
	// At first they are to hold for long: how long it takes until all are in effect is not known. It is what a second look at them may
	// take, too.
	each(b, expiring, func(ctx context.Context, i int) error {
		made[i] = grant(fmt.Sprint(prefix, i), roleDisplayName(i%c.roles), "view", nil)
		made[i].Spec.Validity = &v1alpha1.Validity{ExpiresAt: &metav1.Time{Time: time.Now().Add(time.Hour)}}
		return create(ctx, c.kube, made[i])
	})
	c.seen.await(b, "all grants are in effect", func(all map[place]bound) bool { return c.inEffect(all, prefix) == expiring })
	c.audit.await(b, settled) // Their statuses, which are written once more, take their time too.
	end := time.Now().Add(time.Since(began) + settled + 2*notice).Truncate(time.Second)
	each(b, expiring, func(ctx context.Context, i int) error {
		patch := fmt.Sprintf(`{"spec":{"validity":{"expiresAt":%q}}}`, end.UTC().Format(time.RFC3339))
		return c.kube.Patch(ctx, made[i], mergePatch(patch))
	})
	c.audit.await(b, settled)
	if left := time.Until(end); left < notice {
		b.Fatalf("the grants expire in %v, before all is at rest", left)
	}
	return end
}

// inEffect is the number of grants with that prefix that have a binding.
func (c *company) inEffect(all map[place]bound, prefix string) int {
	n := 0
	for _, binding := range all {
		if rest, ok := strings.CutPrefix(binding.grant, prefix); ok && !strings.Contains(rest, "-") {
			n++
		}
	}
	return n
}
