package bench_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/store"
)

const (
	directoryName = "bench"
	base          = "/scim/" + directoryName + "/v2"
	token         = "scimk8s_0123456789abcdef0123456789abcdef"
)

// directory has a credential that is a hash, so that no Secret needs to be read.
func directory() *v1alpha1.ScimDirectory {
	hash := sha256.Sum256([]byte(token))
	d := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: directoryName}}
	d.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSHA256: hex.EncodeToString(hash[:]), Access: v1alpha1.AccessReadWrite}}
	return d
}

func newScheme(b *testing.B) *runtime.Scheme {
	b.Helper()
	scheme := runtime.NewScheme()
	must(b, v1alpha1.AddToScheme(scheme))
	return scheme
}

// world is the handler and what it works with.
type world struct {
	handler http.Handler
	cache   cache.Cache
	live    client.Client
	// groups is how many groups were made.
	groups int
}

// newWorld wires the handler as the command does, on a cache with the options given.
func newWorld(b *testing.B, config *rest.Config, options cache.Options) *world {
	b.Helper()
	log.SetLogger(logr.Discard())
	live, err := client.New(config, client.Options{Scheme: options.Scheme, Mapper: options.Mapper})
	must(b, err)
	informers, err := cache.New(config, options)
	must(b, err)
	identities, err := store.New(store.Config{Client: live, Cache: informers})
	must(b, err)
	must(b, identities.Watch(b.Context(), informers))
	for _, obj := range []client.Object{&v1alpha1.ScimDirectory{}, &v1alpha1.ScimRoleSlice{}} {
		_, err = informers.GetInformer(b.Context(), obj, cache.BlockUntilSynced(false))
		must(b, err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = informers.Start(ctx)
	}()
	b.Cleanup(func() { stop(); <-stopped })
	if !informers.WaitForCacheSync(b.Context()) {
		b.Fatal("the cache did not sync")
	}
	poll(b, "the lists are complete", identities.Listable)
	handler, err := server.New(server.Config{
		Store: identities, Directories: server.CachedDirectories{Reader: informers}, Log: logr.Discard(),
		Tokens: server.NewTokens(server.LiveSecrets{Reader: live, Namespace: "default"}, nil),
	})
	must(b, err)
	return &world{handler: handler, cache: informers, live: live}
}

// sink is a response that is looked at and forgotten.
type sink struct {
	header http.Header
	status int
	bytes  int
	keep   *bytes.Buffer
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(p []byte) (int, error) {
	s.bytes += len(p)
	if s.keep != nil {
		_, _ = s.keep.Write(p)
	}
	return len(p), nil
}

// send makes a request of the handler and expects a status.
func (w *world) send(b *testing.B, want int, method, path string, body io.Reader, keep *bytes.Buffer) *sink {
	b.Helper()
	if body == nil {
		body = http.NoBody
	}
	r := httptest.NewRequestWithContext(b.Context(), method, "http://scim.example.com"+base+path, body)
	r.Header.Set("Authorization", "Bearer "+token)
	s := &sink{header: http.Header{}, status: http.StatusOK, keep: keep}
	if w.handler.ServeHTTP(s, r); s.status != want {
		b.Fatalf("%s %s: status %d, want %d", method, path, s.status, want)
	}
	return s
}

// text is send with a body, and gives the answer.
func (w *world) text(b *testing.B, want int, method, path, body string) string {
	b.Helper()
	var keep bytes.Buffer
	w.send(b, want, method, path, strings.NewReader(body), &keep)
	return keep.String()
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// poll waits until a condition holds.
func poll(b *testing.B, what string, condition func() bool) {
	b.Helper()
	done := func(context.Context) (bool, error) { return condition(), nil }
	if err := wait.PollUntilContextTimeout(b.Context(), 10*time.Millisecond, 5*time.Minute, true, done); err != nil {
		b.Fatalf("still not true: %s", what)
	}
}

// withCPU runs the loop and adds the CPU time of this process for each round, which other processes on the machine cannot make longer. It
// includes what the garbage collector and the cache did meanwhile.
func withCPU(b *testing.B, round func()) {
	b.Helper()
	before := cpuTime(b)
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// timed is one way to do something, and how long it took each time.
type timed struct {
	name string
	// prepare, which may be nil, comes before do and is not measured.
	prepare, do func()
	took        []time.Duration
}

// compare does each thing in turn, so that a busy machine makes all of them slower alike, and reports the medians, and how many times
// that of the first the others are.
func compare(b *testing.B, things ...*timed) {
	b.Helper()
	for b.Loop() {
		for _, thing := range things {
			if thing.prepare != nil {
				thing.prepare()
			}
			start := time.Now()
			thing.do()
			thing.took = append(thing.took, time.Since(start))
		}
	}
	first := things[0].median()
	for i, thing := range things {
		b.ReportMetric(float64(thing.median().Nanoseconds())/1000, thing.name+"-µs")
		if i > 0 {
			b.ReportMetric(float64(thing.median())/float64(first), thing.name+"/"+things[0].name)
		}
	}
	b.ReportMetric(0, "ns/op") // A round is several things, so its time says nothing.
}

func (t *timed) mean() time.Duration {
	var sum time.Duration
	for _, took := range t.took {
		sum += took
	}
	return sum / time.Duration(len(t.took))
}

func (t *timed) median() time.Duration {
	slices.Sort(t.took)
	return t.took[len(t.took)/2]
}
