package server

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// activityInterval is the least time between two writes of a directory's status.lastRequestTime.
	activityInterval = 10 * time.Minute
	// sightingInterval is the least time between two writes of a role's status.lastSeenTime.
	sightingInterval = 24 * time.Hour
	// maxSightings is the number of directories and roles of which this process knows when it last wrote.
	maxSightings = 4096
	// activityRetry is the least time between a write that failed and the next.
	activityRetry = time.Minute
	// activityTimeout bounds one write.
	activityTimeout = 10 * time.Second
)

// Sightings keeps when an identity provider was last heard, and of what.
type Sightings interface {
	// SetLastUsed writes status.lastRequestTime of a ScimDirectory, and the lastUsedTime of one of its credentials.
	SetLastUsed(ctx context.Context, directory, credential string, at time.Time) error
	// SetLastSeenTime writes status.lastSeenTime of a ScimRole.
	SetLastSeenTime(ctx context.Context, role string, at time.Time) error
}

// Activity records when each credential of a directory was last used, and when its identity provider last asked for a role. It writes in
// the background, at most once in ten minutes a credential and once a day a role, counting the writes of other replicas. Without requests it
// writes nothing. It is safe for concurrent use.
type Activity struct {
	sink  Sightings
	clock clock.PassiveClock
	log   logr.Logger

	mu sync.Mutex
	// next is the earliest time of the next write, by what is written about. What it forgets, the status still says.
	next    *lru.Cache
	pending sync.WaitGroup
}

// NewActivity makes an Activity that writes to sink; a nil clock means the real one.
func NewActivity(sink Sightings, c clock.PassiveClock, log logr.Logger) *Activity {
	if c == nil {
		c = clock.RealClock{}
	}
	return &Activity{sink: sink, clock: c, log: log, next: lru.New(maxSightings)}
}

// sighting is something that may have been seen, and how often that is written down.
type sighting struct {
	kind, name string
	last       *metav1.Time
	interval   time.Duration
	set        func(context.Context, string, time.Time) error
}

// Seen notes a request with a valid credential. It does not wait for the write.
func (a *Activity) Seen(ctx context.Context, directory *v1alpha1.ScimDirectory, credential string) {
	set := func(ctx context.Context, _ string, at time.Time) error {
		return a.sink.SetLastUsed(ctx, directory.Name, credential, at)
	}
	a.note(ctx, sighting{"credential", directory.Name + "/" + credential, lastUsed(directory, credential), activityInterval, set})
}

// lastUsed is what status says of a credential; nil when it was never used.
func lastUsed(directory *v1alpha1.ScimDirectory, credential string) *metav1.Time {
	for i := range directory.Status.Credentials {
		if directory.Status.Credentials[i].Name == credential {
			return directory.Status.Credentials[i].LastUsedTime
		}
	}
	return nil
}

// SeenRole notes a request that named a role, as read live, by its id. It does not wait for the write.
func (a *Activity) SeenRole(ctx context.Context, role *v1alpha1.ScimRole) {
	a.note(ctx, sighting{"role", role.Name, role.Status.LastSeenTime, sightingInterval, a.sink.SetLastSeenTime})
}

func (a *Activity) note(ctx context.Context, s sighting) {
	now := a.clock.Now()
	if s.last != nil && now.Sub(s.last.Time) < s.interval {
		return
	}
	if !a.claim(s, now) {
		return
	}
	a.pending.Go(func() { a.write(context.WithoutCancel(ctx), s, now) })
}

// Wait returns when no write is under way. No request may be in flight any more.
func (a *Activity) Wait() { a.pending.Wait() }

// claim says whether it is this caller's turn to write.
func (a *Activity) claim(s sighting, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if next, ok := a.next.Get(s.kind + "/" + s.name); ok && now.Before(next.(time.Time)) {
		return false
	}
	a.next.Add(s.kind+"/"+s.name, now.Add(s.interval))
	return true
}

func (a *Activity) write(ctx context.Context, s sighting, at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, activityTimeout)
	defer cancel()
	err := s.set(ctx, s.name, at)
	if err == nil {
		return
	}
	a.log.Error(err, "Writing the time of the last request failed", s.kind, s.name)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next.Add(s.kind+"/"+s.name, at.Add(activityRetry))
}
