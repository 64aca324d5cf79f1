package store

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// The ages below keep repair out of the way of operations that are under way. No safety rests on them: every step of repair is a
// compare-and-swap, and every operation survives every step of repair.
const (
	// SettleTime is how old an object that the server made must be before repair completes its create, and how old a claim
	// must be before repair takes it for the rest of a rename.
	SettleTime = 5 * time.Second
	// SliceSettleTime is how old a slice must be before repair takes it for garbage, because a large push writes many before its commit; and how
	// long repair leaves one to its writer that a role has ceased to name.
	SliceSettleTime = time.Minute
	// YieldTime is how long what looks like the rest of a create yields its name to the next create of that name. An identity
	// provider repeats a create within seconds; a user that lost its claim by accident is given it back by repair within
	// SettleTime, and is a minute old by the time that a claim can have been lost.
	YieldTime = time.Minute
	// ResidueAge is how old the rest of a create that lost its name must be before repair deletes it.
	ResidueAge = 10 * time.Minute
)

// RepairUser gives a ScimUser the claim of its userName if the name is free, or deletes the user if it is the rest of a create that
// never came to count. It is idempotent and safe to run in several processes. It returns when to look again; zero means when
// something changes. An error means the same as zero and "soon".
func (s *Store) RepairUser(ctx context.Context, name string) (time.Duration, error) {
	return soonIfRaced(s.repairBearer(ctx, userKind, name))
}

// RepairRole does for a ScimRole and its displayName what RepairUser does for a user.
func (s *Store) RepairRole(ctx context.Context, name string) (time.Duration, error) {
	return soonIfRaced(s.repairBearer(ctx, roleKind, name))
}

// soonIfRaced turns a compare-and-swap that somebody else won into another look. It is what repair expects of a busy cluster.
func soonIfRaced(wait time.Duration, err error) (time.Duration, error) {
	if isRace(err) {
		return time.Second, nil
	}
	return wait, err
}

