package server

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
)

const (
	// resourceMemory is about how many bytes of memory the attributes of one user or group may take.
	resourceMemory = 8 << 20
	// manyMemory is the same for what many resources or members are in: a PATCH of a group, and a bulk request.
	manyMemory = 32 << 20
	// largeBody is the number of bytes of a body beyond which it takes a turn.
	largeBody = 1 << 20
	// largeTurns is the number of large bodies that are read and answered at a time. The others wait for theirs, so that a few
	// clients cannot use up the memory of everybody.
	largeTurns = 2
)

// body gives a request's body up to limit bytes; the rest is an error 413. The media type is not looked at: clients send scim+json, json,
// other things and nothing, and mean JSON.
func (c *call) body(limit int64) (io.Reader, error) {
	if c.request.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	return &turnReader{from: http.MaxBytesReader(c.writer, c.request.Body, limit), c: c}, nil
}

// turnReader waits for its turn before it reads the largeBody-th byte. The turn ends with the call.
type turnReader struct {
	from io.Reader
	c    *call
	read int
}

// Read implements io.Reader. When the time of the request is up before its turn comes, it is an error 429.
func (t *turnReader) Read(p []byte) (int, error) {
	if t.read >= largeBody && !t.c.hasTurn {
		select {
		case t.c.turns <- struct{}{}:
			t.c.hasTurn = true
		case <-t.c.ctx.Done():
			return 0, scim.TryAgain(5*time.Second, "Other large requests are being worked on. Please send the request again.", t.c.ctx.Err())
		}
	}
	n, err := t.from.Read(p)
	t.read += n
	return n, err
}

// endTurn lets the next large body be read.
func (c *call) endTurn() {
	if c.hasTurn {
		c.hasTurn = false
		<-c.turns
	}
}

// object decodes the body as one JSON object of at most limit bytes.
func (c *call) object(limit int64) (scim.Resource, error) {
	if c.operation > 0 {
		return c.decoded(limit)
	}
	body, err := c.body(limit)
	if err != nil {
		return nil, err
	}
	return scim.DecodeObject(body, scim.Limits{Bytes: limit, Memory: memory(limit)})
}

// memory is what the object in a body of at most limit bytes may take.
func memory(limit int64) int64 {
	if limit > largeBody {
		return manyMemory
	}
	return resourceMemory
}

// decoded gives the body of an operation of a bulk request, which the limit of its single form bounds as well.
func (c *call) decoded(limit int64) (scim.Resource, error) {
	if int64(len(scim.AppendValue(nil, c.data))) > limit {
		return nil, tooLarge(limit)
	}
	return c.data, nil
}

// group decodes the body as a group of at most limit bytes, whose members are apart from the rest; given tells an empty list of them
// from none.
func (c *call) group(limit int64) (attributes scim.Resource, members []string, given bool, err error) {
	limits := scim.Limits{Bytes: limit, Memory: resourceMemory}
	if c.operation > 0 {
		body, err := c.decoded(limit)
		if err != nil {
			return nil, nil, false, err
		}
		return scim.SplitGroup(body, limits)
	}
	body, err := c.body(limit)
	if err != nil {
		return nil, nil, false, err
	}
	return scim.DecodeGroup(body, limits)
}

func tooLarge(limit int64) *scim.Error {
	return &scim.Error{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The request body is larger than %d bytes.", limit)}
}
