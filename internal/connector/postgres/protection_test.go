package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
	"github.com/scim-operator/scim-operator/internal/connector/postgres"
)

// fails runs Ensure, which must fail with that kind, say what, and leave everything as it is.
func (w *world) fails(c connector.Connector, a connector.Account, kind connector.Kind, says string) {
	w.Helper()
	before := truth(w)(w)
	_, _, err := c.Ensure(w.Context(), a)
	w.wantError(err, kind, says)
	w.unchanged(before)
}

func (w *world) wantError(err error, kind connector.Kind, says string) {
	w.Helper()
	if connector.KindOf(err) != kind || err == nil || !strings.Contains(err.Error(), says) {
		w.Errorf("got %s error %v, want a %s one that says %q", connector.KindOf(err), err, kind, says)
	}
}

func (w *world) unchanged(before map[string]connectortest.Seen) {
	w.Helper()
	if diff := cmp.Diff(before, truth(w)(w)); diff != "" {
		w.Errorf("the server was changed (-before +after):\n%s", diff)
	}
}

// TestRolesThatAreNotGiven: no role leads to more than it seems to, at whatever distance.
func TestRolesThatAreNotGiven(t *testing.T) {
	w := newWorld(t)
	// This connector could: it is a superuser.
	c := w.closing(func(o *postgres.Options) { o.User, o.Password = "postgres", w.server.Password() })
	for _, statement := range []string{
		`CREATE ROLE near_superuser IN ROLE has_superuser`, `CREATE ROLE far_superuser IN ROLE near_superuser`,
		`CREATE ROLE near_connector IN ROLE scim`,
		`CREATE ROLE near_protected IN ROLE "break glass"`,
		`CREATE ROLE runs_programs IN ROLE pg_execute_server_program`,
		`CREATE ROLE reads_files IN ROLE pg_read_server_files`,
	} {
		w.exec(statement)
	}
	person := account("somebody whose account is a role too")
	w.ensure(c, person)
	member := account("member")
	w.ensure(c, member)
	for _, role := range []string{
		"has_superuser", "has_createrole", "has_createdb", "has_replication", "has_bypassrls", "near_superuser", "far_superuser",
		"scim", "near_connector", "break glass", "near_protected", "pg_monitor", "pg_read_all_data", "runs_programs", "reads_files", person.Name,
	} {
		t.Run(role, func(t *testing.T) {
			a := member
			a.Roles = []string{groups[0], role}
			w.fails(c, a, connector.Protected, role)
		})
	}
	t.Run("a role that is a member of itself is the server's to refuse", func(t *testing.T) {
		w.exec(`CREATE ROLE circle`)
		w.exec(`GRANT %s TO circle`, member.Name)
		a := member
		a.Roles = []string{"circle"}
		w.fails(c, a, connector.Rejected, "member")
	})
	t.Run("a role that can read everything may be given by a role that was made for it", func(t *testing.T) {
		w.exec(`CREATE ROLE read_everything IN ROLE pg_read_all_data`)
		a := member
		a.Roles = []string{"read_everything"}
		w.ensure(c, a)
	})
}

// TestAdoptionIsRefused where an account would become more, or somebody would lose more, than an account.
func TestAdoptionIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	w.exec(`CREATE ROLE "a group"`)
	w.foreign("a dba", "has_superuser")
	w.foreign("with a broken mark")
	w.exec(`COMMENT ON ROLE "with a broken mark" IS 'scim-operator {"app":"a"'`)
	for _, c2 := range []struct {
		name string
		kind connector.Kind
		says string
	}{
		{"a group", connector.Conflict, "a group"},
		{"a dba", connector.Protected, "SUPERUSER"},
		{"with a broken mark", connector.Conflict, "comment"},
	} {
		for _, active := range []bool{true, false} {
			a := account(c2.name)
			a.Existing, a.Active = connector.Adopt, active
			w.fails(c, a, c2.kind, c2.says)
		}
	}
}

