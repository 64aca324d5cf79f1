package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/okta"
)

// TestLifeCycle takes one person and one group through everything that Okta does to them, in both dialects, and asks the API
// server's own authoriser at each step what the person may do.
func TestLifeCycle(t *testing.T) {
	for _, dialect := range []okta.Dialect{okta.AIW, okta.OIN} {
		t.Run(string(dialect), func(t *testing.T) {
			o := sharedOperator(t)
			l := &lifeCycle{o: o, c: o.client(t, o.servers[0], dialect), suffix: strings.ToLower(string(dialect))}
			l.group = "Platform " + l.suffix
			l.name = "alice.lee@" + l.suffix + ".example.com"
			o.grant(t, "platform-"+l.suffix, l.group, "view")
			check(t, "test connector", l.c.TestConnector(t.Context(), true))
			t.Run("Join", l.join)
			t.Run("Update", l.update)
			t.Run("Group", l.pushGroup)
			t.Run("Deactivate", l.deactivate)
			t.Run("Members", l.members)
			t.Run("Rename", l.rename)
			t.Run("Unlink", l.unlink)
		})
	}
}

// lifeCycle carries what one step leaves to the next.
type lifeCycle struct {
	o                   *operator
	c                   *okta.Client
	suffix, group, name string
	user, role          string
}

func (l *lifeCycle) profile() okta.Profile { return okta.DefaultProfile(l.name) }

func (l *lifeCycle) join(t *testing.T) {
	created := must[okta.Resource](t)(l.c.AssignUser(t.Context(), l.profile()))
	l.user = created.ID()
	again := must[okta.Resource](t)(l.c.AssignUser(t.Context(), l.profile()))
	if again.ID() != l.user {
		t.Errorf("assigning a user who exists made %s of %s: it must link", again.ID(), l.user)
	}
}

func (l *lifeCycle) update(t *testing.T) {
	p := l.profile()
	p.Title, p.Department = "Engineer", "Platform"
	p.Custom = map[string]any{"favouriteColour": "green", "urn:example:2.0:Badge": map[string]any{"number": 12}}
	_, err := l.c.UpdateUser(t.Context(), l.user, p)
	check(t, "update the profile", err)
	// An update that says nothing of the custom attributes echoes them, so they stay.
	updated := must[okta.Resource](t)(l.c.UpdateUser(t.Context(), l.user, l.profile()))
	if updated["favouriteColour"] != "green" || updated["title"] != "Engineer" {
		t.Errorf("attributes were lost in an echo: %v", updated)
	}
}

func (l *lifeCycle) pushGroup(t *testing.T) {
	l.o.may(t, l.name, false)
	user := must[okta.Resource](t)(l.c.User(t.Context(), l.user))
	l.role = must[string](t)(l.c.PushGroup(t.Context(), l.group, []okta.Member{okta.MemberOf(user)}))
	l.o.may(t, l.name, true)
	l.kubectlCanI(t, "yes")
	again := must[string](t)(l.c.PushGroup(t.Context(), l.group, []okta.Member{okta.MemberOf(user)}))
	if again != l.role {
		t.Errorf("pushing a group that exists made %s of %s: it must link", again, l.role)
	}
	check(t, "push a group without members", l.c.PushNow(t.Context(), l.role, l.group, nil))
	l.o.may(t, l.name, false)
	check(t, "push now", l.c.PushNow(t.Context(), l.role, l.group, okta.Members(l.user)))
	l.o.may(t, l.name, true)
}

// kubectlCanI asks as a person at a terminal would.
func (l *lifeCycle) kubectlCanI(t *testing.T, want string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), apiserver.Kubectl(t), "auth", "can-i", "get", "pods", "--as", l.name)
	command.Env = append(os.Environ(), "KUBECONFIG="+apiserver.Kubeconfig(t, apiserver.Config()))
	output, _ := command.Output() // The exit code says the same as the text.
	if got := strings.TrimSpace(string(output)); got != want {
		t.Errorf("kubectl auth can-i get pods --as %s: %q, want %q", l.name, got, want)
	}
}

