package scimapp_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

// canary is a credential, and secret an attribute's value, that no error may have in it.
const (
	canary = "canary-of-the-credential"
	secret = "+1 555 0100 secret"
)

func (m *minimal) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(m.Certificate())
	return pool
}

// existing is a server with the account of a person, and that account.
func existing(t *testing.T) (*minimal, connector.Account) {
	t.Helper()
	m := newMinimal(t)
	m.add(&m.groups, object{"displayName": "Readers"})
	a := account("zofia")
	a.Roles, a.Attributes = []string{"Readers"}, map[string][]string{"phoneNumbers": {secret}}
	if _, _, err := m.connector(t).Ensure(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	m.requests = nil
	return m, a
}

// TestAnswers: whatever a server answers to everything, nothing is changed, the error says what happened and what to do, and has neither
// the credential nor a value in it, though the server repeats both.
func TestAnswers(t *testing.T) {
	const echo = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"invalidValue","detail":"` + secret + " " + canary + `"}`
	html := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<html>Sign in, "+canary+"</html>")
	}
	status := func(code int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			fmt.Fprint(w, echo)
		}
	}
	text := func(body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprint(w, body) }
	}
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		reason string
		answer func(http.ResponseWriter)
		kind   connector.Kind
		retry  time.Duration
		says   string
	}{
		{"a page for people", html, connector.Transient, 0, "HTML"},
		{"no JSON", text(canary), connector.Transient, 0, "no SCIM"},
		{"an array", text(`["` + canary + `"]`), connector.Transient, 0, "no SCIM"},
		{"JSON that is no list", text(`{"ok":true}`), connector.Transient, 0, "totalResults"},
		{"an empty answer", text(""), connector.Transient, 0, "totalResults"},
		{"nothing of a list of one", text(`{"totalResults":1,"Resources":[]}`), connector.Transient, 0, "lists nothing"},
		{"more than there are", text(`{"totalResults":0,"Resources":[{"id":"1"}]}`), connector.Transient, 0, "says that there are 0"},
		{"a resource without an id", text(`{"totalResults":1,"Resources":[{"userName":"zofia"}]}`), connector.Transient, 0, "without an id"},
		{"a redirect", status(302, "Location", "/elsewhere"), connector.Denied, 0, "302 Found"},
		{"a permanent redirect", status(308, "Location", "https://example.com/"), connector.Denied, 0, "base URL"},
		{"401", status(401), connector.Denied, 0, "credential"},
		{"403", status(403), connector.Denied, 0, "credential"},
		{"404 for all users", status(404), connector.Denied, 0, "base URL"},
		{"405", status(405), connector.Unsupported, 0, "405"},
		{"409", status(409), connector.Conflict, 0, "409"},
		{"414", status(414), connector.Rejected, 0, "shorter"},
		{"429 and seconds", status(429, "Retry-After", "17"), connector.Transient, 17 * time.Second, "429"},
		{"429 and a date", status(429, "Retry-After", now.Add(time.Minute).Format(http.TimeFormat)), connector.Transient, time.Minute, "429"},
		{"429 and a date that has passed", status(429, "Retry-After", now.Add(-time.Hour).Format(http.TimeFormat)), connector.Transient, 0, "429"},
		{"429 and something else", status(429, "Retry-After", canary), connector.Transient, 0, "429"},
		{"429 and a year", status(429, "Retry-After", "31536000"), connector.Transient, 24 * time.Hour, "429"},
		{"500", status(500), connector.Transient, 0, "500"},
		{"503 and seconds", status(503, "Retry-After", "5"), connector.Transient, 5 * time.Second, "503"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			m, a := existing(t)
			m.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/elsewhere" {
					t.Errorf("the redirect is followed, with the header %q", r.Header)
				}
				if strings.HasSuffix(r.URL.Path, "/ServiceProviderConfig") {
					return false
				}
				c.answer(w)
				return true
			}
			conn := m.connector(t, func(o *scimapp.Options) { o.Now = func() time.Time { return now } })
			for what, err := range everything(t, conn, a) {
				if connector.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: got kind %s: %v, want kind %s and %q", what, connector.KindOf(err), err, c.kind, c.says)
					continue
				}
				silent(t, err)
				if typed := new(connector.Error); !errors.As(err, &typed) || typed.RetryAfter != c.retry {
					t.Errorf("%s: got RetryAfter %s, want %s", what, typed.RetryAfter, c.retry)
				}
			}
			if writes := m.writes(); len(writes) > 0 {
				t.Errorf("the server was written to: %q", writes)
			}
		})
	}
}

// everything calls all methods, and returns their errors.
func everything(t *testing.T, c connector.Connector, a connector.Account) map[string]error {
	t.Helper()
	errs := map[string]error{}
	_, _, errs["ensure"] = c.Ensure(t.Context(), a)
	_, errs["suspend"] = c.Suspend(t.Context(), a.Owner)
	_, errs["delete"] = c.Delete(t.Context(), a.Owner, connector.DeleteOptions{})
	_, errs["observe"] = c.Observe(t.Context(), a.Owner, a.Name)
	_, errs["list"] = c.List(t.Context(), "", 10)
	_, errs["capabilities"] = c.Capabilities(t.Context())
	return errs
}

// silent fails when an error has a credential or a value in it.
func silent(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{canary, secret, "555"} {
		if strings.Contains(err.Error(), text) {
			t.Errorf("the error has %q in it: %v", text, err)
		}
	}
}

// TestRefusedWrite: a write that is refused says why, in the standard's word only.
func TestRefusedWrite(t *testing.T) {
	m, a := existing(t)
	m.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch {
			return false
		}
		reply(w, http.StatusBadRequest, object{"scimType": "invalidValue", "detail": "phoneNumbers " + secret + " " + canary})
		return true
	}
	a.Attributes = map[string][]string{"phoneNumbers": {secret + "1"}}
	_, changed, err := m.connector(t).Ensure(t.Context(), a)
	if connector.KindOf(err) != connector.Rejected || changed || !strings.Contains(err.Error(), "400 Bad Request (invalidValue)") {
		t.Errorf("got changed=%t, %v", changed, err)
	}
	silent(t, err)
}

// TestNoEffect: a server that answers 200 and does nothing is found out, and nothing is said to have changed.
func TestNoEffect(t *testing.T) {
	for _, c := range []struct {
		reason string
		do     func(connector.Connector, connector.Account) (bool, error)
		method string
	}{
		{"suspend", func(c connector.Connector, a connector.Account) (bool, error) { return c.Suspend(t.Context(), a.Owner) }, "PATCH"},
		{"delete", func(c connector.Connector, a connector.Account) (bool, error) {
			return c.Delete(t.Context(), a.Owner, connector.DeleteOptions{})
		}, "DELETE"},
		{"rename", func(c connector.Connector, a connector.Account) (bool, error) {
			a.Name = "another"
			_, changed, err := c.Ensure(t.Context(), a)
			return changed, err
		}, "PATCH"},
		{"take a role", func(c connector.Connector, a connector.Account) (bool, error) {
			a.Roles, a.Revoke, a.Record.Roles = nil, a.Roles, a.Roles
			_, changed, err := c.Ensure(t.Context(), a)
			return changed, err
		}, "PATCH"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			m, a := existing(t)
			m.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == c.method {
					reply(w, http.StatusOK, object{"ok": true})
				}
				return r.Method == c.method
			}
			changed, err := c.do(m.connector(t), a)
			if connector.KindOf(err) != connector.Rejected || changed || !strings.Contains(err.Error(), "did not") {
				t.Errorf("got changed=%t, %v; want Rejected", changed, err)
			}
		})
	}
}

// TestIgnoredFilter: a server that takes a filter and lists everybody is read to its end, and nobody is taken for somebody else.
func TestIgnoredFilter(t *testing.T) {
	m, a := existing(t)
	m.fill(150)
	m.most = 40
	m.users[0], m.users[149] = m.users[149], m.users[0] // The account is not on the first page.
	m.before = func(_ http.ResponseWriter, r *http.Request) bool {
		query := r.URL.Query()
		query.Del("filter")
		r.URL.RawQuery = query.Encode()
		return false
	}
	c := m.connector(t)
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Fatalf("got changed=%t, %v", changed, err)
	}
	if m.users[149]["active"] != false || m.users[149]["userName"] != "zofia" || len(m.writes()) != 1 {
		t.Errorf("got %v after %q", m.users[149], m.writes())
	}
	if _, err := c.Suspend(t.Context(), account("nobody").Owner); err != nil || len(m.writes()) != 1 {
		t.Errorf("somebody without an account: %v after %q", err, m.writes())
	}
}
