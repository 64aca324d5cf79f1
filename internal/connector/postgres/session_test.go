package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/postgres"
)

// TestSuspendEndsSessions: whoever is suspended loses the sessions there are, in whatever database, cannot begin others, and can again when
// resumed.
func TestSuspendEndsSessions(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("with sessions")
	const password = "a person's password"
	a.Attributes = map[string][]string{"scramVerifier": {scram(t, password)}}
	for what, suspend := range map[string]func() (bool, error){
		"Suspend": func() (bool, error) { return c.Suspend(t.Context(), a.Owner) },
		"Ensure": func() (bool, error) {
			inactive := a
			inactive.Active = false
			_, changed, err := c.Ensure(t.Context(), inactive)
			return changed, err
		},
	} {
		t.Run(what, func(t *testing.T) {
			w.ensure(c, a)
			here, there := w.signIn(a.Name, password, "postgres"), w.signIn(a.Name, password, otherDatabase)
			if changed, err := suspend(); err != nil || !changed {
				t.Fatalf("changed=%t, %v", changed, err)
			}
			if conn, err := w.server.As(t.Context(), a.Name, password, "postgres"); err == nil {
				_ = conn.Close(t.Context())
				t.Error("the suspended person can sign in")
			}
			if here.Ping(t.Context()) == nil || there.Ping(t.Context()) == nil || w.sessions(a.Name) > 0 {
				t.Error("a session goes on")
			}
		})
	}
}

// TestSuspendAgainEndsSessions: when a call could take LOGIN and was cut before it could end the sessions, the next one ends them, and says
// that it had something to do.
func TestSuspendAgainEndsSessions(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("with a session left")
	a.Attributes = map[string][]string{"scramVerifier": {scram(t, "password")}}
	w.ensure(c, a)
	conn := w.signIn(a.Name, "password", "postgres")
	w.exec(`ALTER ROLE %s NOLOGIN`, a.Name)
	for call, want := range []bool{true, false} {
		if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || changed != want {
			t.Errorf("call %d: changed=%t, %v; want %t", call+1, changed, err, want)
		}
	}
	if conn.Ping(t.Context()) == nil {
		t.Error("the session goes on")
	}
}

// TestSuspendTwoOfOne: when somebody copied a mark, both roles are taken out of use, and nothing else is done to them.
func TestSuspendTwoOfOne(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("original")
	w.ensure(c, a)
	w.foreign("copy")
	w.exec(`COMMENT ON ROLE %s IS '`+w.comment("original")+`'`, "copy")
	_, _, err := c.Ensure(t.Context(), a)
	if got := connector.KindOf(err); got != connector.Conflict {
		t.Errorf("ensure: got %v, want a Conflict", err)
	}
	_, err = c.Delete(t.Context(), a.Owner, connector.DeleteOptions{})
	if got := connector.KindOf(err); got != connector.Conflict {
		t.Errorf("delete: got %v, want a Conflict", err)
	}
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Fatalf("suspend: changed=%t, %v", changed, err)
	}
	for _, name := range []string{"original", "copy"} {
		if truth(w)(t)[name].Active {
			t.Errorf("%s can sign in", name)
		}
	}
}

// TestVerifier: a password is a SCRAM verifier, which is set, replaced and taken away; one that the connector did not set stays.
func TestVerifier(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("with a verifier")
	signsIn := func(name, password string, want bool) {
		t.Helper()
		conn, err := w.server.As(t.Context(), name, password, "postgres")
		if err == nil {
			_ = conn.Close(t.Context())
		}
		if (err == nil) != want {
			t.Errorf("%s signs in with %q: %v, want %t", name, password, err, want)
		}
	}
	w.ensure(c, a)
	signsIn(a.Name, "", false)
	a.Attributes = map[string][]string{"scramVerifier": {scram(t, "first")}}
	w.ensure(c, a)
	signsIn(a.Name, "first", true)
	a.Attributes = map[string][]string{"scramVerifier": {scram(t, "second")}}
	w.ensure(c, a)
	signsIn(a.Name, "first", false)
	signsIn(a.Name, "second", true)
	a.Attributes = nil
	w.ensure(c, a)
	signsIn(a.Name, "second", false)

	adopted := account("with a password of its own")
	adopted.Existing = connector.Adopt
	w.foreign(adopted.Name)
	w.exec(`ALTER ROLE %s PASSWORD 'own'`, adopted.Name)
	w.ensure(c, adopted)
	signsIn(adopted.Name, "own", true)
}

// TestLongNames: with the option a long name is cut and hashed, the same each time, and others that begin alike get other names.
func TestLongNames(t *testing.T) {
	w := newWorld(t)
	c := w.closing(func(o *postgres.Options) { o.LongNames = postgres.HashLong })
	names := map[string]bool{}
	for _, last := range []string{"a", "b"} {
		a := account("a name that goes on and on until it has more than sixty-three bytes, é" + last)
		got := w.ensure(c, a)
		names[got.Name] = true
		if len(got.Name) > 63 || !truth(w)(t)[got.Name].Active {
			t.Errorf("the server has no role %q of at most 63 bytes", got.Name)
		}
		if _, changed, err := c.Ensure(t.Context(), a); err != nil || changed {
			t.Errorf("again: changed=%t, %v", changed, err)
		}
		other := a
		other.Owner.Person += " namesake"
		if found, err := c.Observe(t.Context(), other.Owner, a.Name); err != nil || found.Owner != a.Owner {
			t.Errorf("observed by the long name: %+v, %v", found, err)
		}
	}
	if len(names) != 2 {
		t.Errorf("two people share a role: %v", names)
	}
}

// signIn begins a session that the test's end ends.
func (w *world) signIn(name, password, database string) *pgx.Conn {
	w.Helper()
	conn, err := w.server.As(w.Context(), name, password, database)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (w *world) sessions(name string) (sessions int) {
	w.Helper()
	if err := w.admin.QueryRow(w.Context(), `SELECT count(*) FROM pg_stat_activity WHERE usename = $1`, name).Scan(&sessions); err != nil {
		w.Fatal(err)
	}
	return sessions
}
