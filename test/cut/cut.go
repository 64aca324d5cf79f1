// Package cut breaks the connection to a server at any exchange: before the server has the query, or after it took effect and before its
// answer arrives. Package postgres and package slapd, which know their protocols, make cutters for their servers.
package cut

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
)

const host = "127.0.0.1"

// Err is what is wrong with a connection that was cut.
var Err = errors.New("the connection was cut")

// Protocol tells exchanges apart: queries and their answers.
type Protocol struct {
	// Query reads from the client up to the end of a query, and says whether it is one that has an answer and is to be counted. Signing in
	// is none. first is true for what the client sends first.
	Query func(client net.Conn, first bool) (query []byte, counts bool, err error)
	// Answer reads one message from the server, and says whether the answer ends with it.
	Answer func(server net.Conn) (message []byte, ends bool, err error)
}

// Cutter connects to a server and breaks all connections at one exchange. Exchanges are counted over all connections that one Cutter
// made.
type Cutter struct {
	Protocol Protocol
	// At is the number of the exchange, from 1. Answered says that the server gets the query, and that its answer is lost once it has come;
	// otherwise the query is lost.
	At       int64
	Answered bool
	// Then, when it is set, is called at that exchange, before the client can see that anything is wrong: to kill it, for example.
	Then func()

	exchanges atomic.Int64
	cut       atomic.Bool
}

func (c *Cutter) then() {
	if c.Then != nil {
		c.Then()
	}
}

// Fired says whether there were that many exchanges.
func (c *Cutter) Fired() bool { return c.cut.Load() }

// Dial is for the options of a connector that uses no TLS.
func (c *Cutter) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.cut.Load() {
		return nil, Err
	}
	upstream, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		_ = upstream.Close()
		return nil, err
	}
	defer listener.Close()
	client, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)))
	if err != nil {
		_ = upstream.Close()
		return nil, err
	}
	inner, err := listener.Accept()
	if err != nil {
		_, _ = upstream.Close(), client.Close()
		return nil, err
	}
	relay := &relay{cutter: c, client: inner, server: upstream}
	go relay.queries()
	go relay.answers()
	return client, nil
}

// relay passes messages on between a client and the server.
type relay struct {
	cutter         *Cutter
	client, server net.Conn
	// lose is set when the next answer is the one to lose.
	lose atomic.Bool
}

func (r *relay) close() {
	_, _ = r.client.Close(), r.server.Close()
}

// queries passes on what the client sends, whole queries at a time, so that one that is lost is lost as a whole.
func (r *relay) queries() {
	defer r.close()
	for first := true; ; first = false {
		query, counts, err := r.cutter.Protocol.Query(r.client, first)
		if err != nil || counts && !r.passes() {
			return
		}
		if _, err := r.server.Write(query); err != nil {
			return
		}
	}
}

// passes counts a query, and says whether the server gets it.
func (r *relay) passes() bool {
	if r.cutter.exchanges.Add(1) != r.cutter.At {
		return true
	}
	r.cutter.cut.Store(true)
	r.lose.Store(r.cutter.Answered)
	if !r.cutter.Answered {
		r.cutter.then()
	}
	return r.cutter.Answered
}

// answers passes on what the server sends, whole messages at a time.
func (r *relay) answers() {
	defer r.close()
	for {
		message, ends, err := r.cutter.Protocol.Answer(r.server)
		if err != nil {
			return
		}
		if r.lose.Load() {
			if ends {
				r.cutter.then()
				return
			}
			continue
		}
		if _, err := r.client.Write(message); err != nil {
			return
		}
	}
}
