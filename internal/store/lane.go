package store

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"
)

// lanes serialise, within this process, the changes of one object. They are no part of the protocol, which rests on
// compare-and-swap alone; they only keep an identity provider that sends ten changes of a group at once from making nine of them
// start over.
type lanes struct {
	seed  maphash.Seed
	lanes [256]chan struct{}
}

func newLanes() *lanes {
	l := &lanes{seed: maphash.MakeSeed()}
	for i := range l.lanes {
		l.lanes[i] = make(chan struct{}, 1)
	}
	return l
}

// enter waits for the object's lane and returns how to leave it. It gives up with the context.
func (l *lanes) enter(ctx context.Context, name string) (leave func(), err error) {
	lane := l.lanes[maphash.String(l.seed, name)%uint64(len(l.lanes))]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, tryAgain(textBusy, ctx.Err())
	}
}

// pause waits before an operation starts over: not at all the first time, then 5, 10, 20 ms and so on, each spread by half.
func pause(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return ctx.Err()
	}
	base := 5 * time.Millisecond << (attempt - 1)
	timer := time.NewTimer(base/2 + rand.N(base)) //nolint:gosec // spreading retries needs no secret randomness
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claimNames remembers the claim names of userNames and displayNames, because folding and hashing fifty thousand of them for one
// page of a list costs more than everything else about it. It forgets everything when it is full.
type claimNames struct {
	mu    sync.RWMutex
	names map[nameKey]string
}

type nameKey struct {
	kind  kind
	value string
}

// maxClaimNames bounds the memory to some 50 MB; a cluster with more names than that works, more slowly.
const maxClaimNames = 200_000

func newClaimNames() *claimNames { return &claimNames{names: map[nameKey]string{}} }

func (c *claimNames) of(k kind, value string, compute func() string) string {
	key := nameKey{k, value}
	c.mu.RLock()
	name, ok := c.names[key]
	c.mu.RUnlock()
	if ok {
		return name
	}
	name = compute()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) >= maxClaimNames {
		clear(c.names)
	}
	c.names[key] = name
	return name
}
