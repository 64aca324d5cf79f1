package directories

import (
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// announce tells in an event when a directory was suspended or taken up again, and when its last credential is about to end. The status
// that was written says that it was told, so it is told once.
func (r *reconciler) announce(before, after *v1alpha1.ScimDirectory) {
	was := func(kind string) bool { return apimeta.IsStatusConditionTrue(before.Status.Conditions, kind) }
	is := func(kind string) bool { return apimeta.IsStatusConditionTrue(after.Status.Conditions, kind) }
	switch {
	case is(v1alpha1.DirectorySuspended) && !was(v1alpha1.DirectorySuspended):
		r.recorder.Eventf(after, nil, corev1.EventTypeNormal, v1alpha1.ReasonSuspended, "Suspend",
			"Every request is refused with 403 until spec.suspend is false. Nothing is deleted and no access changes.")
	case was(v1alpha1.DirectorySuspended) && !is(v1alpha1.DirectorySuspended):
		r.recorder.Eventf(after, nil, corev1.EventTypeNormal, "Resumed", "Resume", "Requests of the identity provider are served again.")
	}
	if is(v1alpha1.DirectoryTokenExpiring) && !was(v1alpha1.DirectoryTokenExpiring) {
		expiring := apimeta.FindStatusCondition(after.Status.Conditions, v1alpha1.DirectoryTokenExpiring)
		r.recorder.Eventf(after, nil, corev1.EventTypeWarning, expiring.Reason, "Check", "%s", expiring.Message)
	}
}
