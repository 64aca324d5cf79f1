package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/test/chaos/fault"
	"github.com/scim-operator/scim-operator/test/okta"
)

// race is two requests that come to two servers at the same time.
type race struct {
	name  string
	setup func(context.Context, *scene) error
	// first and second are what the two clients want.
	first, second func(context.Context, *scene, *okta.Client) error
}

// swapped is the same race with the other one ahead.
func (r race) swapped() race {
	r.name += ", the other way round"
	r.first, r.second = r.second, r.first
	return r
}

// races are what two clients can want of the same name or the same group.
func races() []race {
	ada := func(ctx context.Context, s *scene) error { return s.hire(ctx, "ada") }
	var both []race
	for _, r := range []race{
		{name: "a name is taken back, and given to somebody else", setup: func(ctx context.Context, s *scene) error {
			return all(func() error { return ada(ctx, s) }, func() error { return s.rename(ctx, s.Client, "eve") })
		}, first: func(ctx context.Context, s *scene, c *okta.Client) error { return s.rename(ctx, c, "ada") }, second: another("ada")},
		{name: "one name for two", setup: ada, first: another("bob"), second: func(ctx context.Context, s *scene, c *okta.Client) error {
			return s.rename(ctx, c, "bob")
		}},
		{name: "two of one name", setup: ada, first: another("bob"), second: func(ctx context.Context, s *scene, c *okta.Client) error {
			p := s.profile("bob")
			p.ExternalID = "a third"
			_, err := c.CreateUser(ctx, p)
			return err
		}},
		{name: "a suspension and a profile", setup: ada, first: func(ctx context.Context, s *scene, c *okta.Client) error {
			_, err := c.Call(ctx, http.MethodPatch, "/Users/"+s.ids["ada"], patchOf("replace", "active", false))
			return err
		}, second: func(ctx context.Context, s *scene, c *okta.Client) error {
			_, err := c.Call(ctx, http.MethodPatch, "/Users/"+s.ids["ada"], patchOf("replace", "title", "Engineer"))
			return err
		}},
		{name: "one joins, one leaves", setup: team, first: joins("cy"), second: leaves("ada")},
		{name: "one joins, and the group is replaced", setup: team, first: joins("cy"), second: replaced("bob")},
		{name: "the group is replaced by two", setup: team, first: replaced("ada"), second: replaced("bob", "cy")},
		{name: "a user and its group go", setup: team, first: func(ctx context.Context, s *scene, c *okta.Client) error {
			_, err := c.Call(ctx, http.MethodDelete, "/Groups/"+s.ids["team"], nil)
			return err
		}, second: leaves("ada")},
	} {
		both = append(both, r, r.swapped())
	}
	return both
}

// rename gives Ada another name.
func (s *scene) rename(ctx context.Context, c *okta.Client, name string) error {
	_, err := c.Call(ctx, http.MethodPatch, "/Users/"+s.ids["ada"], patchOf("replace", "userName", s.userName(name)))
	return err
}

// another makes somebody else of that name.
func another(name string) func(context.Context, *scene, *okta.Client) error {
	return func(ctx context.Context, s *scene, c *okta.Client) error {
		p := s.profile(name)
		p.ExternalID = "another"
		_, err := c.CreateUser(ctx, p)
		return err
	}
}

func patchOf(op, path string, value any) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{map[string]any{"op": op, "path": path, "value": value}},
	}
}

func joins(who string) func(context.Context, *scene, *okta.Client) error {
	return func(ctx context.Context, s *scene, c *okta.Client) error {
		_, err := c.Call(ctx, http.MethodPatch, "/Groups/"+s.ids["team"], patchOf("add", "members", []any{map[string]any{"value": s.ids[who]}}))
		return err
	}
}

func leaves(who string) func(context.Context, *scene, *okta.Client) error {
	return func(ctx context.Context, s *scene, c *okta.Client) error {
		_, err := c.Call(ctx, http.MethodPatch, "/Groups/"+s.ids["team"], patchOf("remove", fmt.Sprintf("members[value eq %q]", s.ids[who]), nil))
		return err
	}
}

func replaced(people ...string) func(context.Context, *scene, *okta.Client) error {
	return func(ctx context.Context, s *scene, c *okta.Client) error {
		_, err := c.PutGroup(ctx, s.ids["team"], s.groupName("team"), s.members(people...))
		return err
	}
}

