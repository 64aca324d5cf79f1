package store

import (
	"context"
	"fmt"
	"slices"

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

// Users lists all users of the directory that count, from the cache, ordered by creation time and id. The users belong to the
// cache and must not be changed.
func (s *Store) Users(ctx context.Context, directory string) ([]*v1alpha1.ScimUser, error) {
	owners, err := s.claimOwners(ctx)
	if err != nil {
		return nil, toSCIM(err)
	}
	list := &v1alpha1.ScimUserList{}
	err = s.cache.List(ctx, list, client.MatchingFields{IndexDirectory: directory}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, toSCIM(fmt.Errorf("list users: %w", err))
	}
	found := make([]*v1alpha1.ScimUser, 0, len(list.Items))
	for i := range list.Items {
		if user := &list.Items[i]; belongs(user, directory) && s.countsAmong(user, owners) {
			found = append(found, user)
		}
	}
	slices.SortFunc(found, byCreation[*v1alpha1.ScimUser])
	return found, nil
}

// Roles lists all roles of the directory that count, from the cache, ordered by creation time and id. The roles belong to the
// cache and must not be changed.
func (s *Store) Roles(ctx context.Context, directory string) ([]*v1alpha1.ScimRole, error) {
	owners, err := s.claimOwners(ctx)
	if err != nil {
		return nil, toSCIM(err)
	}
	list := &v1alpha1.ScimRoleList{}
	err = s.cache.List(ctx, list, client.MatchingFields{IndexDirectory: directory}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, toSCIM(fmt.Errorf("list roles: %w", err))
	}
	found := make([]*v1alpha1.ScimRole, 0, len(list.Items))
	for i := range list.Items {
		if role := &list.Items[i]; belongs(role, directory) && s.countsAmong(role, owners) {
			found = append(found, role)
		}
	}
	slices.SortFunc(found, byCreation[*v1alpha1.ScimRole])
	return found, nil
}

// claimOwners maps every claim in the cache to its owner.
func (s *Store) claimOwners(ctx context.Context) (map[string]string, error) {
	if !s.synced() {
		return nil, tryAgain(textNotSynced, nil)
	}
	claims := &v1alpha1.ScimClaimList{}
	if err := s.cache.List(ctx, claims, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	owners := make(map[string]string, len(claims.Items))
	for i := range claims.Items {
		owners[claims.Items[i].Name] = claims.Items[i].Spec.Owner
	}
	return owners, nil
}

func (s *Store) countsAmong(obj client.Object, owners map[string]string) bool {
	name := s.names.of(kindOf(obj), valueOf(obj), func() string { return ClaimNameOf(obj) })
	return alive(obj) && owners[name] == obj.GetName()
}

// UserNames gives the userNames of those ids that are known, from the cache, for display only: none while the cache is not synced.
func (s *Store) UserNames(ctx context.Context, ids []string) map[string]string {
	names := make(map[string]string, len(ids))
	if !s.synced() {
		return names
	}
	for _, id := range ids {
		user := &v1alpha1.ScimUser{}
		if err := s.cache.Get(ctx, client.ObjectKey{Name: id}, user, client.UnsafeDisableDeepCopy); err == nil {
			names[id] = user.Spec.UserName
		}
	}
	return names
}
