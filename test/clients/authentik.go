package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/scim-operator/scim-operator/test/okta"
)

// Authentik is authentik's outgoing SCIM provider, after its source. It believes ServiceProviderConfig: without PATCH it would PUT
// groups whole, and the number of operations in one PATCH is that of bulk.
type Authentik struct {
	wire          *wire
	maxOperations int
}

var _ Client = (*Authentik)(nil)

// NewAuthentik makes a client.
func NewAuthentik(config Config) (*Authentik, error) {
	w, err := newWire(config, map[string]string{
		"User-Agent": "goauthentik.io/2026.2", "Accept": "application/scim+json", "Accept-Charset": "", "Accept-Encoding": "gzip,deflate",
		"Content-Type": "application/scim+json",
	})
	return &Authentik{wire: w}, err
}

// Connect reads ServiceProviderConfig, and all users and groups, to link those that it knows.
func (a *Authentik) Connect(ctx context.Context) error {
	config, err := a.wire.config(ctx)
	if err != nil {
		return err
	}
	if !config.Patch.Supported || !config.Filter.Supported {
		return errors.New("ServiceProviderConfig lacks PATCH or filters, and groups would be written whole")
	}
	a.maxOperations = config.Bulk.MaxOperations
	for _, path := range []string{"/Users", "/Groups"} {
		if _, err := a.wire.list(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// CreateUser creates, and looks for the name only after a conflict.
func (a *Authentik) CreateUser(ctx context.Context, p Person) (string, error) {
	created, err := a.wire.create(ctx, "/Users", a.user(p))
	if !isUniqueness(err) {
		return created.ID(), err
	}
	found, findErr := a.wire.find(ctx, "/Users", fmt.Sprintf("userName eq %q", p.UserName))
	if found == nil {
		return "", errors.Join(err, findErr)
	}
	return found.ID(), a.UpdateUser(ctx, found.ID(), Person{}, p)
}

// isUniqueness says whether the answer was the conflict that authentik knows what to do about: 409 with the scimType uniqueness.
func isUniqueness(err error) bool {
	refused, ok := errors.AsType[*okta.Error](err)
	return ok && refused.Status == http.StatusConflict && refused.SCIMType == "uniqueness"
}

// user is the body of authentik's default mapping.
func (a *Authentik) user(p Person) okta.Resource {
	return okta.Resource{
		"schemas":  []any{okta.UserSchema},
		"userName": p.UserName, "externalId": p.ExternalID, "displayName": p.DisplayName, "active": p.Active,
		"name": map[string]any{
			"formatted": p.GivenName + " " + p.FamilyName, "givenName": p.GivenName, "familyName": p.FamilyName,
		},
		"emails": []any{map[string]any{"value": p.Email, "type": "other", "primary": true}},
	}
}

// UpdateUser is always a PUT of the whole user.
func (a *Authentik) UpdateUser(ctx context.Context, id string, _, after Person) error {
	body := a.user(after)
	body["id"] = id
	return a.wire.put(ctx, "/Users/"+id, body)
}

// RemoveUser deletes the user.
func (a *Authentik) RemoveUser(ctx context.Context, id string) error {
	return a.wire.remove(ctx, "/Users/"+id)
}

func (a *Authentik) group(g Group) okta.Resource {
	return okta.Resource{"schemas": []any{okta.GroupSchema}, "externalId": g.ExternalID, "displayName": g.Name}
}

// CreateGroup creates, looks for the name only after a conflict, and adds the members.
func (a *Authentik) CreateGroup(ctx context.Context, g Group, ids []string) (string, error) {
	group, err := a.wire.create(ctx, "/Groups", a.group(g))
	if isUniqueness(err) {
		group, err = a.wire.find(ctx, "/Groups", fmt.Sprintf("displayName eq %q", g.Name))
		if err == nil && group == nil {
			err = errors.New("a name that is taken finds no group")
		}
	}
	if err != nil {
		return "", err
	}
	return group.ID(), a.patchMembers(ctx, group.ID(), ids, nil)
}

// RenameGroup replaces the attributes without a path, schemas and id included, and then compares the members.
func (a *Authentik) RenameGroup(ctx context.Context, id string, g Group) error {
	value := a.group(g)
	value["id"] = id
	if _, err := a.wire.patch(ctx, "/Groups/"+id, okta.Operation{Op: "replace", Value: value}); err != nil {
		return err
	}
	_, err := a.wire.get(ctx, "/Groups/"+id)
	return err
}

// WriteGroup is RenameGroup for a group that may be gone: a 404 makes authentik forget the mapping and create the group anew.
func (a *Authentik) WriteGroup(ctx context.Context, id string, g Group, ids []string) (string, error) {
	err := a.RenameGroup(ctx, id, g)
	if okta.StatusOf(err) != http.StatusNotFound {
		return id, err
	}
	return a.CreateGroup(ctx, g, ids)
}

// ChangeMembers sends one operation for each member. When some come and some go it is a full sync, which reads the group first and
// compares.
func (a *Authentik) ChangeMembers(ctx context.Context, id string, _ Group, before, after []string) error {
	add, gone := without(after, before), without(before, after)
	if len(add) > 0 && len(gone) > 0 {
		group, err := a.wire.get(ctx, "/Groups/"+id)
		if err != nil {
			return err
		}
		present := group.Members()
		add, gone = without(after, present), without(present, after)
	}
	return a.patchMembers(ctx, id, add, gone)
}

func (a *Authentik) patchMembers(ctx context.Context, id string, add, gone []string) error {
	var operations []okta.Operation
	for _, member := range add {
		operations = append(operations, okta.Operation{Op: "add", Path: "members", Value: members([]string{member})})
	}
	for _, member := range gone {
		operations = append(operations, okta.Operation{Op: "remove", Path: "members", Value: members([]string{member})})
	}
	size := a.maxOperations
	if size < 1 {
		size = len(operations)
	}
	for len(operations) > 0 {
		n := min(size, len(operations))
		if _, err := a.wire.patch(ctx, "/Groups/"+id, operations[:n]...); err != nil {
			return err
		}
		operations = operations[n:]
	}
	return nil
}

// RemoveGroup deletes the group.
func (a *Authentik) RemoveGroup(ctx context.Context, id string) error {
	return a.wire.remove(ctx, "/Groups/"+id)
}

// Maps leaves out what authentik's default mapping does not have.
func (a *Authentik) Maps(p Person) Person {
	p.Title, p.Department, p.EmployeeNumber, p.Manager, p.Mobile = "", "", "", "", ""
	return p
}
