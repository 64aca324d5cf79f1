package store

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// deletion says what a delete is about and names its writes.
type deletion struct {
	object, claim failpoint.Point
	kind          kind
	check         func(client.Object) error
	// after clears what only the deleted object needed, best effort; nil when there is nothing.
	after func(ctx context.Context, obj client.Object)
}

// deleteBearer deletes an object of the directory, which is the commit, and then what belongs to it, best effort.
func (s *Store) deleteBearer(ctx context.Context, directory, id string, d deletion) error {
	obj, err := s.deleteObject(ctx, directory, id, d)
	if err != nil {
		return err
	}
	ctx, cancel := committed(ctx)
	defer cancel()
	if err := s.dropClaim(ctx, obj, d.claim); err != nil {
		s.log.Info("left the claim of a deleted object to repair", "name", id, "cause", err.Error())
	}
	if d.after != nil {
		d.after(ctx, obj)
	}
	return nil
}

// deleteObject deletes exactly what check has agreed to. An object that has gone after this call has tried to delete it was
// deleted by it, whatever the answer to the attempt was.
func (s *Store) deleteObject(ctx context.Context, directory, id string, d deletion) (client.Object, error) {
	var last error
	var tried client.Object
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return nil, tryAgain(textBusy, err)
		}
		obj := d.kind.object()
		if err := s.own(ctx, directory, id, obj); err != nil {
			if tried != nil && isNotFound(err) {
				return tried, nil
			}
			return nil, toSCIM(err)
		}
		if !belongs(obj, directory) {
			return nil, localStays(d.kind)
		}
		if err := d.check(obj); err != nil {
			return nil, err
		}
		err := s.remove(ctx, d.object, obj)
		if err == nil {
			return obj, nil
		}
		if isRefusal(err) {
			return nil, toSCIM(err)
		}
		if !isRace(err) {
			tried = obj
		}
		last = fmt.Errorf("delete %s: %w", id, err)
	}
	return nil, toSCIM(raceAsBusy(last))
}

// dropClaim deletes the claim of an object that was deleted, if it is still that object's.
func (s *Store) dropClaim(ctx context.Context, obj client.Object, point failpoint.Point) error {
	claim := &v1alpha1.ScimClaim{}
	if err := s.get(ctx, ClaimNameOf(obj), claim); err != nil {
		return ignoreGone(err)
	}
	if claim.Spec.Owner != obj.GetName() {
		return nil
	}
	return ignoreGone(s.remove(ctx, point, claim))
}
