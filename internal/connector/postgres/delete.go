package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Delete drops the owner's role, after what it owns was given to options.ReassignTo and the rights that it was given on single objects were
// taken from it. PostgreSQL does that for each database apart, so Delete connects to each that has something of the role; these are
// transactions of their own. Before that the role loses LOGIN and its sessions.
//
// Without ReassignTo a role that owns something stays as it is. To hand things over, the connector's role must be a member of
// ReassignTo; for the moment it makes itself a member of the role that is dropped. Rights on things of others can be taken by members of
// their owners only: where the connector's role is none, the role stays, suspended, and the error says in which database.
func (c *Connector) Delete(ctx context.Context, owner connector.Owner, options connector.DeleteOptions) (bool, error) {
	const op = "delete"
	if err := checkOwner(op, owner); err != nil {
		return false, err
	}
	if err := checkRoleNames(op, []string{options.ReassignTo}); options.ReassignTo != "" && err != nil {
		return false, err
	}
	d := &deletion{connector: c, op: op, owner: owner, to: options.ReassignTo}
	if err := c.inTx(ctx, op, owner, d.begin); err != nil {
		return false, err
	}
	if d.role == nil {
		return false, nil
	}
	if _, err := c.endSessions(ctx, op, []uint32{d.role.oid}); err != nil {
		return false, err
	}
	for _, database := range d.databases {
		if err := d.clearDatabase(ctx, database); err != nil {
			return false, err
		}
	}
	if err := c.inTx(ctx, op, owner, d.finish); err != nil {
		return false, err
	}
	return d.role != nil, nil
}

// deletion is one call of Delete.
type deletion struct {
	connector *Connector
	op        string
	owner     connector.Owner
	to        string
	role      *role    // nil when there is none
	databases []string // others than the connector's that have something of the role
}

// find sets the role, or nil when there is none any more.
func (d *deletion) find(ctx context.Context, s *session) error {
	mine, _, err := s.find(ctx, d.owner, "")
	switch {
	case err != nil:
		return err
	case len(mine) == 0:
		d.role = nil
		return nil
	case len(mine) > 1:
		return s.twice(mine)
	case mine[0].why != "":
		return connector.Errorf(connector.Protected, d.op, "the owner's role %q is not touched: %s", mine[0].name, mine[0].why)
	}
	d.role = &mine[0]
	return nil
}

// begin refuses what cannot be done, before anything is changed, and suspends the role.
func (d *deletion) begin(ctx context.Context, s *session) error {
	if err := d.find(ctx, s); err != nil || d.role == nil {
		return err
	}
	if err := d.checkHeir(ctx, s); err != nil {
		return err
	}
	places, err := s.places(ctx, d.role.oid)
	if err != nil {
		return err
	}
	if owned := describe(places); owned != "" && d.to == "" {
		return connector.Errorf(connector.Rejected, d.op, "the role %q owns %s: name a role that takes them over, or remove them", d.role.name, owned)
	}
	for _, p := range places {
		if p.database != "" && !p.here {
			d.databases = append(d.databases, p.database)
		}
	}
	if d.role.login {
		return s.do(ctx, statement{`ALTER ROLE %I NOLOGIN`, []string{d.role.name}})
	}
	return nil
}

// checkHeir sees that the role that takes things over is there, and that functions which run with their owner's rights do not get more
// of them by it.
func (d *deletion) checkHeir(ctx context.Context, s *session) error {
	if d.to == "" {
		return nil
	}
	found, err := s.reach(ctx, []string{d.to})
	if err != nil {
		return err
	}
	heir, ok := found[d.to]
	if !ok || d.to == d.role.name {
		return connector.Errorf(connector.Rejected, d.op, "there is no other role %q to take things over: create it, or name another one", d.to)
	}
	if why := s.protection(d.to, heir.powers); why != "" {
		return connector.Errorf(connector.Protected, d.op, "the role %q does not take things over: %s", d.to, why)
	}
	return nil
}

