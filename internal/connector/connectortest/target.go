package connectortest

import (
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Target is a connector, a real server for it, and a way to that server which does not lead through the connector. What a kind of server does
// not have may be left nil, and is not checked then; the rest is required.
type Target struct {
	// New makes another connector to the same server, as a second controller would. Run closes it.
	New func(t testing.TB) connector.Connector
	// Truth reads all accounts with the server's own tools, by name.
	Truth func(t testing.TB) map[string]Seen
	// Foreign makes an active account that somebody else looks after.
	Foreign func(t testing.TB, name string, roles ...string)
	// Grant gives an account a role in somebody else's name.
	Grant func(t testing.TB, name, role string)
	// Take takes a role from an account behind the connector's back.
	Take func(t testing.TB, name, role string)
	// Roles are the names of four roles, or more, that exist and may be given.
	Roles []string
	// Protected are accounts that exist and that nobody may touch, and names that nobody may get.
	Protected []string
	// Attributes, when there are any, are two different sets of them that the server takes.
	Attributes []map[string][]string
	// Unreachable makes a connector to a server that does not answer.
	Unreachable func(t testing.TB) connector.Connector
	// Cut makes a connector whose connection breaks at that exchange with the server, counted from 1: before the server has it or, when
	// answered is true, after it took effect and before the connector has the answer. fired says whether it came that far.
	Cut func(t testing.TB, exchange int64, answered bool) (cut connector.Connector, fired func() bool)

	// NoTransactions says that the server takes the changes of one account one by one and has no lock for them. Then two who ensure one account
	// at the same moment may both have a part in it, and both report that.
	NoTransactions bool

	// Own makes an account own something. Heir is who can take that over.
	Own  func(t testing.TB, name string)
	Heir string
}

// Seen is an account as the server's own tools show it.
type Seen struct {
	Active bool
	// Roles are in ascending order.
	Roles []string
	// State changes with every write to the account, also with one that writes what was there.
	State string
}