func (l *lifeCycle) deactivate(t *testing.T) {
	l.o.may(t, l.name, true)
	check(t, "deactivate", l.c.DeactivateUser(t.Context(), l.user))
	l.o.may(t, l.name, false)
	user := must[okta.Resource](t)(l.c.User(t.Context(), l.user))
	if user.Active() {
		t.Error("the user is active after a deactivation")
	}
	// Deactivation leaves memberships alone: reassigning brings back the id and, with it, the access.
	back := must[okta.Resource](t)(l.c.AssignUser(t.Context(), l.profile()))
	if back.ID() != l.user || !back.Active() {
		t.Errorf("reassigning gave %s, active %t; want %s, active", back.ID(), back.Active(), l.user)
	}
	l.o.may(t, l.name, true)
	check(t, "sync a password", l.c.SetPassword(t.Context(), l.user, "a password that goes nowhere"))
}

func (l *lifeCycle) members(t *testing.T) {
	var ids []string
	for i := range 230 {
		created, err := l.c.CreateUser(t.Context(), okta.DefaultProfile(fmt.Sprintf("m%d@%s.example.com", i, l.suffix)))
		check(t, "create a member", err)
		ids = append(ids, created.ID())
	}
	check(t, "add members", l.c.ChangeMembers(t.Context(), l.role, l.group, okta.Members(ids...), nil))
	l.assertMembers(t, append([]string{l.user}, ids...))
	check(t, "swap members", l.c.ChangeMembers(t.Context(), l.role, l.group, okta.Members(ids[:10]...), ids[15:]))
	l.assertMembers(t, append([]string{l.user}, ids[:15]...))
}

func (l *lifeCycle) assertMembers(t *testing.T, want []string) {
	t.Helper()
	group := must[okta.Resource](t)(l.c.Group(t.Context(), l.role))
	got := group.Members()
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members: -want, +got:\n%s", diff)
	}
}

func (l *lifeCycle) rename(t *testing.T) {
	l.o.may(t, l.name, true)
	before := must[okta.Resource](t)(l.c.Group(t.Context(), l.role)).Members()
	renamed := l.group + " (renamed)"
	check(t, "rename", l.c.RenameGroup(t.Context(), l.role, renamed))
	l.assertMembers(t, before)
	l.o.may(t, l.name, false) // The grant names the group by its old name.
	old, err := l.c.FindGroup(t.Context(), l.group)
	check(t, "find the old name", err)
	if old != nil {
		t.Errorf("the old name still finds %s", old.ID())
	}
	check(t, "rename back", l.c.RenameGroup(t.Context(), l.role, l.group))
	l.o.may(t, l.name, true)

	p := l.profile()
	p.UserName = "alice.moore@" + l.suffix + ".example.com"
	_, err = l.c.UpdateUser(t.Context(), l.user, p)
	check(t, "rename the user", err)
	l.o.may(t, p.UserName, true)
	l.o.may(t, l.name, false)
	l.name = p.UserName
}

func (l *lifeCycle) unlink(t *testing.T) {
	l.o.may(t, l.name, true)
	check(t, "unlink and leave", l.c.UnlinkGroup(t.Context(), l.role, false))
	check(t, "the group stays", func() error { _, err := l.c.Group(t.Context(), l.role); return err }())
	check(t, "unlink and delete", l.c.UnlinkGroup(t.Context(), l.role, true))
	l.o.may(t, l.name, false)
	if _, err := l.c.Group(t.Context(), l.role); okta.StatusOf(err) != 404 {
		t.Errorf("the group after its deletion: %v, want 404", err)
	}
	user := must[okta.Resource](t)(l.c.User(t.Context(), l.user))
	if !user.Active() {
		t.Error("deleting a group must leave its users alone")
	}
	l.imports(t)
}

// imports waits for the list, which is read from a cache, and then wants every user once.
func (l *lifeCycle) imports(t *testing.T) {
	t.Helper()
	eventually(t, "the import is complete", func(ctx context.Context) error {
		users, err := l.c.ImportUsers(ctx)
		if err != nil {
			return err
		}
		seen := map[string]int{}
		for _, user := range users {
			seen[user.ID()]++
		}
		for id, n := range seen {
			if n != 1 {
				return fmt.Errorf("user %s is listed %d times", id, n)
			}
		}
		if seen[l.user] != 1 || len(users) < 231 {
			return fmt.Errorf("the import has %d users, and %s %d times", len(users), l.user, seen[l.user])
		}
		return nil
	})
}

// TestRecorded replays every recorded exchange against each of the servers.
func TestRecorded(t *testing.T) {
	scenarios := must[[]okta.Scenario](t)(okta.LoadRecorded())
	for _, scenario := range scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			o := sharedOperator(t)
			for _, server := range o.servers {
				if err := okta.Replay(t.Context(), o.client(t, server, scenario.Dialect), scenario); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
