package server

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// countingSink counts the writes, which is what the timing rules are about.
type countingSink struct {
	mu     sync.Mutex
	writes int
	err    error
}

func (s *countingSink) SetLastUsed(context.Context, string, string, time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.err
}

func (s *countingSink) SetLastSeenTime(ctx context.Context, role string, at time.Time) error {
	return s.SetLastUsed(ctx, role, "", at)
}

func TestSeenRoles(t *testing.T) {
	start := time.Unix(100000, 0)
	clock := testclock.NewFakePassiveClock(start)
	sink := &countingSink{}
	activity := NewActivity(sink, clock, logr.Discard())
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "role"}}
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "role"}}
	written := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "written"}, Status: v1alpha1.ScimRoleStatus{LastSeenTime: &metav1.Time{Time: start}}}
	steps := []struct {
		reason string
		after  time.Duration
		see    func()
		want   int
	}{
		{"the first request is written", 0, func() { activity.SeenRole(t.Context(), role) }, 1},
		{"a directory of the same name has its own time", 0, func() { activity.Seen(t.Context(), directory, "first") }, 2},
		{"what another replica wrote counts", time.Hour, func() { activity.SeenRole(t.Context(), written) }, 2},
		{"within a day nothing is written", 22 * time.Hour, func() { activity.SeenRole(t.Context(), role) }, 2},
		{"after a day it is", 2 * time.Hour, func() { activity.SeenRole(t.Context(), role) }, 3},
	}
	for _, step := range steps {
		clock.SetTime(clock.Now().Add(step.after))
		step.see()
		activity.Wait()
		if sink.writes != step.want {
			t.Fatalf("%s: %d writes, want %d", step.reason, sink.writes, step.want)
		}
	}
}

func TestActivity(t *testing.T) {
	start := time.Unix(100000, 0)
	clock := testclock.NewFakePassiveClock(start)
	sink := &countingSink{}
	activity := NewActivity(sink, clock, logr.Discard())
	okta := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
	entra := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "entra"}}
	written := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "written"}}
	written.Status.Credentials = []v1alpha1.CredentialStatus{{Name: "first", LastUsedTime: &metav1.Time{Time: start}}}

	steps := []struct {
		reason    string
		after     time.Duration
		err       error
		directory *v1alpha1.ScimDirectory
		used      string
		want      int
	}{
		{"the first request is written at once", 0, nil, okta, "first", 1},
		{"another directory has its own time", 0, nil, entra, "first", 2},
		{"another credential has its own, too", 0, nil, okta, "second", 3},
		{"a second request soon after is not written", time.Second, nil, okta, "first", 3},
		{"what another replica wrote counts", time.Second, nil, written, "first", 3},
		{"shortly before ten minutes nothing is written", 9 * time.Minute, nil, okta, "first", 3},
		{"after ten minutes it is written again, and may fail", 2 * time.Minute, errors.New("refused"), okta, "first", 4},
		{"a failed write is not repeated at once", time.Second, nil, okta, "first", 4},
		{"but after a minute", time.Minute, nil, okta, "first", 5},
		{"a stored time that has grown old is replaced", 0, nil, written, "first", 6},
	}
	for _, step := range steps {
		clock.SetTime(clock.Now().Add(step.after))
		sink.err = step.err
		activity.Seen(t.Context(), step.directory, step.used)
		activity.Wait()
		if sink.writes != step.want {
			t.Fatalf("%s: %d writes, want %d", step.reason, sink.writes, step.want)
		}
	}
}

// TestMarkUsed: status is written by several replicas, and none makes a time earlier or writes what another has just written.
func TestMarkUsed(t *testing.T) {
	at := metav1.NewTime(time.Unix(100000, 0))
	ago := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: at.Add(-d)} }
	used := func(last *metav1.Time, credentials ...v1alpha1.CredentialStatus) v1alpha1.ScimDirectoryStatus {
		return v1alpha1.ScimDirectoryStatus{LastRequestTime: last, Credentials: credentials}
	}
	other := v1alpha1.CredentialStatus{Name: "b", LastUsedTime: ago(time.Hour)}
	tests := []struct {
		reason       string
		before, want v1alpha1.ScimDirectoryStatus
		changed      bool
	}{
		{"the first use", used(nil), used(&at, v1alpha1.CredentialStatus{Name: "a", LastUsedTime: &at}), true},
		{"the other credential stays", used(ago(time.Hour), other), used(&at, other, v1alpha1.CredentialStatus{Name: "a", LastUsedTime: &at}), true},
		{"a replica has just written", used(ago(0), v1alpha1.CredentialStatus{Name: "a", LastUsedTime: ago(time.Minute)}),
			used(ago(0), v1alpha1.CredentialStatus{Name: "a", LastUsedTime: ago(time.Minute)}), false},
		{"a clock that is behind", used(ago(-time.Hour), v1alpha1.CredentialStatus{Name: "a", LastUsedTime: ago(-time.Hour)}),
			used(ago(-time.Hour), v1alpha1.CredentialStatus{Name: "a", LastUsedTime: ago(-time.Hour)}), false},
		{"an old time", used(ago(0), v1alpha1.CredentialStatus{Name: "a", LastUsedTime: ago(activityInterval)}),
			used(ago(0), v1alpha1.CredentialStatus{Name: "a", LastUsedTime: &at}), true},
	}
	for _, test := range tests {
		directory := &v1alpha1.ScimDirectory{Status: test.before}
		directory.Spec.Credentials = []v1alpha1.Credential{{Name: "a"}, {Name: "b"}}
		changed := markUsed(directory, "a", at)
		if diff := cmp.Diff(test.want, directory.Status); diff != "" || changed != test.changed {
			t.Errorf("%s: changed is %t: -want, +got:\n%s", test.reason, changed, diff)
		}
	}
	gone := &v1alpha1.ScimDirectory{Status: used(&at)}
	if markUsed(gone, "a", at) {
		t.Error("a credential that spec no longer has is not brought back into status")
	}
}
