package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/wait"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestCalm(t *testing.T) {
	start := time.Unix(1000, 0)
	clock := clocktesting.NewFakeClock(start)
	c := NewCalm(clock)
	r := newRevocations(clock, func(string, time.Duration) {})
	r.calm = c
	all := requests("a", "b")
	a, b := all[0], all[1]
	left := func(reason string, want time.Duration) {
		t.Helper()
		if got, _ := c.left(); got != want {
			t.Errorf("reason: %s; got %s, want %s", reason, got, want)
		}
	}
	left("nothing has happened yet", 0)
	r.begin(causeMembership, start, all)
	left("revocations are under way", longestUnrest)
	clock.Step(time.Second)
	taken := r.take(a)
	r.begin(causeExpired, start, all[:1])
	r.seen(a, taken)
	r.seen(b, r.take(b))
	left("what came for a grant during its pass waits for the next one", longestUnrest-time.Second)
	taken = r.take(a)
	r.again(a, taken)
	r.seen(a, taken)
	left("what failed is tried again, and nobody waits for that", settling)
	clock.Step(settling / 2)
	r.begin(causeExpired, start, all[:1])
	r.seen(a, r.take(a))
	left("one after the other is one unrest", settling)
	clock.Step(settling)
	left("the caches have had time", 0)
	r.begin(causeExpired, start, all[:1])
	clock.Step(longestUnrest)
	left("an unrest without an end keeps nothing for ever", 0)
	r.begin(causeExpired, start, all[1:])
	left("nor does what is added to it", 0)
	r.seen(a, r.take(a))
	r.seen(b, r.take(b))
	clock.Step(settling)
	r.begin(causeExpired, start, all[:1])
	left("the next unrest is another one", longestUnrest)
	if !(*Calm)(nil).is() {
		t.Error("reason: without one it is always calm")
	}
}

func TestWhatIsPostponedComesWhenItIsCalm(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1000, 0))
	c, grants, given := NewCalm(clock), requests("a", "b"), make(chan reconcile.Request, 10)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		c.run(ctx, func(grant reconcile.Request) { given <- grant })
		close(ended)
	}()
	c.begin(grants)
	c.postpone(grants[0])
	c.postpone(grants[0])
	c.postpone(grants[1])
	c.end(grants[0])
	waits := func() {
		t.Helper()
		err := wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return clock.HasWaiters(), nil })
		if err != nil {
			t.Fatal("reason: while a revocation is under way, somebody waits for its end")
		}
	}
	waits()
	if len(given) > 0 {
		t.Error("reason: nothing comes before it is calm")
	}
	c.end(grants[1])
	err := wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		clock.Step(settling)
		return len(given) == 2, nil
	})
	if err != nil || len(given) != 2 {
		t.Errorf("reason: each grant that was postponed comes once; %d came", len(given))
	}
	c.begin(grants)
	c.postpone(grants[0])
	waits()
	stop()
	<-ended
}

// TestNothingIsWrittenBesideRevocations holds one of two bindings back that somebody leaves, as a large one takes its time.
func TestNothingIsWrittenBesideRevocations(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	calm := w.opts.Calm
	longest := func(d time.Duration) {
		calm.mu.Lock()
		defer calm.mu.Unlock()
		calm.longest = d
	}
	longest(time.Hour) // A slow machine must not make the test pass or fail.
	t.Cleanup(func() { longest(longestUnrest) })
	const name = "calm@example.com"
	user := w.user("calm-1", name)
	w.user("calm-2", "calm-other@example.com")
	w.role("calm-role-1", "Calm", "calm-1", "calm-2")
	names := []string{"calm-small", "calm-large"}
	for _, grant := range names {
		w.create(grantFor(grant, "Calm", "view"))
		w.eventuallyReady(grant, v1alpha1.ReasonEnforced, "all is as asked")
	}
	large := w.bindings("calm-large")[0]
	release := w.writes.hold(large.Name)
	t.Cleanup(release)
	before := map[string]int{}
	for _, grant := range names {
		before[grant] = len(w.writes.of(grant))
	}
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventually("the small binding is written", func() (bool, string) {
		n := len(w.bindings("calm-small")[0].Subjects)
		return n == 1, fmt.Sprint(n)
	})
	// What comes next is worked on after the status of the small grant would have been.
	for _, later := range []string{"calm-later-1", "calm-later-2", "calm-later-3"} {
		w.create(grantFor(later, "Calm", "view"))
		w.eventually("a new grant takes effect meanwhile", func() (bool, string) { n := len(w.bindings(later)); return n == 1, fmt.Sprint(n) })
	}
	for _, grant := range append(names, "calm-later-1", "calm-later-2") {
		for _, row := range w.writes.of(grant)[before[grant]:] {
			if strings.HasPrefix(row, "patch status") {
				t.Errorf("reason: no status is written while a revocation is; got %q", row)
			}
		}
	}
	release()
	for _, grant := range names {
		w.eventually("status says how many are left", func() (bool, string) {
			found := w.eventuallyReady(grant, v1alpha1.ReasonEnforced, "all is as asked")
			return *found.Status.Users == 1, fmt.Sprint(*found.Status.Users)
		})
		want := []string{"update " + w.bindings(grant)[0].Name, "patch status " + grant}
		if diff := cmp.Diff(want, slices.Clone(w.writes.of(grant)[before[grant]:])); diff != "" {
			t.Errorf("reason: then status is, once:\n%s", diff)
		}
	}
	w.eventuallyReady("calm-later-3", v1alpha1.ReasonEnforced, "who came in between is not forgotten")
}
