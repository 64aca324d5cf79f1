package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/scim-operator/scim-operator/test/okta"
)

// Each function of this file prepares one attempt at a healthy server. Names carry the run and the number of the attempt, so that no two
// attempts meet.

func (r *crashRun) userName(what string, i int) string {
	return strings.ToLower(fmt.Sprintf("%s-%d.%s@example.com", r.tag, i, what))
}

func (r *crashRun) groupName(what string, i int) string {
	return fmt.Sprintf("%s %d %s", r.tag, i, what)
}

// renamedUser leaves the old name's claim behind, for a moment, with an owner that lives under another name.
func (r *crashRun) renamedUser(t *testing.T, from, to string) {
	t.Helper()
	created := must[okta.Resource](t)(r.healthy.CreateUser(t.Context(), okta.DefaultProfile(from)))
	must[okta.Resource](t)(r.healthy.UpdateUser(t.Context(), created.ID(), renamedProfile(from, to)))
}

// renamedProfile is the same person under another name: with another externalId it would be somebody who got a recycled name.
func renamedProfile(from, to string) okta.Profile {
	p := okta.DefaultProfile(to)
	p.ExternalID = okta.DefaultProfile(from).ExternalID
	return p
}

func (r *crashRun) renamedGroup(t *testing.T, from, to string) {
	t.Helper()
	id := must[string](t)(r.healthy.PushGroup(t.Context(), from, nil))
	check(t, "rename a group", r.healthy.RenameGroup(t.Context(), id, to))
}

func createUser(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	return assignment(okta.DefaultProfile(r.userName("new", i)))
}

func assignment(p okta.Profile) attempt {
	return attempt{
		push:  func(ctx context.Context, at target) error { _, err := at.AssignUser(ctx, p); return err },
		holds: func(ctx context.Context, at target) error { _, err := nameFinds(ctx, at, p.UserName); return err },
	}
}

// nameFinds wants the name to find a user who can be read by id and bears the name.
func nameFinds(ctx context.Context, at target, userName string) (string, error) {
	found, err := at.FindUser(ctx, userName)
	if err != nil {
		return "", err
	}
	if found == nil {
		return "", fmt.Errorf("the name %s finds nobody", userName)
	}
	read, err := at.User(ctx, found.ID())
	if err == nil && read["userName"] != userName {
		err = fmt.Errorf("user %s bears %v, want %s", found.ID(), read["userName"], userName)
	}
	return found.ID(), err
}

func createUserUnderOldName(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	name := r.userName("wanted", i)
	r.renamedUser(t, name, r.userName("moved", i))
	return assignment(okta.DefaultProfile(name))
}

// raceForUser creates one name at both servers at once, until one of them finds that it came second.
func raceForUser(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	p := okta.DefaultProfile(r.userName("contended", i))
	a := assignment(p)
	a.first = func(ctx context.Context, at target) error {
		return race(func(at target) error { _, err := at.CreateUser(ctx, p); return err }, at, r.healthy)
	}
	return a
}

var errSeveralWinners = errors.New("several creates of one name were acknowledged")

// race runs a create at two servers at once. Both may fail with a conflict only if the other was first, and never may both succeed.
func race(create func(target) error, doomed, healthy target) error {
	const each = 3
	var group sync.WaitGroup
	failures := make([]error, 2*each)
	for i := range failures {
		at := doomed
		if i%2 == 1 {
			at = healthy
		}
		group.Go(func() { failures[i] = create(at) })
	}
	group.Wait()
	won := 0
	var unexpected error
	for _, err := range failures {
		switch {
		case err == nil:
			won++
		case okta.StatusOf(err) != http.StatusConflict:
			unexpected = errors.Join(unexpected, err)
		}
	}
	if won > 1 {
		return fmt.Errorf("%d: %w", won, errSeveralWinners)
	}
	return unexpected
}

func renameUser(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	return r.renaming(t, r.userName("before", i), r.userName("after", i))
}

// renaming is the rename of a fresh user.
func (r *crashRun) renaming(t *testing.T, from, to string) attempt {
	t.Helper()
	id := must[okta.Resource](t)(r.healthy.CreateUser(t.Context(), okta.DefaultProfile(from))).ID()
	return attempt{
		push: func(ctx context.Context, at target) error {
			_, err := at.UpdateUser(ctx, id, renamedProfile(from, to))
			return err
		},
		intact: func(ctx context.Context, at target) error {
			user, err := at.User(ctx, id)
			if err == nil && user["userName"] != from && user["userName"] != to {
				err = fmt.Errorf("user %s bears %v, want %s or %s", id, user["userName"], from, to)
			}
			return err
		},
		holds: func(ctx context.Context, at target) error {
			found, err := nameFinds(ctx, at, to)
			if err == nil && found != id {
				err = fmt.Errorf("the name %s finds %s, want %s", to, found, id)
			}
			return err
		},
	}
}

func renameUserToOldName(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	a := r.renaming(t, r.userName("before", i), r.userName("wanted", i))
	r.renamedUser(t, r.userName("wanted", i), r.userName("moved", i))
	return a
}