// TestRaces has one request come and be answered in the middle of another one, at each of its writes, on two servers. What both are
// answered, and what is there in the end, is as if one had come after the other.
func TestRaces(t *testing.T) {
	o := startOperator(t)
	all := races()
	if !asked() {
		all = all[:1]
	}
	plans, violations := 0, 0
	for i, r := range all {
		if !strings.Contains(r.name, os.Getenv("FLOW")) {
			continue
		}
		must(t, o.eachRace(t.Context(), r, fmt.Sprintf("race%02d", i), func(name string, err error) bool {
			plans++
			if err != nil {
				violations++
				t.Errorf("%s: %v", name, err)
			}
			return true
		}))
	}
	t.Logf("%d plans, %d violations", plans, violations)
}

// eachRace runs a race in every way, and tells of each what is wrong with it, until it is told to stop.
func (o *operator) eachRace(ctx context.Context, r race, tag string, tell func(name string, err error) bool) error {
	first, writes, err := o.inTurn(ctx, r, tag+"turn")
	if err != nil {
		return err
	}
	second, _, err := o.inTurn(ctx, r.swapped(), tag+"swap")
	if err != nil {
		return err
	}
	second.first, second.second = second.second, second.first
	for i, write := range writes {
		for _, when := range []fault.When{fault.Before, fault.After} {
			got, err := o.runRace(ctx, r, fmt.Sprintf("%sx%02d%sx", tag, i, when), &fault.Plan{Write: write, When: when})
			if err == nil {
				err = oneOf(got, first, second)
			}
			if !tell(fmt.Sprintf("%s, %s %s", r.name, when, write), err) {
				return nil
			}
		}
	}
	return nil
}

// outcome is what came of a race: what was answered, and what there is.
type outcome struct {
	first, second string
	objects       []string
}

// lines are all of it, to compare.
func (o *outcome) lines() []string {
	return append([]string{"the first is " + o.first, "the second is " + o.second}, o.objects...)
}

// oneOf says how an outcome differs from both that are allowed.
func oneOf(got, first, second *outcome) error {
	one, other := cmp.Diff(first.lines(), got.lines()), cmp.Diff(second.lines(), got.lines())
	if one == "" || other == "" {
		return nil
	}
	return fmt.Errorf("the outcome is that of no order\n-one after the other, +this:\n%s\n-the other way round, +this:\n%s", one, other)
}

func answerOf(err error) string {
	if err == nil {
		return "done"
	}
	return fmt.Sprintf("refused with %d", okta.StatusOf(err))
}

// inTurn has both requests come one after the other, and gives the writes of the first.
func (o *operator) inTurn(ctx context.Context, r race, tag string) (*outcome, []fault.Write, error) {
	s, err := o.beginRace(ctx, r, tag)
	if err != nil {
		return nil, nil, err
	}
	first := r.first(ctx, s, s.Client)
	writes := o.server.proxy.Writes()
	second := r.second(ctx, s, s.rival)
	result, err := s.endRace(ctx, first, second)
	return result, writes, err
}

// runRace has the second request come in the middle of a write of the first.
func (o *operator) runRace(ctx context.Context, r race, tag string, p *fault.Plan) (*outcome, error) {
	s, err := o.beginRace(ctx, r, tag)
	if err != nil {
		return nil, err
	}
	var second error
	var rival sync.WaitGroup
	p.Meanwhile = func() {
		// One that has to wait for the first is asked to come again.
		met := make(chan struct{})
		meet := sync.OnceFunc(func() { close(met) })
		s.throttled.Store(&meet)
		rival.Go(func() {
			defer meet()
			second = r.second(ctx, s, s.rival)
		})
		<-met
	}
	o.server.proxy.Begin(p)
	first := r.first(ctx, s, s.Client)
	if !o.server.proxy.Hit() {
		return nil, fmt.Errorf("the write did not come about")
	}
	rival.Wait()
	return s.endRace(ctx, first, second)
}

func (o *operator) beginRace(ctx context.Context, r race, tag string) (*scene, error) {
	s, err := o.newScene(ctx, flow{name: r.name}, tag)
	if err != nil {
		return nil, err
	}
	if err := r.setup(ctx, s); err != nil {
		return nil, fmt.Errorf("set up: %w", err)
	}
	o.server.proxy.Begin(nil)
	return s, s.rest(ctx, settled)
}

func (s *scene) endRace(ctx context.Context, first, second error) (*outcome, error) {
	// The claim of a name that a rename has left goes when it is five seconds old, until when nothing may be written.
	if err := s.rest(ctx, certain); err != nil {
		return nil, err
	}
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	return &outcome{first: answerOf(first), second: answerOf(second), objects: p.objects}, s.close(ctx)
}
