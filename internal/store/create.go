package store

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// creation names the writes of a create.
type creation struct {
	object, fence, claim, condemn, undo failpoint.Point
	// fill writes what belongs to the object before it can count, such as the slices of a large role; nil when there is nothing.
	fill func(ctx context.Context, obj client.Object) error
}

// createBearer is the create of the design note, for users and roles alike: look whether the name is free, create the object,
// take the claim, which is the commit, and read the object back. On success obj is as it was read back.
func (s *Store) createBearer(ctx context.Context, obj client.Object, c creation) error {
	if !s.knowsBearers() {
		// Taking a free name looks for its bearers; refusing here leaves nothing behind.
		return tryAgain(textNotSynced, nil)
	}
	want := seizure{kind: kindOf(obj), value: valueOf(obj), fence: c.fence, write: c.claim}
	var err error
	if want.unclaimed, err = s.unclaimed(ctx, want, c.fill == nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	mark := "1"
	if c.fill != nil {
		mark = markFilling
	}
	if err := s.createNamed(ctx, obj, c, mark); err != nil {
		return err
	}
	want.self = obj.GetName()
	if err := s.fillAndSeize(ctx, obj, c, want); err != nil {
		return s.undo(ctx, obj, c, err)
	}
	if err := s.readBack(ctx, obj); err != nil {
		return err
	}
	s.abandonOlder(ctx, obj, c)
	return nil
}

func (s *Store) fillAndSeize(ctx context.Context, obj client.Object, c creation, want seizure) error {
	if c.fill != nil {
		err := c.fill(ctx, obj)
		if isNotFound(err) {
			// Repair took the object for the rest of a create. The client has never seen its id, so this is no 404.
			return tryAgain(textContention, err)
		}
		if err != nil {
			return err
		}
	}
	return settle(ctx, func(ctx context.Context) error { return s.seize(ctx, want) })
}

// settleTime bounds a create from its first write on. It leaves the request within the sixty seconds that Okta waits for an answer.
const settleTime = 45 * time.Second

// settle repeats what is safe to repeat while the API server is away. The claim may be written already when it goes away, and then the create
// has happened: a client that was told 429 would send it again and be told 409, which is an error for good. So the answer waits, as long as a
// client does, until somebody knows.
func settle(ctx context.Context, do func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := do(ctx)
		if !isAway(err) || pause(ctx, min(attempt, 8)) != nil {
			return err
		}
	}
}

// unclaimed is step 1: it spares a create that cannot succeed its writes, and says whether the name is to be taken for free. Nothing rests on
// it, so where a create writes little a name that nobody bears in the cache is presumed to be free, without a live read: where that is wrong
// creating the claim fails, and what was created is undone.
func (s *Store) unclaimed(ctx context.Context, want seizure, presume bool) (bool, error) {
	name := v1alpha1.ClaimName(want.kind.attribute, want.value)
	if presume {
		bearers, err := s.bearersOf(ctx, want.kind, name)
		if err != nil {
			return false, fmt.Errorf("look for who bears the name: %w", err)
		}
		if len(bearers) == 0 {
			return true, nil
		}
	}
	e, err := s.evaluate(ctx, want.kind, name, "")
	if err == nil && e.holding == holdingTaken {
		err = taken(want.kind, want.value)
	}
	return e.holding == holdingFree, err
}

// createNamed creates obj under a random name of its own, marked as not known to count.
func (s *Store) createNamed(ctx context.Context, obj client.Object, c creation, mark string) error {
	obj.SetAnnotations(map[string]string{v1alpha1.AnnotationUncommitted: mark})
	for range maxAttempts {
		name, err := newName(s.rand, valueOf(obj))
		if err != nil {
			return err
		}
		obj.SetName(name)
		err = s.createOnce(ctx, obj, c)
		if err == nil {
			return nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create %s: %w", name, err)
		}
	}
	return tryAgain(textBusy, nil)
}

// createOnce creates obj although the API server may go away while it does. An object of that name is then its own: names are random. So
// nothing is left behind that would bear the name a second time. Where the API server certainly has not done it, nothing has begun yet, and
// the client is told to come again at once.
func (s *Store) createOnce(ctx context.Context, obj client.Object, c creation) error {
	err := s.create(ctx, c.object, obj)
	if err == nil || notDone(err) || isRefusal(err) || apierrors.IsAlreadyExists(err) || apierrors.IsTooManyRequests(err) {
		return err
	}
	if isAway(err) {
		err = settle(ctx, func(ctx context.Context) error {
			err := s.create(ctx, c.object, obj)
			if apierrors.IsAlreadyExists(err) {
				return s.get(ctx, obj.GetName(), obj)
			}
			return err
		})
	}
	if err != nil {
		s.abandon(ctx, obj, c)
	}
	return err
}

// undo deletes what a failed create left behind, when it is certain that the create has failed. Somebody may be rolling the object
// forward meanwhile, so it is marked condemned first, and the claim read again: from the mark on, no search finds the object. When the
// name turns out not to be taken after all, or the outcome is unknown, the client is told to come again, and the create is abandoned.
func (s *Store) undo(ctx context.Context, obj client.Object, c creation, cause error) error {
	if !isTaken(cause) && !isRefusal(cause) {
		s.abandon(ctx, obj, c)
		return cause
	}
	for attempt := range maxAttempts {
		if pause(ctx, attempt) != nil {
			break
		}
		own := kindOf(obj).object()
		err := s.get(ctx, obj.GetName(), own)
		if err == nil {
			err = s.condemn(ctx, c.condemn, own)
		}
		var e evaluation
		if err == nil {
			e, err = s.evaluate(ctx, kindOf(own), ClaimNameOf(own), own.GetName())
		}
		if err == nil && (e.holding == holdingOwn || e.holding != holdingTaken && isTaken(cause)) {
			s.abandon(ctx, obj, c)
			return tryAgain(textContention, cause)
		}
		if err == nil {
			err = s.remove(ctx, c.undo, own)
		}
		if err == nil || isGone(err) {
			return cause
		}
	}
	s.abandon(ctx, obj, c)
	return cause
}

// readBack is the last step: only an object that is there, and that repair has not condemned, may be acknowledged.
func (s *Store) readBack(ctx context.Context, obj client.Object) error {
	name := obj.GetName()
	if err := settle(ctx, func(ctx context.Context) error { return s.get(ctx, name, obj) }); err != nil {
		return tryAgain(textContention, fmt.Errorf("read %s back: %w", name, err))
	}
	if !alive(obj) || condemned(obj) {
		return tryAgain(textContention, fmt.Errorf("%s was condemned while it was created", name))
	}
	return nil
}
