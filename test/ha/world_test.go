package ha_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/load"
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/release"
)

const (
	pushers = 50
	// patience is how long anything may take on a busy machine.
	patience = 5 * time.Minute
	// crashPause is how long a container that ended stays away. A kubelet waits longer each time.
	crashPause = time.Second
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
	return newWorldAt(t, apiserver.StartBare(t, controlplane.Options{}), nil)
}

// newWorldAt is newWorld at an API server that runs already, which pods reach by a route.
func newWorldAt(t *testing.T, plane *controlplane.ControlPlane, route func(pod string) string) *world {
	t.Helper()
	w := &world{plane: plane}
	var err error
	w.Release, err = release.New(release.Options{Config: plane.Config, Dir: t.TempDir(), Images: map[string]string{image: binary}, Route: route})
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

// until waits for a state.
func until(t *testing.T, what string, holds func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) { return holds(ctx), nil })
	check(t, "await that "+what, err)
}

// expectUnbroken wants every request to have had an answer, and a true one.
func (w *world) expectUnbroken(t *testing.T) {
	t.Helper()
	if broken, doubled := w.push.Broken(), w.push.Doubled(); broken+doubled > 0 {
		t.Errorf("%d requests broke off, and %d were answered 429 and then 409, want none", broken, doubled)
	}
}

// keepControllers starts the containers of the controller again whenever they end, as kubelets do, until the test ends: one that cannot
// renew its Lease ends itself.
func (w *world) keepControllers(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	for _, pod := range w.Pods(release.Controller) {
		group.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-pod.Process().Done():
				}
				timer := time.NewTimer(crashPause)
				<-timer.C
				if err := pod.Restart(ctx); err != nil {
					t.Errorf("start %s again: %v", pod.Name, err)
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
}
