package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
)

func TestNewListenerRefusesClearText(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir(), 1)
	cases := map[string]struct {
		reason string
		cfg    ListenConfig
		ok     bool
	}{
		"nothing":     {"TLS is required", ListenConfig{Address: "127.0.0.1:0"}, false},
		"loopback":    {"plain HTTP may be asked for on a loopback address", ListenConfig{Address: "127.0.0.1:0", InsecureHTTP: true}, true},
		"loopback6":   {"::1 is a loopback address", ListenConfig{Address: "[::1]:0", InsecureHTTP: true}, true},
		"everywhere":  {"an empty host is every address", ListenConfig{Address: ":0", InsecureHTTP: true}, false},
		"unspecified": {"0.0.0.0 is every address", ListenConfig{Address: "0.0.0.0:0", InsecureHTTP: true}, false},
		"name":        {"a name can mean anything", ListenConfig{Address: "localhost:0", InsecureHTTP: true}, false},
		"noPort":      {"an address needs a port", ListenConfig{Address: "127.0.0.1", InsecureHTTP: true}, false},
		"half":        {"a certificate needs its key", ListenConfig{Address: "127.0.0.1:0", CertFile: certFile}, false},
		"both":        {"a certificate and plain HTTP contradict each other", ListenConfig{Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, InsecureHTTP: true}, false},
		"missing":     {"a certificate that cannot be read stops the start", ListenConfig{Address: "127.0.0.1:0", CertFile: certFile + "x", KeyFile: keyFile}, false},
		"tls":         {"a certificate and its key are all that is needed", ListenConfig{Address: ":0", CertFile: certFile, KeyFile: keyFile}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := NewListener(tc.cfg); (err == nil) != tc.ok {
				t.Errorf("%s: NewListener() error = %v, want none: %t", tc.reason, err, tc.ok)
			}
		})
	}
}

func TestListenerServesTLSAndReloads(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, Log: logr.Discard(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Ready(nil); err == nil {
		t.Error("a listener that does not listen is not ready")
	}
	address := startListener(t, l)
	if _, err := handshake(t, address, &tls.Config{MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted; at least 1.2 is required (RFC 7644 section 7.2)")
	}
	if serial, err := handshake(t, address, &tls.Config{MaxVersion: tls.VersionTLS12}); err != nil || serial != 1 {
		t.Errorf("TLS 1.2: certificate %d, error %v; want certificate 1", serial, err)
	}
	writeCertificate(t, dir, 2)
	eventually(t, "the new certificate is served without a restart", func() bool {
		serial, err := handshake(t, address, &tls.Config{})
		return err == nil && serial == 2
	})
}

func TestListenerAnswersWhatIsInFlightAtTheEnd(t *testing.T) {
	entered, release, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", InsecureHTTP: true, Log: logr.Discard(), OnStop: func() { close(stopped) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-release
			if r.Context().Err() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Start(ctx) }()
	eventually(t, "the listener listens", func() bool { return l.Ready(nil) == nil })
	address := l.Address().String()
	status := make(chan int, 1)
	go func() {
		response, err := http.Get("http://" + address)
		if err != nil {
			status <- 0
			return
		}
		response.Body.Close()
		status <- response.StatusCode
	}()
	<-entered
	cancel()
	eventually(t, "the listener is no longer ready", func() bool { return l.Ready(nil) != nil })
	close(release)
	if got := <-status; got != http.StatusOK {
		t.Errorf("a request in flight was answered %d, want 200 with a context that still lives", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Start() = %v, want an orderly end", err)
	}
	<-stopped
}

// TestListenerDrains: from the end of readiness until it is drained, a listener answers also those who come anew, and asks each to close.
func TestListenerDrains(t *testing.T) {
	drained := make(chan struct{})
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", InsecureHTTP: true, Log: logr.Discard(), Drain: func() { <-drained },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Start(ctx) }()
	eventually(t, "the listener listens", func() bool { return l.Ready(nil) == nil })
	address := l.Address().String()
	kept, fresh := &http.Client{Transport: &http.Transport{}}, &http.Client{Transport: &http.Transport{}}
	get := func(client *http.Client) *http.Response {
		t.Helper()
		response, err := client.Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	if get(kept).Close {
		t.Error("a listener in the middle of its life asks a client to close")
	}
	cancel()
	eventually(t, "the listener is no longer ready", func() bool { return l.draining.Load() && l.Ready(nil) != nil })
	for name, client := range map[string]*http.Client{"kept": kept, "fresh": fresh} {
		if response := get(client); response.StatusCode != http.StatusNoContent || !response.Close {
			t.Errorf("while draining, a %s connection: status %d, close %t; want 204 and close", name, response.StatusCode, response.Close)
		}
	}
	close(drained)
	if err := <-done; err != nil {
		t.Errorf("Start() = %v, want an orderly end", err)
	}
	if response, err := fresh.Get("http://" + address); err == nil {
		response.Body.Close()
		t.Error("a listener that has ended still answers")
	}
}

func TestListenerLimitsHeaders(t *testing.T) {
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", InsecureHTTP: true, Log: logr.Discard(),
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
	})
	if err != nil {
		t.Fatal(err)
	}
	address := startListener(t, l)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	// net/http adds 4 KiB of its own to the limit.
	request.Header.Set("X-Padding", pad(DefaultMaxHeaderBytes+8<<10))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header beyond the limit was answered %d, want 431", response.StatusCode)
	}
}

func pad(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}

// startListener runs a listener until the test ends and returns where it listens.
func startListener(t *testing.T, l *Listener) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start() = %v", err)
		}
	})
	eventually(t, "the listener listens", func() bool { return l.Ready(nil) == nil })
	return l.Address().String()
}

// handshake returns the serial number of the certificate that is served.
func handshake(t *testing.T, address string, cfg *tls.Config) (int64, error) {
	t.Helper()
	cfg.InsecureSkipVerify = true
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, cfg)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	replaceFile(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	replaceFile(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certFile, keyFile
}

func replaceFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// eventually polls until a condition holds, and fails the test when it never does.
func eventually(t *testing.T, what string, condition func() bool) {
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
