package scimapp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
	server "github.com/scim-operator/scim-operator/test/scimmy"
)

// TestPagesThatDoNotAdvance: on Express 5, scimmy's routers answer each page with the first one. The connector finds that out, changes
// nothing on the strength of such a list, and still does what it can do by filters.
func TestPagesThatDoNotAdvance(t *testing.T) {
	w := newWorld(t, server.Express5)
	c := w.closing()
	a := account("zofia")
	a.Roles = groups[:1]
	for i := range 30 {
		w.foreign(fmt.Sprintf("somebody else %d", i))
	}
	w.ensure(c, a) // The last of 31, and scimmy's pages have 20.
	before := truth(w)(t)

	page, err := c.List(t.Context(), "", 10)
	if err != nil || page.Complete {
		t.Fatalf("the first page: complete=%t, %v", page.Complete, err)
	}
	_, err = connector.All(t.Context(), c, 10)
	if connector.KindOf(err) != connector.Rejected || !strings.Contains(err.Error(), "do not advance") {
		t.Errorf("list: got %v, want Rejected", err)
	}

	lists := w.closing(func(o *scimapp.Options) { o.Profile, o.Profile.Filters = scimapp.Generic(), nil })
	_, _, ensured := lists.Ensure(t.Context(), a)
	_, suspended := lists.Suspend(t.Context(), a.Owner)
	_, deleted := lists.Delete(t.Context(), a.Owner, connector.DeleteOptions{})
	_, observed := lists.Observe(t.Context(), a.Owner, a.Name)
	for what, err := range map[string]error{"ensure": ensured, "suspend": suspended, "delete": deleted, "observe": observed} {
		if connector.KindOf(err) != connector.Rejected || !strings.Contains(err.Error(), "do not advance") {
			t.Errorf("%s by listing: got %v, want Rejected", what, err)
		}
	}
	if diff := cmp.Diff(before, truth(w)(t)); diff != "" {
		t.Fatalf("the server was changed (-before +after):\n%s", diff)
	}

	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Errorf("suspend by filter: changed=%t, %v", changed, err)
	}
	if after := truth(w)(t); after[a.Name].Active {
		t.Error("the account is active")
	}
}
