package server_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

// stale is a cache that a change has not reached yet.
type stale struct{ directory *v1alpha1.ScimDirectory }

func (s stale) Directory(context.Context, string) (*v1alpha1.ScimDirectory, error) {
	return s.directory, nil
}

// counted counts live reads.
type counted struct {
	server.LiveDirectories
	reads *atomic.Int32
}

func (c counted) Directory(ctx context.Context, name string) (*v1alpha1.ScimDirectory, error) {
	c.reads.Add(1)
	return c.LiveDirectories.Directory(ctx, name)
}

// TestNewTokenIsGoodBeforeTheCacheKnows puts a token into a directory behind the back of a cache that never learns of it.
func TestNewTokenIsGoodBeforeTheCacheKnows(t *testing.T) {
	scheme := runtime.NewScheme()
	must(t, v1alpha1.AddToScheme(scheme))
	must(t, corev1.AddToScheme(scheme))
	kube, err := client.New(apiserver.Config(), client.Options{Scheme: scheme})
	must(t, err)
	var reads atomic.Int32
	known := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "testnewtokenisgoodbeforethecacheknows"}}
	s := newSCIM(t, func(c *server.Config) {
		c.Directories = stale{known}
		c.LiveDirectories = counted{server.LiveDirectories{Reader: kube}, &reads}
		// No time passes, so that what the reads are limited to is their burst.
		c.Clock = testclock.NewFakePassiveClock(time.Now())
	})
	s.setSpec(func(spec *v1alpha1.ScimDirectorySpec) {
		spec.Credentials = append(spec.Credentials, v1alpha1.Credential{Name: "new", TokenSHA256: hexSum(hashedToken)})
	})
	if got := s.status(bearer(hashedToken)); got != http.StatusOK {
		t.Errorf("a token that the API server has and the cache has not: status %d, want 200", got)
	}
	for range 20 {
		if got := s.status(bearer(wrong)); got != http.StatusUnauthorized {
			t.Fatalf("a wrong token: status %d, want 401", got)
		}
	}
	if got := reads.Load(); got != 3 {
		t.Errorf("the directory was read %d times, want 3: wrong tokens must cost the API server little", got)
	}
}
