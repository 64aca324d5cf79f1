package access

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

func requests(names ...string) []reconcile.Request {
	all := make([]reconcile.Request, len(names))
	for i, name := range names {
		all[i] = requestFor(access.GrantKey{Name: name})
	}
	return all
}

type observed struct {
	Cause string
	Took  time.Duration
}

func TestRevocationIsMeasured(t *testing.T) {
	start := time.Unix(1000, 0)
	clock := clocktesting.NewFakePassiveClock(start)
	var got []observed
	r := newRevocations(clock, func(cause string, took time.Duration) { got = append(got, observed{cause, took}) })
	a, b := requests("a")[0], requests("b")[0]
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

	r.begin(causeDeactivated, start, requests("a", "b"))
	r.begin(causeMembership, start, requests("a"))
	taken := r.take(a)
	if r.wait(a) || !r.wait(b) {
		t.Error("reason: what a pass has taken waits no more")
	}
	r.begin(causeExpired, at(1), requests("a"))
	if !r.wait(a) {
		t.Error("reason: what comes during a pass is for the next")
	}
	r.again(a, taken)
	r.done(a, r.take(a), at(3))
	if diff := cmp.Diff([]observed{{causeMembership, 3 * time.Second}, {causeExpired, 2 * time.Second}}, got); diff != "" {
		t.Errorf("reason: a revocation is over with the last of its grants, from its own beginning:\n%s", diff)
	}
	r.done(b, r.take(b), time.Time{})
	if diff := cmp.Diff(observed{causeDeactivated, 3 * time.Second}, got[len(got)-1]); diff != "" {
		t.Errorf("reason: the last write counts, not the last look:\n%s", diff)
	}
	n := len(got)
	r.begin(causeMembership, start, requests("a"))
	r.done(a, r.take(a), time.Time{})
	if len(got) != n {
		t.Error("reason: what took nothing from anybody was no revocation")
	}
}

func TestCauseOfRevocation(t *testing.T) {
	now := time.Unix(1000, 0).UTC()
	r := newRevocations(clocktesting.NewFakePassiveClock(now), nil)
	user := func(active bool, modified time.Time) *v1alpha1.ScimUser {
		return &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationLastModified: modified.Format("2006-01-02T15:04:05.000Z07:00")}},
			Spec:       v1alpha1.ScimUserSpec{Active: &active},
		}
	}
	early, soon := now.Add(-time.Hour), now.Add(-1500*time.Millisecond)
	ending := &v1alpha1.AccessGrant{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: new(metav1.NewTime(now))}}
	tests := []struct {
		reason        string
		before, after client.Object
		cause         string
		since         time.Time
	}{
		{"the server's request counts", user(true, early), user(false, soon), causeDeactivated, soon},
		{"another hand's change leaves the server's time as it was", user(true, early), user(false, early), causeDeactivated, now},
		{"a clock that runs ahead takes no time off", user(true, early), user(false, now.Add(time.Hour)), causeDeactivated, now},
		{"a new name is another identity", user(true, early), user(true, soon), causeIdentity, soon},
		{"what is deleted counts from the event", user(true, early), nil, causeDeleted, now},
		{"a role that loses", &v1alpha1.ScimRole{}, &v1alpha1.ScimRole{}, causeMembership, now},
		{"a role that goes", &v1alpha1.ScimRole{}, nil, causeRole, now},
		{"a claim", &v1alpha1.ScimClaim{}, nil, causeIdentity, now},
		{"a grant that is edited", &v1alpha1.ClusterAccessGrant{}, &v1alpha1.ClusterAccessGrant{}, causeGrant, now},
		{"a grant that goes", &v1alpha1.ClusterAccessGrant{}, nil, causeGrantGone, now},
		{"a grant that is going", &v1alpha1.AccessGrant{}, ending, causeGrantGone, now},
		{"a directory", &v1alpha1.ScimDirectory{}, nil, causeDirectory, now},
		{"a namespace", metadata("Namespace", ""), nil, causeNamespace, now},
		{"a ClusterRole", metadata("ClusterRole", rbacGroup), nil, causeTarget, now},
	}
	for _, test := range tests {
		if cause, since := r.causeOf(test.before, test.after); cause != test.cause || !since.Equal(test.since) {
			t.Errorf("reason: %s; got %s since %s, want %s since %s", test.reason, cause, since, test.cause, test.since)
		}
	}
}

func TestAlarm(t *testing.T) {
	now := time.Unix(1000, 0)
	clock := clocktesting.NewFakePassiveClock(now)
	a := newAlarm(clock)
	grant := func(name string, generation int64, end time.Duration) *v1alpha1.ClusterAccessGrant {
		g := grantFor(name, "R", "view")
		g.Generation = generation
		if end != 0 {
			g.Spec.Validity = &v1alpha1.Validity{ExpiresAt: new(metav1.NewTime(now.Add(end)))}
		}
		return g
	}
	is := func(reason string, wait time.Duration, want ...reconcile.Request) {
		t.Helper()
		due, left := a.due()
		var got []reconcile.Request
		for _, request := range want {
			if _, ok := due[request]; ok {
				got = append(got, request)
			}
		}
		if left != wait || len(due) != len(want) || len(got) != len(want) {
			t.Errorf("reason: %s; got %v in %s", reason, due, left)
		}
	}
	a.hear(nil, grant("old", 1, -time.Hour))
	a.hear(nil, grant("soon", 1, 10*time.Second))
	a.hear(nil, grant("late", 1, time.Hour))
	a.hear(nil, grant("never", 1, 0))
	is("who expired while nobody was there is due at once", 10*time.Second, requests("old")...)
	is("and once", 10*time.Second)
	a.hear(grant("soon", 1, 10*time.Second), grant("soon", 2, 20*time.Second))
	is("an edited end counts", 20*time.Second)
	a.hear(grant("late", 1, time.Hour), grant("late", 1, time.Second))
	is("an event that is no edit changes nothing", 20*time.Second)
	clock.SetTime(now.Add(20 * time.Second))
	is("the time has come", longestNap, requests("soon")...)
	a.hear(grant("soon", 2, 20*time.Second), grant("soon", 2, 20*time.Second))
	is("its own status brings it back no more", longestNap)
	a.hear(grant("late", 1, time.Hour), nil)
	clock.SetTime(now.Add(2 * time.Hour))
	is("who is deleted has no end", longestNap)
}
