//go:build e2e

package cluster

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/okta"
)

// apps is the number of Okta apps that push at the same time, half of them in either dialect.
const apps = 8

// push is a push that goes on while something is done to the operator.
type push struct {
	stop chan struct{}
	done sync.WaitGroup
	apps []*app

	mu    sync.Mutex
	tally tally
}

// tally is what happened to the requests since it was last asked for.
type tally struct {
	requests, busy, cut int
	// refused are those that were answered as they should not have been.
	refused []string
}

func (c tally) String() string {
	return fmt.Sprintf("%d requests, %d of them answered 429, %d connections cut, %d refused", c.requests, c.busy, c.cut, len(c.refused))
}

// app pushes people of its own and one group, and knows what the server has acknowledged.
type app struct {
	*okta.Client
	group, groupID string
	people         []*person
	err            error
}

// person is what an app has been told is so.
type person struct {
	userName, title, id string
	active, member      bool
}

// startPush begins to push. What is pushed never ends: people come, change, join the group and are deactivated.
func (i *installation) startPush(t *testing.T) *push {
	t.Helper()
	p := &push{stop: make(chan struct{})}
	for n := range apps {
		dialect := []okta.Dialect{okta.AIW, okta.OIN}[n%2]
		p.apps = append(p.apps, &app{Client: i.client(t, dialect, p.observe), group: fmt.Sprintf("Platform %d", n)})
	}
	for n, a := range p.apps {
		p.done.Go(func() { a.err = p.work(t.Context(), a, n) })
	}
	return p
}

func (p *push) observe(e okta.Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.requests++
	switch {
	case e.Status == http.StatusTooManyRequests:
		p.tally.busy++
	case e.Status == 0:
		p.tally.cut++
	case e.Status >= http.StatusBadRequest:
		p.tally.refused = append(p.tally.refused, fmt.Sprintf("%s %s: %d", e.Method, e.Path, e.Status))
	}
}

// phase gives what happened since the last phase, when enough has happened to say something.
func (p *push) phase(t *testing.T, name string) tally {
	t.Helper()
	eventually(t, "the push goes on", func(context.Context) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.tally.requests < 10*apps {
			return fmt.Errorf("%s", p.tally)
		}
		return nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.tally
	p.tally = tally{}
	t.Logf("%s: %s", name, now)
	if len(now.refused) > 0 {
		t.Errorf("%s: refused: %s", name, strings.Join(now.refused, "; "))
	}
	return now
}

// end lets each app finish what it has begun.
func (p *push) end(t *testing.T) {
	t.Helper()
	close(p.stop)
	p.done.Wait()
	for _, a := range p.apps {
		if a.err != nil {
			t.Errorf("%s: %v", a.group, a.err)
		}
	}
}

func (p *push) work(ctx context.Context, a *app, n int) error {
	err := again(ctx, func() error {
		id, err := a.PushGroup(ctx, a.group, nil)
		a.groupID = id
		return err
	})
	for round := 0; err == nil; round++ {
		select {
		case <-p.stop:
			return nil
		default:
			err = a.oneMore(ctx, fmt.Sprintf("u%d-%d@example.com", n, round), round)
		}
	}
	return err
}

// again repeats what was cut off, as Okta's admin has it repeated: nobody knows whether it was done. An answer of the server is the end of it.
func again(ctx context.Context, do func() error) error {
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		err := do()
		if err != nil && okta.StatusOf(err) == 0 {
			return false, nil
		}
		return err == nil, err
	})
}

// oneMore takes one person through what Okta does: assigned, put into the group, and changed; every fifth is renamed, every third deactivated, and
// every ninth assigned again.
func (a *app) oneMore(ctx context.Context, userName string, round int) error {
	someone := &person{userName: userName}
	profile := okta.DefaultProfile(userName)
	a.people = append(a.people, someone)
	profile.ExternalID = "of " + userName
	steps := []func() error{
		func() error {
			user, err := a.AssignUser(ctx, profile)
			someone.id, someone.active = user.ID(), err == nil
			return err
		},
		func() error {
			err := a.ChangeMembers(ctx, a.groupID, a.group, okta.Members(someone.id), nil)
			someone.member = err == nil
			return err
		},
		func() error {
			profile.Title = fmt.Sprintf("Engineer %d", round)
			_, err := a.UpdateUser(ctx, someone.id, profile)
			someone.title = profile.Title
			return err
		},
	}
	if round%5 == 0 {
		steps = append(steps, func() error {
			profile.UserName = "renamed." + userName
			_, err := a.UpdateUser(ctx, someone.id, profile)
			someone.userName = profile.UserName
			return err
		})
	}
	if round%3 == 0 {
		steps = append(steps, func() error {
			someone.active = false
			return a.DeactivateUser(ctx, someone.id)
		})
	}
	if round%9 == 0 {
		steps = append(steps, func() error {
			user, err := a.AssignUser(ctx, profile)
			someone.active = err == nil && user.ID() == someone.id
			return err
		})
	}
	for _, step := range steps {
		if err := again(ctx, step); err != nil {
			return fmt.Errorf("%s: %w", userName, err)
		}
	}
	return nil
}

// members are the ids that the app's group must have, and bound the names of those of them who must have its access.
func (a *app) members() (ids, bound []string) {
	for _, someone := range a.people {
		if !someone.member {
			continue
		}
		ids = append(ids, someone.id)
		if someone.active {
			bound = append(bound, someone.userName)
		}
	}
	slices.Sort(ids)
	slices.Sort(bound)
	return ids, bound
}
