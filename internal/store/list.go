package store

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// counts reads the claim of obj with reader and says whether obj counts.
func counts(ctx context.Context, reader client.Reader, obj client.Object) (bool, error) {
	claim := &v1alpha1.ScimClaim{}
	name := ClaimNameOf(obj)
	if err := reader.Get(ctx, client.ObjectKey{Name: name}, claim); err != nil {
		if isGone(err) {
			return false, nil
		}
		return false, fmt.Errorf("read claim %s: %w", name, err)
	}
	return Counts(obj, claim), nil
}

// UserCounts says whether the user counts, by its claim as reader has it. Controllers pass their cache.
func UserCounts(ctx context.Context, reader client.Reader, user *v1alpha1.ScimUser) (bool, error) {
	return counts(ctx, reader, user)
}

// RoleCounts says whether the role counts, by its claim as reader has it. Controllers pass their cache.
func RoleCounts(ctx context.Context, reader client.Reader, role *v1alpha1.ScimRole) (bool, error) {
	return counts(ctx, reader, role)
}

// Users lists all users that the directory sees and that count, from the cache, ordered by creation time and id. The list is the
// caller's; the users belong to the cache and must not be changed.
func (s *Store) Users(ctx context.Context, directory string) ([]*v1alpha1.ScimUser, error) {
	users, _, err := s.UsersPage(ctx, directory, 0, -1)
	return users, err
}

// UsersPage is the part of Users from position from, which counts from 0, with at most count users; all of them when count is
// negative. It says how many there are in all, as of the same moment, and costs what is on the page.
func (s *Store) UsersPage(ctx context.Context, directory string, from, count int) (page []*v1alpha1.ScimUser, total int, err error) {
	if !s.Listable() {
		return nil, 0, tryAgain(textNotSynced, nil)
	}
	local, err := s.existing(ctx, directory, userKind)
	if err != nil {
		return nil, 0, toSCIM(err)
	}
	page, total = s.lists.users.part(directory, local, from, count)
	return page, total, nil
}

// Roles lists all roles that the directory sees and that count, from the cache, ordered by creation time and id. The list is the
// caller's; the roles belong to the cache and must not be changed.
func (s *Store) Roles(ctx context.Context, directory string) ([]*v1alpha1.ScimRole, error) {
	roles, _, err := s.RolesPage(ctx, directory, 0, -1)
	return roles, err
}

// RolesPage is to Roles what UsersPage is to Users.
func (s *Store) RolesPage(ctx context.Context, directory string, from, count int) (page []*v1alpha1.ScimRole, total int, err error) {
	if !s.Listable() {
		return nil, 0, tryAgain(textNotSynced, nil)
	}
	local, err := s.existing(ctx, directory, roleKind)
	if err != nil {
		return nil, 0, toSCIM(err)
	}
	page, total = s.lists.roles.part(directory, local, from, count)
	return page, total, nil
}

// UserNames gives the userNames of those ids that the directory sees, from the cache, for display only: none while the cache is not
// synced. A directory that puts the id of a stranger into a group must not learn who that is.
func (s *Store) UserNames(ctx context.Context, directory string, ids []string) map[string]string {
	names := make(map[string]string, len(ids))
	if !s.synced() {
		return names
	}
	for _, id := range ids {
		user := &v1alpha1.ScimUser{}
		if err := s.cache.Get(ctx, client.ObjectKey{Name: id}, user, client.UnsafeDisableDeepCopy); err != nil {
			continue
		}
		if ok, err := s.inView(ctx, directory, user); err == nil && ok {
			names[id] = user.Spec.UserName
		}
	}
	return names
}
