package connectortest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
)

func (s *suite) faults(t *testing.T) {
	t.Run("a server that does not answer is Transient", func(t *testing.T) {
		c := s.Unreachable(t)
		defer c.Close()
		account := s.account()
		for _, do := range []operation{ensuring(account), suspending(account.Owner), deleting(account.Owner, connector.DeleteOptions{})} {
			_, err := do(t, c)
			wantKind(t, err, connector.Transient)
		}
		_, err := c.Observe(t.Context(), account.Owner, account.Name)
		wantKind(t, err, connector.Transient)
		page, err := c.List(t.Context(), "", 10)
		wantKind(t, err, connector.Transient)
		if page.Complete {
			t.Error("a list that was not read is complete")
		}
		_, err = c.Capabilities(t.Context())
		wantKind(t, err, connector.Transient)
	})
	t.Run("a caller who gives up is Transient, and the cause can be found", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		before := s.Truth(t)
		_, _, err := s.c.Ensure(ctx, s.account())
		wantKind(t, err, connector.Transient)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the error does not wrap context.Canceled: %v", err)
		}
		s.unchanged(t, before)
	})
	for _, answered := range []bool{false, true} {
		what := map[bool]string{false: "when the connection is cut before any exchange", true: "when the answer to any exchange is lost"}[answered]
		for _, scenario := range s.scenarios() {
			t.Run(what+", "+scenario.name+" converges", func(t *testing.T) { s.cutEverywhere(t, scenario, answered) })
		}
	}
}

// scenario is an operation and what is there before and after it.
type scenario struct {
	name string
	// prepare makes what is there before, and returns the operation.
	prepare func(t *testing.T, account connector.Account) operation
	// check looks for what should be there in the end.
	check func(t *testing.T, account connector.Account)
}

func (s *suite) scenarios() []scenario {
	have := s.Roles[:2]
	return []scenario{
		{
			"making an account",
			func(_ *testing.T, a connector.Account) operation { a.Roles = have; return ensuring(a) },
			func(t *testing.T, a connector.Account) { s.see(t, a.Name, true, have...) },
		},
		{
			"adopting one",
			func(t *testing.T, a connector.Account) operation {
				s.Foreign(t, a.Name, s.Roles[2])
				a.Roles, a.Existing = have, connector.Adopt
				return ensuring(a)
			},
			func(t *testing.T, a connector.Account) { s.see(t, a.Name, true, s.Roles[:3]...) },
		},
		{
			"suspending one",
			func(t *testing.T, a connector.Account) operation {
				a.Roles = have
				s.must(t, a)
				return suspending(a.Owner)
			},
			func(t *testing.T, a connector.Account) { s.see(t, a.Name, false, have...) },
		},
		{
			"resuming one",
			func(t *testing.T, a connector.Account) operation {
				s.must(t, a)
				s.must(t, unlike(a, func(a *connector.Account) { a.Active = false }))
				return ensuring(a)
			},
			func(t *testing.T, a connector.Account) { s.see(t, a.Name, true) },
		},
		s.renaming(),
		s.deletion(),
	}
}

func (s *suite) renaming() scenario {
	renamed := func(a *connector.Account) { a.Name += "-renamed" }
	return scenario{
		"renaming one and exchanging its roles",
		func(t *testing.T, a connector.Account) operation {
			a.Roles = s.Roles[:2]
			s.must(t, a)
			a.Roles, a.Revoke = s.Roles[2:4], s.Roles[:2]
			return ensuring(unlike(a, renamed))
		},
		func(t *testing.T, a connector.Account) {
			s.gone(t, a.Name)
			s.see(t, unlike(a, renamed).Name, true, s.Roles[2:4]...)
		},
	}
}

func (s *suite) deletion() scenario {
	return scenario{
		"deleting one",
		func(t *testing.T, a connector.Account) operation {
			a.Roles = s.Roles[:2]
			s.must(t, a)
			if s.Own != nil {
				s.Own(t, a.Name)
			}
			return deleting(a.Owner, connector.DeleteOptions{ReassignTo: s.Heir})
		},
		func(t *testing.T, a connector.Account) { s.gone(t, a.Name) },
	}
}

