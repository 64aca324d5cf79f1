package okta

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// Member is a user whom Okta knows to be in a group and to have the app.
type Member struct {
	// Value is the server's id of the user.
	Value string `json:"value"`
	// Display is the userName, or null.
	Display *string `json:"display"`
}

// Members makes members without display names of ids, which Okta sends as null.
func Members(ids ...string) []Member {
	members := make([]Member, len(ids))
	for i, id := range ids {
		members[i] = Member{Value: id}
	}
	return members
}

// MemberOf is the member that a user is, with its userName for display.
func MemberOf(user Resource) Member {
	name := user.text("userName")
	return Member{Value: user.ID(), Display: &name}
}

// Operation is one operation of a PATCH (RFC 7644 section 3.5.2).
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

// FindGroup looks for a group by its name; nil when there is none.
func (c *Client) FindGroup(ctx context.Context, displayName string) (Resource, error) {
	return c.find(ctx, "Groups", "displayName", displayName)
}

// Group reads one group with its members.
func (c *Client) Group(ctx context.Context, id string) (Resource, error) {
	return c.fetch(ctx, http.MethodGet, "/Groups/"+id, nil)
}

// PushGroup pushes a group for the first time and gives its id. One that the server has already is linked and gets these members.
// A custom app creates the group with its members and writes them again at once; a catalogue app adds them a second time and says
// the name again.
func (c *Client) PushGroup(ctx context.Context, displayName string, members []Member) (string, error) {
	found, err := c.FindGroup(ctx, displayName)
	if err != nil {
		return "", err
	}
	if found != nil {
		return found.ID(), c.PushNow(ctx, found.ID(), displayName, members)
	}
	created, err := c.CreateGroup(ctx, displayName, members)
	if err != nil {
		return "", err
	}
	id := created.ID()
	if c.config.Dialect == AIW {
		return id, c.rewriteGroup(ctx, id, displayName, func([]Member) []Member { return members })
	}
	for _, operations := range memberBatches(nil, members, c.config.BatchSize) {
		if err := c.patch(ctx, "/Groups/"+id, operations); err != nil {
			return "", err
		}
	}
	return id, c.assertName(ctx, id, displayName)
}

// CreateGroup sends the create alone, without the check for existence.
func (c *Client) CreateGroup(ctx context.Context, displayName string, members []Member) (Resource, error) {
	body := Resource{"schemas": []any{GroupSchema}, "displayName": displayName, "members": emptyIfNil(members)}
	return c.fetch(ctx, http.MethodPost, "/Groups", body)
}

// ChangeMembers adds and removes members. A custom app reads the group and PUTs all of it; a catalogue app says the name again and
// sends the changes in batches.
func (c *Client) ChangeMembers(ctx context.Context, id, displayName string, add []Member, remove []string) error {
	if c.config.Dialect == AIW {
		return c.rewriteGroup(ctx, id, displayName, func(present []Member) []Member { return changed(present, add, remove) })
	}
	if err := c.assertName(ctx, id, displayName); err != nil {
		return err
	}
	for _, operations := range memberBatches(remove, add, c.config.BatchSize) {
		if err := c.patch(ctx, "/Groups/"+id, operations); err != nil {
			return err
		}
	}
	return nil
}

// PushNow makes these members the whole membership.
func (c *Client) PushNow(ctx context.Context, id, displayName string, members []Member) error {
	if c.config.Dialect == AIW {
		return c.rewriteGroup(ctx, id, displayName, func([]Member) []Member { return members })
	}
	return c.patch(ctx, "/Groups/"+id, []Operation{{Op: "replace", Path: "members", Value: emptyIfNil(members)}})
}

// RenameGroup gives a group another name and leaves its members alone.
func (c *Client) RenameGroup(ctx context.Context, id, displayName string) error {
	if c.config.Dialect == AIW {
		return c.rewriteGroup(ctx, id, displayName, func(present []Member) []Member { return present })
	}
	return c.assertName(ctx, id, displayName)
}

// UnlinkGroup ends the push of a group. Okta asks whether to delete the group in the app; leaving it there sends nothing.
func (c *Client) UnlinkGroup(ctx context.Context, id string, deleteInApp bool) error {
	if !deleteInApp {
		return nil
	}
	_, err := c.call(ctx, http.MethodDelete, "/Groups/"+id, nil)
	return err
}

// ImportGroups reads all groups, page after page.
func (c *Client) ImportGroups(ctx context.Context) ([]Resource, error) {
	return c.importAll(ctx, "Groups")
}

// PutGroup sends the PUT of a custom app without the GET before it, with a body that repeats nothing of the server's.
func (c *Client) PutGroup(ctx context.Context, id, displayName string, members []Member) (Resource, error) {
	body := Resource{
		"schemas": []any{GroupSchema}, "id": id, "displayName": displayName, "members": emptyIfNil(members),
	}
	return c.fetch(ctx, http.MethodPut, "/Groups/"+id, body)
}

// rewriteGroup is GET and PUT of the whole group.
func (c *Client) rewriteGroup(ctx context.Context, id, displayName string, members func(present []Member) []Member) error {
	group, err := c.Group(ctx, id)
	if err != nil {
		return err
	}
	present := Members(group.Members()...)
	_, err = c.PutGroup(ctx, id, displayName, members(present))
	return err
}

// assertName is the pathless replace that goes with every change of a group in a catalogue app. It repeats the id.
func (c *Client) assertName(ctx context.Context, id, displayName string) error {
	value := map[string]any{"id": id, "displayName": displayName}
	return c.patch(ctx, "/Groups/"+id, []Operation{{Op: "replace", Value: value}})
}

// changed is present without those removed, and with those added who were not there.
func changed(present, add []Member, remove []string) []Member {
	gone := make(map[string]bool, len(remove))
	for _, id := range remove {
		gone[id] = true
	}
	there := make(map[string]bool, len(present)+len(add))
	var next []Member
	for _, member := range slices.Concat(present, add) {
		if there[member.Value] || gone[member.Value] {
			continue
		}
		there[member.Value] = true
		next = append(next, member)
	}
	return next
}

// memberBatches splits a change of membership into PATCH bodies of at most size changes each: removals first, one operation for
// each, then additions, one operation for all of them in a batch.
func memberBatches(remove []string, add []Member, size int) [][]Operation {
	var batches [][]Operation
	for len(remove)+len(add) > 0 {
		removing := min(len(remove), size)
		adding := min(len(add), size-removing)
		operations := make([]Operation, 0, removing+1)
		for _, id := range remove[:removing] {
			operations = append(operations, Operation{Op: "remove", Path: fmt.Sprintf("members[value eq %q]", id)})
		}
		if adding > 0 {
			operations = append(operations, Operation{Op: "add", Path: "members", Value: add[:adding]})
		}
		remove, add = remove[removing:], add[adding:]
		batches = append(batches, operations)
	}
	return batches
}

func emptyIfNil(members []Member) []Member {
	if members == nil {
		return []Member{}
	}
	return members
}
