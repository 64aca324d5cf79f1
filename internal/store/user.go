package store

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// User reads one user that the directory sees, live.
func (s *Store) User(ctx context.Context, directory, id string) (*v1alpha1.ScimUser, error) {
	user := &v1alpha1.ScimUser{}
	if err := s.own(ctx, directory, id, user); err != nil {
		return nil, toSCIM(err)
	}
	return user, nil
}

// own reads an object that the directory sees, live: one of its own, or a local one that counts and that it may take over. Everything
// else is a 404.
func (s *Store) own(ctx context.Context, directory, id string, into client.Object) error {
	notFound := scim.NotFound(kindOf(into).resource, id)
	if !possibleName(id) {
		return notFound
	}
	if err := s.get(ctx, id, into); err != nil {
		if isGone(err) {
			notFound.Cause = err
			return notFound
		}
		return fmt.Errorf("read %s: %w", id, err)
	}
	if alive(into) && belongs(into, directory) {
		return nil
	}
	ok, err := s.seesLocal(ctx, directory, into)
	if err == nil && !ok {
		return notFound
	}
	return err
}

// seesLocal says whether obj is a local one that counts and that the directory may take over.
func (s *Store) seesLocal(ctx context.Context, directory string, obj client.Object) (bool, error) {
	if !alive(obj) || !isLocal(obj) {
		return false, nil
	}
	ok, err := s.inView(ctx, directory, obj)
	if !ok || err != nil {
		return false, err
	}
	return counts(ctx, s.client, obj)
}

// UserByUserName finds the one user that the directory sees and that bears the name, in whatever case, live.
func (s *Store) UserByUserName(ctx context.Context, directory, userName string) (*v1alpha1.ScimUser, error) {
	found, err := s.byName(ctx, userKind, directory, userName)
	if err != nil {
		return nil, toSCIM(err)
	}
	return found.(*v1alpha1.ScimUser), nil
}

// byName finds the object in view of the directory that counts under a name, through its claim.
func (s *Store) byName(ctx context.Context, k kind, directory, value string) (client.Object, error) {
	e, err := s.evaluateAhead(ctx, k, v1alpha1.ClaimName(k.attribute, value))
	if err != nil {
		return nil, err
	}
	if e.holding != holdingTaken {
		return nil, scim.NotFound(k.resource, value)
	}
	ok, err := s.inView(ctx, directory, e.owner)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, scim.NotFound(k.resource, value)
	}
	if condemned(e.owner) {
		return nil, tryAgain(textContention, fmt.Errorf("%s is condemned", e.owner.GetName()))
	}
	return e.owner, nil
}

// UsersByExternalID finds the users that the directory sees, that count and have this externalId, live, ordered by id.
func (s *Store) UsersByExternalID(ctx context.Context, directory, externalID string) ([]*v1alpha1.ScimUser, error) {
	told := s.told(userKind)
	list := &v1alpha1.ScimUserList{}
	if err := s.client.List(ctx, list, client.MatchingFields{"spec.externalId": externalID}); err != nil {
		return nil, toSCIM(fmt.Errorf("list users by externalId: %w", err))
	}
	var found []*v1alpha1.ScimUser
	for i := range list.Items {
		user := &list.Items[i]
		ok, err := s.countsLive(ctx, directory, user, told)
		if err != nil {
			return nil, toSCIM(err)
		}
		if ok {
			found = append(found, user)
		}
	}
	sortByName(found)
	return found, nil
}

// CreateUser creates a user of the directory. Where the name is that of a local user which the directory may take over, or of one of
// its own that came with another externalId and may have this one, that user is overwritten and returned, with the id that it has.
func (s *Store) CreateUser(ctx context.Context, directory string, spec *v1alpha1.ScimUserSpec) (*v1alpha1.ScimUser, error) {
	user := newUser(directory, spec)
	err := s.createBearer(ctx, user, creation{
		object: failpoint.CreateUserUser, fence: failpoint.CreateUserFence,
		claim: failpoint.CreateUserClaim, condemn: failpoint.CreateUserCondemn, undo: failpoint.CreateUserUndo,
	})
	if isTaken(err) {
		user, err = s.createOver(ctx, directory, spec, err)
	}
	if err != nil {
		return nil, toSCIM(err)
	}
	return user, nil
}

// createOver is a create of a name that is taken; refusal is the answer where nothing else can be said. Everything is decided again
// on the user as it is read for the write.
func (s *Store) createOver(ctx context.Context, directory string, spec *v1alpha1.ScimUserSpec, refusal error) (*v1alpha1.ScimUser, error) {
	bearer, err := s.met(ctx, userKind, spec.UserName)
	if err != nil {
		return nil, err
	}
	user, ok := bearer.(*v1alpha1.ScimUser)
	switch {
	case !ok:
		return nil, refusal
	case isLocal(user):
		if ok, err := s.inView(ctx, directory, user); err != nil || !ok {
			return nil, orRefuse(err, func() error { return s.refuseLocal(ctx, directory, user) })
		}
	case !belongs(user, directory) || !recycles(user, spec.ExternalID):
		return nil, refusal
	}
	return s.UpdateUser(ctx, directory, user.Name, func(present *v1alpha1.ScimUser) error {
		if ClaimNameOf(present) != ClaimNameOf(user) || !isLocal(present) && !recycles(present, spec.ExternalID) {
			return refusal
		}
		present.Spec = newUser(directory, spec).Spec
		return nil
	})
}

