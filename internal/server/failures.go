package server

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

const (
	// maxSources is the number of addresses whose failures are counted apart. Beyond it the one that was quiet the longest is forgotten.
	maxSources = 10_000
	// ipv6Source is the length of the prefix that counts as one source: whoever has one IPv6 address has all of its network.
	ipv6Source = 64
)

// failureLimits counts attempts with wrong credentials, by source and in all. It knows nothing of the credentials themselves, so that
// nobody can be locked out of one by somebody else who guesses at it. It is safe for concurrent use and its memory is bounded.
type failureLimits struct {
	perSource int
	all       *rate.Limiter

	mu      sync.Mutex
	sources *lru.Cache
}

// newFailureLimits allows these numbers of failures a minute.
func newFailureLimits(perSource, all int) *failureLimits {
	return &failureLimits{perSource: perSource, all: perMinute(all), sources: lru.New(maxSources)}
}

func perMinute(n int) *rate.Limiter {
	return rate.NewLimiter(rate.Every(time.Minute/time.Duration(n)), n)
}

// charge counts one attempt. When there have been too many it returns the time after which the next one counts, and counts nothing.
func (f *failureLimits) charge(remoteAddr string, now time.Time) time.Duration {
	source := f.source(remoteAddr)
	own := source.ReserveN(now, 1)
	if wait := own.DelayFrom(now); wait > 0 {
		own.CancelAt(now)
		return wait
	}
	all := f.all.ReserveN(now, 1)
	if wait := all.DelayFrom(now); wait > 0 {
		all.CancelAt(now)
		own.CancelAt(now)
		return wait
	}
	return 0
}

func (f *failureLimits) source(remoteAddr string) *rate.Limiter {
	key := sourceOf(remoteAddr)
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.sources.Get(key); ok {
		if limiter, ok := known.(*rate.Limiter); ok {
			return limiter
		}
	}
	limiter := perMinute(f.perSource)
	f.sources.Add(key, limiter)
	return limiter
}

// sourceOf is the address that a connection comes from. What a proxy says about it in a header is not looked at, because a client can
// say the same.
func sourceOf(remoteAddr string) netip.Prefix {
	from, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	address := from.Addr().Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = ipv6Source
	}
	// Prefix fails for lengths that the address does not have, and both have theirs.
	prefix, _ := address.Prefix(bits)
	return prefix
}
