package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"sync/atomic"
)

// Messages of the protocol, from chapter 55 of PostgreSQL's manual.
const (
	messageParse         = 'P'
	messageBind          = 'B'
	messageDescribe      = 'D'
	messageExecute       = 'E'
	messageClose         = 'C'
	messageQuery         = 'Q'
	messageSync          = 'S'
	messageReadyForQuery = 'Z'
	maxMessage           = 1 << 24
)

// Cutter connects to a server and breaks all connections at one exchange: a query and its answer. Exchanges are counted over all
// connections that one Cutter made; signing in is none.
type Cutter struct {
	// At is the number of the exchange, from 1. Answered says that the server gets the query, and that its answer is lost once it has come;
	// otherwise the query is lost.
	At       int64
	Answered bool

	exchanges atomic.Int64
	cut       atomic.Bool
}

// Fired says whether there were that many exchanges.
func (c *Cutter) Fired() bool { return c.cut.Load() }

var errCut = errors.New("the connection was cut")

// Dial is for the options of a connector that uses no TLS.
func (c *Cutter) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.cut.Load() {
		return nil, errCut
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

// queries passes on what the client sends, whole exchanges at a time, so that a query that is lost is lost as a whole. The client's first
// message has no type.
func (r *relay) queries() {
	defer r.close()
	exchange, err := read(r.client, true)
	for err == nil {
		if _, err = r.server.Write(exchange); err != nil {
			return
		}
		exchange, err = r.exchange()
	}
}

// exchange reads up to a message that asks for an answer, and fails when it is the one to lose.
func (r *relay) exchange() ([]byte, error) {
	var exchange []byte
	for {
		message, err := read(r.client, false)
		if err != nil {
			return nil, err
		}
		exchange = append(exchange, message...)
		switch message[0] {
		case messageParse, messageBind, messageDescribe, messageExecute, messageClose:
			continue
		case messageQuery, messageSync:
			if r.cutter.exchanges.Add(1) != r.cutter.At {
				return exchange, nil
			}
			r.cutter.cut.Store(true)
			if !r.cutter.Answered {
				return nil, errCut
			}
			r.lose.Store(true)
		}
		return exchange, nil
	}
}

// answers passes on what the server sends, whole messages at a time.
func (r *relay) answers() {
	defer r.close()
	for {
		message, err := read(r.server, false)
		if err != nil {
			return
		}
		if r.lose.Load() {
			if message[0] == messageReadyForQuery {
				return
			}
			continue
		}
		if _, err := r.client.Write(message); err != nil {
			return
		}
	}
}

// read returns a whole message: a type, unless it is the client's first, and a length that counts itself.
func read(from io.Reader, untyped bool) ([]byte, error) {
	header := 5
	if untyped {
		header = 4
	}
	message := make([]byte, header)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(message[header-4:])
	if size < 4 || size > maxMessage {
		return nil, errors.New("a message of that length is none of the protocol's")
	}
	message = append(message, make([]byte, size-4)...)
	_, err := io.ReadFull(from, message[header:])
	return message, err
}
