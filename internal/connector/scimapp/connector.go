package scimapp

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// The paths of the endpoints below the base URL.
const (
	users  = "/Users"
	groups = "/Groups"
)

// Connector keeps the accounts of one app. It connects when it is first used.
type Connector struct {
	options    Options
	client     *http.Client
	authorizer *authorizer

	mu sync.Mutex
	// found is what the server said it can do, once it was asked.
	found *run
	// knows is what was found out about the server's filters.
	knows knowledge
	// written are memberships that were written and that the server's own list of a user's groups need not show yet, by the user's id.
	written map[string]map[string]bool
}

var _ connector.Connector = (*Connector)(nil)

// New checks the options and connects to nothing. The error text has no credential in it.
func New(options Options) (*Connector, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("scim: %w", err)
	}
	client := newClient(options)
	return &Connector{
		options:    options,
		client:     client,
		authorizer: &authorizer{auth: options.Auth, client: client},
		knows:      knowledge{ignored: map[string]bool{}},
		written:    map[string]map[string]bool{},
	}, nil
}

// Close closes the connections that are not in use. Those that are end with their exchange.
func (c *Connector) Close() { c.client.CloseIdleConnections() }

// run is one call of the connector, and what the server can do.
type run struct {
	c        *Connector
	op       string
	profile  Profile
	pageSize int
}

// begin finds out what the server can do, unless that is known.
func (c *Connector) begin(ctx context.Context, op string) (*run, error) {
	c.mu.Lock()
	found := c.found
	c.mu.Unlock()
	if found == nil {
		var err error
		if found, err = c.discover(ctx, op); err != nil {
			return nil, err
		}
	}
	r := *found
	r.op = op
	return &r, nil
}

// discover asks the server what it can do, where the profile says to. A server that does not answer that is taken for what the profile says.
func (c *Connector) discover(ctx context.Context, op string) (*run, error) {
	r := &run{c: c, op: op, profile: c.options.Profile, pageSize: c.options.Profile.PageSize}
	if r.profile.Discovers {
		config, err := c.call(ctx, op, request{method: http.MethodGet, path: "/ServiceProviderConfig"})
		if err != nil && statusOf(err) != http.StatusNotFound && statusOf(err) != http.StatusNotImplemented {
			return nil, err
		}
		r.restrict(config)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = r
	return r, nil
}

// restrict takes away what the server says it does not have.
func (r *run) restrict(config object) {
	part := func(name string) (supported, said bool, most int) {
		section, _ := attribute(config, name).(object)
		supported, said = attribute(section, "supported").(bool)
		number, _ := attribute(section, "maxResults").(float64)
		return supported, said, int(number)
	}
	if supported, said, _ := part("patch"); said && !supported {
		r.profile.Users = Put
		if r.profile.Suspends == Patch {
			r.profile.Suspends = Put
		}
		if r.profile.Members != Never {
			r.profile.Members = Put
		}
	}
	supported, said, most := part("filter")
	if said && !supported {
		r.profile.Filters, r.profile.MemberFilter, r.profile.PairFilter = nil, "", ""
	}
	if most > 0 {
		r.pageSize = min(r.pageSize, most)
	}
}

// Capabilities asks the server, and reads a user, so that it also says whether the credential is good.
func (c *Connector) Capabilities(ctx context.Context) (connector.Capabilities, error) {
	const op = "ask for capabilities"
	r, err := c.discover(ctx, op)
	if err != nil {
		return connector.Capabilities{}, err
	}
	if _, err := r.fetch(ctx, users, nil, 1, 1); err != nil {
		return connector.Capabilities{}, err
	}
	return connector.Capabilities{Version: "SCIM 2.0, profile " + r.profile.Name, Attributes: r.profile.names()}, nil
}
