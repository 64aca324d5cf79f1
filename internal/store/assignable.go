package store

import (
	"context"
	"fmt"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// AssignableRolesPage is to the roles that the directory may give to its users what RolesPage is to those that it sees: its own, and
// all local ones.
func (s *Store) AssignableRolesPage(_ context.Context, directory string, from, count int) (page []*v1alpha1.ScimRole, total int, err error) {
	if !s.Listable() {
		return nil, 0, tryAgain(textNotSynced, nil)
	}
	page, total = s.lists.roles.part(directory, v1alpha1.MatchLink, from, count)
	return page, total, nil
}

// AssignableRole reads one of those roles, live.
func (s *Store) AssignableRole(ctx context.Context, directory, id string) (*v1alpha1.ScimRole, error) {
	notFound := scim.NotFound("Role", id)
	if !possibleName(id) {
		return nil, notFound
	}
	role := &v1alpha1.ScimRole{}
	if err := s.get(ctx, id, role); err != nil {
		if isGone(err) {
			return nil, notFound
		}
		return nil, toSCIM(fmt.Errorf("read %s: %w", id, err))
	}
	if !alive(role) || !isLocal(role) && !belongs(role, directory) {
		return nil, notFound
	}
	ok, err := counts(ctx, s.client, role)
	if err != nil {
		return nil, toSCIM(err)
	}
	if !ok {
		return nil, notFound
	}
	return role, nil
}
