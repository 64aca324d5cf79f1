package store

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
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
