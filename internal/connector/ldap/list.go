package ldap

import (
	"context"
	"crypto/rand"
	"regexp"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	// maxListings bounds how many listings are under way at a time. When another begins, the oldest ends.
	maxListings = 4
	// maxListingAge is how long a listing is kept that nobody goes on with.
	maxListingAge = 10 * time.Minute
)

// listing is a search that has more pages. What the server calls a cookie is good on the connection that it came by only, so the listing
// keeps that.
type listing struct {
	conn   *connection
	base   int // of the bases, the one that is being read
	cookie []byte
	used   time.Time
}

// listings are those that are under way, by cursor. A cursor is good once.
type listings struct {
	mutex  sync.Mutex
	all    map[string]*listing
	closed bool
}

var cursorForm = regexp.MustCompile(`^page-[A-Z2-7]{26}$`)

func (l *listings) put(of *listing) (cursor string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	of.used = time.Now()
	for cursor, other := range l.all {
		if time.Since(other.used) > maxListingAge {
			l.end(cursor)
		}
	}
	if len(l.all) >= maxListings {
		oldest := ""
		for cursor, other := range l.all {
			if oldest == "" || other.used.Before(l.all[oldest].used) {
				oldest = cursor
			}
		}
		l.end(oldest)
	}
	if l.all == nil {
		l.all = map[string]*listing{}
	}
	cursor = "page-" + rand.Text()
	l.all[cursor] = of
	if l.closed {
		l.end(cursor)
	}
	return cursor
}

func (l *listings) take(cursor string) *listing {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	of := l.all[cursor]
	delete(l.all, cursor)
	return of
}

func (l *listings) end(cursor string) {
	_ = l.all[cursor].conn.Close()
	delete(l.all, cursor)
}

func (l *listings) close() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.closed = true
	for cursor := range l.all {
		l.end(cursor)
	}
}

// List returns the accounts in the order in which the server has them. After an error the listing has to begin anew.
func (c *Connector) List(ctx context.Context, cursor string, limit int) (connector.Page, error) {
	const op = "list"
	if limit < 1 {
		limit = c.options.PageSize
	}
	limit = min(limit, maxPageSize)
	of, err := c.listing(ctx, cursor)
	if err != nil {
		return connector.Page{}, finished(ctx, op, named(op, err))
	}
	stop := context.AfterFunc(ctx, func() { _ = of.conn.raw.Close() })
	s := &session{traits: c.traits, op: op, options: c.options, conn: of.conn}
	page, err := c.page(ctx, s, of, limit)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = of.conn.raw.Close()
		_ = of.conn.Close()
		return connector.Page{}, finished(ctx, op, err)
	}
	if page.Complete {
		_ = of.conn.Close()
	} else {
		page.Next = c.listings.put(of)
	}
	return page, nil
}

// listing begins one, or finds the one that the cursor is of.
func (c *Connector) listing(ctx context.Context, cursor string) (*listing, error) {
	if cursor == "" {
		conn, err := c.connect(ctx)
		if err != nil {
			return nil, err
		}
		return &listing{conn: conn}, nil
	}
	if !cursorForm.MatchString(cursor) {
		return nil, connector.Errorf(connector.Rejected, "read on", "the cursor is not one that List returned")
	}
	of := c.listings.take(cursor)
	if of == nil {
		return nil, connector.Errorf(connector.Transient, "read on", "the listing has ended, because it was read on, failed, or was left alone for too long: begin it anew")
	}
	return of, nil
}

// page reads on. The memberships are asked for on another connection, because this one is in the midst of a search.
func (c *Connector) page(ctx context.Context, s *session, of *listing, limit int) (connector.Page, error) {
	var page connector.Page
	paging := ldap.NewControlPaging(uint32(limit)) //nolint:gosec // it is at most maxPageSize
	paging.SetCookie(of.cookie)
	result, err := s.search(ctx, &ldap.SearchRequest{
		BaseDN: s.bases()[of.base], Scope: ldap.ScopeWholeSubtree, Filter: s.accounts, Attributes: s.reads(), Controls: []ldap.Control{paging},
	})
	if err != nil {
		return page, err
	}
	answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if !ok {
		return page, connector.Errorf(connector.Unsupported, s.op, "the server does not return its results in pages, so that nobody knows whether they are all")
	}
	err = c.run(ctx, s.op, nil, func(ctx context.Context, other *session) error {
		for _, found := range result.Entries {
			e := other.entry(found)
			if e.id == "" {
				return connector.Errorf(connector.Rejected, s.op, "the connector may not read %s of %q: let it", s.idAttribute, e.dn)
			}
			if err := other.groupsOf(ctx, e); err != nil {
				return err
			}
			page.Accounts = append(page.Accounts, other.observed(e))
		}
		return nil
	})
	if err != nil {
		return connector.Page{}, err
	}
	of.cookie = answer.Cookie
	if len(of.cookie) == 0 {
		of.base++
	}
	page.Complete = of.base == len(s.bases())
	return page, nil
}
