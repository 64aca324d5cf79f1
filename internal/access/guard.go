package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// The numbers of the guard, where a directory says nothing.
const (
	defaultUserCount     = 20
	defaultUserPercent   = 5
	defaultMemberCount   = 10
	defaultMemberPercent = 50
	defaultWindow        = time.Hour
	defaultHold          = 24 * time.Hour

	// smallRole is the number of people below which a role is not guarded.
	smallRole = 10
	// Aloneness is how long nobody else may have left before a removal counts as one that came alone.
	Aloneness = 10 * time.Second
	// peakMemory is how long a number of active people sets the base of the percentage.
	peakMemory = 24 * time.Hour
)

// Limits are the guard of a directory as it applies to one plan.
type Limits struct {
	// Count and Percent: the larger of the two passes within the Window.
	Count, Percent int
	Window, Hold   time.Duration
	// Whole says that newcomers which do not all fit in are held together.
	Whole bool
	// Smallest is the base below which nothing is held.
	Smallest int
}

// LimitsOf gives the limits of a plan. The guard's mode is the caller's to look at.
func LimitsOf(guard v1alpha1.Guard, key PlanKey) Limits {
	limits := Limits{Count: defaultUserCount, Percent: defaultUserPercent}
	configured := guard.Users
	if key.Role != "" {
		limits = Limits{Count: defaultMemberCount, Percent: defaultMemberPercent, Whole: true, Smallest: smallRole}
		configured = guard.Members
	}
	limits.Window = cmp.Or(time.Duration(guard.WindowSeconds)*time.Second, defaultWindow)
	limits.Hold = cmp.Or(time.Duration(guard.HoldTimeoutSeconds)*time.Second, defaultHold)
	limits.Count = cmp.Or(int(configured.Count), limits.Count)
	if configured.Percent != nil {
		limits.Percent = int(*configured.Percent)
	}
	return limits
}

// of is the number of removals that pass within the window.
func (l Limits) of(base int) int { return max(l.Count, base*l.Percent/100) }

// Candidate is one name that would lose access.
type Candidate struct {
	Name string
	// Mark is what the binding, or the gate's memory, says of it.
	Mark Mark
}

// Question is what one evaluation of a plan is about.
type Question struct {
	// Kind is that of the marks which the plan gives.
	Kind   MarkKind
	Limits Limits
	Ledger Ledger
	// Candidates are all removals of the plan, in any order, each name once.
	Candidates []Candidate
	// Active is the number of people, or members, that there were before these removals.
	Active int
	Now    time.Time
	// LastNew is when a newcomer was last seen in this plan.
	LastNew time.Time
	// Complete says that the candidates are all there are: each grant has been looked at since the start.
	Complete bool
	// Unknown is the number of people whom another process may have let through by the limit without the Ledger's knowledge. They count,
	// without names, from when the first newcomer comes.
	Unknown int
}

// Answer is what becomes of the candidates.
type Answer struct {
	// Ledger is what must be stored before anybody who passes loses access.
	Ledger Ledger
	// Held are the names that wait, with their marks.
	Held map[string]Mark
	// Newcomers says that somebody was seen for the first time.
	Newcomers bool
	// Passed says that the ledger has passes that it did not have before.
	Passed bool
	// Single is what the ledger has of the only newcomer, if that one passed by the limit; otherwise its Count is 0.
	Single Pass
}

// Decide says who passes and who waits. It is a pure function, gives the same answer whatever the order of the candidates, and asked again
// with what it answered it answers the same. Within any window at most Limits.of(base) newcomers pass by the limit, and at most
// Limits.Count because they came alone.
func Decide(q Question) Answer {
	ledger := q.Ledger.at(q.Now, q.Limits.Window)
	answer := Answer{Held: map[string]Mark{}}
	var newcomers []string
	holding := !ledger.HeldSince.IsZero() && !q.Complete
	remembered := ledger.remembered()
	for _, candidate := range q.Candidates {
		switch {
		case remembered[Print(candidate.Name)]:
		case !candidate.Mark.Waits():
			newcomers = append(newcomers, candidate.Name)
		case ledger.holds(candidate.Mark.Epoch):
			answer.Held[candidate.Name] = candidate.Mark
			holding = holding || candidate.Mark.Epoch == ledger.Epoch
		}
	}
	if len(newcomers) > 0 {
		slices.Sort(newcomers)
		answer.Newcomers = true
		ledger.count(q.Active, q.Now)
		if q.Unknown > 0 {
			ledger.enter(Pass{End: stepEnd(q.Now, q.Limits.Window), Reason: v1alpha1.PassLimit, Count: q.Unknown})
		}
		answer.Passed = ledger.admit(&answer, newcomers, holding, q)
	}
	ledger.settle(q, answer.Held)
	answer.Ledger = ledger
	return answer
}

// admit lets newcomers through, as many as may, and holds the rest under the present epoch. It says whether it let anybody through
// that must be remembered.
func (l *Ledger) admit(answer *Answer, newcomers []string, holding bool, q Question) bool {
	base := l.base()
	if base < q.Limits.Smallest && !holding && len(answer.Held) == 0 {
		return false
	}
	room := l.Room(q.Limits)
	alone := len(newcomers) == 1 && q.Complete && q.Now.Sub(q.LastNew) >= Aloneness
	pass, reason := 0, v1alpha1.PassLimit
	switch {
	case !holding && room >= len(newcomers):
		pass = len(newcomers)
	case alone && l.passed(v1alpha1.PassAlone) < q.Limits.Count:
		pass, reason = 1, v1alpha1.PassAlone
	case !holding && !q.Limits.Whole:
		pass = max(0, room)
	}
	for _, name := range newcomers[pass:] {
		answer.Held[name] = Mark{Kind: q.Kind, Epoch: l.Epoch}
	}
	if pass > 0 {
		entered := l.pass(newcomers[:pass], reason, q.Now, q.Limits.Window)
		if len(newcomers) == 1 && reason == v1alpha1.PassLimit {
			answer.Single = entered
		}
	}
	return pass > 0
}

// settle brings the times of the hold into line with who is held. While not everybody is known, a hold does not end by itself.
func (l *Ledger) settle(q Question, held map[string]Mark) {
	waiting := map[int32]bool{}
	for _, mark := range held {
		waiting[mark.Epoch] = true
	}
	switch {
	case waiting[l.Epoch] && l.HeldSince.IsZero():
		l.HeldSince = q.Now.Truncate(time.Second)
	case !waiting[l.Epoch] && q.Complete:
		l.HeldSince = time.Time{}
	}
	if !q.Complete {
		return
	}
	l.Discarded = slices.DeleteFunc(slices.Clone(l.Discarded), func(epoch int32) bool { return !waiting[epoch] })
}

// Digest names a set of Kubernetes user names, whatever their order: sha256: and 64 hexadecimal digits. It is empty for an empty set.
func Digest(names []string) string {
	if len(names) == 0 {
		return ""
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(sorted), "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}
