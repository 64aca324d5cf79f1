package ha_test

import (
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/load"
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/release"
)

const (
	pushers = 50
	// paused is how long a server stands still. Okta waits longer than that for an answer.
	paused = 20 * time.Second
)

// world is an installation under a push.
type world struct {
	*release.Release
	plane     *controlplane.ControlPlane
	directory *release.Directory
	service   *release.Service
	push      *load.Load
}

// newWorld installs the chart, starts both Deployments and begins to push.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{plane: apiserver.StartBare(t, controlplane.Options{})}
	var err error
	w.Release, err = release.New(release.Options{Config: w.plane.Config, Dir: t.TempDir(), Images: map[string]string{image: binary}})
	check(t, "prepare the installation", err)
	t.Cleanup(w.Stop)
	check(t, "install the chart", w.Install(t.Context(), chart, release.Values{"image": release.Values{"tag": "tested"}}))
	w.directory, err = w.MakeDirectory(t.Context(), "okta", v1alpha1.ScimDirectorySpec{Guard: load.Unguarded()})
	check(t, "make a directory", err)
	check(t, "grant", load.Grant(t.Context(), w.Kube))
	for _, part := range []string{release.Server, release.Controller} {
		check(t, "start "+part, w.Scale(t.Context(), part))
	}
	w.service, err = w.Serve(t.Context(), release.Server)
	check(t, "serve", err)
	t.Cleanup(w.service.Close)
	w.push, err = load.Start(t.Context(), load.Config{
		Pushers: pushers, Client: func(dialect okta.Dialect) okta.Config { return w.directory.Config(w.service.Address, dialect) },
	})
	check(t, "push", err)
	w.await(t)
	return w
}

// await waits until a few changes of each client have been acknowledged.
func (w *world) await(t *testing.T) {
	t.Helper()
	check(t, "await acknowledged changes", w.push.Await(t.Context(), 4*pushers))
}

// finish ends the push and compares what is there with what was acknowledged.
func (w *world) finish(t *testing.T) {
	t.Helper()
	check(t, "push", w.push.Stop())
	t.Log(w.push)
	check(t, "compare what is there with what was acknowledged", w.push.Verify(t.Context(), w.Kube))
	check(t, "compare who has access", w.push.AwaitAccess(t.Context(), w.Kube))
}

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
	if more := w.push.Broken() - broken; more > 0 {
		t.Errorf("%d requests broke off while a server was paused, want none: it answers them when it goes on", more)
	}
	w.finish(t)
}
