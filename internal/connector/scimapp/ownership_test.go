package scimapp_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

// TestTwoAccounts: where a server let two accounts have one owner, nothing is guessed, and both are suspended.
func TestTwoAccounts(t *testing.T) {
	m, a := existing(t)
	m.add(&m.users, object{"userName": "twin", "active": true, "externalId": m.users[0]["externalId"]})
	c := m.connector(t)
	_, _, ensured := c.Ensure(t.Context(), a)
	_, observed := c.Observe(t.Context(), a.Owner, a.Name)
	for _, err := range []error{ensured, observed} {
		if connector.KindOf(err) != connector.Rejected || !strings.Contains(err.Error(), `"zofia" and "twin"`) {
			t.Errorf("got %v, want Rejected", err)
		}
	}
	if len(m.writes()) > 0 {
		t.Errorf("the server was written to: %q", m.writes())
	}
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed || m.users[0]["active"] != false || m.users[1]["active"] != false {
		t.Errorf("suspend: changed=%t, %v, %v", changed, err, m.users)
	}
}

// TestForeignMark: what another client wrote into externalId is replaced by adoption only, and what looks like a mark and is none never.
func TestForeignMark(t *testing.T) {
	for _, c := range []struct {
		externalID string
		existing   connector.Existing
		kind       connector.Kind
	}{
		{"00u1abcd", connector.Refuse, connector.Conflict},
		{"00u1abcd", connector.Adopt, ""},
		{"scim-operator/", connector.Adopt, connector.Conflict},
		{"scim-operator/app/other", connector.Adopt, connector.Conflict},
	} {
		m := newMinimal(t)
		m.add(&m.users, object{"userName": "zofia", "active": true, "externalId": c.externalID})
		a := account("zofia")
		a.Existing = c.existing
		if _, _, err := m.connector(t).Ensure(t.Context(), a); connector.KindOf(err) != c.kind {
			t.Errorf("%s, %s: got %v, want kind %q", c.externalID, c.existing, err, c.kind)
		}
		if len(m.writes()) > 0 != (c.kind == "") {
			t.Errorf("%s, %s: the server got %q", c.externalID, c.existing, m.writes())
		}
	}
}

// TestProtectedGroup: a protected group is not given, in whatever case it is written.
func TestProtectedGroup(t *testing.T) {
	m, a := existing(t)
	m.add(&m.groups, object{"displayName": "Admins"})
	a.Roles = []string{"Admins"}
	c := m.connector(t, func(o *scimapp.Options) { o.ProtectedGroups = []string{"admins"} })
	if _, _, err := c.Ensure(t.Context(), a); connector.KindOf(err) != connector.Protected || len(m.requests) > 0 {
		t.Errorf("got %v after %q, want Protected", err, m.requests)
	}
}

// TestSuspendByDeletion: where to suspend is to delete, nobody's account is adopted for that, and a person's own goes and comes again.
func TestSuspendByDeletion(t *testing.T) {
	p := scimapp.Generic()
	p.Name, p.Suspends = "deletes", scimapp.Delete
	m := newMinimal(t)
	c := m.connector(t, func(o *scimapp.Options) { o.Profile = p })
	m.add(&m.users, object{"userName": "stranger", "active": true})
	a := account("stranger")
	a.Existing, a.Active = connector.Adopt, false
	if _, _, err := c.Ensure(t.Context(), a); connector.KindOf(err) != connector.Conflict || len(m.writes()) > 0 {
		t.Errorf("got %v after %q, want Conflict", err, m.writes())
	}
	mine := account("zofia")
	for _, active := range []bool{true, false} {
		mine.Active = active
		observed, changed, err := c.Ensure(t.Context(), mine)
		if err != nil || !changed || len(m.users) != map[bool]int{true: 2, false: 1}[active] || observed.Owner.IsZero() == active {
			t.Errorf("active=%t: got %v, changed=%t, %v, and users %v", active, observed, changed, err, m.users)
		}
	}
	if changed, err := c.Suspend(t.Context(), mine.Owner); err != nil || changed {
		t.Errorf("suspended again: changed=%t, %v", changed, err)
	}
}

