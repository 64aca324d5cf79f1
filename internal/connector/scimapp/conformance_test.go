package scimapp_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
	server "github.com/scim-operator/scim-operator/test/scimmy"
)

// TestContract runs the contract of all connectors against a real server.
func TestContract(t *testing.T) {
	w := newWorld(t, server.Express4)
	w.foreign("break glass")
	connectortest.Run(t, connectortest.Target{
		New:            func(testing.TB) connector.Connector { return w.connector() },
		Truth:          truth(w),
		Foreign:        func(_ testing.TB, name string, roles ...string) { w.foreign(name, roles...) },
		Grant:          func(_ testing.TB, name, role string) { w.grant(name, role) },
		Take:           func(_ testing.TB, name, role string) { w.take(name, role) },
		Roles:          groups,
		Protected:      []string{"break glass", "not here yet", "Break Glass"},
		Attributes:     attributeSets,
		NoTransactions: true,
		Unreachable: func(t testing.TB) connector.Connector {
			url := "http://127.0.0.1:" + closedPort(t)
			return w.connector(func(o *scimapp.Options) { o.BaseURL = url })
		},
		Cut: func(_ testing.TB, exchange int64, answered bool) (connector.Connector, func() bool) {
			return cut(w.connector(), exchange, answered)
		},
	})
}

// attributeSets are of all shapes that scimmy keeps.
var attributeSets = []map[string][]string{
	{
		"title": {"one"}, "name.givenName": {"Zofia"}, "emails": {"one@example.com", "two@example.com"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": {"Sales"},
	},
	{
		"title": {`two "quoted" <b>`}, "emails": {"two@example.com"}, "displayName": {"žofia 李"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value": {"26118915"},
	},
}

func cut(c *scimapp.Connector, exchange int64, answered bool) (connector.Connector, func() bool) {
	cutter := &server.Cutter{At: exchange, Answered: answered}
	c.WrapTransport(func(next http.RoundTripper) http.RoundTripper {
		cutter.Next = next
		return cutter
	})
	return c, cutter.Fired
}

// truth reads the server's memory, with the number of times that each person was written.
func truth(w *world) func(testing.TB) map[string]connectortest.Seen {
	return func(t testing.TB) map[string]connectortest.Seen {
		t.Helper()
		all := map[string]connectortest.Seen{}
		for _, person := range w.Truth(t) {
			slices.Sort(person.Roles)
			all[person.UserName] = connectortest.Seen{Active: person.Active, Roles: person.Roles, State: fmt.Sprint(person.ID, person.Writes, person.User)}
		}
		return all
	}
}
