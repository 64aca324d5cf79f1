package release_test

import (
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/load"
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/release"
)

// TestRollingRestart replaces every process of both Deployments while twenty clients push through the Service. No request may be refused, and
// no connection broken off: a server that ends goes on to answer until nobody comes any more.
func TestRollingRestart(t *testing.T) {
	config := apiserver.StartBare(t, controlplane.Options{}).Config
	r, err := release.New(release.Options{Config: config, Dir: t.TempDir(), Images: map[string]string{image: binary}})
	check(t, "prepare the installation", err)
	t.Cleanup(r.Stop)
	check(t, "install the chart", r.Install(t.Context(), chart, release.Values{"image": release.Values{"tag": "tested"}}))
	d, err := r.MakeDirectory(t.Context(), "okta", v1alpha1.ScimDirectorySpec{})
	check(t, "make a directory", err)
	for _, part := range []string{release.Server, release.Controller} {
		check(t, "start "+part, r.Scale(t.Context(), part))
	}
	service, err := r.Serve(t.Context(), release.Server)
	check(t, "serve", err)
	t.Cleanup(service.Close)

	push, err := load.Start(t.Context(), load.Config{
		Pushers: 20, Client: func(dialect okta.Dialect) okta.Config { return d.Config(service.Address, dialect) },
	})
	check(t, "push", err)
	check(t, "push before the roll", push.Await(t.Context(), 200))
	for _, part := range []string{release.Server, release.Controller} {
		check(t, "roll "+part, r.Roll(t.Context(), part))
	}
	check(t, "push after the roll", push.Await(t.Context(), 200))
	check(t, "push", push.Stop())
	t.Log(push)
	if push.Broken()+push.Doubled() > 0 {
		t.Errorf("%d requests got no answer, and %d one that was not true, want none", push.Broken(), push.Doubled())
	}
	check(t, "compare what is there with what was acknowledged", push.Verify(t.Context(), r.Kube))
}
