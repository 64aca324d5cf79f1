package access

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// maxRemembered is the number of passes that a plan remembers by name: 80 kB of its status. Of older ones it only keeps the number.
const maxRemembered = 10_000

// Ledger is what the guard must not forget: who has passed within the window, the largest numbers of active people, and which epochs
// of marks are held. Its methods never change what another Ledger shares with it.
type Ledger struct {
	// Passes are within the window, oldest first.
	Passes []Pass
	// Peaks are of the last 24 hours, oldest first, each smaller than the one before.
	Peaks []Peak
	// Epoch is that of the present hold, Discarded are those of holds that a person discarded.
	Epoch     int32
	Discarded []int32
	// HeldSince is when the first of the present hold was held; zero when nothing is held.
	HeldSince time.Time
}

// Pass is a number of removals that took effect within one step of the window.
type Pass struct {
	// End is the end of the step, in whole seconds.
	End    time.Time
	Reason v1alpha1.PassReason
	Count  int
	// People are the Prints of their names, one after the other, as far as they are remembered.
	People string
}

// Peak is a number of active people at a time.
type Peak struct {
	At    time.Time
	Count int
}

// ReadLedger reads the ledger that an AccessPlan stores.
func ReadLedger(plan *v1alpha1.AccessPlan) Ledger {
	status := &plan.Status
	ledger := Ledger{Discarded: slices.Clone(status.DiscardedEpochs)}
	if status.Epoch != nil {
		ledger.Epoch = *status.Epoch
	}
	if status.HeldSince != nil {
		ledger.HeldSince = status.HeldSince.Time
	}
	for _, pass := range status.Passes {
		ledger.Passes = append(ledger.Passes, Pass{End: pass.Time.Time, Reason: pass.Reason, Count: int(pass.Count), People: pass.People})
	}
	for _, peak := range status.Peaks {
		ledger.Peaks = append(ledger.Peaks, Peak{At: peak.Time.Time, Count: int(*peak.Count)})
	}
	return ledger
}

// Write stores the ledger in the status of an AccessPlan. Times have whole seconds there.
func (l Ledger) Write(status *v1alpha1.AccessPlanStatus) {
	status.Epoch = new(l.Epoch)
	status.DiscardedEpochs = slices.Clone(l.Discarded)
	status.HeldSince = nil
	if !l.HeldSince.IsZero() {
		status.HeldSince = &metav1.Time{Time: l.HeldSince}
	}
	status.Passes, status.Peaks = nil, nil
	for _, pass := range l.Passes {
		status.Passes = append(status.Passes, v1alpha1.PlanPass{
			Time: &metav1.Time{Time: pass.End}, Reason: pass.Reason, Count: *number(pass.Count), People: pass.People,
		})
	}
	for _, peak := range l.Peaks {
		status.Peaks = append(status.Peaks, v1alpha1.PlanPeak{Time: &metav1.Time{Time: peak.At}, Count: number(peak.Count)})
	}
}

func number(n int) *int32 {
	value := int32(n) //nolint:gosec // etcd holds far fewer than two thousand million objects
	return &value
}

// at forgets what is too old at a time.
func (l Ledger) at(now time.Time, window time.Duration) Ledger {
	l.Passes = slices.DeleteFunc(slices.Clone(l.Passes), func(p Pass) bool { return !now.Before(p.End.Add(window)) })
	l.Peaks = slices.DeleteFunc(slices.Clone(l.Peaks), func(p Peak) bool { return !now.Before(p.At.Add(peakMemory)) })
	return l
}

// Quiet says whether the ledger has nothing left that could matter: no pass, no hold, and no peak that a limit depends on.
func (l Ledger) Quiet(now time.Time, window time.Duration) bool {
	l = l.at(now, window)
	return len(l.Passes) == 0 && len(l.Peaks) == 0 && l.HeldSince.IsZero() && len(l.Discarded) == 0
}

// holds says whether marks of an epoch are held: of the present one, or of one that was discarded.
func (l Ledger) holds(epoch int32) bool {
	return epoch == l.Epoch || slices.Contains(l.Discarded, epoch)
}

// remembered are the Prints of all names that have passed within the window, as far as they are known.
func (l Ledger) remembered() map[string]bool {
	prints := map[string]bool{}
	for _, pass := range l.Passes {
		for i := 0; i+printLength <= len(pass.People); i += printLength {
			prints[pass.People[i:i+printLength]] = true
		}
	}
	return prints
}

// Passed is the number of removals within the window.
func (l Ledger) Passed() int { return l.passed(v1alpha1.PassLimit) + l.passed(v1alpha1.PassAlone) }

func (l Ledger) passed(reason v1alpha1.PassReason) int {
	n := 0
	for _, pass := range l.Passes {
		if pass.Reason == reason {
			n += pass.Count
		}
	}
	return n
}

