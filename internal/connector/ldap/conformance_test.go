package ldap_test

import (
	"net"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
	"github.com/scim-operator/scim-operator/internal/connector/ldap"
	"github.com/scim-operator/scim-operator/test/slapd"
)

// TestContract runs the contract of all connectors against a real server, as somebody who may write people and groups and nothing else.
func TestContract(t *testing.T) {
	for _, c := range []struct {
		reason     string
		kind       ldap.GroupKind
		change     func(*world, *ldap.Options)
		isActive   func(*goldap.Entry) bool
		attributes []map[string][]string
	}{
		{
			"inetOrgPerson, groupOfNames and ppolicy", ldap.GroupOfNames, func(*world, *ldap.Options) {}, unlocked,
			[]map[string][]string{
				{"mail": {"one@example.com", "uno@example.com"}, "givenName": {"Zoë"}, "sn": {"One"}},
				{"mail": {"two@example.com"}, "title": {" leading, and (special) *"}},
			},
		},
		{
			"posixAccount, posixGroup and an attribute", ldap.PosixGroup, posix,
			func(e *goldap.Entry) bool { return e.GetAttributeValue("employeeType") != "suspended" },
			[]map[string][]string{{"loginShell": {"/bin/bash"}, "gidNumber": {"4711"}}, {"uidNumber": {"123456"}, "gecos": {"Somebody"}}},
		},
		{
			"groupOfNames, and moving who is suspended", ldap.GroupOfNames, move,
			func(e *goldap.Entry) bool { return !within(e.DN, "ou=former") }, nil,
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			w := newWorld(t, c.kind)
			connectortest.Run(t, w.target(c.change, c.isActive, c.attributes))
		})
	}
}

// posix is a directory of accounts for machines. The attribute of the suspension is one that accounts have from the beginning.
func posix(_ *world, o *ldap.Options) {
	o.Posix = &ldap.Posix{FirstUID: 20000, LastUID: 29999, GID: 100, LoginShell: "/bin/sh"}
	o.Suspension = ldap.Suspension{Method: ldap.Attribute, Attribute: "employeeType", Suspended: "suspended", Active: "employee"}
	o.Protected = append(o.Protected, "break-glass")
}

func move(w *world, o *ldap.Options) {
	o.Suspension = ldap.Suspension{Method: ldap.Move, Base: "ou=former," + w.root}
}

// within says whether the entry is directly below one that is named so.
func within(dn, rdn string) bool {
	parsed, err := goldap.ParseDN(dn)
	return err == nil && len(parsed.RDNs) > 1 && parsed.RDNs[1].String() == rdn
}

func (w *world) target(change func(*world, *ldap.Options), isActive func(*goldap.Entry) bool, attributes []map[string][]string) connectortest.Target {
	w.foreign("break-glass")
	w.foreign("operator")
	with := func(more ...func(*ldap.Options)) connector.Connector {
		return w.connector(append([]func(*ldap.Options){func(o *ldap.Options) {
			o.Protected = append(o.Protected, "break-glass", "not-here-yet", w.personDN("operator"))
			change(w, o)
		}}, more...)...)
	}
	return connectortest.Target{
		New:        func(testing.TB) connector.Connector { return with() },
		Truth:      func(testing.TB) map[string]connectortest.Seen { return w.truth(isActive) },
		Foreign:    func(_ testing.TB, name string, roles ...string) { w.foreign(name, roles...) },
		Grant:      func(_ testing.TB, name, role string) { w.grant(name, role) },
		Take:       func(_ testing.TB, name, role string) { w.take(name, role) },
		Roles:      roles,
		Protected:  []string{"break-glass", "BREAK-GLASS", "not-here-yet", "operator"},
		Attributes: attributes,
		Unreachable: func(t testing.TB) connector.Connector {
			return with(func(o *ldap.Options) { o.URL = "ldap://" + closedPort(t) })
		},
		Cut: func(_ testing.TB, exchange int64, answered bool) (connector.Connector, func() bool) {
			cutter := slapd.Cutter(exchange, answered)
			return with(func(o *ldap.Options) { o.URL, o.Dial = w.server.SocketURL(), cutter.Dial }), cutter.Fired
		},
	}
}

func closedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
