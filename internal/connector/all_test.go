package connector_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// pages are what a target lists, by cursor.
type pages map[string]connector.Page

func (p pages) List(_ context.Context, cursor string, _ int) (connector.Page, error) {
	page, ok := p[cursor]
	if !ok {
		return connector.Page{}, connector.Errorf(connector.Transient, "list", "it went away")
	}
	return page, nil
}

// TestAll: a listing is whole, or an error.
func TestAll(t *testing.T) {
	accounts := func(ids ...string) (all []connector.Observed) {
		for _, id := range ids {
			all = append(all, connector.Observed{ID: id})
		}
		return all
	}
	for _, c := range []struct {
		reason string
		pages  pages
		want   int
		kind   connector.Kind
	}{
		{"one page", pages{"": {Accounts: accounts("1", "2"), Complete: true}}, 2, ""},
		{"no account at all", pages{"": {Complete: true}}, 0, ""},
		{"three pages, one of them empty", pages{
			"": {Accounts: accounts("1"), Next: "a"}, "a": {Next: "b"}, "b": {Accounts: accounts("2"), Complete: true},
		}, 2, ""},
		{"the last page is not complete", pages{"": {Accounts: accounts("1", "2")}}, 0, connector.Transient},
		{"a page fails", pages{"": {Accounts: accounts("1"), Next: "a"}}, 0, connector.Transient},
		{"a page follows itself", pages{"": {Accounts: accounts("1"), Next: "a"}, "a": {Next: "a"}}, 0, connector.Rejected},
		{"pages go round", pages{"": {Next: "a"}, "a": {Next: "b"}, "b": {Next: "a"}}, 0, connector.Rejected},
		{"the same accounts under new cursors", pages{
			"": {Accounts: accounts("1"), Next: "a"}, "a": {Accounts: accounts("1"), Next: "b"},
		}, 0, connector.Transient},
	} {
		t.Run(c.reason, func(t *testing.T) {
			all, err := connector.All(t.Context(), c.pages, 10)
			if len(all) != c.want || connector.KindOf(err) != c.kind {
				t.Errorf("got %d accounts and %v, want %d and kind %q", len(all), err, c.want, c.kind)
			}
		})
	}
}

// TestKindOf: what nobody typed may pass, so nothing is given up for it.
func TestKindOf(t *testing.T) {
	rejected := connector.Errorf(connector.Rejected, "ensure", "no: %w", context.Canceled)
	for _, c := range []struct {
		reason string
		err    error
		want   connector.Kind
	}{
		{"none", nil, ""},
		{"typed", rejected, connector.Rejected},
		{"wrapped", fmt.Errorf("app x: %w", rejected), connector.Rejected},
		{"not of a connector", context.DeadlineExceeded, connector.Transient},
	} {
		if got := connector.KindOf(c.err); got != c.want {
			t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
		}
	}
	if !errors.Is(rejected, context.Canceled) || rejected.Error() != "ensure: no: context canceled" {
		t.Errorf("got %q, which wraps its cause: %t", rejected, errors.Is(rejected, context.Canceled))
	}
}
