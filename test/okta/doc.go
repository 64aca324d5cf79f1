// Package okta is a SCIM 2.0 client that speaks to a server as Okta does: the same requests in the same order, with the same
// headers, and the same demands on the answers. Tests, the demonstration and the benchmarks push through it.
//
// Okta has two dialects, which depend on the kind of the app and which nobody can switch. A custom app (AIW) reads a resource and
// PUTs it back whole, for everything. A catalogue app (OIN) sends PATCH for activation, passwords and groups, and PUT for profiles.
// A server needs both.
//
// The client is deliberately no better than the original. It keeps no copy of what it pushed: what a GET hides, the next PUT
// deletes. It retries nothing but 429.
package okta

import (
	"errors"
	"fmt"
)

// The schema URNs that Okta sends and expects (RFC 7643 section 10.3, RFC 7644 section 8.2).
const (
	UserSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	ListSchema       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	ErrorSchema      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// Dialect is the kind of Okta app that a client stands for.
type Dialect string

const (
	// AIW is a custom app of the App Integration Wizard: GET and PUT for every change, never PATCH.
	AIW Dialect = "AIW"
	// OIN is an app of the Okta Integration Network, also the "SCIM 2.0 Test App": PATCH for activation, passwords and groups.
	OIN Dialect = "OIN"
)

// Error is an answer by which the server refused a request.
type Error struct {
	// Method and Path say what was asked.
	Method, Path string
	// Status is the HTTP status of the last try.
	Status int
	// SCIMType is the scimType of the answer, empty when it had none.
	SCIMType string
	// Detail is the server's explanation, which Okta shows to its administrator.
	Detail string
}

// Error returns the line that Okta would show.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %d", e.Method, e.Path, e.Status)
	if e.SCIMType != "" {
		s += " " + e.SCIMType
	}
	return s + ": " + e.Detail
}

// ProtocolError is an answer that Okta could not use although, or because, it arrived: text in place of JSON, a string for a
// number, an empty answer to a create, a value that differs from what was sent.
type ProtocolError struct {
	// Method and Path say what was asked.
	Method, Path string
	// Status is the HTTP status of the answer.
	Status int
	// Reason says what is wrong with the answer.
	Reason string
}

// Error says which answer is unusable and why.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s %s: %d: unusable answer: %s", e.Method, e.Path, e.Status, e.Reason)
}

// StatusOf is the HTTP status of the answer that made err, and 0 when no answer did.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	if e, ok := errors.AsType[*ProtocolError](err); ok {
		return e.Status
	}
	return 0
}