// TestCommentIsKept: what somebody wrote about a role stays behind the mark, also when it looks like one or has quotes and lines in it.
func TestCommentIsKept(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	const own = `Ask "Bob" first;` + "\n" + `it''s \his, not scim-operator {"app":"x"}'s`
	a := account("with a comment")
	a.Existing = connector.Adopt
	w.foreign(a.Name)
	w.exec(`COMMENT ON ROLE %s IS '`+strings.ReplaceAll(own, "'", "''")+`'`, a.Name)
	w.ensure(c, a)
	a.Roles = groups[:1]
	w.ensure(c, a)
	mark, kept, _ := strings.Cut(w.comment(a.Name), "\n")
	if want := `scim-operator {"app":"app of package postgres","person":"with a comment","roles":["Readers"]}`; mark != want || kept != own {
		t.Errorf("got mark %s\nand comment %s\nwant %s\nand %s", mark, kept, want, own)
	}
}

// TestAccountThatBecameMore: an account that somebody gave an attribute is not touched any more, neither are its sessions.
func TestAccountThatBecameMore(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("promoted")
	w.ensure(c, a)
	w.exec(`ALTER ROLE promoted CREATEDB`)
	before := truth(w)(t)
	_, err := c.Suspend(t.Context(), a.Owner)
	w.wantError(err, connector.Protected, "CREATEDB")
	_, err = c.Delete(t.Context(), a.Owner, connector.DeleteOptions{})
	w.wantError(err, connector.Protected, "CREATEDB")
	w.unchanged(before)
	w.fails(c, a, connector.Protected, "CREATEDB")
}

// TestAttributesAreNeverGiven: an account has LOGIN and nothing else, also when the connector is a superuser.
func TestAttributesAreNeverGiven(t *testing.T) {
	w := newWorld(t)
	c := w.closing(func(o *postgres.Options) { o.User, o.Password = "postgres", w.server.Password() })
	a := account("plain")
	w.ensure(c, a)
	var attributes string
	err := w.admin.QueryRow(t.Context(), `SELECT concat_ws(' ', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
		rolbypassrls, rolconnlimit, rolpassword IS NULL, rolvaliduntil IS NULL) FROM pg_authid WHERE rolname = 'plain'`).Scan(&attributes)
	if want := "f t f f t f f -1 t t"; err != nil || attributes != want {
		t.Errorf("got %q, %v; want %q", attributes, err, want)
	}
}

// TestRemedies: what a person has to do is in the error.
func TestRemedies(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE ROLE powerless LOGIN PASSWORD 'powerless'`)
	w.exec(`CREATE ROLE cannot_signal LOGIN CREATEROLE PASSWORD 'cannot_signal'`)
	w.fails(w.closing(func(o *postgres.Options) { o.User, o.Password = "powerless", "powerless" }), account("nobody"), connector.Rejected, "CREATEROLE")

	// The connector who cannot end sessions has suspended all the same, and says what it lacks.
	c := w.closing(func(o *postgres.Options) { o.User, o.Password = "cannot_signal", "cannot_signal" })
	a := account("hard to end")
	a.Attributes = map[string][]string{"scramVerifier": {scram(t, "password")}}
	w.ensure(c, a)
	conn, err := w.server.As(t.Context(), a.Name, "password", "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = c.Suspend(t.Context(), a.Owner)
	w.wantError(err, connector.Rejected, "pg_signal_backend")
	if truth(w)(t)[a.Name].Active {
		t.Error("the person can sign in")
	}
}

// TestSearchPathIsOurs: the connector reads the server's catalogue, also where somebody put other things of the same names before it.
func TestSearchPathIsOurs(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE ROLE misled LOGIN CREATEROLE PASSWORD 'misled' IN ROLE pg_signal_backend`)
	w.exec(`CREATE SCHEMA before`)
	w.exec(`GRANT USAGE ON SCHEMA before TO misled`)
	w.exec(`CREATE VIEW before.pg_roles AS SELECT * FROM pg_catalog.pg_roles WHERE false`)
	w.exec(`GRANT SELECT ON before.pg_roles TO misled`)
	w.exec(`CREATE FUNCTION before.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS $$ SELECT 'DROP ROLE "break glass"' $$`)
	w.exec(`ALTER ROLE misled SET search_path = before, pg_catalog`)
	c := w.closing(func(o *postgres.Options) { o.User, o.Password = "misled", "misled" })
	a := account("found all the same")
	for call, want := range []bool{true, false} {
		if _, changed, err := c.Ensure(t.Context(), a); err != nil || changed != want {
			t.Errorf("call %d: changed=%t, %v; want %t", call+1, changed, err, want)
		}
	}
	if !truth(w)(t)[a.Name].Active {
		t.Error("there is no such account")
	}
}
