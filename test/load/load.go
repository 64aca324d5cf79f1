package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/okta"
)

const (
	// patience is how long a pusher may take for anything on a busy machine.
	patience = 5 * time.Minute
	// pace is the time from one change of a pusher to the next, about that between Okta's.
	pace = 150 * time.Millisecond
	// sharedGroup is the group that all pushers change.
	sharedGroup = "Everybody"
)

// Config says how to push.
type Config struct {
	Pushers int
	// Client says how a client in that dialect reaches the server.
	Client func(okta.Dialect) okta.Config
}

// Load is a push that runs.
type Load struct {
	config  Config
	shared  string
	pushers []*pusher
	cancel  context.CancelFunc
	group   sync.WaitGroup

	requests, acknowledged, broken, throttled, doubled, grown atomic.Int64

	mu       sync.Mutex
	refusals []error
}

// Start begins to push.
func Start(ctx context.Context, config Config) (*Load, error) {
	l := &Load{config: config}
	first, err := l.client(okta.OIN, nil)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	group, err := first.CreateGroup(ctx, sharedGroup, nil)
	if err != nil {
		return nil, fmt.Errorf("create the group of all: %w", err)
	}
	l.shared = group.ID()
	ctx, l.cancel = context.WithCancel(ctx)
	for i := range config.Pushers {
		dialect := []okta.Dialect{okta.AIW, okta.OIN}[i%2]
		p := &pusher{load: l, name: fmt.Sprintf("pusher-%d", i), dialect: dialect, members: map[string]bool{}, inShared: map[string]bool{}}
		if p.client, err = l.client(dialect, &p.throttled); err != nil {
			return nil, err
		}
		l.pushers = append(l.pushers, p)
		l.group.Go(func() { p.run(ctx) })
	}
	return l, nil
}

// client makes one that tells this load of every exchange, and counts the answers 429 unless nobody wants to know.
func (l *Load) client(dialect okta.Dialect, throttled *atomic.Int64) (*okta.Client, error) {
	config := l.config.Client(dialect)
	config.Observe = func(e okta.Exchange) {
		if throttled != nil && e.Status == http.StatusTooManyRequests {
			throttled.Add(1)
		}
		l.observe(e)
	}
	return okta.New(config)
}

func (l *Load) observe(e okta.Exchange) {
	l.requests.Add(1)
	if e.Status != http.StatusTooManyRequests {
		return
	}
	l.throttled.Add(1)
	if _, err := strconv.ParseUint(e.RetryAfter, 10, 31); err != nil {
		l.refuse(fmt.Errorf("%s %s: 429 with Retry-After %q, which is no whole number", e.Method, e.Path, e.RetryAfter))
	}
}

func (l *Load) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals = append(l.refusals, err)
}

// Await waits until that many more changes have been acknowledged.
func (l *Load) Await(ctx context.Context, changes int64) error {
	before := l.acknowledged.Load()
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return l.acknowledged.Load()-before >= changes, l.err()
	})
	if err != nil {
		return fmt.Errorf("%d more changes were acknowledged, want %d: %w", l.acknowledged.Load()-before, changes, err)
	}
	return nil
}

// AwaitGrown waits until each client has all its users and its group, so that nobody creates anything any more.
func (l *Load) AwaitGrown(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return l.grown.Load() == int64(len(l.pushers)), l.err()
	})
	if err != nil {
		return fmt.Errorf("%d clients have all their users and their group, want %d: %w", l.grown.Load(), len(l.pushers), err)
	}
	return nil
}

// err gives the first few refusals.
func (l *Load) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.refusals) == 0 {
		return nil
	}
	return fmt.Errorf("%d requests were refused: %w", len(l.refusals), errors.Join(l.refusals[:min(5, len(l.refusals))]...))
}

// Stop lets every pusher finish what it has begun.
func (l *Load) Stop() error {
	l.cancel()
	l.group.Wait()
	return l.err()
}

// Broken is how many requests ended without an answer.
func (l *Load) Broken() int64 { return l.broken.Load() }

// Throttled is how many requests were answered 429.
func (l *Load) Throttled() int64 { return l.throttled.Load() }

// Doubled is how many creates were answered 429 although they had happened, so that the next try was answered 409. The server ends what it
// began for as long as a client waits, so there must be none after a shorter outage.
func (l *Load) Doubled() int64 { return l.doubled.Load() }

// String tells what happened, for a test's log.
func (l *Load) String() string {
	return fmt.Sprintf("%d requests, %d changes acknowledged by %d clients, %d requests answered 429, %d of these then 409, %d broken off",
		l.requests.Load(), l.acknowledged.Load(), len(l.pushers), l.throttled.Load(), l.doubled.Load(), l.broken.Load())
}
