package connectortest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// keeper keeps the record of what was given for targets without room for it, as the controller does with the AppAccount. All keepers of a
// suite share one.
type keeper struct {
	mu      sync.Mutex
	records map[connector.Owner]connector.Record
}

// keep makes the connector one that keeps its record, where it does not anyway. So each law holds for both kinds of targets.
func (s *suite) keep(c connector.Connector) connector.Connector {
	if s.keeper == nil {
		return c
	}
	return &recorded{Connector: c, keeper: s.keeper}
}

// keepRecords asks the target whether it has room for the record.
func (s *suite) keepRecords(t *testing.T) {
	t.Helper()
	capabilities, err := s.c.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if capabilities.KeepsRecord {
		return
	}
	s.keeper = &keeper{records: map[connector.Owner]connector.Record{}}
	s.c = s.keep(s.c)
	made, cut, unreachable := s.New, s.Cut, s.Unreachable
	s.New = func(t testing.TB) connector.Connector { return s.keep(made(t)) }
	s.Unreachable = func(t testing.TB) connector.Connector { return s.keep(unreachable(t)) }
	s.Cut = func(t testing.TB, exchange int64, answered bool) (connector.Connector, func() bool) {
		c, fired := cut(t, exchange, answered)
		return s.keep(c), fired
	}
}

// recorded is a connector and a caller that keeps its record.
type recorded struct {
	connector.Connector
	keeper *keeper
}

// Ensure observes, stores what the call wants to give and is not there yet, calls, and stores what came of it. A call that fails leaves a
// record of too much, and never of too little.
func (r *recorded) Ensure(ctx context.Context, account connector.Account) (connector.Observed, bool, error) {
	before, err := r.Observe(ctx, account.Owner, account.Name)
	if err != nil && connector.KindOf(err) != connector.NotFound {
		return connector.Observed{}, false, err
	}
	account.Record = r.keeper.want(account, before)
	observed, changed, err := r.Connector.Ensure(ctx, account)
	if err != nil {
		return observed, changed, err
	}
	r.keeper.store(account.Owner, observed.Record)
	observed.Record = connector.Record{} // Observe returns none.
	return observed, changed, nil
}

// Delete forgets the record together with the account.
func (r *recorded) Delete(ctx context.Context, owner connector.Owner, options connector.DeleteOptions) (bool, error) {
	changed, err := r.Connector.Delete(ctx, owner, options)
	if err == nil {
		r.keeper.store(owner, connector.Record{})
	}
	return changed, err
}

// want stores the record as it is before a call, and returns it.
func (k *keeper) want(account connector.Account, before connector.Observed) connector.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.records[account.Owner]
	record := connector.Record{Roles: slices.Clone(known.Roles), Attributes: slices.Clone(known.Attributes)}
	for _, role := range account.Roles {
		if !slices.Contains(before.Roles, role) {
			record.Roles = append(record.Roles, role)
		}
	}
	for name, values := range account.Attributes {
		if !slices.Equal(before.Attributes[name], values) {
			record.Attributes = append(record.Attributes, name)
		}
	}
	record.Roles = slices.Compact(sorted(record.Roles))
	record.Attributes = slices.Compact(sorted(record.Attributes))
	k.records[account.Owner] = record
	return record
}

func (k *keeper) store(owner connector.Owner, record connector.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.records[owner] = record
}
