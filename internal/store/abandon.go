package store

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// abandonTime bounds how long a process looks after a create that it has abandoned. Then repair is about to do the same.
	abandonTime = ResidueAge
	// abandonPause lies between two tries, which are made while the API server is away.
	abandonPause = time.Second
)

// abandon clears away, in the background, what a create has left behind whose client is told to come again, unless it counts already. The
// client's next try makes another object of that name, and as soon as that one is renamed or deleted, repair would give the name to the one
// that was left behind: a user that no identity provider knows. A process that ends meanwhile leaves the object to the next try, and to repair.
func (s *Store) abandon(ctx context.Context, obj client.Object, c creation) {
	k, name := kindOf(obj), obj.GetName()
	s.background(0, func() {
		var last error
		// No error ends this but that of its context: each is one of the API server, or a write that somebody else was quicker with.
		err := wait.PollUntilContextTimeout(context.WithoutCancel(ctx), abandonPause, abandonTime, true, func(ctx context.Context) (bool, error) {
			last = s.clear(ctx, k, name, c)
			return last == nil, nil
		})
		if err != nil {
			s.log.Info("left the rest of a create to repair", "name", name, "cause", last.Error())
		}
	})
}

// abandonOlder does the same for what a create passed over that has got the name: the rests of tries whose process was killed.
func (s *Store) abandonOlder(ctx context.Context, obj client.Object, c creation) {
	bearers, err := s.bearersOf(ctx, kindOf(obj), ClaimNameOf(obj))
	if err != nil {
		return // Repair knows them too.
	}
	for _, bearer := range rivals(bearers, obj.GetName()) {
		if Residue(bearer) {
			s.abandon(ctx, bearer, c)
		}
	}
}

// clear deletes an object that a create has left behind, unless it has come to count or somebody else has written it. It is
// marked first and its claim is read again, as in undo: who has meanwhile found it under its name reads the mark.
func (s *Store) clear(ctx context.Context, k kind, name string, c creation) error {
	obj := k.object()
	if err := s.get(ctx, name, obj); err != nil {
		return ignoreGone(err)
	}
	e, err := s.evaluate(ctx, k, ClaimNameOf(obj), name)
	if err != nil {
		return err
	}
	if e.holding == holdingOwn {
		return s.acquit(ctx, obj)
	}
	if !alive(obj) || !Residue(obj) {
		return nil
	}
	return s.discard(ctx, obj, c.condemn, c.undo, false)
}
