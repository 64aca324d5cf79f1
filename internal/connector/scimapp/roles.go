package scimapp

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// nobody is an id that no user has, to find out whether a server filters by member.
const nobody = "scim-operator-nobody"

// withoutMembers asks for groups without their members, of whom there may be many.
func withoutMembers() url.Values { return url.Values{"excludedAttributes": {"members"}} }

// group finds the group of that name. The id is empty when there is none.
func (r *run) group(ctx context.Context, name string) (id string, err error) {
	found, err := r.find(ctx, groups, "displayName", name, withoutMembers(), func(raw object) bool {
		return fold(text(raw, "displayName")) == fold(name)
	})
	if err != nil {
		return "", err
	}
	for _, raw := range found {
		switch {
		case text(raw, "displayName") != name:
		case id != "":
			return "", connector.Errorf(connector.Rejected, r.op, "the server has two groups %q: rename one", name)
		default:
			id = text(raw, "id")
		}
	}
	return id, nil
}

// memberships are the groups of a user, from their names to their ids.
func (r *run) memberships(ctx context.Context, u user) (map[string]string, error) {
	if r.profile.Members == Never {
		return nil, nil
	}
	have, err := r.listedGroups(ctx, u)
	if err != nil {
		return nil, err
	}
	for name := range r.c.writtenOf(u.id) {
		id, err := r.group(ctx, name)
		if err != nil {
			return nil, err
		}
		is := id != ""
		if is {
			if is, err = r.isMember(ctx, id, name, u.id); err != nil {
				return nil, err
			}
		}
		if _, listed := have[name]; listed == is {
			r.c.shows(u.id, name) // The list has caught up.
			continue
		}
		delete(have, name)
		if is {
			have[name] = id
		}
	}
	return have, nil
}

// listedGroups are the groups of a user as the server lists them, which may be a moment old.
func (r *run) listedGroups(ctx context.Context, u user) (map[string]string, error) {
	shown, ok := references(u.raw, "groups")
	if r.profile.ShowsGroups || ok && r.profile.Discovers {
		return r.namedGroups(ctx, shown)
	}
	by := r.profile.MemberFilter
	if by != "" && r.profile.PairFilter != "id" {
		good, err := r.filtersMembers(ctx, false)
		if err != nil {
			return nil, err
		}
		if good {
			query := withoutMembers()
			query.Set("filter", equals(by, u.id))
			all, err := r.walk(ctx, groups, query)
			return byName(all), err
		}
	}
	if r.profile.PairFilter == "id" {
		return r.askedGroups(ctx, u)
	}
	all, err := r.walk(ctx, groups, nil)
	if err != nil {
		return nil, err
	}
	return byName(slices.DeleteFunc(all, func(raw object) bool { return !hasMember(raw, u.id) })), nil
}

// namedGroups finds the names of a user's groups where the user does not show them. Groups that the user is in by another group are no
// membership of the user's own.
func (r *run) namedGroups(ctx context.Context, shown []reference) (map[string]string, error) {
	have := map[string]string{}
	for _, of := range shown {
		if strings.EqualFold(of.kind, "indirect") {
			continue
		}
		if of.display == "" {
			raw, err := r.c.call(ctx, r.op, request{method: http.MethodGet, path: pathTo(groups, of.id), query: withoutMembers()})
			if statusOf(err) == http.StatusNotFound {
				continue
			}
			if err != nil {
				return nil, err
			}
			of.display = text(raw, "displayName")
		}
		have[of.display] = of.id
	}
	return have, nil
}

// askedGroups asks about each group whether the user is in it, where a server has no other way.
func (r *run) askedGroups(ctx context.Context, u user) (map[string]string, error) {
	all, err := r.walk(ctx, groups, withoutMembers())
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for name, id := range byName(all) {
		is, err := r.isMember(ctx, id, name, u.id)
		if err != nil {
			return nil, err
		}
		if is {
			have[name] = id
		}
	}
	return have, nil
}

func byName(all []object) map[string]string {
	have := map[string]string{}
	for _, raw := range all {
		have[text(raw, "displayName")] = text(raw, "id")
	}
	return have
}

func names(have map[string]string) []string { return slices.Sorted(maps.Keys(have)) }

// shownGroups are the names of the groups that a user of a list shows.
func shownGroups(u user) []string {
	var shown []string
	found, _ := references(u.raw, "groups")
	for _, of := range found {
		if of.display != "" && !strings.EqualFold(of.kind, "indirect") {
			shown = append(shown, of.display)
		}
	}
	return shown
}

func hasMember(raw object, userID string) bool {
	members, _ := references(raw, "members")
	return slices.ContainsFunc(members, func(m reference) bool { return m.id == userID })
}

// filtersMembers says whether the server filters groups by member: one that ignores the filter finds groups of nobody. some says that
// there is a group, so that to find none says something.
func (r *run) filtersMembers(ctx context.Context, some bool) (bool, error) {
	r.c.mu.Lock()
	knows := r.c.knows
	r.c.mu.Unlock()
	if knows.members || knows.noMembers {
		return knows.members, nil
	}
	query := withoutMembers()
	query.Set("filter", equals(r.profile.MemberFilter, nobody))
	got, err := r.fetch(ctx, groups, query, 1, 1)
	if err != nil && !isBadFilter(err) {
		return false, err
	}
	good := err == nil && got.total == 0
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.knows.members, r.c.knows.noMembers = good && some, !good
	return good, nil
}

// isMember says whether the user is in the group, by the best that the server has for that: what it answers is what was written.
func (r *run) isMember(ctx context.Context, groupID, name, userID string) (bool, error) {
	pair, err := r.pairFilter(ctx, groupID, name, userID)
	if err != nil {
		return false, err
	}
	if pair == "" {
		raw, err := r.c.call(ctx, r.op, request{method: http.MethodGet, path: pathTo(groups, groupID)})
		return hasMember(raw, userID), err
	}
	query := withoutMembers()
	query.Set("filter", pair)
	all, err := r.walk(ctx, groups, query)
	return slices.ContainsFunc(all, func(raw object) bool { return text(raw, "id") == groupID }), err
}

// pairFilter finds a group if it has the member, or is empty where the server has no such filter.
func (r *run) pairFilter(ctx context.Context, groupID, name, userID string) (string, error) {
	member := " and " + equals(r.profile.MemberFilter, userID)
	switch {
	case r.profile.PairFilter == "id":
		return equals("id", groupID) + member, nil
	case r.profile.PairFilter == "" || !isSimple(name):
		return "", nil
	}
	if good, err := r.filtersMembers(ctx, true); !good || err != nil {
		return "", err
	}
	return equals(r.profile.PairFilter, name) + member, nil
}

// isSimple says that every server understands a filter with the text in it.
func isSimple(name string) bool { return !strings.ContainsAny(name, `"\`) }

// writtenOf are the memberships of a user to read again.
func (c *Connector) writtenOf(userID string) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.written[userID])
}

// maxWritten bounds for how many users memberships are remembered.
const maxWritten = 4096

func (c *Connector) wrote(userID, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written[userID] == nil {
		for other := range c.written {
			if len(c.written) < maxWritten {
				break
			}
			delete(c.written, other)
		}
		c.written[userID] = map[string]bool{}
	}
	c.written[userID][name] = true
}

func (c *Connector) shows(userID, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.written[userID], name)
	if len(c.written[userID]) == 0 {
		delete(c.written, userID)
	}
}