func deleteUser(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	name := r.userName("leaving", i)
	id := must[okta.Resource](t)(r.healthy.CreateUser(t.Context(), okta.DefaultProfile(name))).ID()
	return attempt{
		push: func(ctx context.Context, at target) error { return r.o.deleteResource(ctx, at.process, "/Users/"+id) },
		holds: func(ctx context.Context, at target) error {
			if _, err := at.User(ctx, id); okta.StatusOf(err) != http.StatusNotFound {
				return fmt.Errorf("user %s after the deletion: %w", id, err)
			}
			// The name is free at once.
			again, err := at.AssignUser(ctx, okta.DefaultProfile(name))
			if err == nil && again.ID() == id {
				err = errors.New("an id was used twice")
			}
			return err
		},
	}
}

// deleteResource sends a DELETE, which Okta never sends for users but other clients do. One that is gone already will do.
func (o *operator) deleteResource(ctx context.Context, server *process, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, "https://"+server.address+"/scim/"+directory+"/v2"+path, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+o.token)
	client := o.httpClient()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusNoContent && response.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("DELETE %s: %d", path, response.StatusCode)
	}
	return errors.Join(err, response.Body.Close())
}

// manyMembers are more ids than one object holds.
func manyMembers(from, to int) []string {
	var ids []string
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("member-to-come-%06d", i))
	}
	return ids
}

func createGroup(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	return push(r.groupName("new", i), manyMembers(0, 3))
}

func createLargeGroup(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	return push(r.groupName("large", i), manyMembers(0, 1500))
}

// push is the first push of a group.
func push(name string, members []string) attempt {
	return attempt{
		push: func(ctx context.Context, at target) error {
			_, err := at.PushGroup(ctx, name, okta.Members(members...))
			return err
		},
		holds: func(ctx context.Context, at target) error {
			found, err := at.FindGroup(ctx, name)
			if err != nil {
				return err
			}
			if found == nil {
				return fmt.Errorf("the name %s finds no group", name)
			}
			return sameMembers(ctx, at, found.ID(), members)
		},
	}
}

// sameMembers wants a group to have one of these memberships, whole.
func sameMembers(ctx context.Context, at target, id string, either ...[]string) error {
	group, err := at.Group(ctx, id)
	if err != nil {
		return err
	}
	got := slices.Sorted(slices.Values(group.Members()))
	for _, want := range either {
		if slices.Equal(got, want) {
			return nil
		}
	}
	return fmt.Errorf("group %s has %d members, which is none of the memberships that were pushed", id, len(got))
}

func createGroupUnderOldName(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	name := r.groupName("wanted", i)
	r.renamedGroup(t, name, r.groupName("moved", i))
	return push(name, manyMembers(0, 3))
}

func raceForGroup(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	name, members := r.groupName("contended", i), manyMembers(0, 3)
	a := push(name, members)
	a.first = func(ctx context.Context, at target) error {
		return race(func(at target) error { _, err := at.CreateGroup(ctx, name, okta.Members(members...)); return err }, at, r.healthy)
	}
	return a
}

func renameGroup(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	return r.renamingGroup(t, r.groupName("before", i), r.groupName("after", i))
}

// renamingGroup is the rename of a fresh group.
func (r *crashRun) renamingGroup(t *testing.T, from, to string) attempt {
	t.Helper()
	members := manyMembers(0, 3)
	id := must[string](t)(r.healthy.PushGroup(t.Context(), from, okta.Members(members...)))
	return attempt{
		push:   func(ctx context.Context, at target) error { return at.RenameGroup(ctx, id, to) },
		intact: func(ctx context.Context, at target) error { return sameMembers(ctx, at, id, members) },
		holds: func(ctx context.Context, at target) error {
			found, err := at.FindGroup(ctx, to)
			if err == nil && found.ID() != id {
				err = fmt.Errorf("the name %s finds %q, want %s", to, found.ID(), id)
			}
			return errors.Join(err, sameMembers(ctx, at, id, members))
		},
	}
}

func renameGroupToOldName(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	a := r.renamingGroup(t, r.groupName("before", i), r.groupName("wanted", i))
	r.renamedGroup(t, r.groupName("wanted", i), r.groupName("moved", i))
	return a
}

func putLargeGroup(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	name, before, after := r.groupName("put", i), manyMembers(0, 1500), manyMembers(700, 2300)
	id := must[string](t)(r.healthy.PushGroup(t.Context(), name, okta.Members(before...)))
	return attempt{
		push:   func(ctx context.Context, at target) error { return at.PushNow(ctx, id, name, okta.Members(after...)) },
		intact: func(ctx context.Context, at target) error { return sameMembers(ctx, at, id, before, after) },
		holds:  func(ctx context.Context, at target) error { return sameMembers(ctx, at, id, after) },
	}
}

func deleteLargeGroup(t *testing.T, r *crashRun, i int) attempt {
	t.Helper()
	name := r.groupName("leaving", i)
	id := must[string](t)(r.healthy.PushGroup(t.Context(), name, okta.Members(manyMembers(0, 1500)...)))
	return attempt{
		push: func(ctx context.Context, at target) error { return r.o.deleteResource(ctx, at.process, "/Groups/"+id) },
		holds: func(ctx context.Context, at target) error {
			if _, err := at.Group(ctx, id); okta.StatusOf(err) != http.StatusNotFound {
				return fmt.Errorf("group %s after the deletion: %w", id, err)
			}
			_, err := at.PushGroup(ctx, name, nil)
			return err
		},
	}
}
