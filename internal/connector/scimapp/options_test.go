package scimapp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

// TestOptions: what could show the credential to somebody else is refused, and the error has it not in it.
func TestOptions(t *testing.T) {
	bearer := scimapp.Auth{Bearer: canary}
	for _, c := range []struct {
		reason  string
		options scimapp.Options
		says    string
	}{
		{"https", scimapp.Options{BaseURL: "https://app.example.com/scim/v2/", Auth: bearer}, ""},
		{"http", scimapp.Options{BaseURL: "http://app.example.com/scim/v2", Auth: bearer}, "https://"},
		{"http to a loopback address, not allowed", scimapp.Options{BaseURL: "http://127.0.0.1/scim/v2", Auth: bearer}, "https://"},
		{"http to a loopback address", scimapp.Options{BaseURL: "http://127.0.0.1/scim/v2", Auth: bearer, AllowLoopbackHTTP: true}, ""},
		{"http to elsewhere", scimapp.Options{BaseURL: "http://192.0.2.1/scim/v2", Auth: bearer, AllowLoopbackHTTP: true}, "https://"},
		{"http to a name that may be anything", scimapp.Options{BaseURL: "http://localhost/scim/v2", Auth: bearer, AllowLoopbackHTTP: true}, "https://"},
		{"another scheme", scimapp.Options{BaseURL: "ftp://app.example.com", Auth: bearer}, "https://"},
		{"no URL", scimapp.Options{BaseURL: "app.example.com", Auth: bearer}, "not a URL"},
		{"a control character", scimapp.Options{BaseURL: "https://app.example.com/\n" + canary, Auth: bearer}, "not a URL"},
		{"a user name", scimapp.Options{BaseURL: "https://admin:" + canary + "@app.example.com", Auth: bearer}, "user name"},
		{"a query", scimapp.Options{BaseURL: "https://app.example.com/?token=" + canary, Auth: bearer}, "query"},
		{"an empty query", scimapp.Options{BaseURL: "https://app.example.com/?", Auth: bearer}, "query"},
		{"a fragment", scimapp.Options{BaseURL: "https://app.example.com/#" + canary, Auth: bearer}, "fragment"},
		{"no credential", scimapp.Options{BaseURL: "https://app.example.com"}, "exactly one"},
		{"two credentials", scimapp.Options{BaseURL: "https://app.example.com", Auth: scimapp.Auth{Bearer: canary, Basic: &scimapp.Basic{Username: "a"}}}, "exactly one"},
		{"a token with its scheme", scimapp.Options{BaseURL: "https://app.example.com", Auth: scimapp.Auth{Bearer: "Bearer " + canary}}, "without the word"},
		{"a token with a line break", scimapp.Options{BaseURL: "https://app.example.com", Auth: scimapp.Auth{Bearer: canary + "\n"}}, "token"},
		{"a header with a line break", scimapp.Options{BaseURL: "https://app.example.com", Auth: scimapp.Auth{Header: &scimapp.Header{Name: "X-Key", Value: canary + "\r\nX: y"}}}, "line breaks"},
		{"a header of the protocol", scimapp.Options{BaseURL: "https://app.example.com", Auth: scimapp.Auth{Header: &scimapp.Header{Name: "host", Value: canary}}}, "not for credentials"},
		{"a colon in a user name", scimapp.Options{BaseURL: "https://app.example.com", Auth: scimapp.Auth{Basic: &scimapp.Basic{Username: "a:b", Password: canary}}}, "colon"},
		{"a token URL without TLS", scimapp.Options{BaseURL: "https://app.example.com", Auth: credentials("http://idp.example.com/token")}, "https://"},
		{"a token URL with a user name", scimapp.Options{BaseURL: "https://app.example.com", Auth: credentials("https://a:" + canary + "@idp.example.com/token")}, "user name"},
		{"no client id", scimapp.Options{BaseURL: "https://app.example.com", Auth: scimapp.Auth{ClientCredentials: &scimapp.ClientCredentials{TokenURL: "https://idp.example.com", ClientSecret: canary}}}, "client id"},
		{"a credential that the product does not take", scimapp.Options{BaseURL: "https://app.example.com", Auth: bearer, Profile: profile(t, "Cyolo")}, "use Basic"},
		{"a path that is not the product's", scimapp.Options{BaseURL: "https://app.strongdm.com/scim/v2", Auth: bearer, Profile: profile(t, "strongDM")}, "/scim/okta/v2"},
		{"the product's path", scimapp.Options{BaseURL: "https://app.strongdm.com/scim/okta/v2", Auth: bearer, Profile: profile(t, "strongDM")}, ""},
		{"a profile that says nothing", scimapp.Options{BaseURL: "https://app.example.com", Auth: bearer, Profile: scimapp.Profile{Name: "empty"}}, "users"},
		{"a profile with a password", scimapp.Options{BaseURL: "https://app.example.com", Auth: bearer, Profile: with("password")}, "secret"},
		{"a profile with an attribute that is none", scimapp.Options{BaseURL: "https://app.example.com", Auth: bearer, Profile: with(`title" or x`)}, "no name"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := scimapp.New(c.options)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if err != nil {
				silent(t, err)
			}
		})
	}
}

