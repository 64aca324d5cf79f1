package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/chaos/fault"
)

const (
	// settled is for how long nothing may be written until a run counts as over.
	settled = time.Second
	// certain is the same for the run that the others are compared with: statuses that nobody waits for are written last.
	certain = 6 * time.Second
)

// reference is how a flow goes when nothing goes wrong.
type reference struct {
	objects []string
	// writes are those of each part during act and after it.
	writes map[string][]fault.Write
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
	after, err := broken(s)
	if err != nil {
		return s, err
	}
	if err := s.again(ctx, func() error { return f.act(ctx, s) }, http.StatusTooManyRequests); err != nil {
		return s, fmt.Errorf("act: %w", err)
	}
	after()
	return s, nil
}

// rest waits until nothing was written for so long.
func (s *scene) rest(ctx context.Context, long time.Duration) error {
	last, since := "", time.Now()
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		p, err := s.project(ctx)
		if err != nil {
			return false, err
		}
		if p.versions != last {
			last, since = p.versions, time.Now()
		}
		return time.Since(since) >= long, nil
	})
}

// learn plays a flow without a fault.
func (o *operator) learn(ctx context.Context, f flow, tag string) (*reference, error) {
	s, err := o.play(ctx, f, tag, func(*scene) (func(), error) {
		for _, p := range o.parts() {
			p.proxy.Begin(nil)
		}
		return func() {}, nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, f.want); err != nil {
		return nil, err
	}
	if err := s.rest(ctx, certain); err != nil {
		return nil, err
	}
	r := &reference{writes: map[string][]fault.Write{}}
	for _, p := range o.parts() {
		r.writes[p.name] = p.proxy.Writes()
	}
	p, err := s.project(ctx)
	r.objects = p.objects
	return r, errors.Join(err, s.close(ctx))
}

func (o *operator) parts() []*part { return []*part{o.server, o.controller} }

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

// assertSame waits until a run has come to the end of the reference, and stays there.
func (s *scene) assertSame(ctx context.Context, r *reference) error {
	var diff string
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		p, err := s.project(ctx)
		if err != nil {
			return false, err
		}
		diff = cmp.Diff(r.objects, p.objects)
		return diff == "", nil
	})
	if err != nil {
		return fmt.Errorf("the end is another: %w\n-reference, +this:\n%s", err, diff)
	}
	if err := s.rest(ctx, settled); err != nil {
		return fmt.Errorf("it does not come to rest: %w", err)
	}
	p, err := s.project(ctx)
	if diff := cmp.Diff(r.objects, p.objects); err != nil || diff != "" {
		return fmt.Errorf("the end does not stay: %w\n-reference, +this:\n%s", err, diff)
	}
	return nil
}

// plan is one thing that goes wrong in one flow.
type plan struct {
	flow flow
	name string
	// broken arms the plan, and gives what ends it once act was acknowledged, and whether it came about at all.
	broken func(*operator, *scene) (after func(), hit func() bool, err error)
}

// tally counts what came of plans.
type tally struct {
	plans, missed int
	violations    []string
}

// carryOut plays plans, and says of each what is wrong.
func (o *operator) carryOut(t *testing.T, plans []plan, references map[string]*reference, tag string) tally {
	t.Helper()
	var sum tally
	for i, p := range plans {
		err := o.carryOutOne(t.Context(), p, references[p.flow.name], fmt.Sprintf("%s%04dx", tag, i), &sum)
		sum.plans++
		if err != nil {
			sum.violations = append(sum.violations, fmt.Sprintf("%s, %s: %v", p.flow.name, p.name, err))
			t.Errorf("%s, %s: %v", p.flow.name, p.name, err)
		}
	}
	return sum
}

func (o *operator) carryOutOne(ctx context.Context, p plan, r *reference, tag string, sum *tally) error {
	hit := func() bool { return true }
	s, err := o.play(ctx, p.flow, tag, func(s *scene) (func(), error) {
		after, seen, err := p.broken(o, s)
		hit = seen
		return after, err
	})
	if err != nil {
		return err
	}
	err = s.assertSame(ctx, r)
	if !hit() {
		sum.missed++
	}
	for _, part := range o.parts() {
		part.proxy.Begin(nil)
		err = errors.Join(err, part.ready(ctx))
	}
	return errors.Join(err, s.close(ctx))
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
