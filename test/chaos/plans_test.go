package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/chaos/fault"
)

const (
	// settled is for how long nothing may be written until a run counts as over.
	settled = time.Second
	// retried is the same where accounts are made: what failed is tried again after 2 s to 2.5 s (controllers/apps), and until then a flow that
	// ends where it began looks as if it had ended.
	retried = 3 * time.Second
	// certain is the same for the run that the others are compared with: statuses that nobody waits for are written last.
	certain = 6 * time.Second
)

// reference is how a flow goes when nothing goes wrong.
type reference struct {
	objects []string
	// plans says that the guard may have noted in an AccessPlan what nobody need have seen, or not.
	plans bool
	// writes are those of each part during act and after it.
	writes map[string][]fault.Write
	// counts are how many of what gives access were made and deleted. It is nil for a flow that ends where it began.
	counts map[string]int
	// passed are the people whom each AccessPlan has let through, and ended says that a process may have ended before it could count one.
	passed map[string]passed
	ended  bool
}

// play sets a flow up and lets it act. broken is called between the two, and gives what is called at the end.
func (o *operator) play(ctx context.Context, f flow, tag string, broken func(*scene) (after func(), err error)) (*scene, error) {
	s, err := o.newScene(ctx, f, tag)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	if err := s.again(ctx, func() error { return f.setup(ctx, s) }, http.StatusTooManyRequests); err != nil {
		return s, fmt.Errorf("set up: %w", err)
	}
	if err := s.rest(ctx, settled); err != nil {
		return s, fmt.Errorf("set up: %w", err)
	}
	for _, p := range o.parts() {
		p.proxy.Begin(nil)
	}
	after, err := broken(s)
	if err != nil {
		return s, err
	}
	if err := s.again(ctx, func() error { return f.act(ctx, s) }, http.StatusTooManyRequests); err != nil {
		return s, fmt.Errorf("act: %w", err)
	}
	if after != nil {
		after()
	}
	return s, nil
}

// rest waits until no process has written anything for so long. One that was killed has to have had the time to begin anew: until then it writes
// nothing either, and in a flow that ends where it began everything looks right.
func (o *operator) rest(ctx context.Context, long time.Duration) error {
	since := time.Now()
	for _, p := range o.parts() {
		if begun := p.lastKilled().Add(certain - long); begun.After(since) {
			since = begun
		}
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		for _, p := range o.parts() {
			if last := p.proxy.LastWrite(); last.After(since) {
				since = last
			}
		}
		return time.Since(since) >= long, nil
	})
}

// learn plays a flow without a fault, and leaves it as it is in the end.
func (o *operator) learn(ctx context.Context, f flow, tag string) (*reference, *scene, error) {
	s, err := o.play(ctx, f, tag, func(*scene) (func(), error) { return nil, nil })
	if err != nil {
		return nil, nil, err
	}
	if err := s.await(ctx, f.want); err != nil {
		return nil, nil, err
	}
	if err := s.rest(ctx, certain); err != nil {
		return nil, nil, err
	}
	r := &reference{writes: map[string][]fault.Write{}, plans: f.back}
	for _, p := range o.parts() {
		r.writes[p.name] = p.proxy.Writes()
	}
	if !f.back {
		r.counts = s.counts()
	}
	p, err := s.project(ctx)
	r.objects, r.passed = p.objects, p.passed
	return r, s, err
}

// counts are how many of the scene's bindings and accounts were made and deleted since it was set up. One that is deleted and made again is no
// difference in the end, but nobody had access in between. Users, roles and claims are not counted: a request that was broken off is
// sent again, and what it made the first time is removed.
func (s *scene) counts() map[string]int {
	counts := map[string]int{}
	for _, p := range s.parts() {
		for write, n := range p.proxy.Done(s.tag) {
			if slices.Contains([]string{"clusterrolebindings", "rolebindings", "appaccounts"}, write.Resource) {
				counts[write.Verb+" "+write.Resource] += n
			}
		}
	}
	return counts
}

// await waits until exactly these people have access by each grant.
func (s *scene) await(ctx context.Context, want map[string][]string) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = s.reached(ctx, want)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

// awaitGone waits until somebody has no access by a grant.
func (s *scene) awaitGone(ctx context.Context, grant, who string) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		names, err := s.subjects(ctx, grant)
		return err == nil && !slices.Contains(names, s.userName(who)), nil
	})
}

// assertSame waits until a run has come to the end of the reference, and stays there.
func (s *scene) assertSame(ctx context.Context, r *reference) error {
	var diff string
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		p, err := s.project(ctx)
		if err != nil {
			return false, err
		}
		diff = r.diff(p)
		return diff == "", nil
	})
	if err != nil {
		return fmt.Errorf("the end is another: %w\n-reference, +this:\n%s", err, diff)
	}
	quiet := settled
	if s.flow.app {
		quiet = retried
	}
	if err := s.rest(ctx, quiet); err != nil {
		return fmt.Errorf("it does not come to rest: %w", err)
	}
	p, err := s.project(ctx)
	if diff := r.diff(p); err == nil && diff != "" {
		err = fmt.Errorf("the end does not stay\n-reference, +this:\n%s", diff)
	}
	return err
}

// assertStays has what is late come, and wants that it changes nothing.
func (s *scene) assertStays(ctx context.Context, r *reference, broken breakage) error {
	before, err := s.project(ctx)
	if err != nil {
		return err
	}
	broken.late()
	if err := s.assertSame(ctx, r); err != nil {
		return fmt.Errorf("after a late write: %w", err)
	}
	after, err := s.project(ctx)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(before.counted, after.counted); broken.strict && diff != "" {
		return fmt.Errorf("a late write took effect\n-before, +after:\n%s", diff)
	}
	return nil
}

