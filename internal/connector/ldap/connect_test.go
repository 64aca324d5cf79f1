package ldap_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/ldap"
	"github.com/scim-operator/scim-operator/test/slapd"
)

// recorded is a connection that keeps what was written to it.
type recorded struct {
	net.Conn
	mutex   sync.Mutex
	written bytes.Buffer
}

func (r *recorded) Write(p []byte) (int, error) {
	r.mutex.Lock()
	r.written.Write(p)
	r.mutex.Unlock()
	return r.Conn.Write(p)
}

func (r *recorded) has(text string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return bytes.Contains(r.written.Bytes(), []byte(text))
}

// TestTLS: the connection becomes one with TLS before anything is sent, and the server's certificate is verified.
func TestTLS(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	secure := func(o *ldap.Options) { o.URL = w.server.SecureURL() }
	for reason, change := range map[string]func(*ldap.Options){"StartTLS": func(*ldap.Options) {}, "TLS from the beginning": secure} {
		t.Run(reason, func(t *testing.T) {
			var conn *recorded
			c := w.closing(change, func(o *ldap.Options) {
				o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					raw, err := new(net.Dialer).DialContext(ctx, network, address)
					conn = &recorded{Conn: raw}
					return conn, err
				}
			})
			if _, err := c.Capabilities(t.Context()); err != nil {
				t.Fatal(err)
			}
			if conn.has(connectorDN) || conn.has(connectorPassword) {
				t.Error("the credential was sent in the clear")
			}
		})
		for wrong, spoil := range map[string]func(*ldap.Options){
			"the certificate has another name":        func(o *ldap.Options) { o.ServerName = "" },
			"nobody known has signed the certificate": func(o *ldap.Options) { o.RootCAs = nil },
		} {
			t.Run(reason+", "+wrong, func(t *testing.T) {
				_, err := w.closing(change, spoil).Capabilities(t.Context())
				w.wantError(err, connector.Denied, "cannot be trusted")
			})
		}
	}
	t.Run("a server that takes no StartTLS", func(t *testing.T) {
		_, err := w.closing(func(o *ldap.Options) { o.Dial = withoutTLS(t) }).Capabilities(t.Context())
		w.wantError(err, connector.Denied, "cannot be trusted")
	})
	t.Run("a server that has no TLS where it should begin with it", func(t *testing.T) {
		_, err := w.closing(func(o *ldap.Options) { o.URL = strings.Replace(w.server.URL(), "ldap:", "ldaps:", 1) }).Capabilities(t.Context())
		if kind := connector.KindOf(err); kind != connector.Denied && kind != connector.Transient {
			t.Errorf("got %v", err)
		}
	})
}

// withoutTLS stands between the client and the server, says that StartTLS is a protocol error, and fails the test if anything is sent then.
func withoutTLS(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	// An answer to the extended request of number 1: protocolError, with neither a DN nor a text.
	refusal := []byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00}
	return func(context.Context, string, string) (net.Conn, error) {
		client, between := net.Pipe()
		go func() {
			defer between.Close()
			request := make([]byte, 1024)
			if _, err := between.Read(request); err != nil {
				return
			}
			if _, err := between.Write(refusal); err != nil {
				return
			}
			if n, err := between.Read(request); err == nil {
				t.Errorf("%d bytes were sent in the clear", n)
			}
		}()
		return client, nil
	}
}

// TestSocket: on the server's own machine neither TLS nor a password is needed.
func TestSocket(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	for reason, change := range map[string]func(*ldap.Options){
		"with a password": func(*ldap.Options) {},
		"as who one is":   func(o *ldap.Options) { o.BindDN, o.Password = "", "" },
		"without any TLS": func(o *ldap.Options) { o.RootCAs, o.ServerName = nil, "" },
	} {
		t.Run(reason, func(t *testing.T) {
			c := w.closing(func(o *ldap.Options) { o.URL = w.server.SocketURL() }, change)
			a := account("by the socket, " + reason)
			if observed := w.ensure(c, a); observed.Owner != a.Owner {
				t.Errorf("got %+v", observed)
			}
		})
	}
}

