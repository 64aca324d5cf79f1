package postgres_test

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/postgres"
	server "github.com/scim-operator/scim-operator/test/postgres"
)

const (
	// connectorRole is who the connector is: no superuser.
	connectorRole     = "scim"
	connectorPassword = "password of the connector"
	heir              = "heir"
	otherDatabase     = `the "other" database`
)

// running is the server of this package. TestMain can hand it to tests by a variable only.
var running atomic.Pointer[server.Server]

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	s, err := server.Start(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Stop()
	running.Store(s)
	if err := prepare(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// groups are roles that may be given. Their names have to be quoted.
var groups = []string{`Readers`, `writers "of" it`, `on-call; --`, "równość"}

// prepare gives the connector the rights that its documentation asks for, and no others.
func prepare(s *server.Server) error {
	admin, err := connect(s)
	if err != nil {
		return err
	}
	defer admin.Close(context.Background())
	statements := []string{
		`CREATE DATABASE ` + quote(otherDatabase),
		`CREATE ROLE scim LOGIN CREATEROLE PASSWORD '` + connectorPassword + `'`,
		`GRANT pg_signal_backend TO scim`,
		`CREATE ROLE heir`, `GRANT heir TO scim`,
		`CREATE ROLE "break glass" LOGIN`,
	}
	for _, group := range groups {
		statements = append(statements, `CREATE ROLE `+quote(group))
	}
	for _, attribute := range []string{"SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"} {
		statements = append(statements, fmt.Sprintf("CREATE ROLE has_%s LOGIN %s", strings.ToLower(attribute), attribute))
	}
	for _, statement := range statements {
		if _, err := admin.Exec(context.Background(), statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	for _, name := range append(groups[:len(groups):len(groups)], `break glass`) {
		if err := administer(context.Background(), admin, name); err != nil {
			return err
		}
	}
	return nil
}

// administer lets the connector give and change a role. Up to PostgreSQL 15 it may anyway.
func administer(ctx context.Context, admin *pgx.Conn, name string) error {
	var version int
	if err := admin.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil || version < 160000 {
		return err
	}
	_, err := admin.Exec(ctx, `GRANT `+quote(name)+` TO scim WITH ADMIN OPTION, INHERIT FALSE, SET FALSE`)
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func connect(s *server.Server) (*pgx.Conn, error) {
	return s.AsSuperuser(context.Background(), "postgres")
}

// world is what a test has: the server, and a superuser's connection to it.
type world struct {
	testing.TB
	server *server.Server
	admin  *pgx.Conn
	// other is the superuser's connection to otherDatabase.
	other *pgx.Conn
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s := running.Load()
	return &world{t, s, s.Connect(t, "postgres"), s.Connect(t, otherDatabase)}
}

// exec runs a statement as the superuser; %s stands for a name.
func (w *world) exec(format string, names ...string) {
	w.Helper()
	w.execOn(w.admin, format, names...)
}

func (w *world) execOn(conn *pgx.Conn, format string, names ...string) {
	w.Helper()
	quoted := make([]any, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	if _, err := conn.Exec(w.Context(), fmt.Sprintf(format, quoted...)); err != nil {
		w.Fatalf("%s: %v", format, err)
	}
}

func (w *world) options() postgres.Options {
	return postgres.Options{
		Host: w.server.Host, Port: w.server.Port, User: connectorRole, Password: connectorPassword, SSLMode: postgres.Disable,
		Protected: []string{"break glass", "not here yet"},
	}
}

// connector makes one with the usual options, but for some.
func (w *world) connector(change ...func(*postgres.Options)) connector.Connector {
	w.Helper()
	options := w.options()
	for _, change := range change {
		change(&options)
	}
	c, err := postgres.New(w.Context(), options)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// closing is a connector that the test's end closes.
func (w *world) closing(change ...func(*postgres.Options)) connector.Connector {
	w.Helper()
	c := w.connector(change...)
	w.Cleanup(c.Close)
	return c
}

func (w *world) ensure(c connector.Connector, account connector.Account) connector.Observed {
	w.Helper()
	observed, _, err := c.Ensure(w.Context(), account)
	if err != nil {
		w.Fatalf("ensure: %v", err)
	}
	return observed
}

// account is an active account of a person of that name.
func account(name string) connector.Account {
	return connector.Account{Owner: connector.Owner{App: "app of package postgres", Person: name}, Name: name, Active: true}
}

// foreign makes a login role that the connector could change.
func (w *world) foreign(name string, roles ...string) {
	w.Helper()
	w.exec(`CREATE ROLE %s LOGIN`, name)
	if err := administer(w.Context(), w.admin, name); err != nil {
		w.Fatal(err)
	}
	for _, role := range roles {
		w.exec(`GRANT %s TO %s`, role, name)
	}
}

// own makes a role own something in two databases, and gives it rights to things that it does not own.
func (w *world) own(name string) {
	w.Helper()
	for _, conn := range []*pgx.Conn{w.admin, w.other} {
		for _, statement := range []string{
			`CREATE TABLE %[2]s ()`, `ALTER TABLE %[2]s OWNER TO %[1]s`,
			`CREATE TABLE %[3]s ()`, `ALTER TABLE %[3]s OWNER TO heir`, `GRANT SELECT ON %[3]s TO %[1]s`,
			`ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s GRANT SELECT ON TABLES TO PUBLIC`,
		} {
			w.execOn(conn, statement+" -- %[1]s %[2]s %[3]s", name, name+"-owned", name+"-readable")
		}
	}
}

func (w *world) comment(name string) string {
	w.Helper()
	var comment string
	err := w.admin.QueryRow(w.Context(), `SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1`, name).Scan(&comment)
	if err != nil {
		w.Fatal(err)
	}
	return comment
}

// scram is the verifier of a password as PostgreSQL stores it, after RFC 5802 and RFC 5803.
func scram(t testing.TB, password string) string {
	t.Helper()
	const iterations = 4096
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	key := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(key("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(stored[:]), encode(key("Server Key")))
}
