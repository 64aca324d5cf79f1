package apps_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/scim-operator/scim-operator/test/okta"
)

// userName is the one that a person has at the identity provider.
func (p *person) userName() string { return p.name + "@example.com" }

// each does something for people at once, as Okta does.
func (c *company) each(what string, numbers []int, do func(context.Context, *person) error) {
	c.t.Helper()
	group, ctx := errgroup.WithContext(c.t.Context())
	group.SetLimit(8)
	for _, i := range numbers {
		p := c.people[i]
		group.Go(func() error { return do(ctx, p) })
	}
	check(c.t, what, group.Wait())
}

// hire creates people, and puts each into the groups that groupsOf gives.
func (c *company) hire(numbers []int, groupsOf func(i int) []int) {
	c.t.Helper()
	for _, i := range numbers {
		c.people[i] = &person{name: fmt.Sprintf("%s-p%d", c.name, i), active: true, groups: map[int]bool{}}
		for _, g := range groupsOf(i) {
			c.people[i].groups[g] = true
		}
	}
	c.each("hire", numbers, func(ctx context.Context, p *person) error {
		user, err := c.AssignUser(ctx, okta.DefaultProfile(p.userName()))
		p.id = user.ID()
		return err
	})
	first := c.groupIDs == nil
	for g := range groups {
		var members []okta.Member
		for _, i := range numbers {
			if c.people[i].groups[g] {
				members = append(members, okta.Members(c.people[i].id)...)
			}
		}
		if first {
			id, err := c.PushGroup(c.t.Context(), c.group(g), members)
			check(c.t, "push a group", err)
			c.groupIDs = append(c.groupIDs, id)
		} else if len(members) > 0 {
			check(c.t, "add to a group", c.ChangeMembers(c.t.Context(), c.groupIDs[g], c.group(g), members, nil))
		}
	}
}

// move gives people other groups.
func (c *company) move(numbers []int, groupsOf func(i int) []int) {
	c.t.Helper()
	add, remove := make([][]okta.Member, groups), make([][]string, groups)
	for _, i := range numbers {
		p, now := c.people[i], map[int]bool{}
		for _, g := range groupsOf(i) {
			now[g] = true
			if !p.groups[g] {
				add[g] = append(add[g], okta.Members(p.id)...)
			}
		}
		for _, g := range slices.Sorted(maps.Keys(p.groups)) {
			if !now[g] {
				remove[g] = append(remove[g], p.id)
			}
		}
		p.groups = now
	}
	for g := range groups {
		if len(add[g])+len(remove[g]) > 0 {
			check(c.t, "change a group", c.ChangeMembers(c.t.Context(), c.groupIDs[g], c.group(g), add[g], remove[g]))
		}
	}
}

// rename gives people other userNames.
func (c *company) rename(numbers []int) {
	c.t.Helper()
	c.each("rename", numbers, func(ctx context.Context, p *person) error {
		profile := okta.DefaultProfile(p.userName())
		p.name += "x"
		profile.UserName, profile.Email = p.userName(), p.userName()
		_, err := c.UpdateUser(ctx, p.id, profile)
		return err
	})
}

func (c *company) suspend(numbers []int) {
	c.t.Helper()
	c.each("suspend", numbers, func(ctx context.Context, p *person) error {
		p.active = false
		return c.DeactivateUser(ctx, p.id)
	})
}

func (c *company) reinstate(numbers []int) {
	c.t.Helper()
	c.each("reinstate", numbers, func(ctx context.Context, p *person) error {
		p.active = true
		return c.ActivateUser(ctx, p.id)
	})
}

// remove deletes people. Okta only ever deactivates; administrators and other identity providers delete.
func (c *company) remove(numbers []int) {
	c.t.Helper()
	c.each("remove", numbers, func(ctx context.Context, p *person) error {
		p.active = false
		_, err := c.Call(ctx, http.MethodDelete, "/Users/"+p.id, nil)
		return err
	})
}

// some are the numbers below n that leave that rest when divided by ten.
func some(n, rest int) (numbers []int) {
	for i := rest; i < n; i += 10 {
		numbers = append(numbers, i)
	}
	return numbers
}

func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// life is all that happens to people: after each phase, see looks.
func (c *company) life(n int, see func(what string)) {
	c.t.Helper()
	c.hire(upTo(n), func(i int) []int { return []int{i % groups, (i / groups) % groups} })
	see("hired")
	c.move(slices.Concat(some(n, 1), some(n, 2)), func(i int) []int { return []int{(i + 3) % groups} })
	see("moved")
	c.rename(slices.Concat(some(n, 2), some(n, 3)))
	see("renamed")
	c.suspend(slices.Concat(some(n, 4), some(n, 5)))
	see("suspended")
	c.reinstate(some(n, 5))
	see("reinstated")
	c.remove(some(n, 6))
	see("removed")
}
