package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	namespace = "default"
	token     = "scimk8s_0123456789abcdef0123456789abcdef"
	wrong     = "scimk8s_fedcba9876543210fedcba9876543210"
)

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) logger() logr.Logger {
	return funcr.NewJSON(func(line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text = append(l.text, line)
	}, funcr.Options{Verbosity: 10})
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, "\n")
}

// scim is a running server with one directory, on a real API server.
type scim struct {
	t         *testing.T
	kube      client.Client
	cache     cache.Cache
	clock     *testclock.FakePassiveClock
	log       *lines
	directory string
	address   string
}

// newSCIM starts a server whose directory has the name of the test. The options change its configuration.
func newSCIM(t *testing.T, options ...func(*server.Config)) *scim {
	t.Helper()
	s := newReplica(t, options...)
	s.addDirectory(s.directory, token)
	return s
}

// newKube makes a client that reads live.
func newKube(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, v1alpha1.AddToScheme(scheme))
	must(t, corev1.AddToScheme(scheme))
	kube, err := client.New(apiserver.Config(), client.Options{Scheme: scheme})
	must(t, err)
	return kube
}

// newReplica starts another server for the directory that newSCIM has made, or is about to make.
func newReplica(t *testing.T, options ...func(*server.Config)) *scim {
	t.Helper()
	kube := newKube(t)
	config, scheme := apiserver.Config(), kube.Scheme()
	informers, err := cache.New(config, cache.Options{Scheme: scheme, DefaultTransform: store.Lean(), ByObject: store.ServerCacheOptions()})
	must(t, err)
	s := &scim{
		t: t, kube: kube, cache: informers, clock: testclock.NewFakePassiveClock(time.Now()), log: &lines{},
		directory: strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())),
	}
	_, err = informers.GetInformer(t.Context(), &v1alpha1.ScimDirectory{}, cache.BlockUntilSynced(false))
	must(t, err)
	identities, err := store.New(store.Config{Client: kube, Cache: informers, Log: s.log.logger(), Matching: store.CachedMatching(informers)})
	must(t, err)
	must(t, identities.Watch(t.Context(), informers))
	s.startCache()
	poll(t, "the lists are complete", identities.Listable)
	cfg := server.Config{
		Store: identities, Directories: server.CachedDirectories{Reader: informers}, Log: s.log.logger(),
		Tokens: server.NewTokens(server.LiveSecrets{Reader: kube, Namespace: namespace}, s.clock),
	}
	for _, option := range options {
		option(&cfg)
	}
	handler, err := server.New(cfg)
	must(t, err)
	s.listen(handler)
	return s
}

func (s *scim) startCache() {
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = s.cache.Start(ctx)
	}()
	s.t.Cleanup(func() { stop(); <-stopped })
	if !s.cache.WaitForCacheSync(s.t.Context()) {
		s.t.Fatal("the cache did not sync")
	}
}

func (s *scim) listen(handler http.Handler) {
	l, err := server.NewListener(server.ListenConfig{Address: "127.0.0.1:0", InsecureHTTP: true, Handler: handler, Log: s.log.logger()})
	must(s.t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- l.Start(ctx) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.t.Errorf("the listener ended with %v", err)
		}
	})
	poll(s.t, "the listener listens", func() bool { return l.Address() != nil })
	s.address = "http://" + l.Address().String()
}

// addDirectory makes a directory with one token, and waits until the server knows it.
func (s *scim) addDirectory(name, token string) {
	s.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: map[string]string{"token": token}}
	must(s.t, s.kube.Create(s.t.Context(), secret))
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}}
	directory.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: name}}}
	must(s.t, s.kube.Create(s.t.Context(), directory))
	poll(s.t, "the directory is in the cache", func() bool {
		return s.cache.Get(s.t.Context(), client.ObjectKey{Name: name}, &v1alpha1.ScimDirectory{}) == nil
	})
}

// base is the path of the directory's SCIM root.
func (s *scim) base() string { return "/scim/" + s.directory + "/v2" }

// reply is an answer, read in full.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.body, &out); err != nil {
		t.Fatalf("the body of a %d is not JSON: %v: %.200s", r.status, err, r.body)
	}
	return out
}

// do sends a request to a path of the host, with headers given as "Name: value".
func (s *scim) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	var reader io.Reader = http.NoBody
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.address+path, reader)
	must(s.t, err)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	must(s.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(s.t, err)
	return reply{response.StatusCode, response.Header, content}
}

// call sends a request with the right token to a path below the base URL, and expects a status.
func (s *scim) call(want int, method, path, body string, headers ...string) reply {
	s.t.Helper()
	got := s.do(method, s.base()+path, body, append([]string{"Authorization: Bearer " + token}, headers...)...)
	if got.status != want {
		s.t.Fatalf("%s %s: status %d, want %d: %.500s", method, path, got.status, want, got.body)
	}
	return got
}

// refused checks the form of an error and returns its detail.
func refused(t *testing.T, got reply, status int, scimType string) string {
	t.Helper()
	if got.status != status {
		t.Fatalf("status %d, want %d: %.500s", got.status, status, got.body)
	}
	if contentType := got.header.Get("Content-Type"); contentType != "application/scim+json" {
		t.Errorf("an error has the type %q, want application/scim+json", contentType)
	}
	body := got.json(t)
	if body["status"] != strconv.Itoa(status) {
		t.Errorf("status in the body is %v, want the string %d (RFC 7644 section 3.12)", body["status"], status)
	}
	if schemas, _ := body["schemas"].([]any); len(schemas) != 1 || schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" {
		t.Errorf("schemas of an error are %v", body["schemas"])
	}
	if got, _ := body["scimType"].(string); got != scimType {
		t.Errorf("scimType is %q, want %q", got, scimType)
	}
	detail, _ := body["detail"].(string)
	if detail == "" {
		t.Error("an error needs a detail")
	}
	return detail
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// poll waits until a condition holds, and fails the test when it never does.
func poll(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("still not true: %s", what)
		case <-ticker.C:
		}
	}
}

// contains fails the test if a text lacks one of the parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not contain %q", text, part)
		}
	}
}

// dump is everything that the API server holds of the kinds that a push writes.
func (s *scim) dump() string {
	s.t.Helper()
	var out bytes.Buffer
	for _, list := range []client.ObjectList{&v1alpha1.ScimUserList{}, &v1alpha1.ScimRoleList{}, &v1alpha1.ScimClaimList{}, &v1alpha1.ScimDirectoryList{}, &corev1.EventList{}} {
		if err := s.kube.List(s.t.Context(), list); err != nil && !apierrors.IsNotFound(err) {
			s.t.Fatal(err)
		}
		// That of the list moves with every write of the whole API server, such as the renewal of a Lease of its own; those of the items,
		// which stay, tell what was written here.
		list.SetResourceVersion("")
		must(s.t, json.NewEncoder(&out).Encode(list))
	}
	return out.String()
}
