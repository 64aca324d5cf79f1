package scimapp

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// knowledge is what was found out about a server's filters, and holds as long as the connector.
type knowledge struct {
	// ignored are attributes by which the server does not filter, though it answers.
	ignored map[string]bool
	// members says that filters by member were tried and found to be good, or not.
	members, noMembers bool
}

// find lists the resources whose attribute has the value; isOne says so of a resource. It is a filter where the server has one, or the
// whole list. A server that takes a filter and answers with others as well does not filter, and must not be believed that there is none.
func (r *run) find(ctx context.Context, collection, by, value string, query url.Values, isOne func(object) bool) ([]object, error) {
	if query == nil {
		query = url.Values{}
	}
	var found []object
	if r.filters(collection, by) {
		query.Set("filter", equals(by, value))
		all, err := r.walk(ctx, collection, query)
		switch {
		case err == nil && !slices.ContainsFunc(all, func(raw object) bool { return !isOne(raw) }):
			return all, nil
		case err == nil:
			r.c.ignores(collection + by)
		case !isBadFilter(err):
			return nil, err
		}
		query.Del("filter")
	}
	all, err := r.walk(ctx, collection, query)
	if err != nil {
		return nil, err
	}
	for _, raw := range all {
		if isOne(raw) {
			found = append(found, raw)
		}
	}
	return found, nil
}

func (r *run) filters(collection, by string) bool {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.profile.finds(by) && !r.c.knows.ignored[collection+by]
}

func (c *Connector) ignores(filter string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.knows.ignored[filter] = true
}

// mine finds the owner's accounts: one, or none, or more where two calls met on a server that lets two accounts have one externalId.
func (r *run) mine(ctx context.Context, owner connector.Owner) ([]user, error) {
	want := mark(owner)
	return r.findUsers(ctx, "externalId", want, func(raw object) bool { return text(raw, "externalId") == want },
		func(raw object) bool { return fold(text(raw, "externalId")) == fold(want) })
}

// named finds the account of that name, whoever's it is. It is nil when there is none.
func (r *run) named(ctx context.Context, name string) (*user, error) {
	same := func(raw object) bool { return fold(text(raw, "userName")) == fold(name) }
	found, err := r.findUsers(ctx, "userName", name, same, same)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) > 1 {
		exact := slices.DeleteFunc(slices.Clone(found), func(u user) bool { return u.name != name })
		if len(exact) != 1 {
			return nil, connector.Errorf(connector.Rejected, r.op, "the server has %d accounts %q: remove all but one", len(found), name)
		}
		found = exact
	}
	return &found[0], nil
}

// findUsers keeps those that are meant of those that a filter may find.
func (r *run) findUsers(ctx context.Context, by, value string, meant, filtered func(object) bool) ([]user, error) {
	raws, err := r.find(ctx, users, by, value, nil, filtered)
	if err != nil {
		return nil, err
	}
	var found []user
	for _, raw := range raws {
		if !meant(raw) {
			continue
		}
		u, err := r.readUser(raw)
		if err != nil {
			return nil, err
		}
		found = append(found, u)
	}
	return found, nil
}

// get reads one user. It is nil when it is not there.
func (r *run) get(ctx context.Context, id string) (*user, error) {
	raw, err := r.c.call(ctx, r.op, request{method: http.MethodGet, path: pathTo(users, id)})
	if statusOf(err) == http.StatusNotFound || statusOf(err) == http.StatusGone {
		return nil, nil //nolint:nilnil // That there is none is an answer.
	}
	if err != nil {
		return nil, err
	}
	u, err := r.readUser(raw)
	if err == nil && u.id != id {
		err = connector.Errorf(connector.Transient, r.op, "the server answered with another user than the one that was asked for")
	}
	return &u, err
}

// Observe reads the owner's account, or the one of that name.
func (c *Connector) Observe(ctx context.Context, owner connector.Owner, name string) (connector.Observed, error) {
	const op = "observe"
	if err := checkOwner(op, owner); err != nil {
		return connector.Observed{}, err
	}
	r, err := c.begin(ctx, op)
	if err != nil {
		return connector.Observed{}, err
	}
	mine, err := r.mine(ctx, owner)
	if err != nil {
		return connector.Observed{}, err
	}
	var is *user
	switch {
	case len(mine) > 1:
		return connector.Observed{}, r.twice(mine)
	case len(mine) == 1:
		is = &mine[0]
	case name != "" && isText(name):
		if is, err = r.named(ctx, name); err != nil {
			return connector.Observed{}, err
		}
	}
	if is == nil {
		return connector.Observed{}, connector.Errorf(connector.NotFound, op, "the server has no account of the owner or of that name")
	}
	have, err := r.memberships(ctx, *is)
	if err != nil {
		return connector.Observed{}, err
	}
	return r.observed(*is, names(have)), nil
}

func (r *run) twice(mine []user) error {
	return connector.Errorf(connector.Rejected, r.op, "the owner has %d accounts, of which %q and %q: decide which one is right, and take the externalId "+
		"from the others", len(mine), mine[0].name, mine[1].name)
}
