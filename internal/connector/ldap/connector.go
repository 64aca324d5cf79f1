package ldap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Connector keeps the accounts of one directory. It connects when it is first used.
type Connector struct {
	options  Options
	place    place
	traits   traits
	slots    chan struct{} // has one for each connection that is in use
	mutex    sync.Mutex
	idle     []*connection
	listings listings
	closing  sync.Once
}

var _ connector.Connector = (*Connector)(nil)

// New checks the options and connects to nothing. The error text has no password in it.
func New(options Options) (*Connector, error) {
	options, at, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("ldap: %w", err)
	}
	t, err := options.traits()
	if err != nil {
		return nil, fmt.Errorf("ldap: %w", err)
	}
	return &Connector{options: options, place: at, traits: t, slots: make(chan struct{}, options.MaxConnections)}, nil
}

// session is a call: a connection, and what it is used for.
type session struct {
	traits
	op      string
	options Options
	conn    *connection
	// values are of attributes, which no error may have in its text.
	values []string
}

func (s *session) bases() []string { return s.options.bases(s.traits) }

// call runs do with a connection. The values are attributes' ones, which no error may have in its text.
func (c *Connector) call(ctx context.Context, op string, values []string, do func(context.Context, *session) error) error {
	return finished(ctx, op, c.run(ctx, op, values, do))
}

func (c *Connector) run(ctx context.Context, op string, values []string, do func(context.Context, *session) error) error {
	conn, err := c.take(ctx)
	if err != nil {
		return named(op, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.raw.Close() })
	err = do(ctx, &session{traits: c.traits, op: op, options: c.options, conn: conn, values: values})
	conn.broken = !stop() || conn.broken
	c.put(conn)
	return err
}

// named gives an error of the connection the operation that it was for.
func named(op string, err error) error {
	if typed := new(connector.Error); errors.As(err, &typed) {
		return connector.Errorf(typed.Kind, op, "%s: %w", typed.Op, typed.Err)
	}
	return failure(op, err, true, nil)
}

// search reads whole results: what lies on other servers is not fetched, and is an error, since it would be missing. No base, or one that
// the connector may not see, is one as well.
func (s *session) search(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	request.DerefAliases = ldap.NeverDerefAliases
	result, err := s.conn.Search(request)
	err = s.conn.answered(err)
	switch {
	case hasCode(err, ldap.LDAPResultNoSuchObject):
		return nil, connector.Errorf(connector.Rejected, s.op, "there is no entry %q, or the connector may not read it: create it, or correct the options", request.BaseDN)
	case err != nil:
		return nil, failure(s.op, err, true, s.values)
	case len(result.Referrals) > 0:
		return nil, connector.Errorf(connector.Rejected, s.op,
			"a part of what is below %q is on another server, which is not asked: choose an entry that has all below it on one server", request.BaseDN)
	}
	return result, nil
}

// Capabilities asks the server what it is, and whether there are the entries that the options name.
func (c *Connector) Capabilities(ctx context.Context) (connector.Capabilities, error) {
	const op = "ask for capabilities"
	var found connector.Capabilities
	err := c.call(ctx, op, nil, func(ctx context.Context, s *session) error {
		root, err := s.read(ctx, "", "objectClass", "vendorName", "vendorVersion", "supportedLDAPVersion", "domainControllerFunctionality")
		if err != nil {
			return err
		}
		found = s.capabilities(version(root))
		for _, base := range append(s.bases(), s.options.GroupsBase) {
			if _, err := s.read(ctx, base, noAttributes); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// read returns one entry.
func (s *session) read(ctx context.Context, dn string, attributes ...string) (*ldap.Entry, error) {
	result, err := s.search(ctx, &ldap.SearchRequest{BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes})
	if err != nil {
		return nil, err
	}
	if len(result.Entries) != 1 {
		return nil, connector.Errorf(connector.Rejected, s.op, "there is no entry %q, or the connector may not read it: create it, or correct the options", dn)
	}
	return result.Entries[0], nil
}

// version is what the server says of itself in its root entry.
func version(root *ldap.Entry) string {
	switch vendor := root.GetAttributeValue("vendorVersion"); {
	case vendor != "":
		return vendor
	case slices.Contains(root.GetAttributeValues("objectClass"), "OpenLDAProotDSE"):
		return "OpenLDAP"
	case root.GetAttributeValue("domainControllerFunctionality") != "":
		return "Active Directory, functional level " + root.GetAttributeValue("domainControllerFunctionality")
	}
	return "a server of LDAP version 3"
}
