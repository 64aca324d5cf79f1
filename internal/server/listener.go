package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/net/netutil"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// The limits that hold where ListenConfig leaves them zero.
const (
	// DefaultReadHeaderTimeout is the time that a client may take for the header of a request.
	DefaultReadHeaderTimeout = 5 * time.Second
	// DefaultReadTimeout is the time that a client may take for a whole request.
	DefaultReadTimeout = 60 * time.Second
	// DefaultWriteTimeout is the time from the end of a request's header to the end of its answer. It leaves a large answer ten
	// seconds on top of the request's own time.
	DefaultWriteTimeout = 70 * time.Second
	// DefaultIdleTimeout is the time that a connection is kept without a request.
	DefaultIdleTimeout = 120 * time.Second
	// DefaultShutdownTimeout is the time that requests in flight get at the end.
	DefaultShutdownTimeout = 15 * time.Second
	// DefaultMaxConnections is the number of connections that are open at once. Identity providers use a handful; the rest is what
	// slow clients may hold until they are cut off.
	DefaultMaxConnections = 1024
	// DefaultMaxHeaderBytes is the size of the largest header.
	DefaultMaxHeaderBytes = 16 << 10
	// http2Quiet is the time after which a client that speaks HTTP/2 is asked whether it is still there, http2Answer the time that it
	// has to say so. The timeouts of http.Server do not see one that never gets a frame to its end.
	http2Quiet  = 5 * time.Second
	http2Answer = 5 * time.Second
	// http2Streams is the number of requests that are under way at once on one connection of HTTP/2.
	http2Streams = 100
)

// ListenConfig says where and how a Listener listens. Zero limits mean the defaults.
type ListenConfig struct {
	// Address is host:port. Port 0 takes a free one.
	Address string
	// CertFile and KeyFile are in PEM. They are read again when they change.
	CertFile, KeyFile string
	// InsecureHTTP allows plain HTTP, and only on a loopback address: bearer tokens must not cross a network in the clear.
	InsecureHTTP bool
	// Handler serves the requests.
	Handler http.Handler
	// Log gets what goes wrong with connections.
	Log logr.Logger
	// Drain, which may be nil, is called at the end, when Ready fails already. Until it returns everything is answered as before, and each
	// answer asks the client to come with another connection. So nobody is refused who was not told yet to go elsewhere.
	Drain func()
	// Blind, which may be nil, says that this server can get nothing done for now. Answers then ask the client to come with another connection,
	// which leads to a server that can: connections that are open stay where they are, whoever is ready.
	Blind func() bool
	// OnStop, which may be nil, is called after the last request has been answered.
	OnStop func()

	// ReadHeaderTimeout, ReadTimeout, WriteTimeout and IdleTimeout are those of http.Server.
	ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// ShutdownTimeout is the time that requests in flight get at the end.
	ShutdownTimeout time.Duration
	// MaxHeaderBytes is the size of the largest header.
	MaxHeaderBytes int
	// MaxConnections is the number of connections that are open at once. More have to wait.
	MaxConnections int
	// MinBodyRate is the number of bytes a second that a client must send of a body, on average, and BodyGrace the time by which it
	// may be late. Whoever is slower is answered 408 and cut off.
	MinBodyRate int64
	BodyGrace   time.Duration
}

func (c ListenConfig) withDefaults() ListenConfig {
	c.ReadHeaderTimeout = orDefault(c.ReadHeaderTimeout, DefaultReadHeaderTimeout)
	c.ReadTimeout = orDefault(c.ReadTimeout, DefaultReadTimeout)
	c.WriteTimeout = orDefault(c.WriteTimeout, DefaultWriteTimeout)
	c.IdleTimeout = orDefault(c.IdleTimeout, DefaultIdleTimeout)
	c.ShutdownTimeout = orDefault(c.ShutdownTimeout, DefaultShutdownTimeout)
	c.MaxHeaderBytes = orDefault(c.MaxHeaderBytes, DefaultMaxHeaderBytes)
	c.MaxConnections = orDefault(c.MaxConnections, DefaultMaxConnections)
	c.MinBodyRate = orDefault(c.MinBodyRate, DefaultMinBodyRate)
	c.BodyGrace = orDefault(c.BodyGrace, DefaultBodyGrace)
	return c
}

// Listener serves a Handler over HTTPS. It is a runnable of a controller-runtime manager that runs on every replica, is started after the
// caches have been filled and is stopped before they are.
type Listener struct {
	cfg     ListenConfig
	watcher *certwatcher.CertWatcher
	address atomic.Pointer[net.TCPAddr]
	// draining is true from the moment on which the end is near.
	draining atomic.Bool
}

