package scimapp_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

// TestMovingList: of a list that others change while it is read, everybody who stays is read once, or the listing fails.
func TestMovingList(t *testing.T) {
	const lists = 300
	failed := 0
	for seed := range uint64(lists) {
		random := rand.New(rand.NewPCG(seed, 1))
		m := newMinimal(t)
		m.fill(random.IntN(120))
		m.most = 1 + random.IntN(40)
		stay := map[string]bool{}
		for _, user := range m.users {
			stay[user["id"].(string)] = true
		}
		made := 0
		m.before = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("startIndex") == "1" || random.IntN(3) > 0 {
				return false
			}
			if at := random.IntN(len(m.users) + 1); random.IntN(2) == 0 {
				made++
				m.users = slices.Insert(m.users, at, object{"id": fmt.Sprintf("new%d", made), "userName": fmt.Sprintf("new%d", made)})
			} else if at < len(m.users) {
				delete(stay, m.users[at]["id"].(string))
				m.users = slices.Delete(m.users, at, at+1)
			}
			return false
		}
		all, err := connector.All(t.Context(), m.connector(t), 1+random.IntN(50))
		if err != nil {
			if connector.KindOf(err) != connector.Transient {
				t.Fatalf("seed %d: %v", seed, err)
			}
			failed++
			continue
		}
		for _, account := range all {
			delete(stay, account.ID)
		}
		if len(stay) > 0 {
			t.Fatalf("seed %d: %d who stayed are not listed: %v", seed, len(stay), stay)
		}
		m.Close()
	}
	if failed > lists/5 {
		t.Errorf("%d of %d listings failed, which says too little about the others", failed, lists)
	}
}

// TestQuietList: a list that nobody changes is read whole, however short the server's pages are.
func TestQuietList(t *testing.T) {
	m := newMinimal(t)
	m.fill(100)
	for _, most := range []int{2, 7, 8, 9, 40, 99, 100, 101} {
		m.most = most
		all, err := connector.All(t.Context(), m.connector(t), 30)
		if err != nil || len(all) != 100 {
			t.Errorf("pages of %d: got %d accounts, %v", most, len(all), err)
		}
	}
}

// TestBrokenList: a server whose lists cannot be believed is found out, and an account that was not listed is not taken for gone.
func TestBrokenList(t *testing.T) {
	rewrite := func(change func(start int, answer object)) func(*minimal) {
		return func(m *minimal) {
			m.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/Users") {
					return false
				}
				start := 1
				_, _ = fmt.Sscan(r.URL.Query().Get("startIndex"), &start)
				from := min(start-1, len(m.users))
				page := m.users[from:min(from+40, len(m.users))]
				answer := object{"totalResults": len(m.users), "startIndex": start, "Resources": page}
				change(start, answer)
				reply(w, http.StatusOK, answer)
				return true
			}
		}
	}
	for _, c := range []struct {
		reason string
		server func(*minimal)
		kind   connector.Kind
		says   string
	}{
		{"each page is the first, and says so", rewrite(func(_ int, a object) { a["startIndex"] = 1 }), connector.Rejected, "do not advance"},
		{"no page says which it is", rewrite(func(_ int, a object) { delete(a, "startIndex") }), connector.Rejected, "do not advance"},
		{"the number of all is missing", rewrite(func(_ int, a object) { delete(a, "totalResults") }), connector.Transient, "totalResults"},
		{"the number of all is too large", rewrite(func(_ int, a object) { a["totalResults"] = 151 }), connector.Transient, "lists"},
		{"a page in the midst is empty", rewrite(func(start int, a object) {
			if start > 40 {
				a["Resources"] = []object{}
			}
		}), connector.Transient, "lists nothing"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			m := newMinimal(t)
			m.fill(150)
			c.server(m)
			unfiltered := scimapp.Generic()
			unfiltered.Filters = nil
			conn := m.connector(t, func(o *scimapp.Options) { o.Profile = unfiltered })
			_, err := connector.All(t.Context(), conn, 40)
			if connector.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("list: got kind %s: %v, want %s", connector.KindOf(err), err, c.kind)
			}
			a := account("zofia")
			_, _, ensured := conn.Ensure(t.Context(), a)
			_, suspended := conn.Suspend(t.Context(), a.Owner)
			for _, err := range []error{ensured, suspended} {
				if connector.KindOf(err) != c.kind {
					t.Errorf("got kind %s: %v, want %s", connector.KindOf(err), err, c.kind)
				}
			}
			if writes := m.writes(); len(writes) > 0 {
				t.Errorf("the server was written to: %q", writes)
			}
		})
	}
}
