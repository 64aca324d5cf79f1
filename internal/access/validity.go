package access

import (
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// phase says where a grant stands at an instant, and when that changes next. The API refuses an end before the start; should one come
// all the same, the end wins.
func phase(validity *v1alpha1.Validity, now time.Time) (Phase, time.Time) {
	var start, end time.Time
	if validity != nil && validity.NotBefore != nil {
		start = validity.NotBefore.Time
	}
	if validity != nil && validity.ExpiresAt != nil {
		end = validity.ExpiresAt.Time
	}
	if !end.IsZero() && !now.Before(end) {
		return PhaseExpired, time.Time{}
	}
	if now.Before(start) && (end.IsZero() || start.Before(end)) {
		return PhaseNotYetValid, start
	}
	if now.Before(start) {
		return PhaseNotYetValid, end
	}
	return PhaseInForce, end
}
