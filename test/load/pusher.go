package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/scim-operator/scim-operator/test/okta"
)

// most is how many users a pusher has; then it changes those that it has.
const most = 12

// person is what must be there of a user.
type person struct {
	id, externalID, userName, title string
	active                          bool
}

// pusher is one client and what it knows to be acknowledged.
type pusher struct {
	load     *Load
	client   *okta.Client
	name     string
	dialect  okta.Dialect
	people   []*person
	group    string
	members  map[string]bool
	inShared map[string]bool
	// throttled is how many answers 429 the client had.
	throttled atomic.Int64
}

// run makes changes until the context ends, and finishes the last.
func (p *pusher) run(ctx context.Context) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	finish := context.WithoutCancel(ctx)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !p.change(finish, n) {
			return
		}
	}
}

// change makes one change, of another kind each time.
func (p *pusher) change(ctx context.Context, n int) bool {
	if len(p.people) < most && n%2 == 0 {
		return p.join(ctx, n)
	}
	one := p.people[n%len(p.people)]
	switch {
	case p.group == "":
		return p.push(ctx)
	case n%5 == 0:
		return p.retitle(ctx, one, n)
	case n%5 == 1:
		return p.toggle(ctx, one)
	case n%5 == 2 && p.dialect == okta.OIN:
		return p.moveIn(ctx, p.load.shared, sharedGroup, p.inShared, one)
	case n%5 == 3:
		return p.rename(ctx, one, n)
	}
	return p.moveIn(ctx, p.group, p.name, p.members, one)
}

// until repeats a try as long as the connection breaks. It is false when the server refused.
func (p *pusher) until(ctx context.Context, what string, try func(context.Context) error) bool {
	for begun := time.Now(); ; {
		before := p.throttled.Load()
		err := try(ctx)
		if err == nil {
			p.load.acknowledged.Add(1)
			return true
		}
		if okta.StatusOf(err) == http.StatusConflict && p.throttled.Load() > before && time.Since(begun) < patience {
			p.load.doubled.Add(1)
			continue
		}
		if okta.StatusOf(err) != 0 || time.Since(begun) > patience {
			p.load.refuse(fmt.Errorf("%s: %s: %w", p.name, what, err))
			return false
		}
		p.load.broken.Add(1)
		timer := time.NewTimer(pace)
		<-timer.C
	}
}

func (p *pusher) profile(one *person) okta.Profile {
	profile := okta.DefaultProfile(one.userName)
	profile.Title, profile.ExternalID = one.title, one.externalID
	return profile
}

// join creates a user. Without an answer it is looked for before it is created again. Another create of it may still be under way at a
// server that is dying, so that one can be told of a conflict and find the user then.
func (p *pusher) join(ctx context.Context, n int) bool {
	name := fmt.Sprintf("%s.user%d", p.name, n)
	one := &person{externalID: "00u-" + name, userName: name + "@example.com", title: "New", active: true}
	again := false
	ok := p.until(ctx, "create "+one.userName, func(ctx context.Context) error {
		made, err := p.client.CreateUser, error(nil)
		if again {
			made = p.client.AssignUser
		}
		user, err := made(ctx, p.profile(one))
		if okta.StatusOf(err) == http.StatusConflict {
			if !again {
				again = true
				return fmt.Errorf("at the first try: %w", err)
			}
			return errors.New("told of a conflict with the try before, which nobody finds yet")
		}
		again = true
		if err == nil {
			one.id = user.ID()
		}
		return err
	})
	if ok {
		p.people = append(p.people, one)
		p.tellGrown()
	}
	return ok
}

// tellGrown counts the pusher once it has everything. Users and the group come in either order.
func (p *pusher) tellGrown() {
	if len(p.people) == most && p.group != "" {
		p.load.grown.Add(1)
	}
}

// push creates the pusher's own group with all its users.
func (p *pusher) push(ctx context.Context) bool {
	var ids []string
	for _, one := range p.people {
		ids = append(ids, one.id)
	}
	ok := p.until(ctx, "push the group", func(ctx context.Context) error {
		id, err := p.client.PushGroup(ctx, p.name, okta.Members(ids...))
		if err != nil {
			return err
		}
		p.group = id
		for _, id := range ids {
			p.members[id] = true
		}
		return nil
	})
	if ok {
		p.tellGrown()
	}
	return ok
}

func (p *pusher) retitle(ctx context.Context, one *person, n int) bool {
	next := *one
	next.title = fmt.Sprintf("Title %d", n)
	return p.rewrite(ctx, one, next)
}

func (p *pusher) rename(ctx context.Context, one *person, n int) bool {
	next := *one
	next.userName = fmt.Sprintf("%s.renamed%d@example.com", p.name, n)
	return p.rewrite(ctx, one, next)
}

// rewrite pushes a profile, which is GET and PUT.
func (p *pusher) rewrite(ctx context.Context, one *person, next person) bool {
	ok := p.until(ctx, "update "+next.userName, func(ctx context.Context) error {
		_, err := p.client.UpdateUser(ctx, next.id, p.profile(&next))
		return err
	})
	if ok {
		*one = next
	}
	return ok
}

func (p *pusher) toggle(ctx context.Context, one *person) bool {
	set := p.client.ActivateUser
	if one.active {
		set = p.client.DeactivateUser
	}
	ok := p.until(ctx, "activate or deactivate "+one.userName, func(ctx context.Context) error { return set(ctx, one.id) })
	if ok {
		one.active = !one.active
	}
	return ok
}

// moveIn takes a user into a group, or out of it.
func (p *pusher) moveIn(ctx context.Context, group, name string, members map[string]bool, one *person) bool {
	add, remove := okta.Members(one.id), []string(nil)
	if members[one.id] {
		add, remove = nil, []string{one.id}
	}
	ok := p.until(ctx, "change the members of "+name, func(ctx context.Context) error {
		return p.client.ChangeMembers(ctx, group, name, add, remove)
	})
	if ok && members[one.id] {
		delete(members, one.id)
	} else if ok {
		members[one.id] = true
	}
	return ok
}
