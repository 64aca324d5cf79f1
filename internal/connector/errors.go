package connector

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what to do about an error.
type Kind string

const (
	// Transient errors pass by themselves: try again later. Whether the call took effect is not known.
	Transient Kind = "Transient"
	// Conflict means that the account belongs to somebody else, or that one with the name is there and must not be adopted.
	Conflict Kind = "Conflict"
	// Rejected means that the target does not take what it was given, or that what it needs is missing. The error says what a person
	// has to do; trying again does not help until then.
	Rejected Kind = "Rejected"
	// Denied means that the target does not take the connector's own credential or address, so that no account fares better: the app's
	// trouble, and not the person's.
	Denied Kind = "Denied"
	// Unsupported means that the target cannot do this at all.
	Unsupported Kind = "Unsupported"
	// Protected means that the account or role must never be touched, or never be given.
	Protected Kind = "Protected"
	// NotFound is returned by Observe only.
	NotFound Kind = "NotFound"
)

// Error is the only type of error that a connector returns.
type Error struct {
	Kind Kind
	// RetryAfter is how long the target asked to be left alone; 0 when it did not say.
	RetryAfter time.Duration
	// Op is what was being done, in lower case and without values, for example "suspend".
	Op string
	// Err has the details. Its text has neither a credential nor the value of an attribute in it.
	Err error
}

// Error is the operation followed by the details.
func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause, such as context.Canceled.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of that kind; the format may have %w.
func Errorf(kind Kind, op, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Err: fmt.Errorf(format, args...)}
}

// KindOf is the kind of an error that came from a connector, however it was wrapped. Other errors are Transient: nothing is known of
// them, so nothing may be given up for them. It is empty for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if typed := new(Error); errors.As(err, &typed) {
		return typed.Kind
	}
	return Transient
}
