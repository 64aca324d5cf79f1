// Package fault stands between a process of the operator and the API server, counts what the process writes, and makes one request or one
// watch go wrong in a way that was agreed on.
package fault

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

// Proxy passes the requests of one process on to the API server.
type Proxy struct {
	config   *rest.Config
	listener net.Listener
	server   *http.Server
	forward  *httputil.ReverseProxy

	mu     sync.Mutex
	plan   *Plan
	seen   map[Write]int
	writes []Write
	// done are the creates and deletes that took effect.
	done []done
	// last is when the last write came.
	last time.Time
	hit  bool
	// misfortune, when it is set, draws what happens to a write that is in no plan.
	misfortune func(Write) *Plan
	// late is the write that is kept back.
	late *http.Request
	// held, when it is set, is closed when watches may go on.
	held chan struct{}
	// event, when it is set, says what becomes of an event of a watch.
	event func(resource string, line []byte) [][]byte
	// expired, when it is set, are the resources whose watches were told that they are too old.
	expired map[string]bool
	// past is the resourceVersion of the state in which lists are answered; empty for the present.
	past string
	// watches is how many watches are open.
	watches int
	// cut ends all watches that run.
	cut context.CancelCauseFunc
	run context.Context //nolint:containedctx // one for all watches that run, until they are cut
}

// errCut is why a watch ends that somebody cut.
var errCut = errors.New("the watch was cut")

// Start starts a proxy on loopback in front of the API server of a config, whose credentials it does not use.
func Start(upstream *rest.Config, authority *controlplane.Authority) (*Proxy, error) {
	pair, err := authority.Loopback("fault proxy")
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return nil, err
	}
	anonymous := rest.AnonymousClientConfig(upstream)
	transport, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(upstream.Host)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, seen: map[Write]int{}}
	p.run, p.cut = context.WithCancelCause(context.Background())
	quiet := log.New(io.Discard, "", 0)
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, FlushInterval: -1, ErrorLog: quiet,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: p.note,
	}
	p.server = &http.Server{
		Handler: p, ErrorLog: quiet, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	p.config = &rest.Config{Host: "https://" + listener.Addr().String(), TLSClientConfig: rest.TLSClientConfig{CAData: authority.PEM}}
	go func() { _ = p.server.ServeTLS(listener, "", "") }()
	return p, nil
}

// Stop ends the proxy and all that runs through it.
func (p *Proxy) Stop() { _ = p.server.Close() }

// Config leads to the proxy, with a bearer token for the API server behind it.
func (p *Proxy) Config(token string) *rest.Config {
	config := rest.CopyConfig(p.config)
	config.BearerToken = token
	return config
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The filters of watches read lines of JSON.
	r.Header.Set("Accept", "application/json")
	if r.URL.Query().Get("watch") == "true" || r.URL.Query().Get("watch") == "1" {
		p.watch(w, r)
		return
	}
	write, counts := classify(r)
	if !counts {
		p.read(w, r)
		return
	}
	// What a process has sent takes effect although it is killed meanwhile, and is noted. A context that cannot end would have the forwarder ask
	// the connection instead whether it is closed.
	ctx, end := context.WithCancel(context.WithoutCancel(r.Context()))
	defer end()
	r = r.WithContext(ctx)
	plan := p.count(write)
	if plan == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	p.goWrong(plan, w, r)
}

func (p *Proxy) goWrong(plan *Plan, w http.ResponseWriter, r *http.Request) {
	switch {
	case plan.Late:
		p.keep(r)
		plan.Do(w)
	case plan.Meanwhile != nil && plan.When == Before:
		plan.Meanwhile()
		p.forward.ServeHTTP(w, r)
	case plan.Meanwhile != nil:
		p.forward.ServeHTTP(&slowAnswer{ResponseWriter: w, first: sync.OnceFunc(plan.Meanwhile)}, r)
	case plan.When == Before:
		plan.Do(w)
	default:
		p.forward.ServeHTTP(&lostAnswer{header: http.Header{}}, r)
		plan.Do(w)
	}
}

// keep keeps a request for Deliver.
func (p *Proxy) keep(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process died while it sent it, so that it never will arrive
	}
	late := r.Clone(context.Background())
	late.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = late
}