// Limit is the number of removals that pass within the window.
func (l Ledger) Limit(limits Limits) int { return limits.of(l.base()) }

// Room is the number of removals that may still pass by the limit; it is negative when more have passed than would now.
func (l Ledger) Room(limits Limits) int { return l.Limit(limits) - l.passed(v1alpha1.PassLimit) }

func (l Ledger) base() int {
	if len(l.Peaks) == 0 {
		return 0
	}
	return l.Peaks[0].Count
}

// count remembers a number of active people, as long as it may be the largest of some day. A peak counts for the hour that it began
// in, so that there are never more than 25 of them.
func (l *Ledger) count(active int, now time.Time) {
	peaks := slices.Clone(l.Peaks)
	for len(peaks) > 0 && peaks[len(peaks)-1].Count <= active {
		peaks = peaks[:len(peaks)-1]
	}
	if last := len(peaks) - 1; last < 0 || now.Sub(peaks[last].At) >= time.Hour {
		peaks = append(peaks, Peak{At: now.Truncate(time.Second), Count: active})
	}
	l.Peaks = peaks
}

// step is the length of time that passes are put together for.
func step(window time.Duration) time.Duration {
	return max(window/60, time.Second).Truncate(time.Second)
}

// stepEnd is the end of the step that a time is in.
func stepEnd(now time.Time, window time.Duration) time.Time {
	return now.Truncate(step(window)).Add(step(window))
}

// pass enters removals, and gives what it entered. What is put together counts from the end of its step, so never for less than the window.
func (l *Ledger) pass(names []string, reason v1alpha1.PassReason, now time.Time, window time.Duration) Pass {
	one := Pass{End: stepEnd(now, window), Reason: reason, Count: len(names)}
	var people strings.Builder
	for _, name := range names {
		people.WriteString(Print(name))
	}
	one.People = people.String()
	l.enter(one)
	return one
}

// enter puts a pass together with those of the same step.
func (l *Ledger) enter(one Pass) {
	passes := slices.Clone(l.Passes)
	i := slices.IndexFunc(passes, func(p Pass) bool { return p.End.Equal(one.End) && p.Reason == one.Reason })
	if i < 0 {
		i = len(passes)
		passes = append(passes, Pass{End: one.End, Reason: one.Reason})
	}
	passes[i].Count += one.Count
	passes[i].People += one.People
	l.Passes = forgetNames(passes)
}

// With is the ledger with the pass of one person, which it may have already.
func (l Ledger) With(one Pass) Ledger {
	if !l.remembered()[one.People] {
		l.enter(one)
	}
	return l
}

// forgetNames drops the oldest names beyond maxRemembered. Their removals took effect long ago; only who is given access back
// and loses it again within the window is counted twice, which is on the safe side.
func forgetNames(passes []Pass) []Pass {
	known := 0
	for i := len(passes) - 1; i >= 0; i-- {
		room := (maxRemembered - known) * printLength
		passes[i].People = passes[i].People[max(0, len(passes[i].People)-room):]
		known += len(passes[i].People) / printLength
	}
	return passes
}

// Release ends the present hold, so that whoever bears its mark passes. With discarded it also ends those that were discarded.
func (l Ledger) Release(discarded bool) Ledger {
	if discarded {
		l.Discarded = nil
	}
	return l.next()
}

// Discard keeps whoever bears the mark of the present hold, without an end. It says false when too many holds are discarded already.
func (l Ledger) Discard() (Ledger, bool) {
	if len(l.Discarded) >= Epochs-2 {
		return l, false
	}
	if !l.HeldSince.IsZero() {
		l.Discarded = append(slices.Clone(l.Discarded), l.Epoch)
	}
	return l.next(), true
}

// next begins an epoch that no discarded hold has.
func (l Ledger) next() Ledger {
	l.HeldSince = time.Time{}
	for {
		l.Epoch = (l.Epoch + 1) % Epochs
		if !slices.Contains(l.Discarded, l.Epoch) {
			return l
		}
	}
}

// Turns are the times at which the ledger changes without anybody's doing: the hold times out, all passes are over, the last peak is.
func (l Ledger) Turns(limits Limits) []time.Time {
	var turns []time.Time
	if !l.HeldSince.IsZero() {
		turns = append(turns, l.HeldSince.Add(limits.Hold))
	}
	var passes, peaks time.Time
	for _, pass := range l.Passes {
		if over := pass.End.Add(limits.Window); over.After(passes) {
			passes = over
		}
	}
	for _, peak := range l.Peaks {
		if over := peak.At.Add(peakMemory); over.After(peaks) {
			peaks = over
		}
	}
	return append(turns, passes, peaks)
}