func (r *reference) diff(p projection) string {
	if !r.plans {
		diff := cmp.Diff(r.objects, p.objects)
		for _, name := range slices.Sorted(maps.Keys(r.passed)) {
			diff += p.passed[name].diff(r.passed[name], r.ended)
		}
		return diff
	}
	without := func(lines []string) []string {
		return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasPrefix(line, `{"kind":"AccessPlan"`) })
	}
	return cmp.Diff(without(r.objects), without(p.objects))
}

// after is the reference for what goes wrong in a plan: a process may end in it, or think that it has lost its lease.
func (r *reference) after(p plan) *reference {
	broken := *r
	broken.ended = p.kind == "late" || strings.Contains(p.kind, "killed") || strings.Contains(p.kind, "stands still")
	return &broken
}

// plan is one thing that goes wrong in one flow.
type plan struct {
	flow flow
	name string
	// kind is what goes wrong.
	kind string
	// broken arms the plan.
	broken func(*operator, *scene) (breakage, error)
}

// breakage is what a plan has armed. All of it may be nil.
type breakage struct {
	// after ends it once act was acknowledged, and hit says whether it came about at all.
	after func()
	hit   func() bool
	// whole waits until what broke is as before, so that somebody can look at what has become of the rest.
	whole func(context.Context) error
	// late is what still comes when everything is at rest, and may change nothing that counts. Where strict is false it may for a while.
	late   func()
	strict bool
}

// tally counts what came of plans, in all and by what went wrong.
type tally struct {
	mu                        sync.Mutex
	plans, missed, violations int
	kinds                     map[string]*tally
}

func newTally() *tally { return &tally{kinds: map[string]*tally{}} }

func (t *tally) add(p plan, hit bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds[p.kind] == nil {
		t.kinds[p.kind] = &tally{}
	}
	for _, each := range []*tally{t, t.kinds[p.kind]} {
		each.plans++
		if !hit {
			each.missed++
		}
		if err != nil {
			each.violations++
		}
	}
}

// table says it by what went wrong.
func (t *tally) table() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%-40s %6s %10s %10s\n", "what goes wrong", "plans", "violations", "not met")
	for _, kind := range slices.Sorted(maps.Keys(t.kinds)) {
		fmt.Fprintf(&text, "%-40s %6d %10d %10d\n", kind, t.kinds[kind].plans, t.kinds[kind].violations, t.kinds[kind].missed)
	}
	return text.String()
}

// carryOut plays one plan, and says whether what it is about came about.
func (o *operator) carryOut(ctx context.Context, p plan, r *reference, tag string) (hit bool, err error) {
	var broken breakage
	s, err := o.play(ctx, p.flow, tag, func(s *scene) (after func(), err error) {
		broken, err = p.broken(o, s)
		return broken.after, err
	})
	if err != nil {
		return true, err
	}
	if broken.whole != nil {
		if err := broken.whole(ctx); err != nil {
			return true, err
		}
	}
	r = r.after(p)
	err = s.assertSame(ctx, r)
	if diff := cmp.Diff(r.counts, s.counts()); err == nil && r.counts != nil && diff != "" {
		err = fmt.Errorf("it was made or deleted more often or less\n-reference, +this:\n%s", diff)
	}
	hit = broken.hit == nil || broken.hit()
	if err == nil && broken.late != nil {
		err = s.assertStays(ctx, r, broken)
	}
	for _, part := range o.parts() {
		part.proxy.Begin(nil)
		part.setKilled(time.Time{}) // so that the next plan is set up as its reference was
		err = errors.Join(err, part.ready(ctx))
	}
	return hit, errors.Join(err, s.close(ctx))
}

// faults are what can happen to a write.
func faults() map[string]func(*part) (fault.When, func(http.ResponseWriter)) {
	refuse := func(code int, reason string, retryAfter int) func(*part) (fault.When, func(http.ResponseWriter)) {
		return func(*part) (fault.When, func(http.ResponseWriter)) {
			return fault.Before, fault.Refuse(code, reason, retryAfter)
		}
	}
	return map[string]func(*part) (fault.When, func(http.ResponseWriter)){
		"killed before":  func(p *part) (fault.When, func(http.ResponseWriter)) { return fault.Before, fault.Cut(p.kill) },
		"killed after":   func(p *part) (fault.When, func(http.ResponseWriter)) { return fault.After, fault.Cut(p.kill) },
		"cut before":     func(*part) (fault.When, func(http.ResponseWriter)) { return fault.Before, fault.Cut(nil) },
		"cut after":      func(*part) (fault.When, func(http.ResponseWriter)) { return fault.After, fault.Cut(nil) },
		"conflict":       refuse(http.StatusConflict, "Conflict", 0),
		"throttled":      refuse(http.StatusTooManyRequests, "TooManyRequests", 1),
		"internal error": refuse(http.StatusInternalServerError, "InternalError", 0),
		"500 after": func(*part) (fault.When, func(http.ResponseWriter)) {
			return fault.After, fault.Refuse(http.StatusInternalServerError, "InternalError", 0)
		},
	}
}

// writeName is how a plan is called.
func writeName(part string, w fault.Write, what string) string {
	return fmt.Sprintf("%s's %s %s", part, strings.ToLower(w.String()), what)
}
