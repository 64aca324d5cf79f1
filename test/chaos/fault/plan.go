package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// When says on which side of a request's effect it goes wrong.
type When string

const (
	// Before is before the API server has the request.
	Before When = "before"
	// After is when the request has taken effect, and its answer is lost.
	After When = "after"
)

// Write is one write of a process: the n-th, from 1, of its verb and resource.
type Write struct {
	// Verb is the method of HTTP, Resource the plural, with a slash and the subresource if there is one.
	Verb, Resource string
	Nth            int
}

func (w Write) String() string { return fmt.Sprintf("%s %s #%d", w.Verb, w.Resource, w.Nth) }

// Plan has one write go wrong.
type Plan struct {
	Write Write
	When  When
	// Do is what the process gets for an answer; nil for that of the API server.
	Do func(http.ResponseWriter)
	// Late keeps the write back until Deliver is called, whatever has become of the process by then.
	Late bool
	// Meanwhile, when it is set, runs before the write takes effect, or between that and its answer.
	Meanwhile func()
}

// Cut breaks the connection, after it has called what may be wanted at that moment.
func Cut(first func()) func(http.ResponseWriter) {
	return func(http.ResponseWriter) {
		if first != nil {
			first()
		}
		panic(http.ErrAbortHandler)
	}
}

// Refuse answers as the API server does when it does not do what was asked. retryAfter is in seconds; 0 for none.
func Refuse(code int, reason string, retryAfter int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		if retryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(retryAfter))
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
			"message": "refused by a test", "details": map[string]any{"retryAfterSeconds": retryAfter},
		})
	}
}
