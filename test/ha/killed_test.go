package ha_test

import (
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/test/release"
)

// paused is how long a server stands still. Okta waits longer than that for an answer.
const paused = 20 * time.Second

// TestServerKilledAndServerPaused kills one of two servers under fifty clients, starts it again, and then lets the other stand still for twenty
// seconds. What was acknowledged must be there in the end, and clients may see no answer but success and 429. Requests that break off
// with the killed process are tried again, as Okta does.
func TestServerKilledAndServerPaused(t *testing.T) {
	w := newWorld(t)
	servers := w.Pods(release.Server)
	servers[0].Kill()
	w.await(t)
	check(t, "start the killed server again", servers[0].Restart(t.Context()))
	check(t, "await the killed server", servers[0].AwaitReady(t.Context()))
	broken := w.push.Broken()
	if broken == 0 {
		t.Error("no request broke off when the server was killed, so the kill proves nothing")
	}

	check(t, "pause the other server", servers[1].Pause())
	pause := time.NewTimer(paused)
	defer pause.Stop()
	<-pause.C // all clients may be connected to it, and wait as long
	check(t, "let the other server go on", servers[1].Resume())
	check(t, "await the other server", servers[1].AwaitReady(t.Context()))
	w.await(t)
	if doubled := w.push.Doubled(); doubled > 0 {
		t.Errorf("%d creates were answered 429 and then 409, want none", doubled)
	}
	if more := w.push.Broken() - broken; more > 0 {
		t.Errorf("%d requests broke off while a server was paused, want none: it answers them when it goes on", more)
	}
	w.finish(t)
}
