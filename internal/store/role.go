package store

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

const (
	textMovedOn = "The group was changed while its members were read. Send the request again after the time in Retry-After."
	textDamaged = "A part of the group's members is missing in the cluster. Push the whole group again from the identity provider; " +
		"that repairs it."
)

// Role reads one role that the directory sees, live, without the content of its slices.
func (s *Store) Role(ctx context.Context, directory, id string) (*v1alpha1.ScimRole, error) {
	role := &v1alpha1.ScimRole{}
	if err := s.own(ctx, directory, id, role); err != nil {
		return nil, toSCIM(err)
	}
	return role, nil
}

// RoleByDisplayName finds the one role that the directory sees and that bears the name, in whatever case, live.
func (s *Store) RoleByDisplayName(ctx context.Context, directory, displayName string) (*v1alpha1.ScimRole, error) {
	found, err := s.byName(ctx, roleKind, directory, displayName)
	if err != nil {
		return nil, toSCIM(err)
	}
	return found.(*v1alpha1.ScimRole), nil
}

// RolesByExternalID finds the roles that the directory sees, that count and have this externalId, live, ordered by id.
func (s *Store) RolesByExternalID(ctx context.Context, directory, externalID string) ([]*v1alpha1.ScimRole, error) {
	told := s.told(roleKind)
	list := &v1alpha1.ScimRoleList{}
	if err := s.client.List(ctx, list, client.MatchingFields{"spec.externalId": externalID}); err != nil {
		return nil, toSCIM(fmt.Errorf("list roles by externalId: %w", err))
	}
	var found []*v1alpha1.ScimRole
	for i := range list.Items {
		role := &list.Items[i]
		ok, err := s.countsLive(ctx, directory, role, told)
		if err != nil {
			return nil, toSCIM(err)
		}
		if ok {
			found = append(found, role)
		}
	}
	sortByName(found)
	return found, nil
}

// RolesOf lists the roles that the directory sees, that count and that were pushed with the user as a member, from the cache, ordered by
// id. The roles belong to the cache and must not be changed.
func (s *Store) RolesOf(ctx context.Context, directory, userID string) ([]*v1alpha1.ScimRole, error) {
	if !s.Listable() {
		return nil, tryAgain(textNotSynced, nil)
	}
	var found []*v1alpha1.ScimRole
	for _, role := range s.lists.holders.rolesWith(userID) {
		ok, err := s.inView(ctx, directory, role)
		if err != nil {
			return nil, toSCIM(err)
		}
		if ok && s.lists.roles.counts(role) {
			found = append(found, role)
		}
	}
	sortByName(found)
	return found, nil
}

// Members returns the ids of a role's pushed members, in the order of its shards.
func (s *Store) Members(ctx context.Context, role *v1alpha1.ScimRole) ([]string, error) {
	l, missing, err := s.layoutOf(ctx, role)
	if err != nil {
		return nil, toSCIM(err)
	}
	if len(missing) > 0 {
		return nil, s.explainMissing(ctx, role, missing)
	}
	return l.members(), nil
}

// explainMissing reads the role again to tell a role that has moved on from one that is damaged.
func (s *Store) explainMissing(ctx context.Context, role *v1alpha1.ScimRole, missing []string) error {
	cause := fmt.Errorf("role %s, slice %s: %w", role.Name, missing[0], ErrSliceNotFound)
	now := &v1alpha1.ScimRole{}
	err := s.get(ctx, role.Name, now)
	switch {
	case err != nil && !isGone(err):
		return toSCIM(err)
	case err == nil && slices.Equal(now.Spec.Slices, role.Spec.Slices):
		return tryAgain(textDamaged, cause)
	default:
		return tryAgain(textMovedOn, cause)
	}
}

// CreateRole creates a role of the directory with the members that the operations leave. A role too large to hold them is created
// empty first, so that every slice has a role from the start; it cannot count before its claim, which comes last. Where the name is
// that of a local role which the directory may take over, that role is overwritten and returned, with the id and the local members
// that it has.
func (s *Store) CreateRole(ctx context.Context, directory string, spec *v1alpha1.ScimRoleSpec, members []scim.MemberOp) (*v1alpha1.ScimRole, error) {
	role := newRole(directory, spec)
	create := creation{
		object: failpoint.CreateRoleRole, fence: failpoint.CreateRoleFence,
		claim: failpoint.CreateRoleClaim, condemn: failpoint.CreateRoleCondemn, undo: failpoint.CreateRoleUndo,
	}
	l := layout{}.apply(members)
	if len(l.shards) == 0 {
		role.Spec.Members = l.tail
	} else {
		create.fill = func(ctx context.Context, obj client.Object) error {
			_, err := s.changeRole(ctx, directory, obj.GetName(), roleChange{members: members, points: createPoints})
			return err
		}
	}
	err := s.createBearer(ctx, role, create)
	if isTaken(err) {
		role, err = s.createOverRole(ctx, directory, spec, members, err)
	}
	if err != nil {
		return nil, toSCIM(err)
	}
	return role, nil
}

// createOverRole is to roles what createOver is to users.
func (s *Store) createOverRole(ctx context.Context, directory string, spec *v1alpha1.ScimRoleSpec, members []scim.MemberOp, refusal error) (*v1alpha1.ScimRole, error) {
	bearer, err := s.met(ctx, roleKind, spec.DisplayName)
	if err != nil {
		return nil, err
	}
	role, ok := bearer.(*v1alpha1.ScimRole)
	if !ok || !isLocal(role) {
		return nil, refusal
	}
	if ok, err := s.inView(ctx, directory, role); err != nil || !ok {
		return nil, orRefuse(err, func() error { return s.refuseLocal(ctx, directory, role) })
	}
	return s.UpdateRole(ctx, directory, role.Name, func(present *v1alpha1.ScimRole) error {
		if ClaimNameOf(present) != ClaimNameOf(role) || !isLocal(present) {
			return refusal
		}
		present.Spec = newRole(directory, spec).Spec
		return nil
	}, members)
}

// UpdateRole reads the role live, calls change, which may be nil, with a copy, applies the member operations in order, and writes
// all of it in one commit, unless nothing changed. A local role becomes the directory's in the same commit.
func (s *Store) UpdateRole(ctx context.Context, directory, id string, change func(*v1alpha1.ScimRole) error, members []scim.MemberOp) (*v1alpha1.ScimRole, error) {
	leave, err := s.queue.enter(ctx, id)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.changeRole(ctx, directory, id, roleChange{change: change, members: members, points: updatePoints})
}

// DeleteRole deletes a role of the directory after check, which may be nil, has agreed to the role as read live.
func (s *Store) DeleteRole(ctx context.Context, directory, id string, check func(*v1alpha1.ScimRole) error) error {
	return s.deleteBearer(ctx, directory, id, deletion{
		object: failpoint.DeleteRoleRole, claim: failpoint.DeleteRoleClaim, kind: roleKind,
		check: func(obj client.Object) error {
			if check == nil {
				return nil
			}
			return check(obj.(*v1alpha1.ScimRole))
		},
		after: func(ctx context.Context, obj client.Object) {
			s.dropSlices(ctx, failpoint.DeleteRoleSlice, obj.GetName(), obj.(*v1alpha1.ScimRole).Spec.Slices)
		},
	})
}
