package server

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// newestDirectories reads directories live, so that a token is good on every replica as soon as whoever added it has the API server's
// word for it, and not only when the change has reached the replica's cache. Wrong tokens cost the API server no more than they cost
// it for Secrets: one read of a directory a second on average. It is safe for concurrent use.
type newestDirectories struct {
	// live may be nil: then what is known is all there is.
	live  Directories
	clock clock.PassiveClock

	mu     sync.Mutex
	limits map[string]*rate.Limiter
}

func newNewestDirectories(live Directories, c clock.PassiveClock) *newestDirectories {
	return &newestDirectories{live: live, clock: c, limits: map[string]*rate.Limiter{}}
}

// of is the directory as it is now, or as it is known where it cannot be read or has been read too often. The name is that of a
// directory that exists, so there are not more limits than directories.
func (n *newestDirectories) of(ctx context.Context, known *v1alpha1.ScimDirectory) *v1alpha1.ScimDirectory {
	if n.live == nil || !n.limit(known.Name).AllowN(n.clock.Now(), 1) {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, secretReadTimeout)
	defer cancel()
	newest, err := n.live.Directory(ctx, known.Name)
	if err != nil || newest == nil {
		return known
	}
	return newest
}

func (n *newestDirectories) limit(name string) *rate.Limiter {
	n.mu.Lock()
	defer n.mu.Unlock()
	limit, ok := n.limits[name]
	if !ok {
		limit = rate.NewLimiter(rate.Every(secretReadInterval), secretReadBurst)
		n.limits[name] = limit
	}
	return limit
}
