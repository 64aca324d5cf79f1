package connectortest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// app is the connection in whose name the accounts are made.
const app = "6f1f1c1e-0000-4000-8000-000000000001"

// Run checks the whole contract. The server should have no more accounts than it needs when it begins; what Run makes stays there.
func Run(t *testing.T, target Target) {
	s := &suite{Target: target}
	s.c = target.New(t)
	t.Cleanup(func() { s.c.Close() })
	s.keepRecords(t)
	t.Run("capabilities", s.capabilities)
	t.Run("observe", s.observe)
	t.Run("create", s.create)
	t.Run("existing", s.existing)
	t.Run("update", s.update)
	t.Run("rename", s.rename)
	t.Run("suspend", s.suspend)
	t.Run("roles", s.roles)
	t.Run("delete", s.delete)
	t.Run("fence", s.fence)
	t.Run("protected", s.protected)
	t.Run("names", s.names)
	t.Run("owners", s.owners)
	t.Run("concurrency", s.concurrency)
	t.Run("faults", s.faults)
	t.Run("list", s.list)
}

type suite struct {
	Target
	c      connector.Connector
	keeper *keeper // nil where the target keeps the record
	made   int
}

// account is an active account of a new person, with a name of its own.
func (s *suite) account() connector.Account {
	s.made++
	return connector.Account{
		Owner:  connector.Owner{App: app, Person: fmt.Sprintf("person-%d", s.made)},
		Name:   fmt.Sprintf("person%d", s.made),
		Active: true,
	}
}

// existingAccount is one that was made.
func (s *suite) existingAccount(t *testing.T, roles ...string) connector.Account {
	t.Helper()
	account := s.account()
	account.Roles = roles
	s.must(t, account)
	return account
}

func (s *suite) must(t *testing.T, account connector.Account) connector.Observed {
	t.Helper()
	observed, _, err := s.c.Ensure(t.Context(), account)
	if err != nil {
		t.Fatalf("ensure: %v", err)
	}
	return observed
}

// operation is one call of a connector.
type operation func(t *testing.T, c connector.Connector) (changed bool, err error)

func ensuring(account connector.Account) operation {
	return func(t *testing.T, c connector.Connector) (bool, error) {
		_, changed, err := c.Ensure(t.Context(), account)
		return changed, err
	}
}

func suspending(owner connector.Owner) operation {
	return func(t *testing.T, c connector.Connector) (bool, error) { return c.Suspend(t.Context(), owner) }
}

func deleting(owner connector.Owner, options connector.DeleteOptions) operation {
	return func(t *testing.T, c connector.Connector) (bool, error) { return c.Delete(t.Context(), owner, options) }
}

// once runs the operation twice: the first call changes the target, and the second finds everything done.
func (s *suite) once(t *testing.T, do operation) {
	t.Helper()
	before := s.Truth(t)
	if changed, err := do(t, s.c); err != nil || !changed {
		t.Fatalf("first call: changed=%t, %v; want changed=true", changed, err)
	}
	if cmp.Equal(before, s.Truth(t), cmpopts.EquateEmpty()) {
		t.Fatal("first call: it reports a change, and the target shows none")
	}
	s.nothing(t, do)
}

// nothing runs an operation that finds everything done.
func (s *suite) nothing(t *testing.T, do operation) {
	t.Helper()
	before := s.Truth(t)
	if changed, err := do(t, s.c); err != nil || changed {
		t.Fatalf("nothing is to be done: changed=%t, %v", changed, err)
	}
	s.unchanged(t, before)
}

// refused runs an operation that must fail and change nothing.
func (s *suite) refused(t *testing.T, do operation, kinds ...connector.Kind) {
	t.Helper()
	before := s.Truth(t)
	changed, err := do(t, s.c)
	wantKind(t, err, kinds...)
	if changed {
		t.Error("it fails and reports a change")
	}
	s.unchanged(t, before)
}

func wantKind(t *testing.T, err error, kinds ...connector.Kind) {
	t.Helper()
	typed := new(connector.Error)
	if !errors.As(err, &typed) {
		t.Fatalf("got error %v (%T), want one of type *connector.Error of kind %s", err, err, kinds)
	}
	if !slices.Contains(kinds, typed.Kind) {
		t.Fatalf("got kind %s, want %s: %v", typed.Kind, kinds, err)
	}
	if typed.Op == "" || !strings.HasPrefix(err.Error(), typed.Op+": ") {
		t.Errorf("the error does not begin with the operation: %v", err)
	}
}

func (s *suite) unchanged(t *testing.T, before map[string]Seen) {
	t.Helper()
	if diff := cmp.Diff(before, s.Truth(t), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the target was changed (-before +after):\n%s", diff)
	}
}

// unchangedBut compares all accounts but some.
func (s *suite) unchangedBut(t *testing.T, before map[string]Seen, names ...string) {
	t.Helper()
	if diff := cmp.Diff(others(before, names...), others(s.Truth(t), names...), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("other accounts were changed (-before +after):\n%s", diff)
	}
}

// see fails unless the target has the account, with these roles.
func (s *suite) see(t *testing.T, name string, active bool, roles ...string) {
	t.Helper()
	seen, ok := s.Truth(t)[name]
	if !ok {
		t.Fatalf("the target has no account %q", name)
	}
	if seen.Active != active {
		t.Errorf("account %q: got active=%t, want %t", name, seen.Active, active)
	}
	if diff := cmp.Diff(sorted(roles), seen.Roles, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("roles of account %q (-want +got):\n%s", name, diff)
	}
}

// gone fails when the target has the account.
func (s *suite) gone(t *testing.T, name string) {
	t.Helper()
	if _, ok := s.Truth(t)[name]; ok {
		t.Fatalf("the target has an account %q", name)
	}
}

// others is the truth but for some names.
func others(truth map[string]Seen, names ...string) map[string]Seen {
	rest := maps.Clone(truth)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// unlike is an account like the other with a few things changed.
func unlike(account connector.Account, change func(*connector.Account)) connector.Account {
	change(&account)
	return account
}
