package server

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// listing is what a client asks of a list: by the parameters of a GET, or by the body of a POST to /.search.
type listing struct {
	// filter is nil when the client wants everything.
	filter *filter.Filter
	// start is the position, from 1, of the first resource on the page; count is the size of the page.
	start, count int
	projection   schema.Projection
}

// listingOfQuery reads the parameters of RFC 7644 section 3.4.2. sortBy is passed over, as ServiceProviderConfig announces.
func (h *Handler) listingOfQuery(c *call, t *schema.ResourceType) (listing, error) {
	var request scim.SearchRequest
	var err error
	if request.StartIndex, err = c.integer("startIndex"); err != nil {
		return listing{}, err
	}
	if request.Count, err = c.integer("count"); err != nil {
		return listing{}, err
	}
	text, filtered := c.parameter("filter")
	request.Filter = text
	request.Attributes, request.ExcludedAttributes = c.names("attributes"), c.names("excludedAttributes")
	return h.listing(t, request, filtered)
}

// listingOfBody reads a SearchRequest (RFC 7644 section 3.4.3).
func (h *Handler) listingOfBody(c *call, t *schema.ResourceType) (listing, error) {
	body, err := c.object(h.cfg.UserBodyLimit)
	if err != nil {
		return listing{}, err
	}
	request, err := scim.ParseSearchRequest(body)
	if err != nil {
		return listing{}, err
	}
	return h.listing(t, request, request.Filter != "")
}

// listing applies the defaults and bounds. A filter that is there and empty is refused like any other that cannot be read: to answer
// with everything would have a client take a stranger for the user that it looks for.
func (h *Handler) listing(t *schema.ResourceType, request scim.SearchRequest, filtered bool) (listing, error) {
	l := listing{start: 1, count: h.cfg.PageSize}
	if request.StartIndex != nil {
		l.start = max(1, *request.StartIndex)
	}
	if request.Count != nil {
		l.count = min(max(0, *request.Count), h.cfg.MaxPageSize)
	}
	var err error
	if l.projection, err = schema.ParseProjection(t, request.Attributes, request.ExcludedAttributes); err != nil {
		return listing{}, err
	}
	if filtered {
		if l.filter, err = filter.Parse(t, request.Filter); err != nil {
			return listing{}, err
		}
	}
	return l, nil
}

// window is the part of total resources that the page shows, as a half-open range of indexes.
func (l listing) window(total int) (from, to int) {
	from = min(l.start-1, total)
	return from, from + min(l.count, total-from)
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
