package scim

import (
	"net/http"
	"strconv"
	"time"
)

// ErrorSchema is the URN of the error message (RFC 7644 section 3.12).
const ErrorSchema = "urn:ietf:params:scim:api:messages:2.0:Error"

// ErrorType is the scimType of an error (RFC 7644 table 9; RFC 9865 section 2).
type ErrorType string

// The error types that the standard names.
const (
	TypeInvalidFilter ErrorType = "invalidFilter"
	TypeTooMany       ErrorType = "tooMany"
	TypeUniqueness    ErrorType = "uniqueness"
	TypeMutability    ErrorType = "mutability"
	TypeInvalidSyntax ErrorType = "invalidSyntax"
	TypeInvalidPath   ErrorType = "invalidPath"
	TypeNoTarget      ErrorType = "noTarget"
	TypeInvalidValue  ErrorType = "invalidValue"
	TypeInvalidVers   ErrorType = "invalidVers"
	TypeSensitive     ErrorType = "sensitive"
	TypeInvalidCursor ErrorType = "invalidCursor"
	TypeExpiredCursor ErrorType = "expiredCursor"
	TypeInvalidCount  ErrorType = "invalidCount"
)

// Error is a SCIM error: what the client is told, and nothing that it may not know. Detail is written for the administrator of
// the identity provider, who reads it in a task list: it names the attribute and the remedy.
type Error struct {
	// Status is the HTTP status code.
	Status int
	// Type is the scimType; empty where the standard names none.
	Type ErrorType
	// Detail says what is wrong and what to do about it.
	Detail string
	// RetryAfter, when positive, is sent as an integer number of seconds, rounded up. Okta waits for nothing else.
	RetryAfter time.Duration
	// Cause is what happened underneath. It goes to the operator's log and is never sent.
	Cause error
}

// Error returns the detail and, for the log, the cause.
func (e *Error) Error() string {
	s := strconv.Itoa(e.Status)
	if e.Type != "" {
		s += " " + string(e.Type)
	}
	s += ": " + e.Detail
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// BadRequest is a 400 with a scimType: the request is at fault, and sending it again will not help.
func BadRequest(t ErrorType, detail string) *Error {
	return &Error{Status: http.StatusBadRequest, Type: t, Detail: detail}
}

// NotFound is a 404. The text is the same for an id that never existed, one that was deleted, and one of another directory.
func NotFound(resourceType, id string) *Error {
	return &Error{Status: http.StatusNotFound, Detail: resourceType + " " + strconv.Quote(id) +
		" does not exist. If it was deleted on this side, unlink it in the identity provider and push it again."}
}

// Conflict is a 409 uniqueness (RFC 7644 section 3.3).
func Conflict(detail string) *Error {
	return &Error{Status: http.StatusConflict, Type: TypeUniqueness, Detail: detail}
}

// TryAgain is the one answer that Okta retries by itself: 429 with an integer Retry-After. It stands for every passing trouble on
// this side, whatever its cause.
func TryAgain(after time.Duration, detail string, cause error) *Error {
	return &Error{Status: http.StatusTooManyRequests, Detail: detail, RetryAfter: after, Cause: cause}
}
