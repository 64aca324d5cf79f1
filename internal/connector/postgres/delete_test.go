package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// TestDeleteHandsOver: what a person owned in any database is the heir's afterwards, with all that is in it, and what the person could do to
// others' things nobody can do any more.
func TestDeleteHandsOver(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("author")
	w.ensure(c, a)
	w.own(a.Name)
	w.exec(`CREATE DATABASE "of the author" OWNER author`)
	for _, conn := range []string{"postgres", otherDatabase} {
		if _, err := w.server.Connect(t, conn).Exec(t.Context(), `ALTER TABLE "author-owned" ADD COLUMN note text; INSERT INTO "author-owned" VALUES ('precious')`); err != nil {
			t.Fatal(err)
		}
	}
	w.deleteFails(c, a, connector.DeleteOptions{}, connector.Rejected, `"the \"other\" database"`)
	w.deleteFails(c, a, connector.DeleteOptions{ReassignTo: "author"}, connector.Rejected, "other role")
	for _, powerful := range []string{"postgres", "has_createrole", "scim", "break glass"} {
		w.deleteFails(c, a, connector.DeleteOptions{ReassignTo: powerful}, connector.Protected, powerful)
	}
	if changed, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{ReassignTo: heir}); err != nil || !changed {
		t.Fatalf("changed=%t, %v", changed, err)
	}
	for _, database := range []string{"postgres", otherDatabase} {
		var note, owner, readers string
		err := w.server.Connect(t, database).QueryRow(t.Context(), `SELECT (SELECT note FROM "author-owned"), pg_get_userbyid(relowner)::text,
			(SELECT string_agg(pg_get_userbyid(acl.grantee), ' ') FROM pg_class, LATERAL (SELECT DISTINCT grantee FROM aclexplode(relacl)) acl
				WHERE relname = 'author-readable') FROM pg_class WHERE relname = 'author-owned'`).Scan(&note, &owner, &readers)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"precious", heir, heir}, []string{note, owner, readers}); diff != "" {
			t.Errorf("in %s (-want +got):\n%s", database, diff)
		}
	}
}

// deleteFails runs Delete, which must fail before it changes anything.
func (w *world) deleteFails(c connector.Connector, a connector.Account, options connector.DeleteOptions, kind connector.Kind, says string) {
	w.Helper()
	before := truth(w)(w)
	_, err := c.Delete(w.Context(), a.Owner, options)
	w.wantError(err, kind, says)
	w.unchanged(before)
}

// TestDeleteTakesRights: a person who owns nothing and was given rights to single things is deleted without an heir.
func TestDeleteTakesRights(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("reader of single tables")
	w.ensure(c, a)
	for _, database := range []string{"postgres", otherDatabase} {
		conn := w.server.Connect(t, database)
		w.execOn(conn, `CREATE TABLE single (); ALTER TABLE single OWNER TO heir; GRANT SELECT ON single TO %s`, a.Name)
	}
	if changed, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{}); err != nil || !changed {
		t.Errorf("changed=%t, %v", changed, err)
	}
}

// TestDeleteStops where the connector may not go, with the person suspended and the place in the error; and it goes on when it may.
func TestDeleteStops(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	w.exec(`CREATE DATABASE "shut out"`)
	shut := w.server.Connect(t, "shut out")
	for _, test := range []struct {
		reason, name string
		prepare      func(name string)
		says         string
		remedy       func(name string)
	}{
		{
			"a stranger gave rights to something", "reader of a stranger's",
			func(name string) { w.exec(`CREATE TABLE strangers (); GRANT SELECT ON strangers TO %s`, name) },
			`database "postgres"`,
			func(name string) { w.exec(`REVOKE SELECT ON strangers FROM %s`, name) },
		},
		{
			"a database may not be entered", "reader behind a wall",
			func(name string) {
				w.execOn(shut, `CREATE TABLE inside (); ALTER TABLE inside OWNER TO heir; GRANT SELECT ON inside TO %s`, name)
				w.exec(`REVOKE CONNECT ON DATABASE "shut out" FROM PUBLIC`)
			},
			`database "shut out"`,
			func(string) { w.exec(`GRANT CONNECT ON DATABASE "shut out" TO scim`) },
		},
	} {
		t.Run(test.reason, func(t *testing.T) {
			a := account(test.name)
			w.ensure(c, a)
			test.prepare(a.Name)
			_, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{ReassignTo: heir})
			w.wantError(err, connector.Rejected, test.says)
			if seen, ok := truth(w)(t)[a.Name]; !ok || seen.Active {
				t.Errorf("the account is there: %t, and active: %t", ok, seen.Active)
			}
			test.remedy(a.Name)
			if changed, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{ReassignTo: heir}); err != nil || !changed {
				t.Errorf("after the remedy: changed=%t, %v", changed, err)
			}
		})
	}
}

// TestDeleteLeavesNoRights: the connector is a member of nobody afterwards whom it was no member of before.
func TestDeleteLeavesNoRights(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	memberships := func() string {
		var text string
		err := w.admin.QueryRow(t.Context(), `SELECT string_agg(roleid::regrole::text, ' ' ORDER BY 1) FROM pg_auth_members WHERE member = 'scim'::regrole`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := memberships()
	for i := range 3 {
		a := account(fmt.Sprintf("passing %d", i))
		w.ensure(c, a)
		w.own(a.Name)
		if _, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{ReassignTo: heir}); err != nil {
			t.Fatal(err)
		}
	}
	if after := memberships(); before != after {
		t.Errorf("the connector was a member of %s and is of %s", before, after)
	}
}
