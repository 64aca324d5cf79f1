package ha_test

import (
	"context"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/cut"
	"github.com/scim-operator/scim-operator/test/release"
)

// TestServerBlind drops every packet between one of two servers and the API server, while fifty clients push, until the Service has taken it
// out. The other has to stay in, and the push has to go on through it, until the first one sees again. Nobody creates anything by then, for the
// reason that TestAPIServerKilled has.
func TestServerBlind(t *testing.T) {
	plane := apiserver.StartBare(t, controlplane.Options{})
	direct := strings.TrimPrefix(plane.Config.Host, "https://")
	line, err := cut.NewLine(t.Context(), direct)
	check(t, "make a line to the API server", err)
	t.Cleanup(line.Close)
	const first = release.Server + "-1"
	w := newWorldAt(t, plane, func(pod string) string {
		if pod == first {
			return line.Address
		}
		return direct
	})
	servers := w.Pods(release.Server)
	blind, other := servers[0], servers[1]
	if blind.Name != first {
		t.Fatalf("the first server is %s, want %s", blind.Name, first)
	}

	check(t, "await that nobody creates anything", w.push.AwaitGrown(t.Context()))
	line.Hold()
	check(t, "await that the Service takes the blind server out", blind.AwaitUnready(t.Context()))
	t.Log("the Service has taken the blind server out: ", w.push)
	if !other.Ready() {
		t.Errorf("%s is not ready, although nothing is wrong with it", other.Name)
	}
	until(t, other.Name+" is ready", func(ctx context.Context) bool { return other.CheckReady(ctx) == nil })
	w.await(t)
	if blind.Ready() {
		t.Errorf("%s is ready, although it sees nothing", blind.Name)
	}

	line.Release()
	check(t, "await the server that sees again", blind.AwaitReady(t.Context()))
	w.await(t)
	w.expectUnbroken(t)
	w.finish(t)
}
