package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

func (h *Handler) listUsers(ctx context.Context, c *call) (*answer, error) {
	return h.answerQuery(ctx, c, c.types.user)
}

func (h *Handler) searchUsers(ctx context.Context, c *call) (*answer, error) {
	return h.answerSearch(ctx, c, c.types.user)
}

func (h *Handler) listGroups(ctx context.Context, c *call) (*answer, error) {
	return h.answerQuery(ctx, c, c.types.group)
}

func (h *Handler) searchGroups(ctx context.Context, c *call) (*answer, error) {
	return h.answerSearch(ctx, c, c.types.group)
}

// listAll answers a query of the base URL, which goes over all types of resources (RFC 7644 section 3.4.2.1).
func (h *Handler) listAll(ctx context.Context, c *call) (*answer, error) {
	return h.answerQuery(ctx, c, c.types.all()...)
}

// searchAll is listAll by POST (RFC 7644 section 3.4.3).
func (h *Handler) searchAll(ctx context.Context, c *call) (*answer, error) {
	return h.answerSearch(ctx, c, c.types.all()...)
}

func (h *Handler) answerQuery(ctx context.Context, c *call, types ...*schema.ResourceType) (*answer, error) {
	l, err := h.listingOfQuery(c, types...)
	if err != nil {
		return nil, err
	}
	return h.answerList(ctx, c, l)
}

func (h *Handler) answerSearch(ctx context.Context, c *call, types ...*schema.ResourceType) (*answer, error) {
	l, err := h.listingOfBody(c, types...)
	if err != nil {
		return nil, err
	}
	return h.answerList(ctx, c, l)
}

// answerList answers a list. Everything is read before the first byte is rendered, so that trouble half way is an error and never a
// list that is shorter than it should be.
func (h *Handler) answerList(ctx context.Context, c *call, l *listing) (*answer, error) {
	page, head, err := h.onPage(ctx, c, l)
	if err != nil {
		return nil, err
	}
	head.Items = len(page)
	for i := range page {
		if err := h.complete(ctx, c, &page[i]); err != nil {
			return nil, err
		}
	}
	return okAnswer(scim.AppendPage(nil, head, func(dst []byte, i int) []byte { return page[i].append(dst, c) })), nil
}

// onPage finds the resources of one page.
func (h *Handler) onPage(ctx context.Context, c *call, l *listing) (page []entry, head scim.Page, err error) {
	if l.cursors == nil {
		head.StartIndex = l.start
	}
	if !l.sorted() && l.parts[0].filter == nil {
		page, head.TotalResults, err = h.readyPage(ctx, c, l)
		return page, head, err
	}
	found, err := h.find(ctx, c, l)
	if err != nil {
		return nil, head, err
	}
	head.TotalResults = len(found)
	if l.cursors != nil {
		page, head.NextCursor = h.page(l, found)
		return page, head, nil
	}
	from := min(l.start-1, len(found))
	return found[from : from+min(l.count, len(found)-from)], head, nil
}

// readyPage is a page of everything there is of one type, which the store has at hand in its order.
func (h *Handler) readyPage(ctx context.Context, c *call, l *listing) (page []entry, total int, err error) {
	p := &l.parts[0]
	if !c.has(p.t) {
		return nil, 0, nil
	}
	if p.t.Same(schema.User()) {
		users, total, err := h.cfg.Store.UsersPage(ctx, c.directory.Name, l.start-1, l.count)
		return entriesOf(p, users, setUser), total, err
	}
	roles, total, err := h.cfg.Store.RolesPage(ctx, c.directory.Name, l.start-1, l.count)
	return entriesOf(p, roles, setRole), total, err
}

