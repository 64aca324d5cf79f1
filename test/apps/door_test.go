package apps_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/test/cut"
)

// door stands between the controller and an app: it can be closed, counts exchanges, and does something at one of them.
type door interface {
	// arm has then called at that exchange from now on, from 1, before the app has it or once the app has answered; the controller does not
	// hear the answer. Exchange 0 never comes. It returns whether that exchange came.
	arm(at int64, answered bool, then func()) (fired func() bool)
}

// wire is a door for protocols of messages. TLS ends here, so that messages can be told apart.
type wire struct {
	t               testing.TB
	address         string
	network, target string
	tls             *tls.Config
	make            func(at int64, answered bool) *cut.Cutter
	cutter          atomic.Pointer[cut.Cutter]
	mu              sync.Mutex
	listener        net.Listener
	open            map[net.Conn]bool
}

func newWire(t testing.TB, network, target string, secure *tls.Config, make func(int64, bool) *cut.Cutter) *wire {
	t.Helper()
	w := &wire{t: t, address: "127.0.0.1:0", network: network, target: target, tls: secure, make: make, open: map[net.Conn]bool{}}
	w.arm(0, false, nil)
	w.listen()
	t.Cleanup(w.shut)
	return w
}

func (w *wire) arm(at int64, answered bool, then func()) func() bool {
	c := w.make(at, answered)
	c.Then = then
	w.cutter.Store(c)
	w.hangUp() // connections belong to the cutter that they were made through
	return c.Fired
}

// listen opens the door, at the same port as before.
func (w *wire) listen() {
	w.t.Helper()
	listener, err := net.Listen("tcp", w.address)
	check(w.t, "listen", err)
	w.mu.Lock()
	w.listener, w.address = listener, listener.Addr().String()
	w.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.pass(conn)
		}
	}()
}

// shut refuses connections, as a server does that was stopped.
func (w *wire) shut() {
	w.mu.Lock()
	_ = w.listener.Close()
	w.mu.Unlock()
	w.hangUp()
}

func (w *wire) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.open {
		_ = conn.Close()
	}
	clear(w.open)
}

func (w *wire) pass(conn net.Conn) {
	defer conn.Close()
	w.mu.Lock()
	w.open[conn] = true
	w.mu.Unlock()
	if w.tls != nil {
		secure := tls.Server(conn, w.tls)
		if secure.HandshakeContext(context.Background()) != nil {
			return
		}
		conn = secure
	}
	inner, err := w.cutter.Load().Dial(context.Background(), w.network, w.target)
	if err != nil {
		return
	}
	defer inner.Close()
	go func() {
		_, _ = io.Copy(inner, conn)
		_ = inner.Close()
	}()
	_, _ = io.Copy(conn, inner)
}

// web is a door for HTTP, with TLS in front.
type web struct {
	address string
	state   atomic.Pointer[webState]
	// lie answers in the place of the app, or says false.
	lie atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// webKey is the key of a request's context for the state whose exchange it is.
type webKey struct{}

type webState struct {
	at       int64
	answered bool
	then     func()
	count    atomic.Int64
	fired    atomic.Bool
}

func newWeb(t testing.TB, target string, secure *tls.Config) *web {
	t.Helper()
	to, err := url.Parse(target)
	check(t, "parse", err)
	to.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(to)
	w := &web{}
	w.arm(0, false, nil)
	proxy.ModifyResponse = func(response *http.Response) error {
		if s, ok := response.Request.Context().Value(webKey{}).(*webState); ok {
			s.fire()
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, TLSConfig: secure, Handler: http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if lie := w.lie.Load(); lie != nil && (*lie)(writer, request) {
			return
		}
		s := w.state.Load()
		if s.count.Add(1) == s.at {
			if !s.answered {
				s.fire()
				panic(http.ErrAbortHandler)
			}
			request = request.WithContext(context.WithValue(request.Context(), webKey{}, s))
		}
		proxy.ServeHTTP(writer, request)
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, "listen", err)
	w.address = listener.Addr().String()
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	return w
}

func (s *webState) fire() {
	s.fired.Store(true)
	s.then()
}

func (w *web) arm(at int64, answered bool, then func()) func() bool {
	s := &webState{at: at, answered: answered, then: then}
	w.state.Store(s)
	return s.fired.Load
}
