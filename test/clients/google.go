package clients

import (
	"context"
	"errors"
	"fmt"

	"github.com/scim-operator/scim-operator/test/okta"
)

// Google is the automated provisioning of Google Workspace and Cloud Identity. Its documentation for administrators says: a bearer
// token; attributes are mapped from what /Schemas lists; suspension and deletion are independent, and the deletion may come weeks
// later. Shapes on the wire are not published; those of the standard are assumed, with a path where there can be one.
type Google struct {
	wire *wire
}

var _ Client = (*Google)(nil)

// NewGoogle makes a client.
func NewGoogle(config Config) (*Google, error) {
	w, err := newWire(config, map[string]string{
		"User-Agent": "Google-Auto-Provisioning", "Accept": "application/scim+json", "Accept-Charset": "", "Accept-Encoding": "gzip",
		"Content-Type": "application/scim+json",
	})
	return &Google{wire: w}, err
}

// Connect reads what the server offers, and refuses a schema of users that an administrator could not map.
func (g *Google) Connect(ctx context.Context) error {
	if _, err := g.wire.config(ctx); err != nil {
		return err
	}
	schema, err := g.wire.userSchema(ctx)
	if err != nil {
		return err
	}
	var problems []error
	want := func(ok bool, what string) {
		if !ok {
			problems = append(problems, errors.New("the schema of users: "+what))
		}
	}
	want(schema["userName"].Required && schema["userName"].Type == "string", "userName must be a required string")
	want(schema["active"].Type == "boolean" && schema["active"].Mutability == "readWrite", "active must be a boolean that can be written")
	want(schema["emails"].MultiValued && hasSub(schema["emails"], "value") && hasSub(schema["emails"], "primary"), "emails must be a list of values")
	want(schema["name"].Type == "complex" && hasSub(schema["name"], "givenName") && hasSub(schema["name"], "familyName"), "name must have its parts")
	return errors.Join(problems...)
}

func hasSub(a schemaAttribute, name string) bool {
	for _, sub := range a.SubAttributes {
		if sub.Name == name {
			return true
		}
	}
	return false
}

// CreateUser looks for the name and creates or links.
func (g *Google) CreateUser(ctx context.Context, p Person) (string, error) {
	found, err := g.wire.find(ctx, "/Users", fmt.Sprintf("userName eq %q", p.UserName))
	if err != nil || found != nil {
		return found.ID(), err
	}
	created, err := g.wire.create(ctx, "/Users", fullUser(p))
	return created.ID(), err
}

// UpdateUser suspends and resumes on its own, and otherwise replaces the whole profile without a path.
func (g *Google) UpdateUser(ctx context.Context, id string, before, after Person) error {
	value := any(map[string]any{"active": after.Active})
	if before.Active == after.Active {
		profile := fullUser(after)
		delete(profile, "schemas")
		value = profile
	}
	_, err := g.wire.patch(ctx, "/Users/"+id, okta.Operation{Op: "replace", Value: value})
	return err
}

// RemoveUser deletes the user.
func (g *Google) RemoveUser(ctx context.Context, id string) error {
	return g.wire.remove(ctx, "/Users/"+id)
}

// CreateGroup looks for the name and creates or links.
func (g *Google) CreateGroup(ctx context.Context, group Group, ids []string) (string, error) {
	found, err := g.wire.find(ctx, "/Groups", fmt.Sprintf("displayName eq %q", group.Name))
	if err != nil {
		return "", err
	}
	if found != nil {
		return found.ID(), g.replaceMembers(ctx, found.ID(), ids)
	}
	created, err := g.wire.create(ctx, "/Groups", okta.Resource{
		"schemas": []any{okta.GroupSchema}, "displayName": group.Name, "externalId": group.ExternalID, "members": members(ids),
	})
	return created.ID(), err
}

// RenameGroup replaces the name.
func (g *Google) RenameGroup(ctx context.Context, id string, group Group) error {
	_, err := g.wire.patch(ctx, "/Groups/"+id,
		okta.Operation{Op: "replace", Path: "displayName", Value: group.Name},
		okta.Operation{Op: "replace", Path: "externalId", Value: group.ExternalID})
	return err
}

// ChangeMembers adds and removes or, when nobody stays, replaces.
func (g *Google) ChangeMembers(ctx context.Context, id string, _ Group, before, after []string) error {
	gone := without(before, after)
	if len(gone) == len(before) {
		return g.replaceMembers(ctx, id, after)
	}
	var operations []okta.Operation
	if add := without(after, before); len(add) > 0 {
		operations = append(operations, okta.Operation{Op: "add", Path: "members", Value: members(add)})
	}
	for _, member := range gone {
		operations = append(operations, okta.Operation{Op: "remove", Path: fmt.Sprintf("members[value eq %q]", member)})
	}
	_, err := g.wire.patch(ctx, "/Groups/"+id, operations...)
	return err
}

func (g *Google) replaceMembers(ctx context.Context, id string, ids []string) error {
	_, err := g.wire.patch(ctx, "/Groups/"+id, okta.Operation{Op: "replace", Path: "members", Value: members(ids)})
	return err
}

// RemoveGroup deletes the group.
func (g *Google) RemoveGroup(ctx context.Context, id string) error {
	return g.wire.remove(ctx, "/Groups/"+id)
}

// Maps is everything.
func (g *Google) Maps(p Person) Person { return p }
