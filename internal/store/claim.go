package store

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// holding is how a claim stands towards one object that wants it.
type holding int

const (
	// holdingFree: there is no claim.
	holdingFree holding = iota
	// holdingOwn: the claim names the object itself.
	holdingOwn
	// holdingDead: the claim names an object that does not exist or is being deleted.
	holdingDead
	// holdingStray: the claim names an object that is alive and bears another name.
	holdingStray
	// holdingTaken: the claim names an object that is alive and bears the name.
	holdingTaken
)

// evaluation is what live reads say about a claim. The claim was read before its owner, so that a swap of the claim at the
// resourceVersion that was read can only succeed if nobody took it since.
type evaluation struct {
	holding holding
	claim   *v1alpha1.ScimClaim
	owner   client.Object
}

// evaluate reads the claim of a name and its owner, on behalf of the object self, which may have no name yet.
func (s *Store) evaluate(ctx context.Context, k kind, claimName, self string) (evaluation, error) {
	claim := &v1alpha1.ScimClaim{}
	if err := s.get(ctx, claimName, claim); err != nil {
		if isGone(err) {
			return evaluation{holding: holdingFree}, nil
		}
		return evaluation{}, fmt.Errorf("read claim %s: %w", claimName, err)
	}
	if claim.Spec.Owner == self {
		return evaluation{holding: holdingOwn, claim: claim}, nil
	}
	owner := k.object()
	return evaluationOf(claim, owner, s.get(ctx, claim.Spec.Owner, owner))
}

// evaluationOf is what a claim and the reading of its owner say. err is what that reading returned.
func evaluationOf(claim *v1alpha1.ScimClaim, owner client.Object, err error) (evaluation, error) {
	switch {
	case isGone(err):
		return evaluation{holding: holdingDead, claim: claim}, nil
	case err != nil:
		return evaluation{}, fmt.Errorf("read owner %s of claim %s: %w", claim.Spec.Owner, claim.Name, err)
	case !alive(owner):
		return evaluation{holding: holdingDead, claim: claim, owner: owner}, nil
	case ClaimNameOf(owner) != claim.Name:
		return evaluation{holding: holdingStray, claim: claim, owner: owner}, nil
	default:
		return evaluation{holding: holdingTaken, claim: claim, owner: owner}, nil
	}
}

// seizure is one attempt to get the claim of a name for an object.
type seizure struct {
	kind  kind
	value string
	// self is the name of the object that wants the claim.
	self string
	// fence and claim name the writes.
	fence, write failpoint.Point
	// touch makes a claim that is already the object's own be written all the same. A rename needs that: the write proves that
	// nobody evaluated the claim before the rename read its user and swaps it after.
	touch bool
	// unclaimed says that there was no claim a moment ago, so that the first attempt creates it without looking again. Where it is not
	// free that fails, and the next one looks.
	unclaimed bool
}

// seize gets the claim, or returns a 409 when an object that is alive bears the name, or another error when the outcome is
// unknown. It starts over whenever somebody else wrote first, and after every error that leaves open what happened: evaluating
// again tells.
func (s *Store) seize(ctx context.Context, want seizure) error {
	var last error
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			break
		}
		done, err := s.trySeize(ctx, want)
		if done || isRefusal(err) {
			return err
		}
		last, want.unclaimed = err, false
	}
	if last == nil || isRace(last) || errors.Is(last, errGiven) {
		return tryAgain(textContention, last)
	}
	return last
}

// trySeize makes one attempt. done means that err is the final word.
func (s *Store) trySeize(ctx context.Context, want seizure) (done bool, err error) {
	name := v1alpha1.ClaimName(want.kind.attribute, want.value)
	e := evaluation{holding: holdingFree}
	if !want.unclaimed {
		if e, err = s.evaluate(ctx, want.kind, name, want.self); err != nil {
			return false, err
		}
	}
	switch e.holding {
	case holdingTaken:
		return true, taken(want.kind, want.value)
	case holdingOwn:
		if !want.touch {
			return true, nil
		}
		err = s.touch(ctx, want.write, e.claim)
	case holdingFree:
		if err := s.giveToBearer(ctx, want); err != nil {
			return false, err
		}
		err = s.createClaim(ctx, want, name)
	case holdingStray:
		if err := s.fence(ctx, want.fence, e.owner, v1alpha1.AnnotationUncommitted); err != nil {
			return false, err
		}
		err = s.swap(ctx, want, e.claim)
	case holdingDead:
		err = s.swap(ctx, want, e.claim)
	}
	return err == nil, err
}

