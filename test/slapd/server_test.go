package slapd_test

import (
	"os"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/test/cut"
	"github.com/scim-operator/scim-operator/test/slapd"
)

func search(conn *ldap.Conn) (int, error) {
	found, err := conn.Search(&ldap.SearchRequest{BaseDN: slapd.Suffix, Scope: ldap.ScopeWholeSubtree, Filter: "(objectClass=organizationalUnit)", Attributes: []string{"1.1"}})
	if err != nil {
		return 0, err
	}
	return len(found.Entries), nil
}

func add(conn *ldap.Conn, name string) error {
	return conn.Add(&ldap.AddRequest{DN: "ou=" + name + "," + slapd.Suffix, Attributes: []ldap.Attribute{
		{Type: "objectClass", Vals: []string{"organizationalUnit"}}, {Type: "ou", Vals: []string{name}},
	}})
}

// TestServer: it answers, takes StartTLS and TLS, wants a password and takes none in the clear, and nothing of it is left when it was stopped.
func TestServer(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	server, err := slapd.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if _, err := search(server.Connect(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.As(slapd.Manager, "a guess"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("with a wrong password: got %v", err)
	}
	secure, err := ldap.DialURL(server.SecureURL(), ldap.DialWithTLSConfig(server.TLS(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	plain, err := ldap.DialURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.Bind(slapd.Manager, server.Password()); !ldap.IsErrorWithCode(err, ldap.LDAPResultConfidentialityRequired) {
		t.Errorf("with a password in the clear: got %v", err)
	}
	if err := plain.StartTLS(server.TLS(t)); err != nil {
		t.Fatal(err)
	}
	for _, conn := range []*ldap.Conn{secure, plain} {
		if err := conn.Bind(slapd.Manager, server.Password()); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(server.Log(), "organizationalUnit") {
		t.Error("the server's log has no searches, so that no test can look for secrets in it")
	}
	server.Stop()
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("stopping leaves %v behind, %v", left, err)
	}
}

// TestCutter: a request that is lost has no effect, and one whose answer is lost has.
func TestCutter(t *testing.T) {
	server, err := slapd.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	admin := server.Connect(t)
	for _, c := range []struct {
		reason   string
		cutter   *cut.Cutter
		units    int
		answered int
	}{
		{"none", slapd.Cutter(10, false), 3, 3},
		{"the second is lost", slapd.Cutter(2, false), 1, 1},
		{"the answer to the second is lost", slapd.Cutter(2, true), 2, 1},
	} {
		t.Run(c.reason, func(t *testing.T) {
			before, err := search(admin)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := c.cutter.Dial(t.Context(), "unix", server.Socket())
			if err != nil {
				t.Fatal(err)
			}
			conn := ldap.NewConn(raw, false)
			conn.Start()
			defer conn.Close()
			if err := conn.Bind(slapd.Manager, server.Password()); err != nil {
				t.Fatal(err)
			}
			answered := 0
			for _, name := range []string{"a", "b", "c"} {
				if add(conn, c.reason+" "+name) != nil {
					break
				}
				answered++
			}
			after, err := search(admin)
			if err != nil {
				t.Fatal(err)
			}
			if after-before != c.units || answered != c.answered || c.cutter.Fired() != (c.answered < 3) {
				t.Errorf("got %d units and %d answers, want %d and %d", after-before, answered, c.units, c.answered)
			}
		})
	}
}
