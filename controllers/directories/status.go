package directories

import (
	"fmt"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// facts are what one pass found out about a directory. Status is derived from them and from nothing else.
type facts struct {
	// url is the SCIM base URL; empty when the operator was not told its external URL.
	url string
	// users, suspended and roles count what came through the directory.
	users, suspended, roles int
	// usernameErr says why spec.identity.username does not compile.
	usernameErr error
	// credentialErrs name the credentials that cannot be used, and why.
	credentialErrs []string
	// expired counts those of them that are past their end.
	expired int
	// recheck is true while the Secret of a credential cannot be used.
	recheck bool
	// mismatched are the names of the users who cannot sign in, sorted.
	mismatched []string
	// managedDefaults and missingDefaults are those of spec.defaultRoles that are not local, and that do not exist.
	managedDefaults, missingDefaults []string
	now                              time.Time
}

// desiredStatus is the status that a directory with these facts has. lastRequestTime and credentials are the SCIM server's to write; of
// the latter only what is about no credential any more goes. Conditions of others stay.
func desiredStatus(directory *v1alpha1.ScimDirectory, f facts) v1alpha1.ScimDirectoryStatus {
	status := *directory.Status.DeepCopy()
	status.ObservedGeneration = directory.Generation
	status.URL = f.url
	status.Users, status.SuspendedUsers, status.Roles = count(f.users), count(f.suspended), count(f.roles)
	status.Credentials = slices.DeleteFunc(status.Credentials, func(used v1alpha1.CredentialStatus) bool {
		return !slices.ContainsFunc(directory.Spec.Credentials, func(c v1alpha1.Credential) bool { return c.Name == used.Name })
	})
	apimeta.SetStatusCondition(&status.Conditions, readyCondition(directory, f))
	for _, condition := range warnings(directory, f) {
		apimeta.SetStatusCondition(&status.Conditions, condition)
	}
	return status
}

func count(n int) *int32 {
	c := int32(n) //nolint:gosec // a cluster holds far fewer than two thousand million objects
	return &c
}

func readyCondition(directory *v1alpha1.ScimDirectory, f facts) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.DirectoryReady, ObservedGeneration: directory.Generation, Status: metav1.ConditionFalse}
	switch {
	case directory.Spec.Suspend:
		c.Reason = v1alpha1.ReasonSuspended
		c.Message = "spec.suspend is true: every request is refused with 403, nothing is deleted and no access changes."
	case len(directory.Spec.Credentials) == 0:
		c.Reason = v1alpha1.ReasonNoCredentials
		c.Message = "spec.credentials is empty, so every request is refused with 401. Name a Secret that holds a token of at least 32 " +
			"characters."
	case f.usernameErr != nil:
		c.Reason = v1alpha1.ReasonInvalidUsernameExpression
		c.Message = fmt.Sprintf("spec.identity.username does not compile, so no user of this directory gets access: %v", f.usernameErr)
	case f.expired == len(directory.Spec.Credentials):
		c.Reason = v1alpha1.ReasonCredentialExpired
		c.Message = "Every credential has expired, so every request is refused with 401: " + strings.Join(f.credentialErrs, "; ")
	case len(f.credentialErrs) == len(directory.Spec.Credentials):
		c.Reason = v1alpha1.ReasonCredentialNotFound
		c.Message = "No credential can be used, so every request is refused with 401: " + strings.Join(f.credentialErrs, "; ")
	case len(f.credentialErrs) > 0:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonServing
		c.Message = "Requests are served, but not with every credential: " + strings.Join(f.credentialErrs, "; ")
	default:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonServing
		c.Message = "Requests with a credential of this directory are served."
	}
	return c
}
