package argocd

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// names are all that can be account names in SSO mode.
func names() *rapid.Generator[string] {
	return rapid.StringN(1, 20, -1).Filter(func(name string) bool {
		return Options{Accounts: SSO}.checkName("test", name) == nil
	})
}

// TestRowsSurvive: a row is read as it was meant, whatever is in the name, and a name that can be a group needs no quotes.
func TestRowsSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, role := names().Draw(t, "name"), rolePrefix+names().Draw(t, "role")
		if !isWritable(name, role) {
			t.Fatalf("%q and %q make the row %q", name, role, grantRow(name, role))
		}
		if l := parseLine("g, " + name + ", proj:web:reader"); canBeGroup(name) && !slices.Equal(l.row, []string{"g", name, "proj:web:reader"}) {
			t.Fatalf("%q can be a group, and is read as %q", name, l.row)
		}
	})
}

// TestRowsAreCSV: rows are read as a reader of CSV does, which is what Argo CD uses, also without one.
func TestRowsAreCSV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.TrimSpace(rapid.StringMatching(`[a-z, \t\r"#\\\x{a0}]{1,20}`).Draw(t, "text"))
		if text == "" {
			return
		}
		reader := csv.NewReader(strings.NewReader(text))
		reader.TrimLeadingSpace = true
		want, err := reader.Read()
		if got := parseRow(text); err != nil != (got == nil) || err == nil && !slices.Equal(got, want) {
			t.Fatalf("%q: got %q, want %q, %v", text, got, want, err)
		}
	})
}

// TestMarksSurvive: what is written is read, on one line.
func TestMarksSurvive(t *testing.T) {
	text := rapid.StringN(1, 20, -1).Filter(utf8.ValidString)
	rapid.Check(t, func(t *rapid.T) {
		is := mark{
			App: text.Draw(t, "app"), Person: text.Draw(t, "person"), Name: text.Draw(t, "name"),
			Active: rapid.Bool().Draw(t, "active"), Pending: rapid.Bool().Draw(t, "pending"), Roles: rapid.SliceOf(text).Draw(t, "roles"),
			Leaving: []grant{{text.Draw(t, "leaving"), text.Draw(t, "role")}},
		}
		read := parseLine(is.line())
		if diff := cmp.Diff(&is, read.mark, cmpopts.EquateEmpty()); diff != "" || strings.ContainsAny(is.line(), "\r\n") {
			t.Fatalf("%q (-written +read):\n%s", is.line(), diff)
		}
		is.Leaving = nil
		suspended := is
		suspended.Active = false
		if len(suspended.line()) > len(is.line()) {
			t.Fatalf("suspending makes the mark longer: %q", suspended.line())
		}
	})
}

// TestOtherLinesSurvive: whatever the key is, a mark comes and goes without a trace but for the end of the last line.
func TestOtherLinesSurvive(t *testing.T) {
	lines := rapid.OneOf(rapid.Just("g, a, role:x"), rapid.Just("  # by hand"), rapid.Just(""), rapid.Just(markPrefix+"broken"),
		rapid.Just(mark{App: "app", Person: "another", Name: "b"}.line()), rapid.StringMatching(`[ a-z,"#\t\r]{0,20}`))
	rapid.Check(t, func(t *rapid.T) {
		before := strings.Join(rapid.SliceOf(lines).Draw(t, "lines"), "\n")
		is := mark{App: "app", Person: "person", Name: "name of nobody", Active: true, Roles: []string{"role:x", "role:y"}}
		with := parsePolicy(before).replace(is.owner(), &is)
		if again := parsePolicy(with.String()).replace(is.owner(), &is); again.String() != with.String() {
			t.Fatalf("written twice it differs:\n%s", cmp.Diff(with.String(), again.String()))
		}
		if got := parsePolicy(with.String()).marks(is.owner()); !cmp.Equal(got, []mark{is}) || !with.gives(is.Name, "role:y") {
			t.Fatalf("got %v of %q", got, with)
		}
		after := parsePolicy(with.String()).replace(is.owner(), nil).String()
		if strings.TrimSuffix(after, "\n") != strings.TrimSuffix(before, "\n") {
			t.Fatalf("(-before +after):\n%s", cmp.Diff(before, after))
		}
	})
}

// TestNames that would be something else to Argo CD.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		accounts Accounts
		name     string
		want     connector.Kind
	}{
		{SSO, "person@example.com", ""}, {SSO, "a, b", ""}, {SSO, strings.Repeat("n", 255), ""}, {SSO, "a.enabled", ""}, {SSO, "#a", ""},
		{SSO, strings.Repeat("n", 256), connector.Rejected}, {SSO, "", connector.Rejected}, {SSO, " ", connector.Rejected},
		{SSO, "a\u0085b", connector.Rejected}, {SSO, "a$$b", connector.Rejected}, {SSO, "*", connector.Rejected},
		{SSO, "admin", connector.Protected}, {SSO, "role:x", connector.Protected}, {SSO, "proj:a:b", connector.Protected},
		{Local, "Person_1-a", ""}, {Local, strings.Repeat("n", 32), ""},
		{Local, strings.Repeat("n", 33), connector.Rejected}, {Local, "person@example.com", connector.Rejected},
		{Local, "a.enabled", connector.Rejected}, {Local, "a:login", connector.Rejected}, {Local, "admin", connector.Protected},
	} {
		if got := connector.KindOf(Options{Accounts: c.accounts}.checkName("test", c.name)); got != c.want {
			t.Errorf("%s account %q: got %q, want %q", c.accounts, c.name, got, c.want)
		}
	}
}

// TestOptions that make no sense are refused, and the error says which.
func TestOptions(t *testing.T) {
	someone, err := NewClient(&rest.Config{Host: "https://127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for says, options := range map[string]Options{
		"client": {}, "Remote": {Client: someone, Accounts: "Remote"}, "sudo": {Client: someone, Capabilities: []string{"sudo"}},
	} {
		if _, err := New(options); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
}

// TestKinds: answers of the API server, and what to do about them.
func TestKinds(t *testing.T) {
	maps := schema.GroupResource{Resource: "configmaps"}
	for _, c := range []struct {
		err  error
		want connector.Kind
	}{
		{apierrors.NewUnauthorized("no"), connector.Denied},
		{apierrors.NewForbidden(maps, "argocd-cm", nil), connector.Denied},
		{apierrors.NewNotFound(maps, "argocd-cm"), connector.Denied},
		{apierrors.NewInvalid(schema.GroupKind{Kind: "ConfigMap"}, "argocd-cm", nil), connector.Rejected},
		{apierrors.NewRequestEntityTooLargeError("no"), connector.Rejected},
		{apierrors.NewTooManyRequests("later", 7), connector.Transient},
		{apierrors.NewInternalError(context.DeadlineExceeded), connector.Transient},
		{errAgain, connector.Transient},
		{fmt.Errorf("wrapped: %w", connector.Errorf(connector.Conflict, "test", "no")), connector.Conflict},
	} {
		if got := connector.KindOf(failed("test", c.err)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
	limited := new(connector.Error)
	if err := failed("test", apierrors.NewTooManyRequests("later", 7)); !errors.As(err, &limited) || limited.RetryAfter != 7*time.Second {
		t.Errorf("got %+v, want to be asked for seven seconds", limited)
	}
}
