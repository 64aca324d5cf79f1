package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// Matching says what a directory's pushes may do with objects that are here already.
type Matching func(ctx context.Context, directory string) (v1alpha1.Matching, error)

// CachedMatching reads spec.matching of ScimDirectories from a cache. A directory that is gone takes nothing over.
func CachedMatching(cache client.Reader) Matching {
	return func(ctx context.Context, directory string) (v1alpha1.Matching, error) {
		object := &v1alpha1.ScimDirectory{}
		err := cache.Get(ctx, client.ObjectKey{Name: directory}, object, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			return v1alpha1.Matching{
				ExistingUsers: v1alpha1.MatchReject, ExistingRoles: v1alpha1.MatchReject, RecycledUsers: v1alpha1.MatchReject,
			}, nil
		}
		if err != nil {
			return v1alpha1.Matching{}, fmt.Errorf("read ScimDirectory %s: %w", directory, err)
		}
		return object.Spec.Matching, nil
	}
}

// policies are the rules of one directory, with the API's default in the place of what is not said.
func (s *Store) policies(ctx context.Context, directory string) (v1alpha1.Matching, error) {
	m := v1alpha1.Matching{}
	if s.matching != nil {
		var err error
		if m, err = s.matching(ctx, directory); err != nil {
			return m, err
		}
	}
	for _, policy := range []*v1alpha1.MatchPolicy{&m.ExistingUsers, &m.ExistingRoles, &m.RecycledUsers} {
		if *policy == "" {
			*policy = v1alpha1.MatchReview
		}
	}
	return m, nil
}

// existing is the rule for local objects of a kind.
func (s *Store) existing(ctx context.Context, directory string, k kind) (v1alpha1.MatchPolicy, error) {
	m, err := s.policies(ctx, directory)
	if k == userKind {
		return m.ExistingUsers, err
	}
	return m.ExistingRoles, err
}

// isLocal says whether an object belongs to no directory.
func isLocal(obj client.Object) bool { return directoryOf(obj) == "" }

// approvedFor is the directory that a person lets take over a local object; empty for none.
func approvedFor(obj client.Object) string {
	if !isLocal(obj) {
		return ""
	}
	return obj.GetAnnotations()[v1alpha1.AnnotationApprovedTakeover]
}

// allows says whether a rule lets a directory take over a local object.
func allows(policy v1alpha1.MatchPolicy, directory string, obj client.Object) bool {
	return policy == v1alpha1.MatchLink || policy == v1alpha1.MatchReview && approvedFor(obj) == directory
}

// inView says whether obj exists as far as the directory is concerned: it is one of its own, or a local one that it may take over.
// Objects of other directories never are.
func (s *Store) inView(ctx context.Context, directory string, obj client.Object) (bool, error) {
	if directory == "" || !isLocal(obj) {
		return belongs(obj, directory), nil
	}
	policy, err := s.existing(ctx, directory, kindOf(obj))
	return err == nil && allows(policy, directory, obj), err
}

// takeOver makes next, which was present as read live, the directory's, in the write that it is about to be part of. It says
// whether that changes whose it is. Members, localMembers and the name of the object stay as they are.
func (s *Store) takeOver(present, next client.Object, directory string) bool {
	if !isLocal(present) {
		return false
	}
	labels := map[string]string{}
	for key, value := range present.GetLabels() {
		labels[key] = value
	}
	labels[v1alpha1.LabelDirectory] = directory
	next.SetLabels(labels)
	annotations := next.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationPreviousOwner] = v1alpha1.PreviousOwnerLocal + " " + s.now()
	delete(annotations, v1alpha1.AnnotationApprovedTakeover)
	delete(annotations, v1alpha1.AnnotationReviewRequested)
	next.SetAnnotations(annotations)
	return true
}

// met is what a push by name found in the place of a free name.
func (s *Store) met(ctx context.Context, k kind, value string) (client.Object, error) {
	e, err := s.evaluate(ctx, k, v1alpha1.ClaimName(k.attribute, value), "")
	if err != nil || e.holding != holdingTaken || condemned(e.owner) {
		return nil, err
	}
	return e.owner, nil
}

// refuseLocal is the answer to a push that meets a local object which the directory may not take over. Under Review the object
// says afterwards that it waits for a person.
func (s *Store) refuseLocal(ctx context.Context, directory string, obj client.Object) error {
	policy, err := s.existing(ctx, directory, kindOf(obj))
	if err != nil {
		return err
	}
	if policy != v1alpha1.MatchReview {
		return takenByLocal(kindOf(obj), valueOf(obj))
	}
	if err := s.requestReview(ctx, obj, withRequest(obj, directory), fmt.Sprintf(
		"ScimDirectory %s pushes this name, which is refused until somebody runs %s.", directory, adoptCommand(obj, directory))); err != nil {
		return err
	}
	return takeoverUnderReview(obj, directory)
}

// withRequest adds a directory to those that ask for a local object.
func withRequest(obj client.Object, directory string) string {
	asked := obj.GetAnnotations()[v1alpha1.AnnotationReviewRequested]
	if asked == "" || strings.Contains(asked, " ") {
		return directory // What has a space asks for something else, from before the object became local.
	}
	directories := strings.Split(asked, ",")
	if !slices.Contains(directories, directory) {
		directories = append(directories, directory)
	}
	slices.Sort(directories)
	return strings.Join(directories, ",")
}

// requestReview writes on obj, as read live, that a push waits for a person's word, unless that is there already. To the protocol
// of claims the write is a fence: it moves the resourceVersion and nothing that counts.
func (s *Store) requestReview(ctx context.Context, obj client.Object, request, note string) error {
	if obj.GetAnnotations()[v1alpha1.AnnotationReviewRequested] == request {
		return nil
	}
	point := failpoint.CreateUserFence
	if kindOf(obj) == roleKind {
		point = failpoint.CreateRoleFence
	}
	ctx, cancel := committed(ctx)
	defer cancel()
	next := obj.DeepCopyObject().(client.Object)
	annotations := next.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationReviewRequested] = request
	delete(annotations, v1alpha1.AnnotationUncommitted)
	next.SetAnnotations(annotations)
	if err := s.annotate(ctx, point, next, obj); err != nil {
		return fmt.Errorf("ask for a review of %s: %w", obj.GetName(), err)
	}
	s.event(next, eventWarning, "ReviewRequested", "Review", note)
	return nil
}

// announce tells of a takeover on the object.
func (s *Store) announce(obj client.Object, directory string) {
	s.event(obj, eventNormal, "TakenOver", "TakeOver", fmt.Sprintf(
		"ScimDirectory %s took over this object, which was local. Its id, local members and access stay.", directory))
}

const (
	eventNormal  = "Normal"
	eventWarning = "Warning"
)

func (s *Store) event(obj client.Object, eventType, reason, action, note string) {
	if s.events != nil {
		s.events.Eventf(obj, nil, eventType, reason, action, "%s", note)
	}
}