// TestGroupsByPut: where groups are written whole, what others write at the same moment is kept, and what the server adds is not sent back.
func TestGroupsByPut(t *testing.T) {
	m := newMinimal(t)
	m.etags = true
	m.add(&m.groups, object{"displayName": "Readers", "members": []any{object{"value": "first", "display": "First"}}})
	refused := 0
	m.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || refused == 2 {
			return false
		}
		refused++
		m.groups[0]["members"] = append(m.groups[0]["members"].([]any), object{"value": "more"})
		reply(w, http.StatusPreconditionFailed, object{"status": "412"})
		return true
	}
	a := account("zofia")
	a.Roles = []string{"Readers"}
	c := m.connector(t, func(o *scimapp.Options) { o.Profile = profile(t, "Zitadel") })
	if _, _, err := c.Ensure(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	want := []any{object{"value": "first", "display": "First"}, object{"value": "more"}, object{"value": "more"}, object{"value": m.users[0]["id"]}}
	if diff := cmp.Diff(want, m.groups[0]["members"]); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// TestHiddenMembers: members that a server shows on request only are not lost when the group is written whole.
func TestHiddenMembers(t *testing.T) {
	m := newMinimal(t)
	m.showsGroups = true
	m.add(&m.groups, object{"displayName": "Readers", "members": []any{object{"value": "first"}}})
	m.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || r.URL.Path != "/Groups/g1" || r.URL.Query().Get("attributes") != "" {
			return false
		}
		reply(w, http.StatusOK, object{"id": "g1", "displayName": "Readers"})
		return true
	}
	a := account("zofia")
	a.Roles = []string{"Readers"}
	_, _, _ = m.connector(t, func(o *scimapp.Options) { o.Profile = profile(t, "Zitadel") }).Ensure(t.Context(), a)
	members, _ := m.groups[0]["members"].([]any)
	if !slices.ContainsFunc(members, func(item any) bool { return item.(object)["value"] == "first" }) {
		t.Errorf("the group has lost its member: %v", members)
	}
}

// TestPutKeepsSuspension: a user that is written whole stays suspended when somebody suspends it at the same moment.
func TestPutKeepsSuspension(t *testing.T) {
	m := newMinimal(t)
	p := scimapp.Generic()
	p.Name, p.Users, p.Suspends, p.Discovers = "puts", scimapp.Put, scimapp.Put, false
	c := m.connector(t, func(o *scimapp.Options) { o.Profile = p })
	a := account("zofia")
	if _, _, err := c.Ensure(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	m.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.URL.Path == "/Users/u1" {
			m.users[0]["active"] = false
		}
		return false
	}
	a.Name = "zofia.new"
	if _, _, err := c.Ensure(t.Context(), a); err != nil {
		t.Log(err)
	}
	if m.users[0]["active"] != false {
		t.Errorf("the suspension is undone by %q", m.writes())
	}
}

// TestNormalised: a server that makes another account of what it is given has none of it in the end.
func TestNormalised(t *testing.T) {
	m := newMinimal(t)
	m.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.URL.Path == "/Users/u1" && len(m.users) > 0 {
			m.users[0]["userName"] = "Zofia"
		}
		return false
	}
	_, changed, err := m.connector(t).Ensure(t.Context(), account("zofia"))
	if connector.KindOf(err) != connector.Rejected || changed || !strings.Contains(err.Error(), "userName") || len(m.users) > 0 {
		t.Errorf("got changed=%t, %v, and users %v", changed, err, m.users)
	}
	folds := scimapp.Generic()
	folds.Name, folds.FoldsNames = "folds", true
	c := m.connector(t, func(o *scimapp.Options) { o.Profile = folds })
	for i, want := range []bool{true, false} {
		if _, changed, err := c.Ensure(t.Context(), account("zofia")); err != nil || changed != want {
			t.Errorf("call %d on a server that folds: changed=%t, %v", i, changed, err)
		}
	}
}
