package postgres_test

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
	"github.com/scim-operator/scim-operator/internal/connector/postgres"
	server "github.com/scim-operator/scim-operator/test/postgres"
)

// TestContract runs the contract of all connectors against a real server, as a role that is no superuser.
func TestContract(t *testing.T) {
	w := newWorld(t)
	connectortest.Run(t, connectortest.Target{
		New:     func(testing.TB) connector.Connector { return w.connector() },
		Truth:   truth(w),
		Foreign: func(_ testing.TB, name string, roles ...string) { w.foreign(name, roles...) },
		Grant:   func(_ testing.TB, name, role string) { w.exec(`GRANT %s TO %s`, role, name) },
		Take:    func(_ testing.TB, name, role string) { w.exec(`REVOKE %s FROM %s`+granted(w), role, name) },
		Roles:   groups,
		Protected: []string{
			"postgres", connectorRole, "break glass", "not here yet", "pg_monitor", "pg_nobody_yet",
			"has_superuser", "has_createrole", "has_createdb", "has_replication", "has_bypassrls",
		},
		Attributes: []map[string][]string{{"scramVerifier": {scram(t, "one")}}, {"scramVerifier": {scram(t, "two")}}},
		Unreachable: func(t testing.TB) connector.Connector {
			port := closedPort(t)
			return w.connector(func(o *postgres.Options) { o.Port = port })
		},
		Cut: func(_ testing.TB, exchange int64, answered bool) (connector.Connector, func() bool) {
			cutter := server.Cutter(exchange, answered)
			return w.connector(func(o *postgres.Options) { o.Dial = cutter.Dial }), cutter.Fired
		},
		Own:  func(_ testing.TB, name string) { w.own(name) },
		Heir: heir,
	})
}

// granted is what PostgreSQL 16 and later have to be told to take a role that the connector gave.
func granted(w *world) string {
	var version int
	if err := w.admin.QueryRow(w.Context(), `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		w.Fatal(err)
	}
	if version < 160000 {
		return ""
	}
	return " GRANTED BY " + connectorRole
}

// truth reads what superusers see, with the number of the transaction that wrote each row.
func truth(w *world) func(testing.TB) map[string]connectortest.Seen {
	const query = `SELECT r.rolname::text, r.rolcanlogin,
		ARRAY(SELECT DISTINCT g.rolname::text COLLATE "C" FROM pg_auth_members m JOIN pg_authid g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1),
		concat_ws(' ', r, r.xmin, d.description, d.xmin, ARRAY(SELECT concat(m, m.xmin) FROM pg_auth_members m WHERE m.member = r.oid ORDER BY m.roleid, m.grantor))
		FROM pg_authid r LEFT JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
		WHERE r.rolname <> $1`
	return func(t testing.TB) map[string]connectortest.Seen {
		t.Helper()
		// The connector's own role is left out: on PostgreSQL 16 and later it becomes a member of each role that it makes.
		rows, err := w.admin.Query(t.Context(), query, connectorRole)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]connectortest.Seen{}
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			var name string
			var seen connectortest.Seen
			err := row.Scan(&name, &seen.Active, &seen.Roles, &seen.State)
			all[name] = seen
			return name, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
}

func closedPort(t testing.TB) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}
