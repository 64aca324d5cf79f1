package server

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
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

func (s *countingSink) SetLastRequestTime(context.Context, string, time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.err
}

func (s *countingSink) SetLastSeenTime(ctx context.Context, role string, at time.Time) error {
	return s.SetLastRequestTime(ctx, role, at)
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
		{"a directory of the same name has its own time", 0, func() { activity.Seen(t.Context(), directory) }, 2},
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
	written.Status.LastRequestTime = &metav1.Time{Time: start}

	steps := []struct {
		reason    string
		after     time.Duration
		err       error
		directory *v1alpha1.ScimDirectory
		want      int
	}{
		{"the first request is written at once", 0, nil, okta, 1},
		{"another directory has its own time", 0, nil, entra, 2},
		{"a second request soon after is not written", time.Second, nil, okta, 2},
		{"what another replica wrote counts", time.Second, nil, written, 2},
		{"shortly before ten minutes nothing is written", 9 * time.Minute, nil, okta, 2},
		{"after ten minutes it is written again, and may fail", 2 * time.Minute, errors.New("refused"), okta, 3},
		{"a failed write is not repeated at once", time.Second, nil, okta, 3},
		{"but after a minute", time.Minute, nil, okta, 4},
		{"a stored time that has grown old is replaced", 0, nil, written, 5},
	}
	for _, step := range steps {
		clock.SetTime(clock.Now().Add(step.after))
		sink.err = step.err
		activity.Seen(t.Context(), step.directory)
		activity.Wait()
		if sink.writes != step.want {
			t.Fatalf("%s: %d writes, want %d", step.reason, sink.writes, step.want)
		}
	}
}
