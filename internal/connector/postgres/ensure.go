package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Ensure makes the role what it should be, in one transaction. When it should not be active, its sessions are ended after that.
//
// The attribute scramVerifier is a password verifier as PostgreSQL stores it. The connector cannot read the server's, and takes it for
// set when it set one with the same salt. Without the attribute an adopted role keeps its password, and one that the connector made
// has none and signs in by certificate or single sign-on.
func (c *Connector) Ensure(ctx context.Context, account connector.Account) (connector.Observed, bool, error) {
	const op = "ensure"
	w, err := check(op, account)
	if err != nil {
		return connector.Observed{}, false, err
	}
	var result role
	var changed bool
	err = c.inTx(ctx, op, account.Owner, func(ctx context.Context, s *session) error {
		var err error
		result, changed, err = s.ensure(ctx, w)
		return err
	})
	if err != nil {
		return connector.Observed{}, false, err
	}
	if result.oid == 0 {
		return connector.Observed{}, false, nil
	}
	if !account.Active && result.mark.owner() == account.Owner {
		ended, err := c.endSessions(ctx, op, []uint32{result.oid})
		if err != nil {
			return connector.Observed{}, false, err
		}
		changed = changed || ended
	}
	return result.observed(), changed, nil
}

// check does what can be done without the server.
func check(op string, account connector.Account) (wanted, error) {
	w := wanted{Account: account}
	if err := checkOwner(op, account.Owner); err != nil {
		return w, err
	}
	for _, names := range [][]string{account.Roles, account.Revoke} {
		if err := checkRoleNames(op, names); err != nil {
			return w, err
		}
	}
	var err error
	w.verifier, w.salt, err = password(op, account.Attributes)
	return w, err
}

func (s *session) ensure(ctx context.Context, w wanted) (result role, changed bool, err error) {
	w.name, err = roleName(s.op, w.Name, s.limits)
	if err != nil {
		return role{}, false, err
	}
	if why := s.protection(w.name, nil); why != "" {
		return role{}, false, connector.Errorf(connector.Protected, s.op, "the name %q is not given to anybody: %s", w.name, why)
	}
	mine, named, err := s.find(ctx, w.Owner, w.name)
	if err != nil {
		return role{}, false, err
	}
	if len(mine) > 1 {
		return role{}, false, s.twice(mine)
	}
	is, leave, err := base(s.op, w, mine, named)
	switch {
	case err != nil:
		return role{}, false, err
	case leave:
		return *is, false, nil
	case is == nil && !w.Active:
		return role{}, false, nil
	}
	if err := s.checkPowers(ctx, w, is); err != nil {
		return role{}, false, err
	}
	steps := plan(w, is)
	if len(steps) == 0 {
		return *is, false, nil
	}
	if err := s.do(ctx, steps...); err != nil {
		return role{}, false, err
	}
	mine, _, err = s.find(ctx, w.Owner, w.name)
	if err != nil {
		return role{}, false, err
	}
	if len(mine) != 1 || mine[0].name != w.name {
		return role{}, false, connector.Errorf(connector.Rejected, s.op, "the server does not show the role %q that it was told to keep", w.name)
	}
	return mine[0], true, nil
}

// do has the server quote each statement, and runs it.
func (s *session) do(ctx context.Context, steps ...statement) error {
	for _, step := range steps {
		var text string
		if err := s.tx.QueryRow(ctx, `SELECT format($1, VARIADIC $2::text[])`, step.format, step.args).Scan(&text); err != nil {
			return err
		}
		if _, err := s.tx.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// reach is what a role leads to, by itself and by the roles that it is a member of.
type reach struct {
	name    string
	account bool // it is somebody's account
	// powers are attributes, and names of roles that nobody is led to.
	powers []string
}

// checkPowers refuses to give a role that does not exist or leads too far, and to adopt a role that does.
func (s *session) checkPowers(ctx context.Context, w wanted, is *role) error {
	have, _ := w.roles()
	names := missing(have, is)
	adopting := is != nil && is.mark.owner().IsZero()
	if adopting {
		names = append(names, is.name)
	}
	if len(names) == 0 {
		return nil
	}
	found, err := s.reach(ctx, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		r, ok := found[name]
		switch {
		case !ok:
			return connector.Errorf(connector.Rejected, s.op, "there is no role %q to give: create it, or correct the role mapping", name)
		case s.protection(name, r.powers) != "":
			return connector.Errorf(connector.Protected, s.op, "the role %q is neither given nor adopted: %s", name, s.protection(name, r.powers))
		case r.account:
			return connector.Errorf(connector.Protected, s.op, "the role %q is not given, because it is a person's account", name)
		}
	}
	return nil
}

// serverPowers are PostgreSQL's own roles that let people do what the server's operating system user may do, as superusers can.
var serverPowers = []string{"pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"}

func (s *session) reach(ctx context.Context, names []string) (map[string]reach, error) {
	const query = `WITH RECURSIVE up(name, oid) AS (
			SELECT rolname, oid FROM pg_roles WHERE rolname = ANY($1::text[])
			UNION SELECT up.name, m.roleid FROM up JOIN pg_auth_members m ON m.member = up.oid)
		SELECT up.name::text,
			coalesce(bool_or(r.rolname = up.name AND starts_with(shobj_description(r.oid, 'pg_authid'), $2)), false),
			coalesce(array_agg(DISTINCT CASE
				WHEN r.rolsuper THEN 'SUPERUSER' WHEN r.rolcreaterole THEN 'CREATEROLE' WHEN r.rolcreatedb THEN 'CREATEDB'
				WHEN r.rolreplication THEN 'REPLICATION' WHEN r.rolbypassrls THEN 'BYPASSRLS' ELSE r.rolname::text END)
				FILTER (WHERE r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
					OR r.rolname = ANY($3::text[])), '{}')
		FROM up JOIN pg_roles r ON r.oid = up.oid GROUP BY up.name`
	ends := slices.Concat(serverPowers, s.self, s.options.Protected)
	rows, err := s.tx.Query(ctx, query, names, markPrefix, ends)
	if err != nil {
		return nil, err
	}
	found := map[string]reach{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (reach, error) {
		var r reach
		err := row.Scan(&r.name, &r.account, &r.powers)
		found[r.name] = r
		return r, err
	})
	return found, err
}
