package server

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/order"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// listing is what a client asks of a list: by the parameters of a GET, or by the body of a POST to /.search.
type listing struct {
	// parts has one element for each resource type that is listed.
	parts []part
	// order is the same for all parts but for the attribute that it reads.
	order order.By
	// start is the position, from 1, of the first resource on the page; count is the size of the page.
	start, count int
	// cursors is set, and start is not used, when the client pages by cursor.
	cursors *cursors
}

// part is what a client asks of the resources of one type.
type part struct {
	t *schema.ResourceType
	// filter is nil when the client wants everything.
	filter     *filter.Filter
	projection schema.Projection
	order      order.By
	// reader makes what the filter and the order look at.
	reader *translate.Reader
}

// read prepares the reader.
func (p *part) read(base string) {
	p.reader = translate.NewReader(p.t, base)
	if p.filter != nil {
		p.filter.EachAttribute(p.reader.Want)
	}
	if !p.order.ByCreation() {
		p.reader.Want(p.order.Attribute())
	}
}

// sorted says whether the resources must be put into order, because the one in which the store has them is not the one that is asked for.
func (l *listing) sorted() bool {
	return !l.order.ByCreation() || l.cursors != nil || len(l.parts) > 1
}

// listingOfQuery reads the parameters of RFC 7644 section 3.4.2 and RFC 9865 section 2.
func (h *Handler) listingOfQuery(c *call, types ...*schema.ResourceType) (*listing, error) {
	var request scim.SearchRequest
	var err error
	if request.StartIndex, err = c.integer("startIndex"); err != nil {
		return nil, err
	}
	if request.Count, err = c.integer("count"); err != nil {
		return nil, err
	}
	text, filtered := c.parameter("filter")
	request.Filter = text
	request.SortBy, _ = c.parameter("sortBy")
	request.SortOrder, _ = c.parameter("sortOrder")
	if text, ok := c.parameter("cursor"); ok {
		request.Cursor = &text
	}
	request.Attributes, request.ExcludedAttributes = c.names("attributes"), c.names("excludedAttributes")
	return h.listing(c, types, request, filtered)
}

// listingOfBody reads a SearchRequest (RFC 7644 section 3.4.3).
func (h *Handler) listingOfBody(c *call, types ...*schema.ResourceType) (*listing, error) {
	body, err := c.object(h.cfg.UserBodyLimit)
	if err != nil {
		return nil, err
	}
	request, err := scim.ParseSearchRequest(body)
	if err != nil {
		return nil, err
	}
	return h.listing(c, types, request, request.Filter != "")
}

// listing applies the defaults and bounds. A filter that is there and empty is refused like any other that cannot be read: to answer
// with everything would have a client take a stranger for the user that it looks for. A filter, an order and attributes must make
// sense for every type that is listed; an attribute that a type lacks has no value there (RFC 7644 section 3.4.2.1).
func (h *Handler) listing(c *call, types []*schema.ResourceType, request scim.SearchRequest, filtered bool) (*listing, error) {
	l := &listing{start: 1, count: h.cfg.PageSize}
	if request.StartIndex != nil {
		l.start = max(1, *request.StartIndex)
	}
	if request.Count != nil {
		l.count = min(max(0, *request.Count), h.cfg.MaxPageSize)
	}
	for _, t := range types {
		p := part{t: t}
		var err error
		if p.projection, err = schema.ParseProjection(t, request.Attributes, request.ExcludedAttributes); err != nil {
			return nil, err
		}
		if p.order, err = order.Parse(t, request.SortBy, request.SortOrder); err != nil {
			return nil, err
		}
		if filtered {
			if p.filter, err = filter.Parse(t, request.Filter); err != nil {
				return nil, err
			}
		}
		p.read(c.base)
		l.order = p.order
		l.parts = append(l.parts, p)
	}
	if request.Cursor == nil {
		return l, nil
	}
	return l, h.pageByCursor(c, l, request)
}

// projection reads the parameters of RFC 7644 section 3.9 for an answer with one resource.
func (c *call) projection(t *schema.ResourceType) (schema.Projection, error) {
	return schema.ParseProjection(t, c.names("attributes"), c.names("excludedAttributes"))
}

// names reads a parameter that is a list with commas.
func (c *call) names(name string) []string {
	value, ok := c.parameter(name)
	if !ok {
		return nil
	}
	return strings.Split(value, ",")
}

// parameter finds a parameter of the query without regard to case. Only the first of several with the same name counts.
func (c *call) parameter(name string) (string, bool) {
	if values, ok := c.query[name]; ok {
		return values[0], true
	}
	for _, key := range sortedKeys(c.query) {
		if strings.EqualFold(key, name) {
			return c.query[key][0], true
		}
	}
	return "", false
}

func sortedKeys(query url.Values) []string {
	keys := make([]string, 0, len(query))
	for key := range query {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// integer reads a parameter that is an integer; nil when it is absent or empty. One that no int holds counts as the nearest that an
// int does, since only its being large or small matters.
func (c *call) integer(name string) (*int, error) {
	text, ok := c.parameter(name)
	if text = strings.TrimSpace(text); !ok || text == "" {
		return nil, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, scim.BadRequest(scim.TypeInvalidValue, "The parameter "+name+" must be an integer.")
	}
	return &value, nil
}

// sameID refuses a body whose id is not that of the path. An id that is absent, null or equal says nothing.
func (c *call) sameID(body scim.Resource) error {
	id, _ := body.Get("id")
	if id == nil || id == c.id {
		return nil
	}
	return scim.BadRequest(scim.TypeMutability, "The id in the body is not the id in the path, "+strconv.Quote(shorten(c.id))+", and an id never changes. Leave it out of the body.")
}
