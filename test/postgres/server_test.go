package postgres_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scim-operator/scim-operator/test/cut"
	"github.com/scim-operator/scim-operator/test/postgres"
)

// TestServer: it answers, it wants a password, and nothing of it is left when it was stopped.
func TestServer(t *testing.T) {
	temporary := t.TempDir()
	if err := os.Chmod(filepath.Dir(temporary), 0o755); err != nil { // The server does not run as root, and root's folders are closed.
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temporary)
	server, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	var version string
	if err := server.Connect(t, "postgres").QueryRow(t.Context(), "SHOW server_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	t.Log("PostgreSQL", version)
	if _, err := server.As(t.Context(), postgres.Superuser, "a guess", "postgres"); err == nil {
		t.Error("the server takes any password")
	}
	if !strings.Contains(server.Log(), "SHOW server_version") {
		t.Error("the server's log has no statements, so that no test can look for secrets in it")
	}
	server.Stop()
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("stopping leaves %v behind, %v", left, err)
	}
}

// TestCutter: a query that is lost has no effect, and one whose answer is lost has.
func TestCutter(t *testing.T) {
	server, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	admin := server.Connect(t, "postgres")
	if _, err := admin.Exec(t.Context(), "CREATE TABLE notes (note int)"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason   string
		cutter   *cut.Cutter
		notes    int
		answered int
	}{
		{"no query is cut", postgres.Cutter(10, false), 3, 3},
		{"the second query is lost", postgres.Cutter(2, false), 1, 1},
		{"the answer to the second query is lost", postgres.Cutter(2, true), 2, 1},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if _, err := admin.Exec(t.Context(), "TRUNCATE notes"); err != nil {
				t.Fatal(err)
			}
			config := admin.Config().Copy()
			config.DialFunc = c.cutter.Dial
			conn, err := pgx.ConnectConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			answered := 0
			for answered < 3 {
				if _, err := conn.Exec(t.Context(), "INSERT INTO notes VALUES ($1)", answered); err != nil {
					break
				}
				answered++
			}
			var notes int
			if err := admin.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&notes); err != nil {
				t.Fatal(err)
			}
			if notes != c.notes || answered != c.answered || c.cutter.Fired() != (c.answered < 3) {
				t.Errorf("got %d notes and %d answers, want %d and %d", notes, answered, c.notes, c.answered)
			}
		})
	}
}
