package store

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// This file is about claims that the lists have been told of. Such knowledge may be old, so nothing is answered from it. But a claim that
// is read live in the very version that was known before the request was so all the time between, and named the same owner. Whatever
// was read of that owner meanwhile was therefore read while the claim named it, as if the claim had been read first. That spares
// searches the wait for one live read before the next.

// evaluateAhead is evaluate for a search. It reads the claim and the owner that the claim is known to name at the same time, both
// live, and begins again in evaluate's order when the claim has been written since.
func (s *Store) evaluateAhead(ctx context.Context, k kind, claimName string) (evaluation, error) {
	known := s.known(k, claimName)
	if known.owner == "" {
		return s.evaluate(ctx, k, claimName, "")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	owner, read := k.object(), make(chan error, 1)
	go func() { read <- s.get(ctx, known.owner, owner) }()
	claim := &v1alpha1.ScimClaim{}
	if err := s.get(ctx, claimName, claim); err != nil {
		if isGone(err) {
			return evaluation{holding: holdingFree}, nil
		}
		return evaluation{}, fmt.Errorf("read claim %s: %w", claimName, err)
	}
	if claim.ResourceVersion != known.version {
		owner := k.object()
		return evaluationOf(claim, owner, s.get(ctx, claim.Spec.Owner, owner))
	}
	return evaluationOf(claim, owner, <-read)
}

// countsLive says whether obj, which was read live after the lists were told so much, is in view of the directory and counts.
func (s *Store) countsLive(ctx context.Context, directory string, obj client.Object, told uint64) (bool, error) {
	if ok, err := s.inView(ctx, directory, obj); !ok || err != nil {
		return false, err
	}
	k, claim := kindOf(obj), &v1alpha1.ScimClaim{}
	name := ClaimNameOf(obj)
	known := s.known(k, name)
	if err := s.get(ctx, name, claim); err != nil {
		if isGone(err) {
			return false, nil
		}
		return false, fmt.Errorf("read claim %s: %w", name, err)
	}
	if !Counts(obj, claim) {
		return false, nil
	}
	if known.version != claim.ResourceVersion || known.at > told {
		// obj was read before the claim, and the mark and the name must be read while the claim names it.
		now := k.object()
		if err := s.get(ctx, obj.GetName(), now); err != nil {
			return false, ignoreGone(err)
		}
		if !alive(now) || ClaimNameOf(now) != name {
			return false, nil
		}
		obj = now
	}
	if condemned(obj) {
		return false, tryAgain(textContention, fmt.Errorf("%s is condemned", obj.GetName()))
	}
	return true, nil
}

// known is what the lists were last told of a claim; nothing when there are no lists.
func (s *Store) known(k kind, claimName string) claimSeen {
	if s.lists == nil {
		return claimSeen{claimShown: noClaim}
	}
	if k == userKind {
		return s.lists.users.claim(claimName)
	}
	return s.lists.roles.claim(claimName)
}

// told is how much the lists have been told of claims of the kind so far.
func (s *Store) told(k kind) uint64 {
	if s.lists == nil {
		return 0
	}
	if k == userKind {
		return s.lists.users.told()
	}
	return s.lists.roles.told()
}
