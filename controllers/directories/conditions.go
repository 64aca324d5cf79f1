package directories

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// expiryNotice is how long before its end a credential is warned of.
const expiryNotice = 14 * 24 * time.Hour

// maxNamed is how many objects a message names before it only counts.
const maxNamed = 3

// warnings are the conditions besides Ready.
func warnings(directory *v1alpha1.ScimDirectory, f facts) []metav1.Condition {
	all := []metav1.Condition{
		suspendedCondition(directory),
		expiryCondition(directory, f.now),
		mismatchCondition(f),
		groupsCondition(directory, f),
		defaultsCondition(f),
	}
	for i := range all {
		all[i].ObservedGeneration = directory.Generation
	}
	return all
}

func warning(kind, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

func fine(kind, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAsExpected, Message: message}
}

func suspendedCondition(directory *v1alpha1.ScimDirectory) metav1.Condition {
	if directory.Spec.Suspend {
		return warning(v1alpha1.DirectorySuspended, v1alpha1.ReasonSuspended, "spec.suspend is true: every request is refused with 403, nothing "+
			"is deleted and no access changes. Set it to false to let the identity provider in again.")
	}
	return fine(v1alpha1.DirectorySuspended, "The endpoint is not switched off.")
}

// expiryCondition looks at the time alone: whether the Secret of a credential can be used is what Ready says.
func expiryCondition(directory *v1alpha1.ScimDirectory, now time.Time) metav1.Condition {
	rotate := "Run `kubectl scim token rotate " + directory.Name + "`, and enter the new token at the identity provider before that."
	var ending []string
	live := 0
	for i := range directory.Spec.Credentials {
		credential := &directory.Spec.Credentials[i]
		if !endsAfter(credential, now) {
			continue
		}
		live++
		if endsAfter(credential, now.Add(expiryNotice)) || outlived(credential, directory.Spec.Credentials) {
			continue
		}
		ending = append(ending, fmt.Sprintf("credential %q ends at %s", credential.Name, credential.ExpiresAt.UTC().Format(time.RFC3339)))
	}
	switch {
	case live == 0 && len(directory.Spec.Credentials) > 0:
		return warning(v1alpha1.DirectoryTokenExpiring, v1alpha1.ReasonCredentialExpired, "Every credential has ended. Run "+
			"`kubectl scim token rotate "+directory.Name+"`, and enter the new token at the identity provider.")
	case len(ending) > 0:
		return warning(v1alpha1.DirectoryTokenExpiring, v1alpha1.ReasonExpiresSoon, "The identity provider will be locked out: "+
			strings.Join(ending, ", ")+", and no other takes its place. "+rotate)
	}
	return fine(v1alpha1.DirectoryTokenExpiring, "No credential ends within 14 days without another that takes its place.")
}

// endsAfter says whether a credential is not over at a time.
func endsAfter(credential *v1alpha1.Credential, at time.Time) bool {
	return credential.ExpiresAt == nil || credential.ExpiresAt.After(at)
}

// outlived says whether another credential that may do as much is valid when this one ends, and after it.
func outlived(credential *v1alpha1.Credential, all []v1alpha1.Credential) bool {
	end := credential.ExpiresAt.Time
	return slices.ContainsFunc(all, func(other v1alpha1.Credential) bool {
		enough := other.Access != v1alpha1.AccessReadOnly || credential.Access == v1alpha1.AccessReadOnly
		return other.Name != credential.Name && enough && other.ValidAt(end)
	})
}

func mismatchCondition(f facts) metav1.Condition {
	if len(f.mismatched) == 0 {
		return fine(v1alpha1.DirectoryUsernameMismatch, "No user's name is known to keep the user out.")
	}
	return warning(v1alpha1.DirectoryUsernameMismatch, v1alpha1.ReasonUsersCannotSignIn, fmt.Sprintf("%d of the users cannot sign in, because "+
		"the domain of the userName is not in spec.signInDomains or spec.identity.username gives no name: %s. `kubectl describe scimuser` says which. "+
		"Correct their userNames at the identity provider, or the directory.", len(f.mismatched), firstOf(f.mismatched)))
}

// firstOf names a few of sorted names.
func firstOf(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:maxNamed], ", ") + " and others"
}

func groupsCondition(directory *v1alpha1.ScimDirectory, f facts) metav1.Condition {
	switch {
	case directory.Spec.Resources == v1alpha1.ResourcesUsers:
		c := fine(v1alpha1.DirectoryNoGroupsPushed, "spec.resources is Users, so no groups are expected.")
		c.Reason = v1alpha1.ReasonUsersOnly
		return c
	case f.users > 0 && f.roles == 0:
		return warning(v1alpha1.DirectoryNoGroupsPushed, v1alpha1.ReasonNoGroups, "Users were pushed and no groups. That is no fault: identity "+
			"providers push groups only when they are told which. In Okta, open the app's tab Push Groups and choose them by hand.")
	}
	return fine(v1alpha1.DirectoryNoGroupsPushed, "Groups were pushed, or no users yet.")
}

func defaultsCondition(f facts) metav1.Condition {
	switch {
	case len(f.managedDefaults) > 0:
		return warning(v1alpha1.DirectoryDefaultRoleInvalid, v1alpha1.ReasonRoleNotLocal, "spec.defaultRoles names ScimRoles that a directory manages, "+
			"so nobody is a member of them by default: "+firstOf(f.managedDefaults)+". Name local roles.")
	case len(f.missingDefaults) > 0:
		return warning(v1alpha1.DirectoryDefaultRoleInvalid, v1alpha1.ReasonRoleNotFound, "spec.defaultRoles names ScimRoles that do not exist: "+
			firstOf(f.missingDefaults)+". Create them, or take the names out.")
	}
	return fine(v1alpha1.DirectoryDefaultRoleInvalid, "Every default role is a local role.")
}

// nextNotice is the time from which a credential is to be warned of, if that is still to come.
func nextNotice(credential *v1alpha1.Credential, now time.Time) time.Duration {
	if credential.ExpiresAt == nil {
		return 0
	}
	return max(0, credential.ExpiresAt.Add(-expiryNotice).Sub(now))
}