func (s *Store) createClaim(ctx context.Context, want seizure, name string) error {
	claim := &v1alpha1.ScimClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ScimClaimSpec{Attribute: want.kind.attribute, Value: v1alpha1.Fold(want.value), Owner: want.self},
	}
	if err := s.create(ctx, want.write, claim); err != nil {
		return fmt.Errorf("create claim %s: %w", name, err)
	}
	return nil
}

// swap makes the claim name the object, if it is still as it was read.
func (s *Store) swap(ctx context.Context, want seizure, claim *v1alpha1.ScimClaim) error {
	claim.Spec.Owner = want.self
	if err := s.update(ctx, want.write, claim); err != nil {
		return fmt.Errorf("swap claim %s: %w", claim.Name, err)
	}
	return nil
}

// touch moves the claim's resourceVersion and nothing else.
func (s *Store) touch(ctx context.Context, point failpoint.Point, claim *v1alpha1.ScimClaim) error {
	return s.fence(ctx, point, claim)
}

// fence moves an object's resourceVersion, so that every write that is still under way from an older read fails, and takes the
// given annotations off. It changes neither spec nor generation.
func (s *Store) fence(ctx context.Context, point failpoint.Point, obj client.Object, takeOff ...string) error {
	base := obj.DeepCopyObject().(client.Object)
	mark, err := newName(s.rand, "fence")
	if err != nil {
		return err
	}
	annotations := map[string]string{v1alpha1.AnnotationFence: mark}
	for key, value := range obj.GetAnnotations() {
		if key != v1alpha1.AnnotationFence {
			annotations[key] = value
		}
	}
	for _, key := range takeOff {
		delete(annotations, key)
	}
	obj.SetAnnotations(annotations)
	if err := s.annotate(ctx, point, obj, base); err != nil {
		return fmt.Errorf("fence %s: %w", obj.GetName(), err)
	}
	return nil
}

// giveToBearer looks, before a free name is taken, for an object in the cache that bears it already and has no claim, and rolls
// that forward, which makes the name taken. Without this, deleting claims by accident, or restoring a backup without them, would
// let the next push of a name take it from the person who bears it, before repair has come by. It also means that of several
// objects with one name the same one is preferred everywhere. What looks like the rest of a create that was just cut off is passed
// over: the identity provider sends that create again, and an answer of 409 to it would be an error for good.
func (s *Store) giveToBearer(ctx context.Context, want seizure) error {
	if !s.knowsBearers() {
		return tryAgain(textNotSynced, nil)
	}
	bearers, err := s.bearersOf(ctx, want.kind, v1alpha1.ClaimName(want.kind.attribute, want.value))
	if err != nil {
		return fmt.Errorf("look for who bears the name: %w", err)
	}
	for _, bearer := range rivals(bearers, want.self) {
		if Residue(bearer) && s.youngerThan(bearer, YieldTime) > 0 {
			continue
		}
		other := want
		other.self = bearer.GetName()
		given, err := s.rollForward(ctx, other)
		if err != nil {
			return err
		}
		if given {
			return errGiven
		}
	}
	return nil
}

// errGiven makes a seizure start over: this process has just given the name to an older bearer.
var errGiven = errors.New("an older bearer of the name has got its claim")

// rollForward makes an object that bears a free name its owner: fence, then claim. It says false when the object is gone, being
// deleted or renamed, as read live.
func (s *Store) rollForward(ctx context.Context, want seizure) (bool, error) {
	name := v1alpha1.ClaimName(want.kind.attribute, want.value)
	obj := want.kind.object()
	if err := s.get(ctx, want.self, obj); err != nil {
		if isGone(err) {
			return false, nil
		}
		return false, fmt.Errorf("read %s: %w", want.self, err)
	}
	if !alive(obj) || ClaimNameOf(obj) != name {
		return false, nil
	}
	if err := s.fence(ctx, want.fence, obj, v1alpha1.AnnotationUncommitted, v1alpha1.AnnotationCondemned); err != nil {
		return false, err
	}
	return true, s.createClaim(ctx, want, name)
}
