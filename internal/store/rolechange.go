package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// rolePoints names the writes of a change of a role.
type rolePoints struct{ slice, fence, claim, role, oldSlice failpoint.Point }

var (
	updatePoints = rolePoints{
		slice: failpoint.UpdateRoleSlice, fence: failpoint.UpdateRoleFence, claim: failpoint.UpdateRoleClaim,
		role: failpoint.UpdateRoleRole, oldSlice: failpoint.UpdateRoleOldSlice,
	}
	createPoints = rolePoints{
		slice: failpoint.CreateRoleSlice, fence: failpoint.CreateRoleFence, claim: failpoint.CreateRoleClaim,
		role: failpoint.CreateRoleMembers, oldSlice: failpoint.CreateRoleUndo,
	}
)

// roleChange is one change of a role: its attributes, its members, or both.
type roleChange struct {
	// directory is the one that makes the change.
	directory string
	change    func(*v1alpha1.ScimRole) error
	members   []scim.MemberOp
	points    rolePoints
}

// creating says whether the change is a part of the role's create. It then leaves the role marked as not known to count.
func (c roleChange) creating() bool { return c.points == createPoints }

// callerError carries an error of the caller's change function past every translation.
type callerError struct{ error }

// changeRole makes the change in one commit, the write of the role at the resourceVersion that was read, and starts over when
// somebody else wrote first.
func (s *Store) changeRole(ctx context.Context, directory, id string, c roleChange) (*v1alpha1.ScimRole, error) {
	c.directory = directory
	var last error
	var lost []string
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return nil, tryAgain(textBusy, err)
		}
		role := &v1alpha1.ScimRole{}
		if err := s.own(ctx, directory, id, role); err != nil {
			return nil, toSCIM(err)
		}
		// The attempt that wrote these has had its answer. Should the answer have been wrong, the role names them.
		s.dropSlices(ctx, c.points.oldSlice, id, without(lost, role.Spec.Slices))
		var written *v1alpha1.ScimRole
		var err error
		written, lost, err = s.tryChange(ctx, role, c)
		if err == nil {
			return written, nil
		}
		var caller callerError
		if errors.As(err, &caller) {
			return nil, caller.error
		}
		if !isRace(err) {
			return nil, toSCIM(s.orGone(ctx, directory, role, err))
		}
		last = err
	}
	s.giveUp(ctx, directory, id, c, lost)
	return nil, tryAgain(textContention, last)
}

// giveUp clears what the last attempt wrote in vain. What it cannot clear is left to repair.
func (s *Store) giveUp(ctx context.Context, directory, id string, c roleChange, lost []string) {
	role := &v1alpha1.ScimRole{}
	if err := s.own(ctx, directory, id, role); err == nil {
		s.dropSlices(ctx, c.points.oldSlice, id, without(lost, role.Spec.Slices))
	}
}

// tryChange makes one attempt on the role as read live. When somebody else wrote first, it returns the names of the slices that it
// wrote in vain.
func (s *Store) tryChange(ctx context.Context, role *v1alpha1.ScimRole, c roleChange) (*v1alpha1.ScimRole, []string, error) {
	next, err := c.attributes(role)
	if err != nil {
		return nil, nil, err
	}
	made, err := s.members(ctx, role, next, c.members)
	if err != nil {
		return nil, nil, err
	}
	if sameRoleSpec(&role.Spec, &next.Spec) {
		return role, nil, nil
	}
	ctx, cancel := committed(ctx)
	defer cancel()
	if err := s.commitRole(ctx, role, next, made, c); err != nil {
		if isRefusal(err) || isTaken(err) {
			s.dropSlices(ctx, c.points.oldSlice, role.Name, namesOf(made))
		}
		return nil, namesOf(made), err
	}
	s.retire(ctx, c.points.oldSlice, role.Name, without(role.Spec.Slices, next.Spec.Slices))
	return next, nil, nil
}

// commitRole writes the new slices, takes the claim of a new displayName, and writes the role, which is the commit.
func (s *Store) commitRole(ctx context.Context, role, next *v1alpha1.ScimRole, made []*v1alpha1.ScimRoleSlice, c roleChange) error {
	if err := s.createSlices(ctx, c.points.slice, made); err != nil {
		return err
	}
	if err := s.rename(ctx, role, next, c.points.fence, c.points.claim); err != nil {
		return err
	}
	taken := s.takeOver(role, next, c.directory)
	switch {
	case !c.creating():
		s.stamp(next)
	case filling(role):
		next.Annotations[v1alpha1.AnnotationUncommitted] = strconv.FormatInt(role.Generation+1, 10)
	}
	if err := s.update(ctx, c.points.role, next); err != nil {
		return fmt.Errorf("update role %s: %w", role.Name, err)
	}
	if taken {
		s.announce(next, c.directory)
	}
	return nil
}

// attributes is the role as the caller wants it, with the members that it has.
func (c roleChange) attributes(role *v1alpha1.ScimRole) (*v1alpha1.ScimRole, error) {
	next := role.DeepCopy()
	next.Spec.Directory = c.directory
	if c.change == nil {
		return next, nil
	}
	changed := role.DeepCopy()
	if err := c.change(changed); err != nil {
		return nil, callerError{err}
	}
	next.Spec = changed.Spec
	present := role.DeepCopy().Spec
	next.Spec.Directory = c.directory
	next.Spec.Members, next.Spec.Slices, next.Spec.LocalMembers = present.Members, present.Slices, present.LocalMembers
	return next, nil
}

// members sets next's members and slices to what the operations leave, and returns the slices that must be written for it. A role
// that lacks a slice can only be given a whole new membership, which makes it whole again.
func (s *Store) members(ctx context.Context, role, next *v1alpha1.ScimRole, ops []scim.MemberOp) ([]*v1alpha1.ScimRoleSlice, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	present, missing, err := s.layoutOf(ctx, role)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 && !replaces(ops) {
		return nil, s.explainMissing(ctx, role, missing)
	}
	wanted := present.apply(ops)
	wanted.shards = slices.Clone(wanted.shards)
	if len(wanted.shards) > maxSlices {
		return nil, &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("A group can have at most %d members. Push smaller groups.", maxSlices*v1alpha1.MaxMembers),
		}
	}
	if traced := scim.TracedMembers(ctx); traced != nil {
		*traced = present.delta(wanted)
	}
	next.Spec.Members, next.Spec.Slices = wanted.tail, nil
	made, err := s.newSlices(role.Name, &wanted)
	for _, shard := range wanted.shards {
		next.Spec.Slices = append(next.Spec.Slices, shard.name)
	}
	return made, err
}
