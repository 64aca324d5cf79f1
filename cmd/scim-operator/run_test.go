package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	testToken = "scimk8s_0123456789abcdef0123456789abcdef"
	namespace = "default"
)

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

func TestRunRefuses(t *testing.T) {
	kubeconfig := "--kubeconfig=" + apiserver.Kubeconfig(t, apiserver.Config())
	cases := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"unknown":        {"a subcommand must exist", []string{"nothing"}, "unknown command"},
		"level":          {"a level must exist", []string{"server", "--log-level=loud"}, "--log-level"},
		"url":            {"the external URL must be one", []string{"server", kubeconfig, "--external-url=scim.example.com"}, "--external-url"},
		"query":          {"a base URL has no query (RFC 7644 section 1.3)", []string{"server", kubeconfig, "--external-url=https://scim.example.com?x=y"}, "--external-url"},
		"perSource":      {"no guess at all would be the default", []string{"server", kubeconfig, "--max-failures-per-source=0"}, "--max-failures-per-source"},
		"failures":       {"nor is there less than none", []string{"server", kubeconfig, "--max-failures=-1"}, "--max-failures:"},
		"connections":    {"nobody could connect", []string{"server", kubeconfig, "--max-connections=0"}, "--max-connections"},
		"drain":          {"the Deployment's grace period would end before it", []string{"server", kubeconfig, "--drain-delay=16s"}, "--drain-delay"},
		"noTLS":          {"tokens must not cross a network in the clear", []string{"server", kubeconfig, "--listen-address=127.0.0.1:0", "--health-address=0"}, "certificate"},
		"profileToAll":   {"whoever sees a profile sees what is in memory", []string{"controller", kubeconfig, "--profile-address=:6060", "--health-address=0"}, "loopback"},
		"profileNowhere": {"an address has a port", []string{"controller", kubeconfig, "--profile-address=127.0.0.1", "--health-address=0"}, "--profile-address"},
		"notLoopback":    {"plain HTTP is for loopback addresses", []string{"server", kubeconfig, "--insecure-http", "--listen-address=0.0.0.0:0", "--health-address=0"}, "loopback"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out buffer
			if code := run(t.Context(), tc.args, &out, &out); code != 1 {
				t.Errorf("%s: exit code %d, want 1", tc.reason, code)
			}
			if !strings.Contains(out.String(), tc.want) {
				t.Errorf("%s: the output lacks %q: %s", tc.reason, tc.want, out.String())
			}
		})
	}
}

// started runs a subcommand until it is ready, and gives its output, and what ends it as a Pod is ended.
func started(t *testing.T, health, subcommand string, args ...string) (out *buffer, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	args = append([]string{
		subcommand, "--kubeconfig=" + apiserver.Kubeconfig(t, apiserver.Config()), "--namespace=" + namespace, "--health-address=" + health,
	}, args...)
	out = &buffer{}
	code := make(chan int, 1)
	go func() { code <- run(ctx, args, out, out) }()
	poll(t, "the "+subcommand+" is ready", func() bool { return status(t, "http://"+health+"/readyz") == http.StatusOK })
	return out, func() {
		t.Helper()
		cancel()
		if got := <-code; got != 0 {
			t.Errorf("exit code %d after an orderly end, want 0: %s", got, out.String())
		}
	}
}

