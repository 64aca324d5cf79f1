package server

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// mediaType is the type of every body that is sent (RFC 7644 section 3.1).
const mediaType = "application/scim+json"

// answer is a response whose content is complete before its first byte is sent, so that no error can come in the middle of a body.
type answer struct {
	status int
	header http.Header
	// body is empty where the status allows none.
	body []byte
	// stream, when it is set, writes the body in pieces, in the place of body. It must not fail for other reasons than the writer's.
	stream func(io.Writer) error
	// errorType is the scimType of an error, for the log.
	errorType scim.ErrorType
}

func newAnswer(status int, body []byte) *answer {
	return &answer{status: status, header: http.Header{}, body: body}
}

func okAnswer(body []byte) *answer { return newAnswer(http.StatusOK, body) }

// notModifiedAnswer is a 304, which must repeat the entity tag (RFC 9110 section 15.4.5).
func notModifiedAnswer(version string) *answer {
	a := newAnswer(http.StatusNotModified, nil)
	a.header.Set("ETag", version)
	return a
}

func errorAnswer(e *scim.Error) *answer {
	a := newAnswer(e.Status, scim.AppendError(nil, e))
	a.errorType = e.Type
	if e.RetryAfter > 0 || e.Status == http.StatusTooManyRequests {
		a.header.Set("Retry-After", retryAfter(e.RetryAfter))
	}
	return a
}

// retryAfter is an integer of at least one second, the only form that Okta reads.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

// write sends the answer. An error means that the client got a part of it at most.
func (a *answer) write(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	for key, values := range a.header {
		header[key] = values
	}
	header.Set("Cache-Control", "no-store")
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		w.WriteHeader(a.status)
		return nil
	}
	header.Set("Content-Type", mediaType)
	if a.stream == nil {
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	switch {
	case r.Method == http.MethodHead:
		return nil
	case a.stream != nil:
		return a.stream(w)
	}
	_, err := w.Write(a.body)
	return err
}
