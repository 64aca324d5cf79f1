package server

import (
	"context"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// Store is what the protocol needs of persistence. Every method takes the directory that the request's credential belongs to, and
// behaves towards objects of other directories as if they did not exist, and so towards local ones that the directory may not take
// over. Those that it may take over it sees, and its first change to one makes that its own. A change that its spec.matching forbids
// is a 409 that says what to do.
//
// Errors are *scim.Error: 404 for an id that does not exist, 409 uniqueness for a name that is taken, 400 invalidValue for what the
// API server refuses, and 429 with RetryAfter for every passing trouble. An error means that nothing was changed, or, for a 429,
// that the outcome is unknown and the request can be sent again. No error means that the change is in etcd.
//
// Objects that a method returns are the caller's to change, except those of Users and Roles and of their pages, which belong to the
// cache and must not be changed. The lists themselves are the caller's.
type Store interface {
	// User reads one user, live.
	User(ctx context.Context, directory, id string) (*v1alpha1.ScimUser, error)
	// UserByUserName finds the one user that bears the name, in whatever case, live; 404 when there is none.
	UserByUserName(ctx context.Context, directory, userName string) (*v1alpha1.ScimUser, error)
	// UsersByExternalID finds the users with this externalId, live, ordered by id.
	UsersByExternalID(ctx context.Context, directory, externalID string) ([]*v1alpha1.ScimUser, error)
	// Users lists all users that count, from the cache, ordered by creation time and id. It is complete or a 429.
	Users(ctx context.Context, directory string) ([]*v1alpha1.ScimUser, error)
	// UsersPage is the part of Users from position from, which counts from 0, with at most count users, and the number of all of
	// them, as of one moment. It costs what is on the page.
	UsersPage(ctx context.Context, directory string, from, count int) (page []*v1alpha1.ScimUser, total int, err error)
	// CreateUser creates a user; spec.Directory is set by the store.
	CreateUser(ctx context.Context, directory string, spec *v1alpha1.ScimUserSpec) (*v1alpha1.ScimUser, error)
	// UpdateUser reads the user live, calls change with a copy, and writes what change made of its spec, unless that is equal to
	// what was read. On a conflict it starts over, so change may be called several times. An error of change is returned as it is.
	UpdateUser(ctx context.Context, directory, id string, change func(*v1alpha1.ScimUser) error) (*v1alpha1.ScimUser, error)
	// DeleteUser deletes a user after check (which may be nil) has agreed to the user as read live.
	DeleteUser(ctx context.Context, directory, id string, check func(*v1alpha1.ScimUser) error) error
	// RolesOf lists the roles that the user is a member of, from the cache, ordered by id.
	RolesOf(ctx context.Context, directory, userID string) ([]*v1alpha1.ScimRole, error)

	// Role reads one role, live, without the content of its slices.
	Role(ctx context.Context, directory, id string) (*v1alpha1.ScimRole, error)
	// RoleByDisplayName finds the one role that bears the name, in whatever case, live; 404 when there is none.
	RoleByDisplayName(ctx context.Context, directory, displayName string) (*v1alpha1.ScimRole, error)
	// RolesByExternalID finds the roles with this externalId, live, ordered by id.
	RolesByExternalID(ctx context.Context, directory, externalID string) ([]*v1alpha1.ScimRole, error)
	// Roles lists all roles that count, from the cache, ordered by creation time and id. It is complete or a 429.
	Roles(ctx context.Context, directory string) ([]*v1alpha1.ScimRole, error)
	// RolesPage is to Roles what UsersPage is to Users.
	RolesPage(ctx context.Context, directory string, from, count int) (page []*v1alpha1.ScimRole, total int, err error)
	// Members returns the ids of a role's pushed members: those inline, or those of its slices, in that order. A slice that is gone
	// because the role has moved on is an error scim.TryAgain.
	Members(ctx context.Context, role *v1alpha1.ScimRole) ([]string, error)
	// CreateRole creates a role with the members that the operations leave; spec.Directory is set by the store.
	CreateRole(ctx context.Context, directory string, spec *v1alpha1.ScimRoleSpec, members []scim.MemberOp) (*v1alpha1.ScimRole, error)
	// UpdateRole reads the role live, calls change (which may be nil) with a copy, applies the member operations in order, and writes
	// all of it in one commit, unless nothing changed. change must not touch members, slices and localMembers.
	UpdateRole(ctx context.Context, directory, id string, change func(*v1alpha1.ScimRole) error, members []scim.MemberOp) (*v1alpha1.ScimRole, error)
	// DeleteRole deletes a role after check (which may be nil) has agreed to the role as read live.
	DeleteRole(ctx context.Context, directory, id string, check func(*v1alpha1.ScimRole) error) error
	// AssignableRolesPage lists, as RolesPage does, the roles that the directory may give to its users: its own and the local ones,
	// whether or not it may take those over.
	AssignableRolesPage(ctx context.Context, directory string, from, count int) (page []*v1alpha1.ScimRole, total int, err error)
	// AssignableRole reads one of them, live.
	AssignableRole(ctx context.Context, directory, id string) (*v1alpha1.ScimRole, error)
	// UserNames gives the userNames of those ids that the directory sees, from the cache, for display only.
	UserNames(ctx context.Context, directory string, ids []string) map[string]string
}