// TestDenied: what is wrong with the connection itself is told apart from what is wrong with an account, and no text has the password in it.
func TestDenied(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	const canary = "canary of a password"
	for reason, change := range map[string]func(*ldap.Options){
		"the password is wrong":  func(o *ldap.Options) { o.Password = canary },
		"there is no such entry": func(o *ldap.Options) { o.BindDN, o.Password = "cn=nobody here,"+slapd.Suffix, canary },
	} {
		t.Run(reason, func(t *testing.T) {
			_, err := w.closing(change).Suspend(t.Context(), account("somebody").Owner)
			w.wantError(err, connector.Denied, "suspend: ")
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

// TestRemedies: what a person has to do is in the error.
func TestRemedies(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing(func(o *ldap.Options) { o.UsersBase = "ou=elsewhere," + w.root })
	_, err := c.Capabilities(t.Context())
	w.wantError(err, connector.Rejected, `"ou=elsewhere,`+w.root+`"`)
	if page, err := c.List(t.Context(), "", 10); connector.KindOf(err) != connector.Rejected || page.Complete {
		t.Errorf("what lists nothing is complete=%t, %v", page.Complete, err)
	}
	_, err = c.Suspend(t.Context(), account("nobody").Owner)
	w.wantError(err, connector.Rejected, "correct the options")

	w.add("cn=powerless,"+w.root, map[string][]string{
		"objectClass": {"organizationalRole", "simpleSecurityObject"}, "cn": {"powerless"}, "userPassword": {"powerless"},
	})
	powerless := w.closing(func(o *ldap.Options) { o.BindDN, o.Password = "cn=powerless,"+w.root, "powerless" })
	_, _, err = powerless.Ensure(t.Context(), account("nobody"))
	w.wantError(err, connector.Rejected, "write access")
}

// TestDialDecides: addresses that Dial refuses are not connected to, and a name reaches it as it is.
func TestDialDecides(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	refused := errors.New("this address is not allowed")
	var asked string
	c := w.closing(func(o *ldap.Options) {
		o.URL = "ldaps://metadata.example.com"
		o.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
			asked = address
			return nil, refused
		}
	})
	_, err := c.Capabilities(t.Context())
	if !errors.Is(err, refused) || asked != "metadata.example.com:636" {
		t.Errorf("got %v after Dial was asked for %q", err, asked)
	}
}

// TestServerGoesAndReturns: a server that is stopped is Transient, also in the midst of a listing, and nothing that was kept open is in the way
// of whoever comes in its place.
func TestServerGoesAndReturns(t *testing.T) {
	s, err := slapd.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	c, err := ldap.New(ldap.Options{
		URL: s.URL(), RootCAs: s.RootCAs(t), ServerName: slapd.CertificateName, BindDN: slapd.Manager, Password: s.Password(),
		UsersBase: slapd.Suffix, GroupsBase: slapd.Suffix,
		Suspension: ldap.Suspension{Method: ldap.Attribute, Attribute: "employeeType", Suspended: "suspended"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"one", "two", "three"} {
		if _, _, err := c.Ensure(t.Context(), account(name)); err != nil {
			t.Fatal(err)
		}
	}
	page, err := c.List(t.Context(), "", 1)
	if err != nil || page.Next == "" {
		t.Fatalf("got %+v, %v", page, err)
	}
	s.Stop()
	for call := range 2 {
		if page, err := c.List(t.Context(), page.Next, 1); connector.KindOf(err) != connector.Transient || page.Complete {
			t.Errorf("call %d: the listing goes on with %+v, %v", call+1, page, err)
		}
		if _, err := c.Suspend(t.Context(), account("one").Owner); connector.KindOf(err) != connector.Transient {
			t.Errorf("call %d: got %v, want a Transient error", call+1, err)
		}
	}
}

// TestSizeLimit: a list that the server cuts short is an error.
func TestSizeLimit(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing(func(o *ldap.Options) { o.BindDN, o.Password = limitedDN, connectorPassword })
	for _, name := range []string{"one", "two", "three", "four"} {
		w.foreign(name)
	}
	_, err := connector.All(t.Context(), c, 2)
	w.wantError(err, connector.Rejected, "size limit")
}

// TestConnectionsAreBounded: calls share as many connections as the options allow, and listings that nobody goes on with are ended.
func TestConnectionsAreBounded(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	var mutex sync.Mutex
	var made int
	c := w.closing(func(o *ldap.Options) {
		o.MaxConnections = 2
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			mutex.Lock()
			made++
			mutex.Unlock()
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := c.Suspend(t.Context(), account("nobody").Owner); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made > 2 {
		t.Errorf("%d connections were made, want 2 at most", made)
	}
	for _, name := range []string{"one", "two"} {
		w.foreign(name)
	}
	oldest, err := c.List(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := c.List(t.Context(), "", 1); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.List(t.Context(), oldest.Next, 1)
	w.wantError(err, connector.Transient, "begin it anew")
}
