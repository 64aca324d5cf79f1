package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

func (h *Handler) listUsers(ctx context.Context, c *call) (*answer, error) {
	l, err := h.listingOfQuery(c, schema.User())
	if err != nil {
		return nil, err
	}
	return h.users(ctx, c, l)
}

func (h *Handler) searchUsers(ctx context.Context, c *call) (*answer, error) {
	l, err := h.listingOfBody(c, schema.User())
	if err != nil {
		return nil, err
	}
	return h.users(ctx, c, l)
}

func (h *Handler) listGroups(ctx context.Context, c *call) (*answer, error) {
	l, err := h.listingOfQuery(c, schema.Group())
	if err != nil {
		return nil, err
	}
	return h.groups(ctx, c, l)
}

func (h *Handler) searchGroups(ctx context.Context, c *call) (*answer, error) {
	l, err := h.listingOfBody(c, schema.Group())
	if err != nil {
		return nil, err
	}
	return h.groups(ctx, c, l)
}

// users answers a list. Everything is read before the first byte is rendered, so that trouble half way is an error and never a list that
// is shorter than it should be.
func (h *Handler) users(ctx context.Context, c *call, l listing) (*answer, error) {
	found, err := h.findUsers(ctx, c, l.filter)
	if err != nil {
		return nil, err
	}
	from, to := l.window(len(found))
	page := found[from:to]
	groups := make([][]translate.GroupRef, len(page))
	for i, user := range page {
		if groups[i], err = h.groupsOf(ctx, c, user, l.projection); err != nil {
			return nil, err
		}
	}
	return okAnswer(scim.AppendList(nil, len(found), l.start, len(page), func(dst []byte, i int) []byte {
		return appendUser(dst, c, page[i], groups[i], l.projection)
	})), nil
}

// groups answers a list, as users does.
func (h *Handler) groups(ctx context.Context, c *call, l listing) (*answer, error) {
	found, err := h.findRoles(ctx, c, l.filter)
	if err != nil {
		return nil, err
	}
	from, to := l.window(len(found))
	page := found[from:to:to]
	roles := make([]*v1alpha1.ScimRole, len(page))
	members := make([]*translate.Members, len(page))
	for i, role := range page {
		if roles[i], members[i], err = h.membersOf(ctx, c, role, l.projection); err != nil {
			return nil, goneMeanwhile(err)
		}
	}
	return okAnswer(scim.AppendList(nil, len(found), l.start, len(page), func(dst []byte, i int) []byte {
		return appendGroup(dst, c, roles[i], members[i], l.projection)
	})), nil
}

// goneMeanwhile turns the 404 of one group that was deleted while a list was made into a 429 for the list: the list exists.
func goneMeanwhile(err error) error {
	if isNotFound(err) {
		return scim.TryAgain(0, "The list changed while it was read. Please send the request again.", err)
	}
	return err
}

func isNotFound(err error) bool {
	var known *scim.Error
	return errors.As(err, &known) && known.Status == http.StatusNotFound
}

// findUsers gives the users that a filter matches. Those attributes by which identity providers look somebody up before a write are
// read live; everything else comes from the cache. An empty value is nobody's, and an index would find those who have none.
func (h *Handler) findUsers(ctx context.Context, c *call, f *filter.Filter) ([]*v1alpha1.ScimUser, error) {
	store, directory := h.cfg.Store, c.directory.Name
	if f == nil {
		return store.Users(ctx, directory)
	}
	if attribute, value, ok := f.EqualTo(); ok && value != "" {
		switch attribute {
		case "id":
			return oneOrNone(store.User(ctx, directory, value))
		case "userName":
			return oneOrNone(store.UserByUserName(ctx, directory, value))
		case "externalId":
			return store.UsersByExternalID(ctx, directory, value)
		}
	}
	all, err := store.Users(ctx, directory)
	if err != nil {
		return nil, err
	}
	return matching(all, func(user *v1alpha1.ScimUser) (bool, error) {
		var groups []translate.GroupRef
		if f.References("groups") {
			roles, err := store.RolesOf(ctx, directory, user.Name)
			if err != nil {
				return false, err
			}
			groups = translate.GroupRefs(roles)
		}
		return f.Matches(translate.UserResource(user, groups, c.base)), nil
	})
}

// findRoles gives the roles that a filter matches, as findUsers does.
func (h *Handler) findRoles(ctx context.Context, c *call, f *filter.Filter) ([]*v1alpha1.ScimRole, error) {
	store, directory := h.cfg.Store, c.directory.Name
	if f == nil {
		return store.Roles(ctx, directory)
	}
	if attribute, value, ok := f.EqualTo(); ok && value != "" {
		switch attribute {
		case "id":
			return oneOrNone(store.Role(ctx, directory, value))
		case "displayName":
			return oneOrNone(store.RoleByDisplayName(ctx, directory, value))
		case "externalId":
			return store.RolesByExternalID(ctx, directory, value)
		}
	}
	all, err := store.Roles(ctx, directory)
	if err != nil {
		return nil, err
	}
	return matching(all, func(role *v1alpha1.ScimRole) (bool, error) {
		var members *translate.Members
		if f.References("members") {
			ids, err := store.Members(ctx, role)
			if err != nil {
				return false, err
			}
			members = &translate.Members{IDs: ids}
		}
		return f.Matches(translate.GroupResource(role, members, c.base)), nil
	})
}

// oneOrNone makes a list of a look-up by a unique value, whose 404 means that the list is empty.
func oneOrNone[T any](found *T, err error) ([]*T, error) {
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []*T{found}, nil
}

func matching[T any](all []*T, matches func(*T) (bool, error)) ([]*T, error) {
	var found []*T
	for _, one := range all {
		ok, err := matches(one)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, one)
		}
	}
	return found, nil
}