// orRefuse is err, or what refuse says when there is none. A race is for the client to run again.
func orRefuse(err error, refuse func() error) error {
	if err == nil {
		err = raceAsBusy(refuse())
	}
	return err
}

// UpdateUser calls change with a copy of the user as it is, and writes what change made of its spec, unless that is equal to what is
// there. A new userName is claimed first. A local user becomes the directory's in the same write. change may be called several times.
func (s *Store) UpdateUser(ctx context.Context, directory, id string, change func(*v1alpha1.ScimUser) error) (*v1alpha1.ScimUser, error) {
	if written := s.updateKnown(ctx, directory, id, change); written != nil {
		return written, nil
	}
	var last error
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return nil, tryAgain(textBusy, err)
		}
		user := &v1alpha1.ScimUser{}
		if err := s.own(ctx, directory, id, user); err != nil {
			return nil, toSCIM(err)
		}
		next := user.DeepCopy()
		if err := change(next); err != nil {
			return nil, err
		}
		written, err := s.writeUser(ctx, directory, user, next)
		if err == nil {
			return written, nil
		}
		if !isRace(err) {
			return nil, toSCIM(s.orGone(ctx, directory, user, err))
		}
		last = err
	}
	return nil, tryAgain(textContention, last)
}

// orGone is err, or that the object of a rename that met a conflict is gone: who was deleted while the name was looked at has none.
func (s *Store) orGone(ctx context.Context, directory string, obj client.Object, err error) error {
	if isTaken(err) {
		if gone := s.own(ctx, directory, obj.GetName(), kindOf(obj).object()); gone != nil {
			return gone
		}
	}
	return err
}

// updateKnown changes the user as the cache has it. A write at that version succeeds only if the user has been so all the time since the
// request came, so it spares a live read and is as good as one. Whatever else comes of it, such as that nothing would change, means
// nothing, because the cache may be behind: then it gives nil, and everything is decided on what is read live.
func (s *Store) updateKnown(ctx context.Context, directory, id string, change func(*v1alpha1.ScimUser) error) *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{}
	if !s.synced() || !possibleName(id) || s.cache.Get(ctx, client.ObjectKey{Name: id}, user) != nil || !alive(user) || !belongs(user, directory) {
		return nil
	}
	if s.written.behind(user, s.clock.Now()) {
		return nil
	}
	next := user.DeepCopy()
	if change(next) != nil || ClaimNameOf(next) != ClaimNameOf(user) || next.Spec.ExternalID != user.Spec.ExternalID {
		return nil // What concerns others is decided in the order in which it always was.
	}
	if spec := next.Spec; sameUserSpec(&user.Spec, &spec) {
		return nil
	}
	written, err := s.writeUser(ctx, directory, user, next)
	if err != nil {
		return nil
	}
	return written
}

// writeUser writes next over user, which was read live, or nothing if the two are equal.
func (s *Store) writeUser(ctx context.Context, directory string, user, next *v1alpha1.ScimUser) (*v1alpha1.ScimUser, error) {
	spec := next.Spec
	spec.Directory = directory
	if sameUserSpec(&user.Spec, &spec) {
		return user, nil
	}
	if err := s.checkNewcomer(ctx, directory, user, spec.ExternalID); err != nil {
		return nil, err
	}
	next = user.DeepCopy()
	next.Spec = spec
	ctx, cancel := committed(ctx)
	defer cancel()
	if err := s.rename(ctx, user, next, failpoint.UpdateUserFence, failpoint.UpdateUserClaim); err != nil {
		return nil, err
	}
	s.stamp(next)
	keepFormerID(user, next)
	taken := s.takeOver(user, next, directory)
	if err := s.update(ctx, failpoint.UpdateUserUser, next); err != nil {
		return nil, fmt.Errorf("update user %s: %w", user.Name, err)
	}
	if taken {
		s.announce(next, directory)
	}
	return next, nil
}

// rename takes the claim of the name that next bears, when it is another than that of present. The write of next, at the
// resourceVersion of present, is the commit. The old claim is left to repair.
func (s *Store) rename(ctx context.Context, present, next client.Object, fence, claim failpoint.Point) error {
	if ClaimNameOf(present) == ClaimNameOf(next) {
		return nil
	}
	return s.seize(ctx, seizure{
		kind: kindOf(next), value: valueOf(next), self: next.GetName(), fence: fence, write: claim, touch: true,
	})
}

// stamp records a change of spec that was made over SCIM.
func (s *Store) stamp(obj client.Object) {
	annotations := map[string]string{}
	for key, value := range obj.GetAnnotations() {
		annotations[key] = value
	}
	annotations[v1alpha1.AnnotationLastModified] = s.now()
	delete(annotations, v1alpha1.AnnotationUncommitted)
	obj.SetAnnotations(annotations)
}

// DeleteUser deletes a user of the directory after check, which may be nil, has agreed to the user as read live.
func (s *Store) DeleteUser(ctx context.Context, directory, id string, check func(*v1alpha1.ScimUser) error) error {
	return s.deleteBearer(ctx, directory, id, deletion{
		object: failpoint.DeleteUserUser, claim: failpoint.DeleteUserClaim, kind: userKind,
		check: func(obj client.Object) error {
			if check == nil {
				return nil
			}
			return check(obj.(*v1alpha1.ScimUser))
		},
	})
}