// clearDatabase takes what the role has in another database.
func (d *deletion) clearDatabase(ctx context.Context, database string) error {
	config, err := d.connector.options.config()
	if err != nil {
		return connector.Errorf(connector.Rejected, d.op, "connect to database %q: %w", database, err)
	}
	config.ConnConfig.Database = database
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return inDatabase(database, failed(d.op, err))
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		s := &session{op: d.op, tx: tx, options: d.connector.options}
		if err := s.prepare(ctx); err != nil {
			return err
		}
		return d.clear(ctx, s)
	})
	// The connection is closed whatever became of the context; what there was to say was said by the transaction.
	_ = conn.Close(context.WithoutCancel(ctx))
	if err != nil {
		return inDatabase(database, failed(d.op, err))
	}
	return nil
}

// inDatabase says where the error happened. What keeps the connector out of one database is not the app's trouble but the account's.
func inDatabase(database string, err error) error {
	typed := new(connector.Error)
	if !errors.As(err, &typed) {
		return err
	}
	kind := typed.Kind
	if kind == connector.Denied {
		kind = connector.Rejected
	}
	return connector.Errorf(kind, typed.Op, "in database %q: %w", database, typed.Err)
}

// clear gives away what the role owns in the session's database and in none, and then takes the rights it was given there. When nothing
// takes things over there is nothing to give away, which begin saw and finish sees again.
func (d *deletion) clear(ctx context.Context, s *session) error {
	places, err := s.places(ctx, d.role.oid)
	if err != nil {
		return err
	}
	here := false
	for _, p := range places {
		here = here || p.here || p.database == ""
		if d.to == "" && p.owned > 0 {
			return connector.Errorf(connector.Rejected, d.op, "the role %q has come to own %s: name a role that takes them over, or remove them",
				d.role.name, describe(places))
		}
	}
	if !here {
		return nil
	}
	name := d.role.name
	steps := []statement{{`GRANT %I TO CURRENT_USER`, []string{name}}}
	if d.to != "" {
		steps = append(steps, statement{`REASSIGN OWNED BY %I TO %I`, []string{name, d.to}})
	}
	return s.do(ctx, append(steps, statement{`DROP OWNED BY %I`, []string{name}}, statement{`REVOKE %I FROM CURRENT_USER`, []string{name}})...)
}

// finish drops the role, unless it was dropped meanwhile.
func (d *deletion) finish(ctx context.Context, s *session) error {
	if err := d.find(ctx, s); err != nil || d.role == nil {
		return err
	}
	if err := d.clear(ctx, s); err != nil {
		return err
	}
	places, err := s.places(ctx, d.role.oid)
	if err != nil {
		return err
	}
	if len(places) > 0 {
		return connector.Errorf(connector.Rejected, d.op, "the role %q still has rights on things in %s, which only their owners and superusers can take: "+
			"revoke them, or make the connector's role a member of the owners", d.role.name, names(places))
	}
	return s.do(ctx, statement{`DROP ROLE %I`, []string{d.role.name}})
}

// place is a database in which a role has something.
type place struct {
	database string // empty for what is in no database, such as databases themselves
	here     bool   // the session is in it
	owned    int    // how many things it owns there
}

func (s *session) places(ctx context.Context, oid uint32) ([]place, error) {
	rows, err := s.tx.Query(ctx, `SELECT coalesce(b.datname::text, ''), coalesce(b.datname = current_database(), false),
			count(*) FILTER (WHERE d.deptype = 'o')
		FROM pg_shdepend d LEFT JOIN pg_database b ON b.oid = d.dbid
		WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = $1::oid AND d.classid <> 'pg_auth_members'::regclass
		GROUP BY b.datname ORDER BY b.datname`, oid)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (place, error) {
		var p place
		err := row.Scan(&p.database, &p.here, &p.owned)
		return p, err
	})
}

// describe says what is owned, or nothing when nothing is.
func describe(places []place) string {
	var parts []string
	for _, p := range places {
		switch {
		case p.owned == 0:
		case p.database == "":
			parts = append(parts, fmt.Sprintf("%d in no database, such as a database itself", p.owned))
		default:
			parts = append(parts, fmt.Sprintf("%d in database %q", p.owned, p.database))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "things, " + strings.Join(parts, ", ")
}

func names(places []place) string {
	parts := make([]string, len(places))
	for i, p := range places {
		parts[i] = fmt.Sprintf("database %q", p.database)
		if p.database == "" {
			parts[i] = "no database, such as databases themselves"
		}
	}
	return strings.Join(parts, ", ")
}
