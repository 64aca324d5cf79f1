package clients

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/scim-operator/scim-operator/test/okta"
)

// JumpCloud is JumpCloud's custom SCIM integration. Its documentation says that the test of the connection creates a user and a
// group and deletes them, and that groups are taken over by name; servers that support it tell of both ways to remove a member. That
// users are written whole by PUT is assumed.
type JumpCloud struct {
	wire *wire
	// domain is that of the test user, whom JumpCloud lets the administrator choose.
	domain string
}

var _ Client = (*JumpCloud)(nil)

// NewJumpCloud makes a client. The domain is that of the user who is created to test the connection.
func NewJumpCloud(config Config, domain string) (*JumpCloud, error) {
	w, err := newWire(config, map[string]string{
		"User-Agent": "JumpCloud", "Accept": "application/json", "Accept-Charset": "", "Accept-Encoding": "gzip",
		"Content-Type": "application/json",
	})
	return &JumpCloud{wire: w, domain: domain}, err
}

// Connect creates a test user, changes and deactivates it, puts it into a test group, and deletes both.
func (j *JumpCloud) Connect(ctx context.Context) error {
	name := "jumpcloud-test-" + strings.ToLower(rand.Text()[:8])
	p := Person{UserName: name + "@" + j.domain, GivenName: "Test", FamilyName: "User", Email: name + "@" + j.domain, Active: true}
	user, err := j.CreateUser(ctx, p)
	if err != nil {
		return fmt.Errorf("create the test user: %w", err)
	}
	changed := p
	changed.FamilyName, changed.Active = "Changed", false
	if err := j.UpdateUser(ctx, user, p, changed); err != nil {
		return fmt.Errorf("change the test user: %w", err)
	}
	group, err := j.CreateGroup(ctx, Group{Name: name}, []string{user})
	if err != nil {
		return fmt.Errorf("create the test group: %w", err)
	}
	for _, path := range []string{"/Groups/" + group, "/Users/" + user} {
		if err := j.wire.remove(ctx, path); err != nil {
			return fmt.Errorf("delete what was made to test: %w", err)
		}
		if _, err := j.wire.get(ctx, path); okta.StatusOf(err) != http.StatusNotFound {
			return fmt.Errorf("GET %s after its deletion: %w, want 404", path, err)
		}
	}
	return nil
}

// CreateUser looks for the name, and takes over whoever has it.
func (j *JumpCloud) CreateUser(ctx context.Context, p Person) (string, error) {
	found, err := j.wire.find(ctx, "/Users", fmt.Sprintf("userName eq %q", p.UserName))
	if err != nil {
		return "", err
	}
	if found != nil {
		return found.ID(), j.UpdateUser(ctx, found.ID(), Person{}, p)
	}
	created, err := j.wire.create(ctx, "/Users", fullUser(j.Maps(p)))
	return created.ID(), err
}

// UpdateUser writes the whole user.
func (j *JumpCloud) UpdateUser(ctx context.Context, id string, _, after Person) error {
	return j.wire.put(ctx, "/Users/"+id, fullUser(j.Maps(after)))
}

// RemoveUser deletes the user.
func (j *JumpCloud) RemoveUser(ctx context.Context, id string) error {
	return j.wire.remove(ctx, "/Users/"+id)
}

// CreateGroup takes over the group of that name. It creates none without members.
func (j *JumpCloud) CreateGroup(ctx context.Context, g Group, ids []string) (string, error) {
	found, err := j.wire.find(ctx, "/Groups", fmt.Sprintf("displayName eq %q", g.Name))
	if err != nil {
		return "", err
	}
	if found != nil {
		return found.ID(), j.ChangeMembers(ctx, found.ID(), g, nil, ids)
	}
	if len(ids) == 0 {
		return "", errors.New("jumpcloud creates no empty group")
	}
	created, err := j.wire.create(ctx, "/Groups", okta.Resource{
		"schemas": []any{okta.GroupSchema}, "displayName": g.Name, "externalId": g.ExternalID, "members": members(ids),
	})
	return created.ID(), err
}

// RenameGroup replaces the name without a path.
func (j *JumpCloud) RenameGroup(ctx context.Context, id string, g Group) error {
	_, err := j.wire.patch(ctx, "/Groups/"+id, okta.Operation{
		Op: "replace", Value: map[string]any{"displayName": g.Name, "externalId": g.ExternalID},
	})
	return err
}

// ChangeMembers sends one request for each member, removals in both ways in turn.
func (j *JumpCloud) ChangeMembers(ctx context.Context, id string, _ Group, before, after []string) error {
	for _, member := range without(after, before) {
		operation := okta.Operation{Op: "add", Path: "members", Value: members([]string{member})}
		if _, err := j.wire.patch(ctx, "/Groups/"+id, operation); err != nil {
			return err
		}
	}
	for i, member := range without(before, after) {
		operation := okta.Operation{Op: "remove", Path: "members", Value: members([]string{member})}
		if i%2 == 1 {
			operation = okta.Operation{Op: "remove", Path: fmt.Sprintf("members[value eq %q]", member)}
		}
		if _, err := j.wire.patch(ctx, "/Groups/"+id, operation); err != nil {
			return err
		}
	}
	return nil
}

// RemoveGroup deletes the group.
func (j *JumpCloud) RemoveGroup(ctx context.Context, id string) error {
	return j.wire.remove(ctx, "/Groups/"+id)
}

// Maps leaves out the manager, which is a custom attribute.
func (j *JumpCloud) Maps(p Person) Person {
	p.Manager = ""
	return p
}
