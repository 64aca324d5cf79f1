package scimapp_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

// TestAuth shows what each credential looks like on its way.
func TestAuth(t *testing.T) {
	for _, c := range []struct {
		reason       string
		auth         scimapp.Auth
		header, want string
	}{
		{"bearer", scimapp.Auth{Bearer: canary}, "Authorization", "Bearer " + canary},
		{"a bare token", scimapp.Auth{Header: &scimapp.Header{Name: "Authorization", Value: canary}}, "Authorization", canary},
		{"a header of the app", scimapp.Auth{Header: &scimapp.Header{Name: "x-api-key", Value: canary}}, "X-Api-Key", canary},
		{
			"key and secret", scimapp.Auth{Basic: &scimapp.Basic{Username: "key", Password: canary}}, "Authorization",
			"Basic " + base64.StdEncoding.EncodeToString([]byte("key:"+canary)),
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			m := newMinimal(t)
			var got []string
			m.before = func(_ http.ResponseWriter, r *http.Request) bool {
				got = r.Header.Values(c.header)
				return false
			}
			if _, err := m.connector(t, func(o *scimapp.Options) { o.Auth = c.auth }).Capabilities(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.want}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.header, diff)
			}
		})
	}
}

// tokens makes the server give a token for client credentials, and take only the one of that number.
func tokens(m *minimal, good *int, answer func(w http.ResponseWriter) bool) {
	given := 0
	m.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			if r.Header.Get("Authorization") != fmt.Sprintf("Bearer token-%d", *good) {
				reply(w, http.StatusUnauthorized, object{"status": "401"})
				return true
			}
			return false
		}
		if answer != nil && answer(w) {
			return true
		}
		given++
		reply(w, http.StatusOK, object{"access_token": fmt.Sprintf("token-%d", given), "token_type": "Bearer", "expires_in": 3600})
		return true
	}
}

// TestClientCredentials: one token serves many requests, and one that is not taken any more is replaced once.
func TestClientCredentials(t *testing.T) {
	m := newMinimal(t)
	good := 1
	tokens(m, &good, nil)
	c := m.connector(t, func(o *scimapp.Options) { o.Auth = credentials(m.URL + "/token") })
	asked := func() (n int) {
		for _, line := range m.requests {
			if strings.HasPrefix(line, "POST /token") {
				n++
			}
		}
		return n
	}
	a := account("zofia")
	if _, _, err := c.Ensure(t.Context(), a); err != nil || asked() != 1 {
		t.Fatalf("got %v after %d tokens, want one", err, asked())
	}
	good = 2 // The first one was revoked.
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed || asked() != 2 {
		t.Fatalf("got changed=%t, %v after %d tokens, want two", changed, err, asked())
	}
	good = 0 // No token is good.
	if _, err := c.Suspend(t.Context(), a.Owner); connector.KindOf(err) != connector.Denied || asked() != 3 {
		t.Errorf("got %v after %d tokens, want Denied after three", err, asked())
	}
}

// TestTokenURL: whatever the token URL answers, the error has neither the credential nor the answer in it.
func TestTokenURL(t *testing.T) {
	for _, c := range []struct {
		reason string
		status int
		body   string
		kind   connector.Kind
	}{
		{"a wrong secret", 401, `{"error":"invalid_client","error_description":"` + canary + `"}`, connector.Denied},
		{"trouble", 503, canary, connector.Transient},
		{"too much", 429, canary, connector.Transient},
		{"a page for people", 200, "<html>" + canary, connector.Denied},
		{"no token", 200, `{"token_type":"` + canary + `"}`, connector.Denied},
		{"a token with a line break", 200, `{"access_token":"a\n` + canary + `","token_type":"Bearer"}`, connector.Denied},
		{"a redirect", 302, canary, connector.Denied},
	} {
		t.Run(c.reason, func(t *testing.T) {
			m := newMinimal(t)
			none := 0
			tokens(m, &none, func(w http.ResponseWriter) bool {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
				return true
			})
			conn := m.connector(t, func(o *scimapp.Options) { o.Auth = credentials(m.URL + "/token") })
			for what, err := range everything(t, conn, account("zofia")) {
				if connector.KindOf(err) != c.kind || !strings.Contains(err.Error(), "token URL") {
					t.Errorf("%s: got kind %s: %v, want %s", what, connector.KindOf(err), err, c.kind)
				}
				silent(t, err)
			}
			for _, line := range m.requests {
				if !strings.HasPrefix(line, "POST /token") {
					t.Errorf("the server got %q", line)
				}
			}
		})
	}
}
