package scimapp

import (
	"context"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Ensure makes the account what it should be. There is no transaction: what is not active yet becomes so last, what should not be active
// ends first, and everything that can be refused without a write is.
func (c *Connector) Ensure(ctx context.Context, account connector.Account) (connector.Observed, bool, error) {
	const op = "ensure"
	if err := c.check(op, account); err != nil {
		return connector.Observed{}, false, err
	}
	r, err := c.begin(ctx, op)
	if err != nil {
		return connector.Observed{}, false, err
	}
	e := &ensuring{run: r, account: account}
	if err := e.find(ctx); err != nil {
		return connector.Observed{}, false, err
	}
	switch {
	case e.leave:
		have, err := r.memberships(ctx, *e.is)
		if err != nil {
			return connector.Observed{}, false, err
		}
		return r.observed(*e.is, names(have)), false, nil
	case e.is == nil && !account.Active:
		return connector.Observed{}, false, nil
	}
	if err := e.write(ctx); err != nil {
		return connector.Observed{}, false, partly(e.changed, op, err)
	}
	if e.is == nil {
		return connector.Observed{}, e.changed, nil
	}
	observed := r.observed(*e.is, names(e.have))
	observed.Record = e.record()
	return observed, e.changed, nil
}

// check does what can be done without the server.
func (c *Connector) check(op string, account connector.Account) error {
	if err := checkOwner(op, account.Owner); err != nil {
		return err
	}
	switch {
	case account.Name == "":
		return connector.Errorf(connector.Rejected, op, "the account name is empty")
	case !isText(account.Name):
		return connector.Errorf(connector.Rejected, op, "the account name has a control character in it, or is not UTF-8: map the name to one that has none")
	case containsFolded(c.options.Protected, account.Name):
		return connector.Errorf(connector.Protected, op, "the name %q is not given to anybody: it is in the list of protected accounts", account.Name)
	}
	if len(account.Roles) > 0 && c.options.Profile.Members == Never {
		return connector.Errorf(connector.Rejected, op, "profile %s has no groups: take the role mapping away", c.options.Profile.Name)
	}
	for _, name := range account.Roles {
		if name == "" || !isText(name) {
			return connector.Errorf(connector.Rejected, op, "there can be no group %q: correct the role mapping", name)
		}
		if containsFolded(c.options.ProtectedGroups, name) {
			return connector.Errorf(connector.Protected, op, "the group %q is not given: it is in the list of protected groups", name)
		}
	}
	return checkAttributes(op, c.options.Profile, account.Attributes)
}

// ensuring is one call of Ensure.
type ensuring struct {
	*run
	account connector.Account
	// is is the account, or nil while there is none. leave says to leave it as it is.
	is    *user
	leave bool
	// have are its groups, from their names to their ids.
	have    map[string]string
	changed bool
}

// find decides which account it is: the owner's, or one that is adopted, or none yet.
func (e *ensuring) find(ctx context.Context) error {
	mine, err := e.mine(ctx, e.account.Owner)
	if err != nil {
		return err
	}
	if len(mine) > 1 {
		return e.twice(mine)
	}
	var named *user
	if len(mine) == 0 || !e.sameName(mine[0].name, e.account.Name) {
		if named, err = e.named(ctx, e.account.Name); err != nil {
			return err
		}
	}
	e.is, e.leave, err = base(e.op, e.account, mine, named)
	if err == nil && e.is != nil && e.is.owner.IsZero() && !e.leave && !e.account.Active && e.profile.Suspends == Delete {
		err = connector.Errorf(connector.Conflict, e.op, "the account %q is not adopted, because to suspend it would be to delete it", e.is.name)
	}
	return err
}

// base is find without a server.
func base(op string, account connector.Account, mine []user, named *user) (is *user, leave bool, err error) {
	switch {
	case len(mine) == 1 && mine[0].why != "":
		return nil, false, protected(op, mine[0])
	case len(mine) == 1 && named != nil && named.id != mine[0].id:
		return nil, false, connector.Errorf(connector.Conflict, op, "the account %q cannot be renamed to %q, which is there already", mine[0].name, account.Name)
	case len(mine) == 1:
		return &mine[0], false, nil
	case named == nil:
		return nil, false, nil
	case named.why != "":
		return nil, false, protected(op, *named)
	case named.broken:
		return nil, false, connector.Errorf(connector.Conflict, op,
			"the externalId of account %q begins like a mark and cannot be read: correct or remove it", named.name)
	case named.owner == account.Owner:
		return named, false, nil // It was made between the two looks.
	case !named.owner.IsZero():
		return nil, false, connector.Errorf(connector.Conflict, op, "the account %q is somebody else's", named.name)
	case account.Existing == connector.Ignore:
		return named, true, nil
	case account.Existing != connector.Adopt:
		return nil, false, connector.Errorf(connector.Conflict, op, "there is an account %q already: adopt or ignore it, or map the name to another one", named.name)
	}
	return named, false, nil
}

func protected(op string, u user) error {
	return connector.Errorf(connector.Protected, op, "the account %q is not touched: %s", u.name, u.why)
}

// write plans the groups, which may be refused, and then makes the account, takes groups, gives others, and opens it.
func (e *ensuring) write(ctx context.Context) error {
	var err error
	e.have = map[string]string{}
	if e.is != nil {
		if e.have, err = e.memberships(ctx, *e.is); err != nil {
			return err
		}
	}
	give, take, err := e.plan(ctx)
	if err != nil {
		return err
	}
	if e.is == nil {
		if e.is, err = e.create(ctx, e.account); err != nil {
			return err
		}
		e.changed = true
	} else if err := e.update(ctx, len(give)+len(take) == 0); err != nil || e.is == nil {
		return err
	}
	for _, name := range sortedKeys(take) {
		if err := e.member(ctx, name, take[name], false); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(give) {
		if err := e.member(ctx, name, give[name], true); err != nil {
			return err
		}
	}
	return e.open(ctx)
}

// plan finds the groups to give and to take, from their names to their ids. What the user has by the server's own list of groups is
// believed where it should have it, and looked at again before anything is written.
func (e *ensuring) plan(ctx context.Context) (give, take map[string]string, err error) {
	give, take = map[string]string{}, map[string]string{}
	want := sorted(e.account.Roles)
	for _, name := range want {
		if e.have[name] != "" {
			continue
		}
		id, is, err := e.lookAt(ctx, name)
		switch {
		case err != nil:
			return nil, nil, err
		case id == "":
			return nil, nil, connector.Errorf(connector.Rejected, e.op, "there is no group %q to give: create it in the app, or correct the role mapping", name)
		case is:
			e.have[name] = id
		default:
			give[name] = id
		}
	}
	for _, name := range sorted(e.account.Revoke) {
		if e.is == nil || slices.Contains(want, name) || !slices.Contains(e.account.Record.Roles, name) || !isText(name) || name == "" {
			continue
		}
		id, is, err := e.lookAt(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		if is {
			take[name], e.have[name] = id, id
		} else {
			delete(e.have, name)
		}
	}
	return give, take, nil
}

// lookAt finds a group, and says whether the account is in it.
func (e *ensuring) lookAt(ctx context.Context, name string) (id string, is bool, err error) {
	if id, err = e.group(ctx, name); err != nil || id == "" || e.is == nil {
		return id, false, err
	}
	is, err = e.isMember(ctx, id, name, e.is.id)
	return id, is, err
}

// update changes what is there, but does not open it unless nothing is to follow.
func (e *ensuring) update(ctx context.Context, alone bool) error {
	if !e.account.Active && e.profile.Suspends == Delete {
		changed, err := e.delete(ctx, *e.is)
		e.changed = changed
		if err == nil {
			e.is = nil
		}
		return err
	}
	want := wanted{
		changes: e.profile.changes(e.account, e.is.raw),
		open:    alone && e.account.Active && !e.is.active,
		close:   !e.account.Active && e.is.active,
	}
	if !e.sameName(e.is.name, e.account.Name) {
		want.name = e.account.Name
	}
	if e.is.owner != e.account.Owner {
		want.mark = mark(e.account.Owner)
	}
	return e.change(ctx, want)
}

// open lets the account be used, if it should be and cannot yet.
func (e *ensuring) open(ctx context.Context) error {
	if !e.account.Active || e.is.active {
		return nil
	}
	return e.change(ctx, wanted{open: true})
}

// change writes what differs, and keeps the account as it is then.
func (e *ensuring) change(ctx context.Context, want wanted) error {
	if want.isMet(*e.is) {
		return nil
	}
	after, err := e.rewrite(ctx, *e.is, want)
	if after != nil {
		e.is, e.changed = after, true
	}
	return err
}

// member puts the account into a group, or out of it.
func (e *ensuring) member(ctx context.Context, name, id string, in bool) error {
	changed, err := e.setMember(ctx, name, id, e.is.id, in)
	e.changed = e.changed || changed
	if err != nil {
		return err
	}
	if in {
		e.have[name] = id
	} else {
		delete(e.have, name)
	}
	return nil
}

// record is what was given: what the caller says, as far as it is there. The caller says before a call what that is to give.
func (e *ensuring) record() connector.Record {
	var record connector.Record
	for _, name := range sorted(e.account.Record.Roles) {
		if e.have[name] != "" {
			record.Roles = append(record.Roles, name)
		}
	}
	for _, name := range sorted(e.account.Record.Attributes) {
		if a, ok := e.profile.attribute(name); ok && len(a.read(e.is.raw)) > 0 {
			record.Attributes = append(record.Attributes, name)
		}
	}
	return record
}

func sortedKeys(all map[string]string) []string { return names(all) }

// list joins names for an error.
func list(names []string) string { return strings.Join(names, ", ") }
