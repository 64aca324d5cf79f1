package server

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// activityInterval is the least time between two writes of a directory's status.lastRequestTime.
	activityInterval = 10 * time.Minute
	// activityRetry is the least time between a write that failed and the next.
	activityRetry = time.Minute
	// activityTimeout bounds one write.
	activityTimeout = 10 * time.Second
)

// LastRequests keeps the time of a directory's last request.
type LastRequests interface {
	// SetLastRequestTime writes status.lastRequestTime of a ScimDirectory.
	SetLastRequestTime(ctx context.Context, directory string, at time.Time) error
}

// Activity records when each directory's identity provider was last heard. It writes in the background, at most once in ten minutes a
// directory, counting the writes of other replicas that the cache shows. Without requests it writes nothing. It is safe for concurrent
// use.
type Activity struct {
	sink  LastRequests
	clock clock.PassiveClock
	log   logr.Logger

	mu      sync.Mutex
	next    map[string]time.Time
	pending sync.WaitGroup
}

// NewActivity makes an Activity that writes to sink; a nil clock means the real one.
func NewActivity(sink LastRequests, c clock.PassiveClock, log logr.Logger) *Activity {
	if c == nil {
		c = clock.RealClock{}
	}
	return &Activity{sink: sink, clock: c, log: log, next: map[string]time.Time{}}
}

// Seen notes a request with a valid credential. It does not wait for the write.
func (a *Activity) Seen(ctx context.Context, directory *v1alpha1.ScimDirectory) {
	now := a.clock.Now()
	if last := directory.Status.LastRequestTime; last != nil && now.Sub(last.Time) < activityInterval {
		return
	}
	if !a.claim(directory.Name, now) {
		return
	}
	a.pending.Go(func() { a.write(context.WithoutCancel(ctx), directory.Name, now) })
}

// Wait returns when no write is under way. No request may be in flight any more.
func (a *Activity) Wait() { a.pending.Wait() }

// claim says whether it is this caller's turn to write.
func (a *Activity) claim(directory string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Before(a.next[directory]) {
		return false
	}
	a.next[directory] = now.Add(activityInterval)
	return true
}

func (a *Activity) write(ctx context.Context, directory string, at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, activityTimeout)
	defer cancel()
	err := a.sink.SetLastRequestTime(ctx, directory, at)
	if err == nil {
		return
	}
	a.log.Error(err, "Writing the time of the last request failed", "directory", directory)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next[directory] = at.Add(activityRetry)
}
