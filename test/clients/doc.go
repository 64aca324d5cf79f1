// Package clients has the identity providers besides Okta, and Okta's two kinds of apps beside them, as SCIM 2.0 clients that tests
// push through: the same requests in the same order and, above all, in the same shapes. All have one interface, so that one test
// takes every make through the same life of people and groups.
//
// Each client sends its requests in turn to all replicas of a server that it was given, as a load balancer would have it at worst.
// So what one replica answered, the next one must know.
//
// What a provider publishes, or what its source or its users' logs show, is sent literally. Google and JumpCloud publish no
// traffic; what is assumed of them is said at the types.
package clients

import (
	"context"
	"crypto/x509"
)

// The schema URN that Entra adds to groups.
const entraGroupSchema = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"

// Client is one identity provider that is connected to one directory.
type Client interface {
	// Connect does what the provider does when an administrator connects it and presses the button that tests the connection.
	Connect(ctx context.Context) error
	// CreateUser assigns somebody the app and gives the server's id. One who is there already is linked.
	CreateUser(ctx context.Context, p Person) (id string, err error)
	// UpdateUser pushes what differs between two states of a person; deactivation is one of the differences.
	UpdateUser(ctx context.Context, id string, before, after Person) error
	// RemoveUser deletes a person who was deactivated, or leaves it at that if the provider never deletes.
	RemoveUser(ctx context.Context, id string) error
	// CreateGroup pushes a group for the first time and gives the server's id. One that is there already is taken over.
	CreateGroup(ctx context.Context, g Group, members []string) (id string, err error)
	// RenameGroup pushes a group's attributes and leaves its members alone.
	RenameGroup(ctx context.Context, id string, g Group) error
	// ChangeMembers turns one membership into another. The ids are the server's.
	ChangeMembers(ctx context.Context, id string, g Group, before, after []string) error
	// RemoveGroup deletes a group.
	RemoveGroup(ctx context.Context, id string) error
	// Maps is the part of a person that the provider's default mappings send.
	Maps(p Person) Person
}

// Config says which server to push to.
type Config struct {
	// BaseURLs are the SCIM base URLs of all replicas of one server.
	BaseURLs []string
	// Token is the bearer token.
	Token string
	// RootCAs are the authorities that the server's certificate is checked against.
	RootCAs *x509.CertPool
}

// Person is somebody as an identity provider knows them. Empty attributes are not assigned.
type Person struct {
	UserName, ExternalID, GivenName, FamilyName, DisplayName string
	// Email is the address for work, Mobile a telephone number.
	Email, Mobile                     string
	Title, Department, EmployeeNumber string
	// Manager is the server's id of the person's manager.
	Manager string
	Active  bool
}

// Group is a group as an identity provider knows it, members aside.
type Group struct {
	Name, ExternalID string
}

// without are the ids that are in all and not in some.
func without(all, some []string) []string {
	gone := make(map[string]bool, len(some))
	for _, id := range some {
		gone[id] = true
	}
	var left []string
	for _, id := range all {
		if !gone[id] {
			left = append(left, id)
		}
	}
	return left
}

// members are the objects by which most clients name members.
func members(ids []string) []any {
	list := make([]any, 0, len(ids))
	for _, id := range ids {
		list = append(list, map[string]any{"value": id})
	}
	return list
}
