package scimapp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// overlap is how many resources a page repeats of the page before. They show that nothing has moved in between.
const overlap = 8

// maxMoves bounds the search for a place that moved.
const maxMoves = 1000

// place is where a listing is. A SCIM server's pages are numbers of resources, which move when one is removed. So a place is also the last
// few that were read, and the next page is searched for them.
type place struct {
	// Next is the number of the first resource that was not read, from 1.
	Next int `json:"n"`
	// Anchors are the ids of the last ones that were read.
	Anchors []string `json:"a,omitempty"`
	// Seen is how many were read. Total is how many there were, and Grown by how much that number went up on the way.
	Seen  int `json:"s"`
	Total int `json:"t"`
	Grown int `json:"g,omitempty"`
}

// reply is a part of a list.
type reply struct {
	items []object
	// from is the number of the first item.
	from, total int
}

// end is the number of the first resource behind the items.
func (r *reply) end() int { return r.from + len(r.items) }

// fetch reads a part of a list. It fails when the server gives another part than was asked for, or none where there is more.
func (r *run) fetch(ctx context.Context, collection string, query url.Values, from, count int) (*reply, error) {
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	if r.profile.Pages {
		query.Set("startIndex", strconv.Itoa(from))
		query.Set("count", strconv.Itoa(count))
	}
	body, err := r.c.call(ctx, r.op, request{method: http.MethodGet, path: collection, query: query})
	if err != nil {
		return nil, err
	}
	got, start, err := r.readList(body)
	if err != nil {
		return nil, err
	}
	switch {
	case len(got.items) == got.total:
		got.from = 1 // It is all there is, whatever was asked for.
	case !r.profile.Pages:
		return nil, connector.Errorf(connector.Transient, r.op, "the server says that there are %d and lists %d", got.total, len(got.items))
	case start != from:
		return nil, connector.Errorf(connector.Rejected, r.op, "the server's pages do not advance: it answered with the page at %d when asked for that at %d, "+
			"so that its lists cannot be read to their end", start, from)
	case len(got.items) == 0 && from <= got.total:
		return nil, connector.Errorf(connector.Transient, r.op, "the server says that there are %d and lists nothing from %d on", got.total, from)
	default:
		got.from = from
	}
	return got, nil
}

// readList takes a list apart. One that does not say how many there are cannot be known to be whole.
func (r *run) readList(body object) (got *reply, start int, err error) {
	total, ok := attribute(body, "totalResults").(float64)
	if !ok || total < 0 || total != float64(int(total)) {
		return nil, 0, connector.Errorf(connector.Transient, r.op, "the server's answer is no SCIM list: it has no totalResults; check the base URL")
	}
	got = &reply{total: int(total)}
	list, _ := attribute(body, "Resources").([]any)
	for _, item := range list {
		resource, ok := item.(object)
		if !ok || !isID(text(resource, "id")) {
			return nil, 0, connector.Errorf(connector.Transient, r.op, "the server lists something without an id: check the base URL")
		}
		got.items = append(got.items, resource)
	}
	if len(got.items) > got.total {
		return nil, 0, connector.Errorf(connector.Transient, r.op, "the server says that there are %d and lists %d", got.total, len(got.items))
	}
	first, ok := attribute(body, "startIndex").(float64)
	if !ok {
		first = 1
	}
	return got, int(first), nil
}

// after reads what follows a place, at most limit of it, and returns the place behind that. last says that there is nothing more.
func (r *run) after(ctx context.Context, collection string, query url.Values, at place, limit int) (items []object, next place, last bool, err error) {
	from, count := max(1, at.Next-len(at.Anchors)), min(limit+len(at.Anchors), max(r.pageSize, overlap+1))
	for range maxMoves {
		got, err := r.fetch(ctx, collection, query, from, count)
		if err != nil {
			return nil, at, false, err
		}
		read := anchored(got, at)
		switch {
		case read < 0 && got.from > 1:
			from = max(1, got.from-count+1) // So many were removed that the place is further up.
			continue
		case read < 0:
			return nil, at, false, r.moved()
		case read == len(got.items) && got.end() <= got.total:
			from = max(got.end()-overlap, from+1) // Others were put in before the place, or the server's pages are very short.
			continue
		}
		items = got.items[read:min(len(got.items), read+limit)]
		next = advance(at, got, read, len(items))
		if last = next.Next > got.total; last && next.Seen+next.Grown < got.total {
			return nil, at, false, connector.Errorf(connector.Transient, r.op, "the server says that there are %d and lists %d", got.total, next.Seen)
		}
		return items, next, last, nil
	}
	return nil, at, false, r.moved()
}

func (r *run) moved() error {
	return connector.Errorf(connector.Transient, r.op, "the list changed too much while it was read: begin again")
}

// anchored is how many items of a reply were read before, or less than 0 when the place is not in it.
func anchored(got *reply, at place) int {
	if len(at.Anchors) == 0 {
		return max(0, min(at.Next-got.from, len(got.items)))
	}
	for _, anchor := range slices.Backward(at.Anchors) {
		if i := slices.IndexFunc(got.items, func(item object) bool { return text(item, "id") == anchor }); i >= 0 {
			return i + 1
		}
	}
	return -1
}

// advance is the place behind count items of a reply of which others were read before.
func advance(at place, got *reply, read, count int) place {
	next := place{Next: got.from + read + count, Seen: at.Seen + count, Total: got.total, Grown: at.Grown}
	if at.Total > 0 {
		next.Grown += max(0, got.total-at.Total)
	}
	for _, item := range got.items[max(0, read+count-overlap) : read+count] {
		next.Anchors = append(next.Anchors, text(item, "id"))
	}
	return next
}

// walk reads a list to its end, and fails rather than show a part of it.
func (r *run) walk(ctx context.Context, collection string, query url.Values) ([]object, error) {
	var all []object
	ids := map[string]bool{}
	for at := (place{Next: 1}); ; {
		items, next, last, err := r.after(ctx, collection, query, at, r.pageSize)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			id := text(item, "id")
			if ids[id] {
				return nil, connector.Errorf(connector.Transient, r.op, "the server lists something twice, so that others may be missing")
			}
			ids[id] = true
		}
		all = append(all, items...)
		if last {
			return all, nil
		}
		at = next
	}
}

// List reads a page of users. Roles are there only where the server shows them with the user.
func (c *Connector) List(ctx context.Context, cursor string, limit int) (connector.Page, error) {
	const op = "list"
	at := place{Next: 1}
	if cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || json.Unmarshal(text, &at) != nil || at.Next < 1 || at.Seen < 1 || len(at.Anchors) == 0 {
			return connector.Page{}, connector.Errorf(connector.Rejected, op, "the cursor is none that a page had as its next")
		}
	}
	r, err := c.begin(ctx, op)
	if err != nil {
		return connector.Page{}, err
	}
	if limit < 1 || limit > r.pageSize {
		limit = r.pageSize
	}
	items, next, last, err := r.after(ctx, users, nil, at, limit)
	if err != nil {
		return connector.Page{}, err
	}
	page := connector.Page{Complete: last}
	for _, item := range items {
		u, err := r.readUser(item)
		if err != nil {
			return connector.Page{}, err
		}
		page.Accounts = append(page.Accounts, r.observed(u, shownGroups(u)))
	}
	if !last {
		page.Next, err = next.cursor()
	}
	return page, err
}

func (p place) cursor() (string, error) {
	text, err := encode(p)
	if err != nil {
		return "", connector.Errorf(connector.Rejected, "list", "the place in the list cannot be written down")
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}
