package fault

import (
	"bytes"
	"context"
	"net/http"
)

// Hold keeps all events back that the API server sends from now on, and the answers to lists in the state of a resourceVersion, as an API server
// does that has fallen behind. Reads of single objects are as they are: an API server takes those from etcd.
func (p *Proxy) Hold(resourceVersion string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.past = make(chan struct{}), resourceVersion
}

// Release lets go of what is held.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		close(p.held)
	}
	p.held, p.past = nil, ""
}

// CutWatches ends all watches that run, in the middle of whatever they say.
func (p *Proxy) CutWatches() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut(errCut)
	p.run, p.cut = context.WithCancelCause(context.Background())
}

// Expire ends all watches that run, and tells the next one of each resource that what it wants to go on from is gone, so that everything is
// listed anew.
func (p *Proxy) Expire() {
	p.mu.Lock()
	p.expired = map[string]bool{}
	p.mu.Unlock()
	p.CutWatches()
}

// expire says whether a watch is to be told that it is too old, which it is once.
func (p *Proxy) expire(resource string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.expired == nil || p.expired[resource] {
		return false
	}
	p.expired[resource] = true
	return true
}

// read passes a read on; a list while the past is held, as of then.
func (p *Proxy) read(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	past := p.past
	p.mu.Unlock()
	query := r.URL.Query()
	// Only what comes from a cache may be of the past: an informer asks for any version, or for one at least as new as it knows.
	if past != "" && r.Method == http.MethodGet && query.Get("resourceVersion") == "0" {
		query.Set("resourceVersion", past)
		query.Set("resourceVersionMatch", "Exact")
		r.URL.RawQuery = query.Encode()
	}
	p.forward.ServeHTTP(w, r)
}

// watch passes a watch on, line by line.
func (p *Proxy) watch(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("sendInitialEvents") != "" {
		// So that what is listed is listed, and can be of the past.
		Refuse(http.StatusUnprocessableEntity, "Invalid", 0)(w)
		return
	}
	if p.expire(resourceOf(r.URL.Path)) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(gone()) // Whoever has hung up watches again.
		return
	}
	run := p.opened(1)
	defer p.opened(-1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(run, cancel)()
	p.forward.ServeHTTP(&lines{ResponseWriter: w, proxy: p, ctx: ctx, resource: resourceOf(r.URL.Path)}, r.WithContext(ctx))
}

// opened counts a watch that is opened, or closed, and gives what ends those that run.
func (p *Proxy) opened(by int) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watches += by
	return p.run
}

// Watches is how many watches are open now.
func (p *Proxy) Watches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watches
}

// OnEvent has every event of a watch pass through a function, which gives the lines that the process gets in its place; nil ends that.
func (p *Proxy) OnEvent(event func(resource string, line []byte) [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.event = event
}

// gone is the event by which an API server says that it no longer has what a watch wants to go on from.
func gone() []byte {
	return []byte(`{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}}` + "\n")
}

// lines is an answer of which each line waits while events are held.
type lines struct {
	http.ResponseWriter
	proxy    *Proxy
	ctx      context.Context //nolint:containedctx // that of the one request it answers
	resource string
	rest     []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(b), nil
		}
		line := bytes.Clone(l.rest[:end+1])
		l.rest = l.rest[end+1:]
		if err := l.pass(line); err != nil {
			return 0, err
		}
	}
}

// pass sends one event on, when it may go.
func (l *lines) pass(line []byte) error {
	l.proxy.mu.Lock()
	held, event := l.proxy.held, l.proxy.event
	l.proxy.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
	passed := [][]byte{line}
	if event != nil {
		passed = event(l.resource, line)
	}
	for _, line := range passed {
		if _, err := l.ResponseWriter.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// Unwrap lets http.ResponseController flush.
func (l *lines) Unwrap() http.ResponseWriter { return l.ResponseWriter }