// TestServer starts the server as a Pod does, pushes one user over HTTPS, and ends it as a Pod is ended.
func TestServer(t *testing.T) {
	kube := newKube(t)
	prepareDirectory(t, kube)
	certFile, keyFile, authorities := certificate(t)
	address, health, metrics := freeAddress(t), freeAddress(t), freeAddress(t)
	out, end := started(t, health, "server", "--listen-address="+address, "--metrics-address="+metrics, "--tls-cert-file="+certFile,
		"--tls-key-file="+keyFile, "--external-url=https://scim.example.com", "--max-failures-per-source=1")
	if got := status(t, "http://"+health+"/livez"); got != http.StatusOK {
		t.Errorf("/livez answers %d", got)
	}
	var got int
	poll(t, "metrics are served", func() bool {
		got = status(t, "https://"+metrics+"/metrics")
		return got != 0
	})
	if got != http.StatusUnauthorized {
		t.Errorf("/metrics without a token of the API server answers %d, want 401", got)
	}
	created := createUser(t, address, authorities, testToken)
	if created.status != http.StatusCreated || created.proto != 2 {
		t.Errorf("creating a user over HTTPS: status %d over HTTP/%d, want 201 over HTTP/2: %s", created.status, created.proto, created.body)
	}
	var user struct {
		ID   string
		Meta struct{ Location string }
	}
	must(t, json.Unmarshal(created.body, &user))
	if want := "https://scim.example.com/scim/okta/v2/Users/" + user.ID; user.Meta.Location != want {
		t.Errorf("meta.location is %q, want %q", user.Meta.Location, want)
	}
	must(t, kube.Get(t.Context(), client.ObjectKey{Name: user.ID}, &v1alpha1.ScimUser{}))
	poll(t, "the first request is in the directory's status", func() bool {
		directory := &v1alpha1.ScimDirectory{}
		return kube.Get(t.Context(), client.ObjectKey{Name: "okta"}, directory) == nil && directory.Status.LastRequestTime != nil
	})
	expectGuessesEnd(t, address, authorities)
	poll(t, "requests are counted", func() bool {
		all := samples(t)
		return slices.Contains(all, `scim_operator_scim_requests_total{code="201",directory="okta",method="POST",route="/Users"} 1`) &&
			slices.Contains(all, `scim_operator_scim_requests_total{code="401",directory="okta",method="POST",route=""} 1`)
	})
	end()
	if strings.Contains(out.String(), testToken) {
		t.Error("the token is in the log")
	}
}

// expectGuessesEnd guesses tokens until it is told to wait, which the flag of TestServer makes the answer to the second one. Without the
// flag it would be the answer to the sixty-first.
func expectGuessesEnd(t *testing.T, address string, authorities *x509.CertPool) {
	t.Helper()
	var got []int
	for range 20 {
		guess := createUser(t, address, authorities, "guess-"+rand.Text())
		if got = append(got, guess.status); guess.status == http.StatusTooManyRequests {
			break
		}
	}
	if len(got) < 2 || got[0] != http.StatusUnauthorized || got[len(got)-1] != http.StatusTooManyRequests {
		t.Errorf("guesses are answered %v, want 401 and soon 429", got)
	}
	if good := createUser(t, address, authorities, testToken); good.status != http.StatusConflict {
		t.Errorf("after guesses a request with the right token is answered %d, want the 409 of a name that is taken: %s", good.status, good.body)
	}
}

type answer struct {
	status, proto int
	body          []byte
}

func createUser(t *testing.T, address string, authorities *x509.CertPool, token string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+"/scim/okta/v2/Users", strings.NewReader(`{"userName":"run@example.com"}`))
	must(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return answer{response.StatusCode, response.ProtoMajor, body}
}

func newKube(t *testing.T) client.Client {
	t.Helper()
	scheme, err := newScheme()
	must(t, err)
	kube, err := client.New(apiserver.Config(), client.Options{Scheme: scheme})
	must(t, err)
	return kube
}

func prepareDirectory(t *testing.T, kube client.Client) {
	t.Helper()
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
	directory.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token"}}}
	must(t, kube.Create(t.Context(), directory))
	must(t, kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-token"}, StringData: map[string]string{"token": testToken},
	}))
}

// status is the status of a GET, 0 when there is no answer.
func status(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	must(t, err)
	// The certificate of the metrics is made at the start, so that nobody can know its authority.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0
	}
	must(t, response.Body.Close())
	return response.StatusCode
}

// freeAddress is a loopback address that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	socket, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer socket.Close()
	return socket.Addr().String()
}

func certificate(t *testing.T) (certFile, keyFile string, authorities *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certFile, keyFile = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	must(t, os.WriteFile(certFile, certPEM, 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	authorities = x509.NewCertPool()
	authorities.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, authorities
}

// buffer is a bytes.Buffer that many goroutines may write to.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
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
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("still not true: %s", what)
		case <-ticker.C:
		}
	}
}