func (s *Store) repairBearer(ctx context.Context, k kind, name string) (time.Duration, error) {
	obj := k.object()
	if err := s.get(ctx, name, obj); err != nil {
		if isGone(err) {
			return 0, nil
		}
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	if !alive(obj) {
		return 0, nil
	}
	e, err := s.evaluate(ctx, k, ClaimNameOf(obj), name)
	if err != nil {
		return 0, err
	}
	switch e.holding {
	case holdingOwn:
		return 0, s.acquit(ctx, obj)
	case holdingTaken:
		return s.judge(ctx, obj)
	default:
		return s.complete(ctx, obj)
	}
}

// complete takes a name that is free, or whose owner is dead or has left it, for an object that bears it: roll forward.
func (s *Store) complete(ctx context.Context, obj client.Object) (time.Duration, error) {
	if wait := s.Settling(obj); wait > 0 {
		return wait, nil
	}
	if filling(obj) {
		return 0, s.discard(ctx, obj, failpoint.RepairCondemn, failpoint.RepairResidue, false)
	}
	if err := s.fence(ctx, failpoint.RepairFence, obj, v1alpha1.AnnotationUncommitted, v1alpha1.AnnotationCondemned); err != nil {
		return 0, err
	}
	err := s.seize(ctx, seizure{
		kind: kindOf(obj), value: valueOf(obj), self: obj.GetName(), fence: failpoint.RepairFence, write: failpoint.RepairClaim,
	})
	if isTaken(err) {
		// Somebody else was first. That changes this object's claim, so it is looked at again.
		return 0, nil
	}
	return 0, err
}

// judge deals with an object whose name another object, alive, bears and holds. It stays without effect, unless it is provably the
// rest of a create that failed; then it goes.
func (s *Store) judge(ctx context.Context, obj client.Object) (time.Duration, error) {
	if !Residue(obj) {
		return 0, s.acquit(ctx, obj)
	}
	if wait := s.youngerThan(obj, ResidueAge); wait > 0 {
		return wait, nil
	}
	return 0, s.discard(ctx, obj, failpoint.RepairCondemn, failpoint.RepairResidue, !filling(obj))
}

// discard deletes the rest of a create: the mark first, then another look at the claim, then the object as it was marked. Where the name has
// become free, keepFree says whether the object stays all the same, as it must unless it is certain that nobody was told of it.
func (s *Store) discard(ctx context.Context, obj client.Object, mark, remove failpoint.Point, keepFree bool) error {
	if err := s.condemn(ctx, mark, obj); err != nil {
		return err
	}
	e, err := s.evaluate(ctx, kindOf(obj), ClaimNameOf(obj), obj.GetName())
	if err != nil {
		return err
	}
	if e.holding == holdingOwn || keepFree && e.holding != holdingTaken {
		// The create has taken the claim after all, or the name has become free. Its read-back may have seen the mark and
		// refused to acknowledge; that is a 429, after which the client looks again.
		return s.acquit(ctx, obj)
	}
	if err := s.remove(ctx, remove, obj); err != nil {
		if !isGone(err) {
			err = fmt.Errorf("delete the rest of a create %s: %w", obj.GetName(), err)
		}
		return ignoreGone(err)
	}
	s.log.Info("deleted the rest of a create that never counted", "name", obj.GetName())
	return nil
}

// Residue says whether obj, whose name is known to be another's, can only be the rest of a create. All of these must agree: the SCIM
// server made it; neither its spec nor its marks have been touched since, by whomever; and no controller ever saw it count. An object that
// counted loses its claim only to people, never to the protocol, and a create gives a free name to the bearer that the cache
// knows before it takes it for itself, so that no other object comes to hold it.
func Residue(obj client.Object) bool {
	return directoryOf(obj) != "" && (untouched(obj) || filling(obj)) && !hasCounted(obj)
}

// hasCounted says whether status shows that obj has counted.
func hasCounted(obj client.Object) bool {
	switch o := obj.(type) {
	case *v1alpha1.ScimUser:
		return o.Status.State == v1alpha1.UserActive || o.Status.State == v1alpha1.UserSuspended
	case *v1alpha1.ScimRole:
		for _, condition := range o.Status.Conditions {
			if condition.Type == v1alpha1.RoleReady && condition.Status == "True" {
				return true
			}
		}
	}
	return false
}

// condemn marks obj, which is about to be deleted because it never came to count, so that a create which is still under way does not acknowledge it.
func (s *Store) condemn(ctx context.Context, point failpoint.Point, obj client.Object) error {
	if condemned(obj) {
		return nil
	}
	base := obj.DeepCopyObject().(client.Object)
	annotations := map[string]string{v1alpha1.AnnotationCondemned: s.now()}
	for key, value := range obj.GetAnnotations() {
		annotations[key] = value
	}
	obj.SetAnnotations(annotations)
	if err := s.annotate(ctx, point, obj, base); err != nil {
		return fmt.Errorf("condemn %s: %w", obj.GetName(), err)
	}
	return nil
}

// acquit takes the mark of condemn off, if it is there, and with it the mark that obj never counted.
func (s *Store) acquit(ctx context.Context, obj client.Object) error {
	if obj.GetAnnotations()[v1alpha1.AnnotationCondemned] == "" {
		return nil
	}
	return s.fence(ctx, failpoint.RepairUncondemn, obj, v1alpha1.AnnotationCondemned, v1alpha1.AnnotationUncommitted)
}

// RepairClaim deletes a ScimClaim that makes nothing count: its owner is dead, or alive under another name, or the claim's own name is
// not one that the operator gives. It is idempotent and safe to run in several processes. It returns when to look again.
func (s *Store) RepairClaim(ctx context.Context, name string) (time.Duration, error) {
	return soonIfRaced(s.repairClaim(ctx, name))
}

func (s *Store) repairClaim(ctx context.Context, name string) (time.Duration, error) {
	k, known := kindOfClaim(name)
	e, err := s.evaluate(ctx, k, name, "")
	if err != nil {
		return 0, err
	}
	switch {
	case e.holding == holdingFree || e.claim.DeletionTimestamp != nil:
		return 0, nil
	case !known || e.holding == holdingDead:
		return 0, s.removeClaim(ctx, e.claim)
	case e.holding == holdingTaken:
		return 0, nil
	}
	if wait := s.Settling(e.claim); wait > 0 {
		return wait, nil
	}
	if err := s.fence(ctx, failpoint.RepairFence, e.owner, v1alpha1.AnnotationUncommitted); err != nil {
		return 0, err
	}
	return 0, s.removeClaim(ctx, e.claim)
}

func (s *Store) removeClaim(ctx context.Context, claim *v1alpha1.ScimClaim) error {
	if err := s.remove(ctx, failpoint.RepairClaim, claim); err != nil && !isGone(err) {
		return fmt.Errorf("delete claim %s: %w", claim.Name, err)
	}
	return nil
}

// RepairSlice deletes a ScimRoleSlice that its role does not name. The role is fenced first, so that a writer which wrote the slice and
// has slept since cannot commit a role that names it. It is idempotent and safe to run in several processes. It returns when to
// look again.
func (s *Store) RepairSlice(ctx context.Context, name string) (time.Duration, error) {
	return soonIfRaced(s.repairSlice(ctx, name))
}

func (s *Store) repairSlice(ctx context.Context, name string) (time.Duration, error) {
	slice := &v1alpha1.ScimRoleSlice{}
	if err := s.get(ctx, name, slice); err != nil {
		if isGone(err) {
			return 0, nil
		}
		return 0, fmt.Errorf("read slice %s: %w", name, err)
	}
	role := &v1alpha1.ScimRole{}
	err := s.get(ctx, slice.Spec.Role, role)
	switch {
	case isGone(err):
		return 0, s.removeSlice(ctx, slice)
	case err != nil:
		return 0, fmt.Errorf("read role %s: %w", slice.Spec.Role, err)
	case Names(role, name):
		return 0, nil
	}
	if wait := s.Settling(slice); wait > 0 {
		return wait, nil
	}
	if err := s.fence(ctx, failpoint.RepairFence, role); err != nil {
		return 0, err
	}
	return 0, s.removeSlice(ctx, slice)
}

func (s *Store) removeSlice(ctx context.Context, slice *v1alpha1.ScimRoleSlice) error {
	if err := s.remove(ctx, failpoint.RepairSlice, slice); err != nil && !isGone(err) {
		return fmt.Errorf("delete slice %s: %w", slice.Name, err)
	}
	return nil
}

// youngerThan returns how long it takes until obj is as old as that; not positive when it is.
func (s *Store) youngerThan(obj client.Object, age time.Duration) time.Duration {
	return age - s.clock.Now().Sub(obj.GetCreationTimestamp().Time)
}

// Settling returns how long it takes until repair would do something about obj, because the operation that wrote it may be under
// way; not positive when there is no such reason to wait. People's own objects need not wait.
func (s *Store) Settling(obj client.Object) time.Duration {
	switch obj.(type) {
	case *v1alpha1.ScimRoleSlice:
		return s.youngerThan(obj, SliceSettleTime)
	case *v1alpha1.ScimUser, *v1alpha1.ScimRole:
		if filling(obj) {
			return s.youngerThan(obj, ResidueAge)
		}
		if !untouched(obj) {
			return 0
		}
	}
	return s.youngerThan(obj, SettleTime)
}
