package users

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// announce tells in an event what a person must know of: that a suspended user's access is gone, and that a name is another's. The status
// that was written says that it was told, so it is told once. A user who never counted has no access to lose.
func (r *reconciler) announce(before, after *v1alpha1.ScimUser) {
	if r.options.Recorder == nil {
		return
	}
	known := before.Status.State == v1alpha1.UserActive || before.Status.State == v1alpha1.UserSuspended
	if known && before.Status.RevokedAt == nil && after.Status.RevokedAt != nil {
		r.options.Recorder.Eventf(after, nil, corev1.EventTypeNormal, "AccessRevoked", "Revoke", "The user is suspended, and no binding names it any more.")
	}
	if after.Status.State == v1alpha1.UserConflict && before.Status.State != v1alpha1.UserConflict {
		r.options.Recorder.Eventf(after, nil, corev1.EventTypeWarning, v1alpha1.ReasonUserNameConflict, "Claim",
			"Another ScimUser holds this userName, so this user gets no access. Rename or delete one of the two.")
	}
}