func credentials(tokenURL string) scimapp.Auth {
	return scimapp.Auth{ClientCredentials: &scimapp.ClientCredentials{TokenURL: tokenURL, ClientID: "id", ClientSecret: canary}}
}

func profile(t *testing.T, name string) scimapp.Profile {
	t.Helper()
	p, err := scimapp.ProfileNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func with(attribute string) scimapp.Profile {
	p := scimapp.Generic()
	p.Attributes = []scimapp.Attribute{{Name: attribute, Shape: scimapp.Text}}
	return p
}

// TestProfileNamed: an unknown name is answered with those that are known.
func TestProfileNamed(t *testing.T) {
	if _, err := scimapp.ProfileNamed("Okta"); err == nil || !strings.Contains(err.Error(), "Generic, scim-operator, AWS") {
		t.Errorf("got %v", err)
	}
}

// TestTLS: a server that does not prove what it is gets no request.
func TestTLS(t *testing.T) {
	m := newMinimal(t)
	for reason, change := range map[string]func(*scimapp.Options){
		"an unknown authority": func(o *scimapp.Options) { o.RootCAs = nil },
		"another name": func(o *scimapp.Options) {
			o.BaseURL = strings.Replace(o.BaseURL, "127.0.0.1", "127.0.0.2", 1)
			o.Dial = dialTo(m)
		},
	} {
		t.Run(reason, func(t *testing.T) {
			for what, err := range everything(t, m.connector(t, change), account("zofia")) {
				if connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "cannot be trusted") {
					t.Errorf("%s: got %v, want Denied", what, err)
				}
			}
		})
	}
	if len(m.requests) > 0 {
		t.Errorf("the server got %q", m.requests)
	}
}

func dialTo(m *minimal) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, m.Listener.Addr().String())
	}
}

// TestDial: an address that Dial refuses is refused as it says, also for the token URL.
func TestDial(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) {
		return nil, connector.Errorf(connector.Denied, "dial", "the address is in a range that apps must not be in")
	}
	m := newMinimal(t)
	for reason, auth := range map[string]scimapp.Auth{"a token": {Bearer: canary}, "a token URL": credentials(m.URL + "/token")} {
		t.Run(reason, func(t *testing.T) {
			c := m.connector(t, func(o *scimapp.Options) { o.Dial, o.Auth = refuse, auth })
			for what, err := range everything(t, c, account("zofia")) {
				if connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "must not be in") {
					t.Errorf("%s: got %v, want Denied", what, err)
				}
			}
		})
	}
	broken := errors.New("no route")
	c := m.connector(t, func(o *scimapp.Options) {
		o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, broken }
	})
	if _, err := c.Suspend(t.Context(), account("zofia").Owner); connector.KindOf(err) != connector.Transient || !errors.Is(err, broken) {
		t.Errorf("got %v, want Transient", err)
	}
	if len(m.requests) > 0 {
		t.Errorf("the server got %q", m.requests)
	}
}
