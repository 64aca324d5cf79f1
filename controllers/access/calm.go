package access

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// settling is how long after the last revocation it is calm again, so that the caches have its bindings by then.
	settling = 100 * time.Millisecond
	// longestUnrest is how long what nobody waits for waits at most, however many revocations come one after the other.
	longestUnrest = 10 * time.Second
)

// Calm keeps what nobody waits for, such as statuses and events, from being written while revocations are: whatever is written at the
// same time takes from the API server what the bindings need. It waits for nothing but for that, and never for long. The nil Calm is
// always calm.
type Calm struct {
	clock clock.Clock

	mu sync.Mutex
	// longest bounds the time without calm.
	longest time.Duration
	// urgent are the grants that a revocation waits for.
	urgent map[reconcile.Request]bool
	// began is when the first revocation came since it was calm, ended when the last one was over.
	began, ended time.Time
	// changed is closed when the last revocation is over.
	changed chan struct{}
	// later are the grants that are to be looked at when it is calm, postponed says that there are some.
	later     map[reconcile.Request]bool
	postponed chan struct{}
}

// NewCalm makes one for all controllers of a manager; a nil clock is the real one.
func NewCalm(told clock.Clock) *Calm {
	if told == nil {
		told = clock.RealClock{}
	}
	return &Calm{
		clock: told, longest: longestUnrest, urgent: map[reconcile.Request]bool{}, changed: make(chan struct{}),
		later: map[reconcile.Request]bool{}, postponed: make(chan struct{}, 1),
	}
}

// begin says that revocations wait for grants.
func (c *Calm) begin(grants []reconcile.Request) {
	if c == nil || len(grants) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.clock.Now(); len(c.urgent) == 0 && !now.Before(c.ended.Add(settling)) {
		c.began = now
	}
	for _, grant := range grants {
		c.urgent[grant] = true
	}
}

// end says that a grant has been looked at, whatever came of it: what failed is tried again, and nobody knows when it succeeds.
func (c *Calm) end(grant reconcile.Request) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.urgent[grant] {
		return
	}
	delete(c.urgent, grant)
	if len(c.urgent) == 0 {
		c.ended = c.clock.Now()
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// left is how long it will not be calm, as far as is known, and a channel that is closed when it is to be asked for again.
func (c *Calm) left() (time.Duration, <-chan struct{}) {
	if c == nil {
		return 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began.IsZero() {
		return 0, nil
	}
	until := c.began.Add(c.longest)
	if settled := c.ended.Add(settling); len(c.urgent) == 0 && settled.Before(until) {
		until = settled
	}
	return max(0, until.Sub(c.clock.Now())), c.changed
}

// is says whether it is calm.
func (c *Calm) is() bool {
	left, _ := c.left()
	return left == 0
}

// Await returns when it is calm, or when the context ends.
func (c *Calm) Await(ctx context.Context) {
	for left, changed := c.left(); left > 0 && ctx.Err() == nil; left, changed = c.left() {
		timer := c.clock.NewTimer(left)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C():
		}
		timer.Stop()
	}
}

// postpone has a grant looked at when it is calm.
func (c *Calm) postpone(grant reconcile.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.later[grant] = true
	select {
	case c.postponed <- struct{}{}:
	default: // Whoever hears of it takes all.
	}
}

// run gives what was postponed whenever it is calm, until the context ends.
func (c *Calm) run(ctx context.Context, give func(reconcile.Request)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.postponed:
		}
		c.Await(ctx)
		c.mu.Lock()
		grants := c.later
		c.later = map[reconcile.Request]bool{}
		c.mu.Unlock()
		for grant := range grants {
			give(grant)
		}
	}
}
