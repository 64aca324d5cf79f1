package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
)

const (
	// DefaultMinBodyRate is the number of bytes a second that a client must send of a body, on average.
	DefaultMinBodyRate = 1 << 10
	// DefaultBodyGrace is the time by which a client may be late with its body.
	DefaultBodyGrace = 10 * time.Second
	// drainTime is the time that the rest of a body gets that nobody wants any more. Reading it lets the client see the answer.
	drainTime = time.Second
)

// pace cuts off clients that send their bodies slower than rate, in bytes a second, once they have made the server wait for grace.
// The time that the server takes for itself does not count. Nothing outlives readTimeout, which is that of the http.Server.
type pace struct {
	next               http.Handler
	rate               int64
	grace, readTimeout time.Duration
}

// ServeHTTP implements http.Handler.
func (p pace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		p.next.ServeHTTP(w, r)
		return
	}
	body := &pacedBody{
		body: r.Body, connection: http.NewResponseController(w), allowance: p.grace,
		perByte: time.Second / time.Duration(p.rate), end: time.Now().Add(p.readTimeout),
	}
	r.Body = body
	p.next.ServeHTTP(w, r)
	body.leave()
}

// pacedBody is a body with an allowance of time to wait for more of it, which every byte makes larger.
type pacedBody struct {
	body       io.ReadCloser
	connection *http.ResponseController
	allowance  time.Duration
	perByte    time.Duration
	end        time.Time
	ended      bool
}

// Read implements io.Reader. A body that comes too slowly is an error 408.
func (b *pacedBody) Read(p []byte) (int, error) {
	start := time.Now()
	b.limit(start.Add(b.allowance))
	n, err := b.body.Read(p)
	b.allowance += time.Duration(n)*b.perByte - time.Since(start)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, &scim.Error{
			Status: http.StatusRequestTimeout, Cause: err,
			Detail: "The request body came too slowly, so nothing was read or changed. Send the request again over a faster connection.",
		}
	case errors.Is(err, io.EOF):
		// From here on the server reads to see whether the client is still there, and has lifted the limit for that.
		b.ended = true
	}
	return n, err
}

// Close implements io.Closer.
func (b *pacedBody) Close() error { return b.body.Close() }

// leave is called after the handler. What it left of the body is thrown away by the server, and must not take long either.
func (b *pacedBody) leave() {
	if !b.ended {
		b.limit(time.Now().Add(drainTime))
	}
}

// limit sets the time at which reading fails. It fails itself only for connections that are gone, which the next read finds out.
func (b *pacedBody) limit(at time.Time) {
	if at.After(b.end) {
		at = b.end
	}
	_ = b.connection.SetReadDeadline(at)
}
