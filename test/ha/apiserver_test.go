package ha_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/release"
)

const (
	// forgiven is how long the API server may be away before a server says that it is not ready.
	forgiven = 30 * time.Second
	// removed is how long it may be away before a Service can hear of it: the third probe that fails is the earliest.
	removed = forgiven + 10*time.Second
)

// TestAPIServerKilled kills the API server under fifty clients, twice: first for as long as it takes to come again, which no server may take
// for a reason to leave, and then for so long that all say they are not ready. Clients may see no answer but success and 429, and what was
// acknowledged must be there in the end. The first time no request may break off. The second time the Service can hear that no server is ready just
// before it hears that all are, and refuse connections in between. Then nobody creates anything, because a create of which
// nobody knows for longer than a client waits whether it happened is answered 429, and the next one may be answered 409.
func TestAPIServerKilled(t *testing.T) {
	w := newWorld(t)
	w.keepControllers(t)
	servers := w.Pods(release.Server)

	killed := w.killAPIServer(t)
	for _, server := range servers {
		// An answer that comes too late, from this machine, says nothing.
		if err := server.CheckReady(t.Context()); err != nil && !errors.Is(err, context.DeadlineExceeded) && time.Since(killed) < forgiven {
			t.Errorf("%s is not ready %s after the API server went away: %v", server.Name, time.Since(killed), err)
		}
	}
	check(t, "start the API server again", w.plane.Restart(t.Context(), controlplane.APIServer))
	away := time.Since(killed)
	t.Logf("the API server was away for %s: %s", away, w.push)
	w.await(t)
	if away < removed {
		w.expectUnbroken(t)
	}

	check(t, "await that nobody creates anything", w.push.AwaitGrown(t.Context()))
	killed = w.killAPIServer(t)
	for _, server := range servers {
		until(t, server.Name+" is not ready", func(ctx context.Context) bool { return server.CheckReady(ctx) != nil })
	}
	check(t, "start the API server again", w.plane.Restart(t.Context(), controlplane.APIServer))
	t.Logf("the API server was away for %s: %s", time.Since(killed), w.push)
	for _, server := range servers {
		until(t, server.Name+" is ready", func(ctx context.Context) bool { return server.CheckReady(ctx) == nil })
		check(t, "await "+server.Name, server.AwaitReady(t.Context()))
	}
	w.await(t)
	w.finish(t)
}

// killAPIServer returns when the clients have been told of it.
func (w *world) killAPIServer(t *testing.T) time.Time {
	t.Helper()
	before := w.push.Throttled()
	w.plane.Kill(controlplane.APIServer)
	killed := time.Now()
	until(t, "clients are told to come again", func(context.Context) bool { return w.push.Throttled()-before >= pushers/2 })
	return killed
}