// complete reads what the answer shows of a resource besides its object.
func (h *Handler) complete(ctx context.Context, c *call, e *entry) (err error) {
	if e.user != nil {
		e.groups, err = h.groupsOf(ctx, c, e.user, e.part.projection)
		return err
	}
	e.role, e.members, err = h.membersOf(ctx, c, e.role, e.part.projection)
	return goneMeanwhile(err)
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

// find gives the resources that a listing asks for, all of them, in order.
func (h *Handler) find(ctx context.Context, c *call, l *listing) ([]entry, error) {
	var found []entry
	for i := range l.parts {
		p := &l.parts[i]
		candidates, exact, err := h.candidates(ctx, c, p)
		if err != nil {
			return nil, err
		}
		found = append(found, candidates...)
		if exact && !l.sorted() {
			continue
		}
		kept := found[:len(found)-len(candidates)]
		for j := range candidates {
			ok, err := h.examine(ctx, c, l, &candidates[j], exact)
			if err != nil {
				return nil, err
			}
			if ok {
				kept = append(kept, candidates[j])
			}
		}
		found = kept
	}
	if l.sorted() {
		l.sort(found)
	}
	return found, nil
}

// candidates gives the resources among which the matching ones are; exact says that all of them match. Those attributes by which
// identity providers look somebody up before a write are read live, also when the filter has more to say; everything else comes from
// the cache.
func (h *Handler) candidates(ctx context.Context, c *call, p *part) (found []entry, exact bool, err error) {
	if !c.has(p.t) {
		return nil, true, nil
	}
	attribute, value, exact := p.lookup()
	if p.t.Same(schema.User()) {
		users, err := h.candidateUsers(ctx, c, attribute, value)
		return entriesOf(p, users, setUser), exact, err
	}
	roles, err := h.candidateRoles(ctx, c, attribute, value)
	return entriesOf(p, roles, setRole), exact, err
}

// lookup finds the attribute by which an index narrows the candidates down, and its value; no attribute means that all are candidates.
// exact says that those are the matching ones. An empty value is nobody's, and an index would find those who have none.
func (p *part) lookup() (attribute, value string, exact bool) {
	if p.filter == nil {
		return "", "", true
	}
	for _, attribute := range indexed(p.t) {
		if value, ok := p.filter.Requires(attribute); ok && value != "" {
			_, _, exact = p.filter.EqualTo()
			return attribute, value, exact
		}
	}
	return "", "", false
}

// indexed lists the attributes by which the store looks up resources of a type, the quickest first.
func indexed(t *schema.ResourceType) []string {
	if t.Same(schema.User()) {
		return []string{"id", "userName", "externalId"}
	}
	return []string{"id", "displayName", "externalId"}
}

func (h *Handler) candidateUsers(ctx context.Context, c *call, attribute, value string) ([]*v1alpha1.ScimUser, error) {
	store, directory := h.cfg.Store, c.directory.Name
	switch attribute {
	case "id":
		return oneOrNone(store.User(ctx, directory, value))
	case "userName":
		return oneOrNone(store.UserByUserName(ctx, directory, value))
	case "externalId":
		return store.UsersByExternalID(ctx, directory, value)
	default:
		return store.Users(ctx, directory)
	}
}

func (h *Handler) candidateRoles(ctx context.Context, c *call, attribute, value string) ([]*v1alpha1.ScimRole, error) {
	store, directory := h.cfg.Store, c.directory.Name
	switch attribute {
	case "id":
		return oneOrNone(store.Role(ctx, directory, value))
	case "displayName":
		return oneOrNone(store.RoleByDisplayName(ctx, directory, value))
	case "externalId":
		return store.RolesByExternalID(ctx, directory, value)
	default:
		return store.Roles(ctx, directory)
	}
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

// examine says whether a candidate matches, and finds its place in the order. Its resource is made once for both, and only if needed.
func (h *Handler) examine(ctx context.Context, c *call, l *listing, e *entry, exact bool) (bool, error) {
	if exact && l.order.ByCreation() {
		e.key = e.created()
		return true, nil
	}
	resource, err := h.resource(ctx, c, e, !exact)
	if err != nil {
		return false, err
	}
	if !exact && !e.part.filter.Matches(resource) {
		return false, nil
	}
	if l.order.ByCreation() {
		e.key = e.created()
	} else {
		e.key = e.part.order.Key(resource)
	}
	return true, nil
}

// resource is what the filter and the order look at, and nothing else. It is valid until the next one is made. Groups and members are
// read only if one of the two asks for them.
func (h *Handler) resource(ctx context.Context, c *call, e *entry, filtered bool) (scim.Resource, error) {
	wanted := func(attribute string) bool {
		return filtered && e.part.filter.References(attribute) || e.part.order.References(attribute)
	}
	if e.user != nil {
		var groups []translate.GroupRef
		if wanted("groups") {
			roles, err := h.cfg.Store.RolesOf(ctx, c.directory.Name, e.user.Name)
			if err != nil {
				return nil, err
			}
			groups = translate.GroupRefs(roles)
		}
		return e.part.reader.User(e.user, groups), nil
	}
	var members *translate.Members
	if wanted("members") {
		ids, err := h.cfg.Store.Members(ctx, e.role)
		if err != nil {
			return nil, err
		}
		members = &translate.Members{IDs: ids}
	}
	return e.part.reader.Group(e.role, members), nil
}
