package access

import (
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// revocation is one reason why access may have to go, and the time since when: that of the request which the SCIM server accepted, if
// there is one. It is over when all grants that it concerns have been looked at.
type revocation struct {
	cause string
	since time.Time
	// open are the grants that it still waits for, last is when the last binding was written for it; zero for none.
	open map[reconcile.Request]bool
	last time.Time
}

// The causes of a revocation, as the metric names them.
const (
	causeDeactivated = "deactivated"
	causeDeleted     = "user_deleted"
	causeIdentity    = "identity_changed"
	causeMembership  = "membership"
	causeRole        = "role_deleted"
	causeGrant       = "grant_changed"
	causeGrantGone   = "grant_deleted"
	causeExpired     = "grant_expired"
	causeNamespace   = "namespace_left"
	causeTarget      = "target_deleted"
	causeDirectory   = "directory_changed"
	causeReleased    = "guard_released"
)

// revocations are those that are under way.
type revocations struct {
	clock   clock.PassiveClock
	observe func(cause string, took time.Duration)
	calm    *Calm

	mu   sync.Mutex
	open map[reconcile.Request][]*revocation
}

func newRevocations(clock clock.PassiveClock, observe func(string, time.Duration)) *revocations {
	return &revocations{clock: clock, observe: observe, open: map[reconcile.Request][]*revocation{}}
}

// begin notes a revocation. It comes before the grants are put into the queue.
func (r *revocations) begin(cause string, since time.Time, grants []reconcile.Request) {
	if r == nil || len(grants) == 0 {
		return
	}
	one := &revocation{cause: cause, since: since, open: make(map[reconcile.Request]bool, len(grants))}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calm.begin(grants)
	for _, grant := range grants {
		one.open[grant] = true
		r.open[grant] = append(r.open[grant], one)
	}
}

// take gives the revocations that a pass of a grant will see to. Those that come later find the grant in the queue again.
func (r *revocations) take(grant reconcile.Request) []*revocation {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.open[grant]
	delete(r.open, grant)
	return taken
}

// wait says whether a revocation has come for a grant since the last take.
func (r *revocations) wait(grant reconcile.Request) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open[grant]) > 0
}

// seen says that a pass of a grant is over. What has come meanwhile is for the next one.
func (r *revocations) seen(grant reconcile.Request, taken []*revocation) {
	if r == nil || len(taken) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.open[grant] {
		if !slices.Contains(taken, one) {
			return
		}
	}
	r.calm.end(grant)
}

// again leaves to the next pass what this one did not bring to an end.
func (r *revocations) again(grant reconcile.Request, taken []*revocation) {
	if r == nil || len(taken) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[grant] = append(taken, r.open[grant]...)
}

// done ends revocations for a grant. The time is when it wrote the last binding that took something away; zero when none had to be. What
// took nothing away from anybody was no revocation, and is not measured.
func (r *revocations) done(grant reconcile.Request, taken []*revocation, wrote time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range taken {
		delete(one.open, grant)
		if wrote.After(one.last) {
			one.last = wrote
		}
		if len(one.open) == 0 && !one.last.IsZero() {
			r.observe(one.cause, max(0, one.last.Sub(one.since)))
		}
	}
}

// causeOf says why a change of an object may take access away, and since when.
func (r *revocations) causeOf(before, after client.Object) (cause string, since time.Time) {
	since = r.clock.Now()
	switch object := either(before, after).(type) {
	case *v1alpha1.ScimUser:
		if after == nil {
			return causeDeleted, since
		}
		if old, ok := before.(*v1alpha1.ScimUser); ok && old.IsActive() && !object.IsActive() {
			return causeDeactivated, accepted(before, after, since)
		}
		return causeIdentity, accepted(before, after, since)
	case *v1alpha1.ScimRole:
		if after == nil {
			return causeRole, since
		}
		return causeMembership, accepted(before, after, since)
	case *v1alpha1.ScimClaim:
		return causeIdentity, since
	case *v1alpha1.ScimDirectory:
		return causeDirectory, since
	case *v1alpha1.ClusterAccessGrant, *v1alpha1.AccessGrant:
		if after == nil || after.GetDeletionTimestamp() != nil {
			return causeGrantGone, since
		}
		return causeGrant, since
	}
	if either(before, after).GetObjectKind().GroupVersionKind().Kind == "Namespace" {
		return causeNamespace, since
	}
	return causeTarget, since
}

// either is the newer one of an object's states that there is.
func either(before, after client.Object) client.Object {
	if after != nil {
		return after
	}
	return before
}

// accepted is when the SCIM server accepted the change: what it writes bears the time. A change of another hand leaves the time of the
// last one as it was, and counts from now.
func accepted(before, after client.Object, now time.Time) time.Time {
	text := after.GetAnnotations()[v1alpha1.AnnotationLastModified]
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.After(now) || before != nil && before.GetAnnotations()[v1alpha1.AnnotationLastModified] == text {
		return now
	}
	return at
}
