package access

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// assigns says whether a user's attribute roles names the role.
func assigns(user *v1alpha1.ScimUser, role string) bool {
	return slices.ContainsFunc(user.Spec.Roles, func(value v1alpha1.MultiValue) bool { return value.Value == role })
}

// assignedRoles are the ids in a user's attribute roles.
func assignedRoles(object client.Object) []string {
	user, ok := object.(*v1alpha1.ScimUser)
	if !ok {
		return nil
	}
	var ids []string
	for i := range user.Spec.Roles {
		if id := user.Spec.Roles[i].Value; id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// assignedMembers are the active users to whom their directory gives the role by the attribute roles. A directory gives local roles and
// its own, if it may give any, and it gives them to its own users only.
func (g *gatherer) assignedMembers(ctx context.Context, role *v1alpha1.ScimRole) ([]string, error) {
	bound, doubtful := g.boundBy(access.AssignedShard, role.Name)
	directories, err := g.directoriesThat(ctx, doubtful, func(d *v1alpha1.ScimDirectory) bool {
		return d.Spec.RoleAssignment == v1alpha1.RoleAssignmentEnabled && (role.Spec.Directory == "" || role.Spec.Directory == d.Name)
	})
	if err != nil {
		return nil, err
	}
	var assigned []*v1alpha1.ScimUser
	if doubtful {
		assigned, err = g.everybodyAssigned(ctx, role.Name, directories)
	} else if len(directories) > 0 {
		assigned, err = g.cachedAssigned(ctx, role.Name, directories)
	}
	if err != nil {
		return nil, err
	}
	members, err := g.activeOf(ctx, assigned, doubtful)
	if err != nil || doubtful {
		return members, err
	}
	return members, g.missBound(ctx, bound, assigned)
}

// cachedAssigned finds them in the cache.
func (g *gatherer) cachedAssigned(ctx context.Context, role string, directories []string) ([]*v1alpha1.ScimUser, error) {
	var list v1alpha1.ScimUserList
	if err := g.cache.List(ctx, &list, client.MatchingFields{indexAssigned: role}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the users with role %s: %w", role, err)
	}
	var users []*v1alpha1.ScimUser
	for i := range list.Items {
		if slices.Contains(directories, list.Items[i].Spec.Directory) {
			users = append(users, &list.Items[i])
		}
	}
	return users, nil
}

// everybodyAssigned finds also those whom the cache lacks.
func (g *gatherer) everybodyAssigned(ctx context.Context, role string, directories []string) ([]*v1alpha1.ScimUser, error) {
	var assigned []*v1alpha1.ScimUser
	for _, directory := range directories {
		users, err := g.usersOf(ctx, directory, true)
		if err != nil {
			return nil, err
		}
		for _, user := range users {
			if assigns(user, role) {
				assigned = append(assigned, user)
			}
		}
	}
	return assigned, nil
}
