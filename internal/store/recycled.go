package store

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// maxExternalID is the length, in characters, of the longest externalId that the API server takes.
const maxExternalID = 512

// formerID is the externalId that a user has, or had until a push took it away without giving another: otherwise a push that
// clears it and one that sets another would together do what neither may. A local user is what people say that it is.
func formerID(user *v1alpha1.ScimUser) string {
	if user.Spec.ExternalID != "" || isLocal(user) {
		return user.Spec.ExternalID
	}
	return user.Annotations[v1alpha1.AnnotationFormerExternalID]
}

// recycles says whether a user would become somebody else: another externalId takes the place of the one that it has. One that is
// longer than the API server takes is left to the API server to refuse.
func recycles(user *v1alpha1.ScimUser, externalID string) bool {
	former := formerID(user)
	return former != "" && externalID != "" && former != externalID && utf8.RuneCountInString(externalID) <= maxExternalID
}

// checkNewcomer refuses a write that would hand a user's access to the bearer of another externalId, unless the directory's rules or
// a person allow that.
func (s *Store) checkNewcomer(ctx context.Context, directory string, user *v1alpha1.ScimUser, externalID string) error {
	if !recycles(user, externalID) || user.Annotations[v1alpha1.AnnotationApprovedExternalID] == externalID ||
		approvedFor(user) == directory {
		return nil
	}
	m, err := s.policies(ctx, directory)
	if err != nil {
		return err
	}
	switch m.RecycledUsers {
	case v1alpha1.MatchLink:
		return nil
	case v1alpha1.MatchReview:
		err := s.requestReview(ctx, user, directory+" "+externalID, fmt.Sprintf("ScimDirectory %s pushes this userName with another externalId: "+
			"somebody else may have got the name, and would inherit this user's access. If it is the same person, or may, run %s. "+
			"Otherwise delete this user, and push again.", directory, newcomerCommand(user, directory, externalID)))
		if err != nil {
			return err
		}
		return newcomerUnderReview(user, directory, externalID)
	default:
		return newcomerRefused(user)
	}
}

// keepFormerID notes, in the write of next over present, an externalId that goes away without another in its place, and forgets
// it and what was asked and approved about it when another comes.
func keepFormerID(present, next *v1alpha1.ScimUser) {
	switch {
	case next.Spec.ExternalID == "":
		if former := formerID(present); former != "" {
			next.Annotations[v1alpha1.AnnotationFormerExternalID] = former
		}
	case recycles(present, next.Spec.ExternalID):
		delete(next.Annotations, v1alpha1.AnnotationApprovedExternalID)
		delete(next.Annotations, v1alpha1.AnnotationReviewRequested)
		delete(next.Annotations, v1alpha1.AnnotationFormerExternalID)
	default:
		delete(next.Annotations, v1alpha1.AnnotationFormerExternalID)
	}
}
