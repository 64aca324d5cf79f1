package cut

import (
	"context"
	"net"
	"sync"
)

// Line forwards connections to a server, until it is told to hold what comes. Then connections stay open, new ones are accepted, and nothing
// arrives at either end: so looks a path on which packets are dropped. What was held arrives when it goes on.
type Line struct {
	// Address is where clients connect.
	Address string

	upstream string
	listener net.Listener
	group    sync.WaitGroup

	mu   sync.Mutex
	flow *sync.Cond
	held bool
	done bool
	open map[net.Conn]bool
}

// NewLine makes a line to a server, at an address of loopback.
func NewLine(ctx context.Context, upstream string) (*Line, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	l := &Line{Address: listener.Addr().String(), upstream: upstream, listener: listener, open: map[net.Conn]bool{}}
	l.flow = sync.NewCond(&l.mu)
	l.group.Go(l.accept)
	return l, nil
}

// Hold lets nothing through from now on.
func (l *Line) Hold() { l.set(true) }

// Release lets everything through again, first what was held.
func (l *Line) Release() { l.set(false) }

func (l *Line) set(held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
	l.flow.Broadcast()
}

// Close cuts all connections off.
func (l *Line) Close() {
	l.listener.Close()
	l.mu.Lock()
	l.done = true
	for connection := range l.open {
		connection.Close()
	}
	l.flow.Broadcast()
	l.mu.Unlock()
	l.group.Wait()
}

// passes waits while the line is held. It is false when the line is closed.
func (l *Line) passes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held && !l.done {
		l.flow.Wait()
	}
	return !l.done
}

func (l *Line) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.group.Go(func() { l.forward(client) })
	}
}

func (l *Line) forward(client net.Conn) {
	if !l.keep(client) {
		return
	}
	defer l.drop(client)
	if !l.passes() {
		return
	}
	server, err := new(net.Dialer).Dial("tcp", l.upstream)
	if err != nil || !l.keep(server) {
		return
	}
	defer l.drop(server)
	var both sync.WaitGroup
	both.Go(func() { l.carry(server, client) })
	both.Go(func() { l.carry(client, server) })
	both.Wait()
}

// carry takes bytes one way. The end of one way is the end of both, but not before what was held has arrived.
func (l *Line) carry(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !l.passes() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// keep remembers a connection for Close. It is false when that was called already.
func (l *Line) keep(connection net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		connection.Close()
		return false
	}
	l.open[connection] = true
	return true
}

func (l *Line) drop(connection net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, connection)
	connection.Close()
}
