package postgres

import (
	"slices"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// statement is a format of PostgreSQL's function format, which quotes the arguments: %I as a name, %L as a text.
type statement struct {
	format string
	args   []string
}

// wanted is an account as it should be, checked.
type wanted struct {
	connector.Account
	name           string // the role's, which differs from Account.Name where that is too long
	verifier, salt string
}

// roles returns those that the account should have, and those that should go unless somebody else gave them. None is in both.
func (w wanted) roles() (have, revoke []string) {
	have = sorted(w.Roles)
	for _, name := range sorted(w.Revoke) {
		if !slices.Contains(have, name) {
			revoke = append(revoke, name)
		}
	}
	return have, revoke
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// base decides which role the account is: the owner's, or one that is adopted, or none yet. It returns leave when the role is to be left as
// it is.
func base(op string, w wanted, mine []role, named *role) (is *role, leave bool, err error) {
	switch {
	case len(mine) == 1 && mine[0].why != "":
		return nil, false, connector.Errorf(connector.Protected, op, "the owner's role %q is not touched: %s", mine[0].name, mine[0].why)
	case len(mine) == 1 && named != nil && named.oid != mine[0].oid:
		return nil, false, connector.Errorf(connector.Conflict, op, "the role %q cannot be renamed to %q, which is there already", mine[0].name, w.name)
	case len(mine) == 1:
		return &mine[0], false, nil
	case named == nil:
		return nil, false, nil
	case named.why != "":
		return nil, false, connector.Errorf(connector.Protected, op, "the role %q is not touched: %s", named.name, named.why)
	case named.broken:
		return nil, false, connector.Errorf(connector.Conflict, op, "the comment of role %q begins like a mark and cannot be read: correct or remove it", named.name)
	case !named.mark.owner().IsZero():
		return nil, false, connector.Errorf(connector.Conflict, op, "the role %q is the account of somebody else", named.name)
	case w.Existing == connector.Ignore:
		return named, true, nil
	case w.Existing != connector.Adopt:
		return nil, false, connector.Errorf(connector.Conflict, op, "there is a role %q already: adopt or ignore it, or map the name to another one", named.name)
	case !named.login:
		return nil, false, connector.Errorf(connector.Conflict, op,
			"the role %q is not adopted, because it cannot sign in: it is a group, or somebody took it out of use", named.name)
	}
	return named, false, nil
}

// plan returns the statements that make the role what it should be, and nothing when it is. The role is nil when there is none yet. Rights
// are taken before others are given.
func plan(w wanted, is *role) []statement {
	var steps []statement
	do := func(format string, args ...string) { steps = append(steps, statement{format, args}) }
	if is == nil {
		do(`CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT LOGIN`, w.name)
		is = &role{name: w.name, login: true}
	}
	if is.name != w.name {
		do(`ALTER ROLE %I RENAME TO %I`, is.name, w.name)
	}
	if is.login && !w.Active {
		do(`ALTER ROLE %I NOLOGIN`, w.name)
	}
	next := mark{App: w.Owner.App, Person: w.Owner.Person, Salt: w.salt}
	have, revoke := w.roles()
	for _, name := range is.mark.Roles {
		switch held := slices.Contains(is.roles, name); {
		case held && slices.Contains(revoke, name):
			do(`REVOKE %I FROM %I`, name, w.name)
		case held:
			next.Roles = append(next.Roles, name)
		}
	}
	for _, name := range missing(have, is) {
		do(`GRANT %I TO %I`, name, w.name)
		next.Roles = append(next.Roles, name)
	}
	slices.Sort(next.Roles)
	switch {
	case next.Salt == is.mark.Salt:
	case w.verifier == "":
		do(`ALTER ROLE %I PASSWORD NULL`, w.name)
	default:
		do(`ALTER ROLE %I PASSWORD %L`, w.name, w.verifier)
	}
	if before := is.mark.comment(is.own); before != next.comment(is.own) {
		do(`COMMENT ON ROLE %I IS %L`, w.name, next.comment(is.own))
	}
	if !is.login && w.Active {
		do(`ALTER ROLE %I LOGIN`, w.name)
	}
	return steps
}

// missing are the roles that the account should have and has not.
func missing(have []string, is *role) []string {
	return slices.DeleteFunc(slices.Clone(have), func(name string) bool { return is != nil && slices.Contains(is.roles, name) })
}
