// Package memberships finds the roles that a user is in, from the cache: by the lists in roles and slices, by people's lists, and by the rules
// of the user's directory.
package memberships

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// IndexLocalMember finds ScimRoles by the members that people added.
const IndexLocalMember = "memberships.local-member"

// Of are the roles that list the user inline, in a slice, or among the local members, and those that its directory gives it, by name. The roles
// belong to the cache. directory is nil when the user has none, or when it does not exist. The indexes of store.SetupIndexes and
// IndexLocalMember must be registered.
func Of(ctx context.Context, cache client.Reader, user *v1alpha1.ScimUser, directory *v1alpha1.ScimDirectory) (map[string]*v1alpha1.ScimRole, error) {
	f := finder{cache: cache, user: user, found: map[string]*v1alpha1.ScimRole{}}
	if directory != nil {
		if err := f.assigned(ctx, directory); err != nil {
			return nil, err
		}
		if user.IsActive() {
			if err := f.defaults(ctx, directory); err != nil {
				return nil, err
			}
		}
	}
	for _, index := range []string{store.IndexMember, IndexLocalMember} {
		if err := f.list(ctx, index, user.Name); err != nil {
			return nil, err
		}
	}
	return f.found, f.sliced(ctx)
}

type finder struct {
	cache client.Reader
	user  *v1alpha1.ScimUser
	found map[string]*v1alpha1.ScimRole
}

func (f *finder) list(ctx context.Context, index, value string) error {
	var roles v1alpha1.ScimRoleList
	if err := f.cache.List(ctx, &roles, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list roles: %w", err)
	}
	for i := range roles.Items {
		f.found[roles.Items[i].Name] = &roles.Items[i]
	}
	return nil
}

func (f *finder) sliced(ctx context.Context) error {
	var parts v1alpha1.ScimRoleSliceList
	if err := f.cache.List(ctx, &parts, client.MatchingFields{store.IndexMember: f.user.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list slices: %w", err)
	}
	for i := range parts.Items {
		if err := f.list(ctx, store.IndexSlice, parts.Items[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// assigned are the roles that the user's directory gives it by the attribute roles: local ones and the directory's own, if it may give
// any.
func (f *finder) assigned(ctx context.Context, directory *v1alpha1.ScimDirectory) error {
	if directory.Spec.RoleAssignment != v1alpha1.RoleAssignmentEnabled {
		return nil
	}
	for i := range f.user.Spec.Roles {
		role, err := f.role(ctx, f.user.Spec.Roles[i].Value)
		if err != nil {
			return err
		}
		if role != nil && (role.Spec.Directory == "" || role.Spec.Directory == f.user.Spec.Directory) {
			f.found[role.Name] = role
		}
	}
	return nil
}

// defaults are the default roles of a directory that take effect: those that exist and are local.
func (f *finder) defaults(ctx context.Context, directory *v1alpha1.ScimDirectory) error {
	for _, name := range directory.Spec.DefaultRoles {
		role, err := f.role(ctx, name)
		if err != nil {
			return err
		}
		if role != nil && role.Spec.Directory == "" {
			f.found[name] = role
		}
	}
	return nil
}

func (f *finder) role(ctx context.Context, name string) (*v1alpha1.ScimRole, error) {
	role := &v1alpha1.ScimRole{}
	err := f.cache.Get(ctx, client.ObjectKey{Name: name}, role, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read role: %w", err)
	}
	if err != nil {
		return nil, nil
	}
	return role, nil
}

// SetupIndex registers IndexLocalMember on a cache, once.
func SetupIndex(ctx context.Context, indexer client.FieldIndexer) error {
	return indexer.IndexField(ctx, &v1alpha1.ScimRole{}, IndexLocalMember, func(o client.Object) []string {
		return o.(*v1alpha1.ScimRole).Spec.LocalMembers
	})
}
