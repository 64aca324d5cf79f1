package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// role is a row of the catalogue.
type role struct {
	oid   uint32
	name  string
	login bool
	// powers are the attributes that make a role one that is not touched.
	powers []string
	roles  []string
	mark   mark
	own    string // what somebody else wrote into the comment
	broken bool   // the comment begins like a mark and is none
	why    string // it is not to be touched for this reason
}

const selectRoles = `SELECT r.oid, r.rolname::text, r.rolcanlogin,
	array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
		CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END,
		CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL),
	ARRAY(SELECT DISTINCT g.rolname::text COLLATE "C" FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1),
	coalesce(d.description, '')
	FROM pg_roles r LEFT JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass `

func (s *session) roles(ctx context.Context, where string, args ...any) ([]role, error) {
	rows, err := s.tx.Query(ctx, selectRoles+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (role, error) {
		var r role
		var comment string
		if err := row.Scan(&r.oid, &r.name, &r.login, &r.powers, &r.roles, &comment); err != nil {
			return role{}, err
		}
		r.mark, r.own, r.broken = parseMark(comment)
		r.why = s.protection(r.name, r.powers)
		return r, nil
	})
}

// find returns the owner's accounts, of which there should be one at most, and the role of that name, whoever's it is.
func (s *session) find(ctx context.Context, owner connector.Owner, name string) (mine []role, named *role, err error) {
	found, err := s.roles(ctx, `WHERE starts_with(d.description, $1) OR r.rolname = $2 ORDER BY r.oid`, ownerPrefix(owner), name)
	if err != nil {
		return nil, nil, err
	}
	for i := range found {
		if found[i].mark.owner() == owner {
			mine = append(mine, found[i])
		}
		if found[i].name == name {
			named = &found[i]
		}
	}
	return mine, named, nil
}

// observed is the role as the contract describes an account.
func (r role) observed() connector.Observed {
	return connector.Observed{
		ID:        strconv.FormatUint(uint64(r.oid), 10),
		Name:      r.name,
		Owner:     r.mark.owner(),
		Active:    r.login,
		Roles:     r.roles,
		Protected: r.why != "",
	}
}

// Observe returns the owner's account or, when it has none, the role of that name.
func (c *Connector) Observe(ctx context.Context, owner connector.Owner, name string) (connector.Observed, error) {
	const op = "observe"
	if err := checkOwner(op, owner); err != nil {
		return connector.Observed{}, err
	}
	var found connector.Observed
	err := c.inTx(ctx, op, connector.Owner{}, func(ctx context.Context, s *session) error {
		wanted, nameErr := roleName(op, name, s.limits)
		mine, named, err := s.find(ctx, owner, wanted)
		switch {
		case err != nil:
			return err
		case len(mine) > 1:
			return s.twice(mine)
		case len(mine) == 1:
			found = mine[0].observed()
		case named != nil && nameErr == nil:
			found = named.observed()
		default:
			return connector.Errorf(connector.NotFound, op, "the owner has no account, and there is no role of that name")
		}
		return nil
	})
	return found, err
}

// twice is the error for an owner with more than one account.
func (s *session) twice(mine []role) error {
	return connector.Errorf(connector.Conflict, s.op, "the roles %q and %q bear the mark of the same person: remove the comment of one of them",
		mine[0].name, mine[1].name)
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// List returns the roles that can sign in and those that bear a mark, in the order of their object ids, which do not change.
func (c *Connector) List(ctx context.Context, cursor string, limit int) (connector.Page, error) {
	const op = "list"
	if limit < 1 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	after, err := strconv.ParseUint("0"+cursor, 10, 32)
	if err != nil {
		return connector.Page{}, connector.Errorf(connector.Rejected, op, "the cursor is not one that List returned")
	}
	var page connector.Page
	err = c.inTx(ctx, op, connector.Owner{}, func(ctx context.Context, s *session) error {
		found, err := s.roles(ctx, `WHERE r.oid > $1::text::oid AND (r.rolcanlogin OR starts_with(d.description, $2)) ORDER BY r.oid LIMIT $3`,
			strconv.FormatUint(after, 10), markPrefix, limit+1)
		if err != nil {
			return err
		}
		page.Complete = len(found) <= limit
		if !page.Complete {
			found = found[:limit]
			page.Next = strconv.FormatUint(uint64(found[limit-1].oid), 10)
		}
		for _, r := range found {
			page.Accounts = append(page.Accounts, r.observed())
		}
		return nil
	})
	if err != nil {
		return connector.Page{}, err
	}
	return page, nil
}
