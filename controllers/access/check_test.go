package access

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// TestCheck: what no event told of is found by and by, and what is remembered is forgotten; where nothing is wrong, nothing happens.
func TestCheck(t *testing.T) {
	cache := largeCache(10, "")
	counters, err := newCounters()
	if err != nil {
		t.Fatal(err)
	}
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	r := &Reconciler{
		cache: cache, live: cache, clock: clock, bindable: []string{"view"}, usernames: newUsernames(""), frozen: newFrozenGrants(), gate: openGate{}, memory: newMemory(),
		counters: counters,
	}
	grant := grantFor("g", "R", "view")
	request := requestFor(keyOf(grant))
	pass := func(reason string, want bool) *scope {
		t.Helper()
		s := &scope{key: keyOf(grant), request: request, now: clock.Now(), grant: grant, planned: planned(grant), past: r.memory.of(request)}
		if err := r.decide(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		s.existing, s.changes = s.desired, nil
		sound, err := r.check(t.Context(), s)
		if err != nil || sound != want {
			t.Fatalf("reason: %s; got %t, %v", reason, sound, err)
		}
		return s
	}
	pass("a grant is not checked in its first pass", true)
	suspend := func(id string) {
		user := cache.users[id].DeepCopy()
		user.Spec.Active = new(false)
		cache.users[id] = user
	}
	suspend("user-00003")
	s := pass("nor before its time", true)
	if s.outcome().Users != 10 {
		t.Fatalf("reason: the test needs a change that nobody was told of; %d users", s.outcome().Users)
	}
	clock.SetTime(clock.Now().Add(checkEvery + checkSpread))
	pass("a change that nobody was told of is found", false)
	if s = pass("and then the plan is right", true); s.outcome().Users != 9 {
		t.Errorf("reason: what was wrong is forgotten; %d users", s.outcome().Users)
	}
	clock.SetTime(clock.Now().Add(checkEvery + checkSpread))
	suspend("user-00004")
	r.memory.changes("user-00004", []listKey{{slice: true, name: "r-00"}})
	due := s.past.due
	if s = pass("what was told of is no error", true); s.outcome().Users != 8 || !s.past.due.After(due) {
		t.Errorf("reason: a sound grant is checked again much later; %d users, due %s", s.outcome().Users, s.past.due)
	}
	s.changes = s.again(s.past).changes
	if next := r.next(s); next.RequeueAfter < checkEvery || next.RequeueAfter > checkEvery+checkSpread || *next.Priority >= 0 {
		t.Errorf("reason: the check comes behind everything else; got %s at %d", next.RequeueAfter, *next.Priority)
	}
}