// Deliver has the write arrive that was kept back, and gives the status of the answer; 0 when there is none.
func (p *Proxy) Deliver() int {
	p.mu.Lock()
	late := p.late
	p.late = nil
	p.mu.Unlock()
	if late == nil {
		return 0
	}
	answer := &lostAnswer{header: http.Header{}}
	p.forward.ServeHTTP(answer, late)
	return answer.status
}

// count notes a write, and gives the plan if it is this one that goes wrong.
func (p *Proxy) count(write Write) *Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[write]++
	write.Nth = p.seen[Write{Verb: write.Verb, Resource: write.Resource}]
	p.writes, p.last = append(p.writes, write), time.Now()
	if p.misfortune != nil && p.plan == nil {
		return p.misfortune(write)
	}
	if p.plan == nil || p.plan.Write != write {
		return nil
	}
	plan := p.plan
	p.hit = true
	p.plan = nil
	return plan
}

// Begin forgets what was counted, and has the plan carried out; nil for none.
func (p *Proxy) Begin(plan *Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.seen, p.writes, p.done, p.hit, p.late = plan, map[Write]int{}, nil, nil, false, nil
}

// Disarm forgets a plan that was not carried out.
func (p *Proxy) Disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = nil
}

// OnWrite has a function say what happens to each write that is in no plan; nil for nothing. It is called for one write at a time.
func (p *Proxy) OnWrite(misfortune func(Write) *Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.misfortune = misfortune
}

// Writes are those since Begin, in order.
func (p *Proxy) Writes() []Write {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.writes)
}

// done is a create or delete that took effect.
type done struct {
	write Write
	path  string
}

// note keeps a create or delete that has taken effect, whatever becomes of the answer. To apply what is not there is to create it.
func (p *Proxy) note(answer *http.Response) error {
	write, counts := classify(answer.Request)
	if answer.StatusCode == http.StatusCreated {
		write.Verb = http.MethodPost
	}
	if !counts || answer.StatusCode >= http.StatusMultipleChoices || write.Verb != http.MethodPost && write.Verb != http.MethodDelete {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, done{write: write, path: answer.Request.URL.Path})
	return nil
}

// Done counts the creates and deletes since Begin that took effect and in whose path is a text, by verb and resource.
func (p *Proxy) Done(text string) map[Write]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := map[Write]int{}
	for _, d := range p.done {
		if strings.Contains(d.path, text) {
			counts[d.write]++
		}
	}
	return counts
}

// LastWrite is when the last write came that counts; zero for never.
func (p *Proxy) LastWrite() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// Hit says whether the plan since Begin was carried out.
func (p *Proxy) Hit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit
}

// lostAnswer is where an answer goes that nobody gets.
type lostAnswer struct {
	header http.Header
	status int
}

func (l *lostAnswer) Header() http.Header         { return l.header }
func (l *lostAnswer) Write(b []byte) (int, error) { return len(b), nil }
func (l *lostAnswer) WriteHeader(status int)      { l.status = status }

// slowAnswer is one before which something happens.
type slowAnswer struct {
	http.ResponseWriter
	first func()
}

func (s *slowAnswer) WriteHeader(status int) {
	s.first()
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController flush.
func (s *slowAnswer) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// notCounted are the resources whose writes are no part of what the operator is for: Leases, Events, and the reviews by which it asks who
// somebody is. Nor are the times at which identity providers were last heard, which are written now and then.
var notCounted = []string{"leases", "events", "tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews", "scimdirectories/status"}

// classify says which write a request is; counts is false for reads and for what is not counted.
func classify(r *http.Request) (write Write, counts bool) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.URL.Query().Has("dryRun") {
		return Write{}, false
	}
	resource := resourceOf(r.URL.Path)
	return Write{Verb: r.Method, Resource: resource}, resource != "" && !slices.Contains(notCounted, resource)
}

// resourceOf is the resource in a path of the API, with the subresource: /api[s/GROUP]/VERSION[/namespaces/NAME]/RESOURCE[/NAME[/SUBRESOURCE]].
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	skip := map[string]int{"api": 2, "apis": 3}[parts[0]]
	if skip == 0 || len(parts) <= skip {
		return ""
	}
	parts = parts[skip:]
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	if len(parts) > 2 {
		return parts[0] + "/" + parts[2]
	}
	return parts[0]
}
