package connectortest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// many is how many accounts are listed in pages.
const many = 500

func (s *suite) list(t *testing.T) {
	owners := map[string]connector.Owner{}
	for i := range many {
		account := s.account()
		account.Name = fmt.Sprintf("many%d", i)
		if i%100 == 0 {
			s.Foreign(t, account.Name)
			owners[account.Name] = connector.Owner{}
			continue
		}
		s.must(t, account)
		owners[account.Name] = account.Owner
	}
	for _, limit := range []int{7, 100, many + 1, 0, -1, 1 << 20} {
		t.Run(fmt.Sprintf("pages of %d hold each account once, with its owner", limit), func(t *testing.T) {
			s.listed(t, limit, owners)
		})
	}
	t.Run("an account that is removed during a listing takes no other with it", func(t *testing.T) { s.listedWhileRemoving(t, owners) })
	t.Run("a cursor that List did not return is refused", func(t *testing.T) {
		for _, cursor := range []string{"no cursor", "-1", "1; DROP ROLE many1", "99999999999999999999"} {
			page, err := s.c.List(t.Context(), cursor, 10)
			wantKind(t, err, connector.Rejected)
			if page.Complete || len(page.Accounts) > 0 {
				t.Errorf("got %+v with the error", page)
			}
		}
	})
}

// listedWhileRemoving removes an account of each page that was read, which must not shift those behind it.
func (s *suite) listedWhileRemoving(t *testing.T, owners map[string]connector.Owner) {
	listed := map[string]bool{}
	cursor := ""
	for {
		page, err := s.c.List(t.Context(), cursor, 50)
		if err != nil {
			t.Fatal(err)
		}
		var remove connector.Owner
		for _, account := range page.Accounts {
			listed[account.Name] = true
			if account.Owner.App == app {
				remove = account.Owner
			}
		}
		if !remove.IsZero() {
			s.once(t, deleting(remove, connector.DeleteOptions{ReassignTo: s.Heir}))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for name := range owners {
		if !listed[name] {
			t.Errorf("account %q is not listed", name)
		}
	}
}

// listed reads all pages, and compares those accounts that the test made. Others are there as well.
func (s *suite) listed(t *testing.T, limit int, owners map[string]connector.Owner) {
	got := map[string]connector.Owner{}
	all, err := connector.All(t.Context(), s.c, limit)
	if err != nil {
		t.Fatal(err)
	}
	foreign := s.Truth(t)
	for _, account := range all {
		if _, ok := owners[account.Name]; ok {
			got[account.Name] = account.Owner
		}
		delete(foreign, account.Name)
	}
	if diff := cmp.Diff(owners, got); diff != "" {
		t.Errorf("(-made +listed):\n%s", diff)
	}
	for name, seen := range foreign {
		if seen.Active {
			t.Errorf("account %q is active and not listed", name)
		}
	}
	page, err := s.c.List(t.Context(), "", limit)
	if err != nil {
		t.Fatal(err)
	}
	if limit > 0 && len(page.Accounts) > limit {
		t.Errorf("a page of %d has %d accounts", limit, len(page.Accounts))
	}
	if page.Complete != (page.Next == "") {
		t.Errorf("a page with next %q says complete=%t", page.Next, page.Complete)
	}
}
