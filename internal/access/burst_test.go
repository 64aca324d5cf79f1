package access

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// burst is a life of a plan: people come up for removal, come back, and decisions are taken, while a clock goes on. It keeps, as the
// bindings do, the marks of those who are held.
type burst struct {
	t       *rapid.T
	limits  Limits
	ledger  Ledger
	waiting map[string]Mark
	now     time.Time
	lastNew time.Time
	// stored is the ledger that a crash leaves. reserved says that there is a reservation with it, mine that it is this process' own, ahead that
	// somebody has made use of it since, and unknown is 1 while a process does not know whether its predecessor did.
	stored                Ledger
	reserved, mine, ahead bool
	unknown               int
	// passed has each pass of the guard's own accord, in time.
	passed map[v1alpha1.PassReason][]time.Time
}

func newBurst(t *rapid.T) *burst {
	return &burst{
		t: t, now: epoch, waiting: map[string]Mark{}, passed: map[v1alpha1.PassReason][]time.Time{},
		limits: Limits{
			Count: rapid.IntRange(1, 5).Draw(t, "count"), Percent: rapid.SampledFrom([]int{0, 5, 50}).Draw(t, "percent"),
			Window: rapid.SampledFrom([]time.Duration{time.Minute, time.Hour}).Draw(t, "window"), Hold: 24 * time.Hour,
			Whole: rapid.Bool().Draw(t, "whole"),
		},
	}
}

func (b *burst) question(newcomers []string, complete bool) Question {
	q := Question{
		Kind: MarkUsers, Limits: b.limits, Ledger: b.ledger, Active: 40, Now: b.now, LastNew: b.lastNew, Complete: complete, Unknown: b.unknown,
	}
	for name, mark := range b.waiting {
		q.Candidates = append(q.Candidates, Candidate{Name: name, Mark: mark})
	}
	for _, name := range newcomers {
		if _, waits := b.waiting[name]; !waits {
			q.Candidates = append(q.Candidates, Candidate{Name: name})
		}
	}
	return q
}

// ask evaluates the plan, checks the laws of one evaluation, and carries its answer out.
func (b *burst) ask(newcomers []string, complete bool) Answer {
	q := b.question(newcomers, complete)
	answer := Decide(q)
	b.checkOrder(q, answer)
	b.checkAgain(q, answer)
	for _, reason := range []v1alpha1.PassReason{v1alpha1.PassLimit, v1alpha1.PassAlone} {
		n := answer.Ledger.passed(reason) - q.Ledger.at(b.now, b.limits.Window).passed(reason)
		if reason == v1alpha1.PassLimit && answer.Newcomers {
			n -= q.Unknown // Whoever that was passed when the predecessor lived.
		}
		for range n {
			b.passed[reason] = append(b.passed[reason], b.now)
		}
	}
	if answer.Newcomers {
		b.lastNew, b.unknown = b.now, 0
	}
	b.ledger, b.waiting = answer.Ledger, answer.Held
	switch {
	case answer.Single.Count > 0 && b.reserved && b.mine && !b.ahead:
		b.ahead = true
	case answer.Passed:
		b.store()
	}
	return answer
}

// store writes the plan. Whoever does not know whether the predecessor's reservation was used leaves it there.
func (b *burst) store() {
	b.stored, b.ahead = b.ledger, false
	if b.unknown == 0 {
		b.reserved, b.mine = b.ledger.Room(b.limits) > 0, true
	}
}

// crash ends the process, and another takes over, which knows what is stored.
func (b *burst) crash() {
	b.ledger, b.ahead, b.mine, b.lastNew, b.unknown = b.stored, false, false, b.now, 0
	if b.reserved {
		b.unknown = 1
	}
}

func (b *burst) checkOrder(q Question, want Answer) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(b.t, "seed"), 0))
	q.Candidates = slices.Clone(q.Candidates)
	r.Shuffle(len(q.Candidates), func(i, j int) { q.Candidates[i], q.Candidates[j] = q.Candidates[j], q.Candidates[i] })
	if diff := cmp.Diff(want, Decide(q)); diff != "" {
		b.t.Fatalf("reason: the order in which removals are found decides nothing\n%s", diff)
	}
}

// checkAgain asks once more about the same people, as after a crash between the write of the plan and the write of the binding.
func (b *burst) checkAgain(q Question, want Answer) {
	q.Ledger = want.Ledger
	q.Candidates = slices.Clone(q.Candidates)
	for i, candidate := range q.Candidates {
		if mark, held := want.Held[candidate.Name]; held {
			q.Candidates[i].Mark = mark
		}
	}
	q.Complete = true
	again := Decide(q)
	if diff := cmp.Diff(want.Held, again.Held); diff != "" || again.Passed {
		b.t.Fatalf("reason: who has passed passes again, at no cost, and who waits waits; passed %t\n%s", again.Passed, diff)
	}
}

func (b *burst) checkWindows() {
	// The base of the percentage is the same throughout, because the number of active people is.
	most := map[v1alpha1.PassReason]int{v1alpha1.PassLimit: b.limits.of(40), v1alpha1.PassAlone: b.limits.Count}
	for reason, times := range b.passed {
		for i, first := range times {
			n := 0
			for _, at := range times[i:] {
				if at.Before(first.Add(b.limits.Window)) {
					n++
				}
			}
			if n > most[reason] {
				b.t.Fatalf("reason: never more than %d pass by %s within a window; %d did from %s", most[reason], reason, n, first)
			}
		}
	}
}

// decide takes a decision now and then, and wants its effect.
func (b *burst) decide() {
	switch rapid.IntRange(0, 19).Draw(b.t, "decision") {
	case 0:
		b.ledger = b.ledger.Release(true)
		b.store()
		if answer := b.ask(nil, true); len(answer.Held) > 0 {
			b.t.Fatalf("reason: an approved set passes as a whole; %v wait", answer.Held)
		}
	case 1:
		before := maps.Clone(b.waiting)
		ledger, ok := b.ledger.Discard()
		if !ok {
			return
		}
		b.ledger = ledger
		b.ledger = b.ledger.Release(false) // The end of a hold's time must not touch what was discarded.
		b.store()
		if answer := b.ask(nil, true); !cmp.Equal(before, answer.Held) {
			b.t.Fatalf("reason: who was discarded waits without an end\n%s", cmp.Diff(before, answer.Held))
		}
	}
}
