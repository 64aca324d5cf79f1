package scimmy

import (
	"errors"
	"net/http"
	"sync/atomic"
)

// Cutter passes requests on and breaks the connection at one of them. All that follow fail as well.
type Cutter struct {
	// Next sends the requests.
	Next http.RoundTripper
	// At is the number of the exchange, from 1. Answered says that the server gets the request, and that its answer is lost once it has come;
	// otherwise the request is lost.
	At       int64
	Answered bool

	exchanges atomic.Int64
	cut       atomic.Bool
}

// Fired says whether there were that many exchanges.
func (c *Cutter) Fired() bool { return c.cut.Load() }

var errCut = errors.New("the connection was cut")

// RoundTrip is one exchange.
func (c *Cutter) RoundTrip(request *http.Request) (*http.Response, error) {
	if c.cut.Load() {
		return nil, errCut
	}
	if c.exchanges.Add(1) != c.At {
		return c.Next.RoundTrip(request)
	}
	c.cut.Store(true)
	if c.Answered {
		response, err := c.Next.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		_ = response.Body.Close()
	}
	return nil, errCut
}
