package apps

import (
	"context"
	"sync"
	"time"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// tripAfter is the number of transient failures in a row after which the app is left alone for a while.
const tripAfter = 5

// lease is a connector and who uses it at the moment, so that it is closed when nobody does any more.
type lease struct {
	connector.Connector
	caps  connector.Capabilities
	users sync.WaitGroup
}

// gate is the breaker of one app: open while the app can be used.
type gate struct {
	mu      sync.Mutex
	conn    *lease
	changed chan struct{}
	// failures are those in a row since the last success.
	failures int
	// trouble is why it is shut, and pause how long the app asked to be left alone.
	trouble error
	pause   time.Duration
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// set changes the gate under its lock, and wakes who waits.
func (g *gate) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	close(g.changed)
	g.changed = make(chan struct{})
}

// open lets through, with this connector.
func (g *gate) open(conn connector.Connector, caps connector.Capabilities) {
	g.set(func() { g.conn, g.failures, g.trouble, g.pause = &lease{Connector: conn, caps: caps}, 0, nil, 0 })
}

// shut keeps everybody waiting, and closes the connector as soon as nobody uses it.
func (g *gate) shut(trouble error, pause time.Duration) {
	g.set(func() {
		if used := g.conn; used != nil {
			go func() {
				used.users.Wait()
				used.Close()
			}()
		}
		g.conn, g.trouble, g.pause = nil, trouble, pause
	})
}

// heard counts the result of a call. It says whether the gate has to be shut.
func (g *gate) heard(err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch connector.KindOf(err) {
	case connector.Denied:
		return true
	case connector.Transient:
		g.failures++
		return g.failures >= tripAfter
	}
	g.failures = 0
	return false
}

// why is the trouble for which the gate is shut, and how long the app asked to be left alone; nil while it is open, and before the first
// attempt.
func (g *gate) why() (pause time.Duration, trouble error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pause, g.trouble
}

// isOpen says whether the app can be used.
func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conn != nil
}

// untried says that nobody has tried yet whether the app can be used.
func (g *gate) untried() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conn == nil && g.trouble == nil
}

// version is what the app says of itself; empty while it is not known.
func (g *gate) version() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn == nil {
		return ""
	}
	return g.conn.caps.Version
}

// wait returns when the gate is open, or the context over. The lease has to be given back: users.Done. waited says that it was not open at
// once.
func (g *gate) wait(ctx context.Context) (use *lease, waited bool, err error) {
	for {
		g.mu.Lock()
		conn, changed := g.conn, g.changed
		if conn != nil {
			conn.users.Add(1)
		}
		g.mu.Unlock()
		if conn != nil {
			return conn, waited, nil
		}
		waited = true
		select {
		case <-ctx.Done():
			return nil, waited, ctx.Err()
		case <-changed:
		}
	}
}

// untilShut returns when the gate is shut, or the context over.
func (g *gate) untilShut(ctx context.Context) {
	for {
		g.mu.Lock()
		isOpen, changed := g.conn != nil, g.changed
		g.mu.Unlock()
		if !isOpen {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