// maxExchanges is more than any operation should need.
const maxExchanges = 200

// cutEverywhere cuts the operation at its first exchange, its second, and so on until it ends before the cut. Each time it repeats the
// operation without a cut, and then everything has to be as if nothing had happened.
func (s *suite) cutEverywhere(t *testing.T, of scenario, answered bool) {
	for exchange := int64(1); ; exchange++ {
		if exchange > maxExchanges {
			t.Fatalf("the operation has more than %d exchanges", maxExchanges)
		}
		account := s.account()
		do := of.prepare(t, account)
		before := s.Truth(t)
		cut, fired := s.Cut(t, exchange, answered)
		_, err := do(t, cut)
		cut.Close()
		if err != nil {
			wantKind(t, err, connector.Transient)
		}
		if !fired() {
			if err != nil {
				t.Fatalf("nothing was cut: %v", err)
			}
			if exchange == 1 {
				t.Fatal("the connection was never cut")
			}
			t.Logf("%d exchanges", exchange-1)
			of.check(t, account)
			return
		}
		if _, err := do(t, s.c); err != nil {
			t.Fatalf("repeated after a cut at exchange %d: %v", exchange, err)
		}
		of.check(t, account)
		s.unchangedBut(t, before, account.Name, account.Name+"-renamed")
		s.nothing(t, do)
	}
}

func (s *suite) concurrency(t *testing.T) {
	t.Run("two controllers that ensure one account make one, and one of them reports it", func(t *testing.T) {
		other := s.New(t)
		defer other.Close()
		for range 10 {
			account := s.account()
			account.Roles = s.Roles[:2]
			before := s.Truth(t)
			changed, errs := race(t, []connector.Connector{s.c, other}, []operation{ensuring(account), ensuring(account)})
			reports := 0
			for i := range errs {
				if errs[i] != nil {
					wantKind(t, errs[i], connector.Transient)
				}
				if changed[i] {
					reports++
				}
			}
			if reports != 1 && (reports == 0 || !s.NoTransactions) {
				t.Errorf("%d of two report a change, want 1", reports)
			}
			s.see(t, account.Name, true, account.Roles...)
			s.unchangedBut(t, before, account.Name)
			s.nothing(t, ensuring(account))
		}
	})
	t.Run("of two owners who want one name one gets it, and the other a Conflict", func(t *testing.T) {
		other := s.New(t)
		defer other.Close()
		for range 10 {
			first, second := s.account(), s.account()
			second.Name = first.Name
			first.Roles, second.Roles = s.Roles[:1], s.Roles[1:2]
			_, errs := race(t, []connector.Connector{s.c, other}, []operation{ensuring(first), ensuring(second)})
			winner, loser, lost := first, second, errs[1]
			if errs[0] != nil {
				winner, loser, lost = second, first, errs[0]
			}
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("got %v and %v, want one winner", errs[0], errs[1])
			}
			wantKind(t, lost, connector.Conflict, connector.Transient)
			s.see(t, first.Name, true, winner.Roles...)
			s.refused(t, ensuring(loser), connector.Conflict)
		}
	})
	t.Run("of a suspension and an update that meet, neither undoes the other's half", func(t *testing.T) {
		other := s.New(t)
		defer other.Close()
		for range 10 {
			account := s.existingAccount(t, s.Roles[0])
			leaving := unlike(account, func(a *connector.Account) { a.Active, a.Roles, a.Revoke = false, nil, a.Roles })
			_, errs := race(t, []connector.Connector{s.c, other}, []operation{suspending(account.Owner), ensuring(leaving)})
			if errs[0] != nil || errs[1] != nil {
				t.Fatal(errs)
			}
			s.see(t, account.Name, false)
		}
	})
}

// race runs the operations at the same time, each on its connector.
func race(t *testing.T, connectors []connector.Connector, operations []operation) (changed []bool, errs []error) {
	t.Helper()
	changed, errs = make([]bool, len(operations)), make([]error, len(operations))
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, do := range operations {
		all.Go(func() {
			<-begin
			changed[i], errs[i] = do(t, connectors[i])
		})
	}
	close(begin)
	all.Wait()
	return changed, errs
}