// NewListener checks the configuration and reads the certificate. It refuses to go without TLS, except on a loopback address when that
// is asked for.
func NewListener(cfg ListenConfig) (*Listener, error) {
	l := &Listener{cfg: cfg.withDefaults()}
	switch {
	case cfg.CertFile == "" && cfg.KeyFile == "":
		if err := checkInsecure(cfg); err != nil {
			return nil, err
		}
	case cfg.CertFile == "" || cfg.KeyFile == "":
		return nil, errors.New("server: a certificate needs both its file and the file of its key")
	case cfg.InsecureHTTP:
		return nil, errors.New("server: plain HTTP and a certificate exclude each other")
	default:
		watcher, err := certwatcher.New(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("server: reading the certificate: %w", err)
		}
		l.watcher = watcher
	}
	return l, nil
}

func checkInsecure(cfg ListenConfig) error {
	if !cfg.InsecureHTTP {
		return errors.New("server: a certificate and its key are required, because tokens must not cross a network in the clear")
	}
	host, _, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return fmt.Errorf("server: address %q: %w", cfg.Address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("server: plain HTTP is for loopback addresses such as 127.0.0.1 only, not for %q", host)
	}
	return nil
}

// NeedLeaderElection is false: every replica serves.
func (l *Listener) NeedLeaderElection() bool { return false }

// Address is where the listener listens, or nil before it does.
func (l *Listener) Address() *net.TCPAddr { return l.address.Load() }

// Ready is a health check: it fails while the listener does not listen.
func (l *Listener) Ready(*http.Request) error {
	if l.Address() == nil {
		return errors.New("the SCIM endpoint does not listen yet")
	}
	return nil
}

// Start listens and serves until the context ends, then waits for the requests in flight.
func (l *Listener) Start(ctx context.Context) error {
	var listen net.ListenConfig
	socket, err := listen.Listen(ctx, "tcp", l.cfg.Address)
	if err != nil {
		return fmt.Errorf("server: listening: %w", err)
	}
	if address, ok := socket.Addr().(*net.TCPAddr); ok {
		l.address.Store(address)
	}
	l.cfg.Log.Info("Listening for SCIM requests", "address", socket.Addr().String(), "tls", l.watcher != nil)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := l.httpServer(ctx)
	failures := make(chan error, 2)
	go func() { failures <- l.serve(server, netutil.LimitListener(socket, l.cfg.MaxConnections)) }()
	if l.watcher != nil {
		go func() {
			if err := l.watcher.Start(ctx); err != nil && ctx.Err() == nil {
				failures <- fmt.Errorf("server: watching the certificate: %w", err)
			}
		}()
	}
	select {
	case err = <-failures:
	case <-ctx.Done():
	}
	return errors.Join(err, l.stop(context.WithoutCancel(ctx), server))
}

func (l *Listener) serve(server *http.Server, socket net.Listener) error {
	var err error
	if l.watcher == nil {
		err = server.Serve(socket)
	} else {
		err = server.ServeTLS(socket, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("server: serving: %w", err)
}

// stop drains, answers what is in flight, then cuts off what is left. Requests in flight keep their contexts, because a write that is half done
// is better finished.
func (l *Listener) stop(ctx context.Context, server *http.Server) error {
	l.address.Store(nil)
	l.draining.Store(true)
	if l.cfg.Drain != nil {
		l.cfg.Drain()
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.ShutdownTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("server: requests were still in flight after %s: %w", l.cfg.ShutdownTimeout, err), server.Close())
	}
	if l.cfg.OnStop != nil {
		l.cfg.OnStop()
	}
	return err
}

func (l *Listener) httpServer(ctx context.Context) *http.Server {
	server := &http.Server{
		Handler:           pace{l.parting(l.cfg.Handler), l.cfg.MinBodyRate, l.cfg.BodyGrace, l.cfg.ReadTimeout},
		ReadHeaderTimeout: l.cfg.ReadHeaderTimeout,
		ReadTimeout:       l.cfg.ReadTimeout,
		WriteTimeout:      l.cfg.WriteTimeout,
		IdleTimeout:       l.cfg.IdleTimeout,
		MaxHeaderBytes:    l.cfg.MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: http2Quiet, PingTimeout: http2Answer, MaxConcurrentStreams: http2Streams},
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:          log.New(lineLogger(l.cfg.Log), "", 0),
		// OPTIONS * is answered like everything else that is not served.
		DisableGeneralOptionsHandler: true,
	}
	if l.watcher != nil {
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.watcher.GetCertificate}
	}
	return server
}

// parting asks clients to close their connections once the end is near, and while nothing can be done here. HTTP/2 turns the header into
// GOAWAY.
func (l *Listener) parting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.draining.Load() || l.cfg.Blind != nil && l.cfg.Blind() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// lineLogger carries what net/http has to say (failed handshakes, mostly) into the structured log. A scanner can cause any number of
// such lines, so that they are for debugging only.
func lineLogger(to logr.Logger) io.Writer {
	return writerFunc(func(line []byte) { to.V(1).Info("HTTP server", "message", strings.TrimSpace(string(line))) })
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
