package access

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// longestNap bounds the wait for the next end of a grant, so that a corrected clock is noticed. Nothing is read or written when it is over.
const longestNap = time.Minute

// alarm puts grants into the queue when they expire, ahead of everything else. The wait that Reconcile asks for is not enough: after a
// start it begins only when the grant has had its turn, among all the others.
type alarm struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	ends map[reconcile.Request]time.Time
	// changed says that there is another end than the one that is waited for.
	changed chan struct{}
}

func newAlarm(clock clock.PassiveClock) *alarm {
	return &alarm{clock: clock, ends: map[reconcile.Request]time.Time{}, changed: make(chan struct{}, 1)}
}

// hear notes the end of a grant when it is created or edited.
func (a *alarm) hear(before, after client.Object) {
	if a == nil || before != nil && after != nil && before.GetUID() == after.GetUID() && before.GetGeneration() == after.GetGeneration() {
		return
	}
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(either(before, after))}
	end := time.Time{}
	if after != nil {
		end = endOf(after)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if end.IsZero() {
		delete(a.ends, request)
		return
	}
	a.ends[request] = end
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// endOf is when a grant of either kind expires; zero for never.
func endOf(object client.Object) time.Time {
	var validity *v1alpha1.Validity
	switch grant := object.(type) {
	case *v1alpha1.ClusterAccessGrant:
		validity = grant.Spec.Validity
	case *v1alpha1.AccessGrant:
		validity = grant.Spec.Validity
	}
	if validity == nil || validity.ExpiresAt == nil {
		return time.Time{}
	}
	return validity.ExpiresAt.Time
}

// run rings for each grant at its end, until the context ends.
func (a *alarm) run(ctx context.Context, ring func(reconcile.Request, time.Time)) {
	for {
		due, wait := a.due()
		for request, end := range due {
			ring(request, end)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-a.changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// due takes out the grants that are at their end, and says how long to wait for the next.
func (a *alarm) due() (map[reconcile.Request]time.Time, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, wait, due := a.clock.Now(), longestNap, map[reconcile.Request]time.Time{}
	for request, end := range a.ends {
		if left := end.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		due[request] = end
		delete(a.ends, request)
	}
	return due, wait
}
