package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// TestLargeGroup pushes a group larger than one object can hold, in one body, as a custom app does. The client gives every answer
// Okta's 60 seconds and no more.
func TestLargeGroup(t *testing.T) {
	size := 2500
	if os.Getenv("SCALE") == "1" {
		size = 20000
	}
	o := sharedOperator(t)
	c := o.client(t, o.servers[0], okta.AIW)
	users := o.createUsers(t, "crowd", size)
	ids := slices.Sorted(maps.Keys(users))
	const name = "Everybody"
	group := must[string](t)(c.PushGroup(t.Context(), name, nil))
	o.grant(t, "everybody", name, "view")

	started := time.Now()
	_, err := c.PutGroup(t.Context(), group, name, okta.Members(ids...))
	check(t, "put all members", err)
	t.Logf("one PUT of %d members: %v", size, time.Since(started))
	for _, server := range o.servers {
		got := must[okta.Resource](t)(o.client(t, server, okta.AIW).Group(t.Context(), group)).Members()
		slices.Sort(got)
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Fatalf("members that come back: -want, +got:\n%.2000s", diff)
		}
	}
	o.waitForSubjects(t, "everybody", slices.Sorted(maps.Values(users)))
	before := o.atRest(t)

	_, err = c.PutGroup(t.Context(), group, name, okta.Members(ids...))
	check(t, "put the same members", err)
	same := o.atRest(t)
	if !maps.Equal(before, same) {
		t.Errorf("the same PUT again changed %v", changedKeys(before, same))
	}
	o.oneMemberLess(t, c, group, name, ids, users)
}

// oneMemberLess wants the cost of a small change not to grow with the group: one slice, one binding, and the statuses that count.
func (o *operator) oneMemberLess(t *testing.T, c *okta.Client, group, name string, ids []string, users map[string]string) {
	t.Helper()
	before := o.atRest(t)
	gone := ids[len(ids)/2]
	remaining := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == gone })
	_, err := c.PutGroup(t.Context(), group, name, okta.Members(remaining...))
	check(t, "put one member less", err)
	names := maps.Clone(users)
	delete(names, gone)
	o.waitForSubjects(t, "everybody", slices.Sorted(maps.Values(names)))
	want := map[string]int{
		"ScimRoleSlice created": 1, "ScimRoleSlice deleted": 1, "ScimRole updated": 1, "ClusterRoleBinding updated": 1,
		"ScimUser updated": 1, "ClusterAccessGrant updated": 1,
	}
	after := o.atRest(t)
	if diff := cmp.Diff(want, changes(before, after)); diff != "" {
		t.Errorf("one member less changed: -want, +got:\n%s%.2000v", diff, changedKeys(before, after))
	}
}

// createUsers pushes users over both servers, many at a time, and gives their names by id.
func (o *operator) createUsers(t *testing.T, prefix string, n int) map[string]string {
	t.Helper()
	const workers = 16
	started := time.Now()
	var group sync.WaitGroup
	var mu sync.Mutex
	users, failures := make(map[string]string, n), make([]error, workers)
	for w := range workers {
		c := o.client(t, o.servers[w%len(o.servers)], okta.AIW)
		group.Go(func() {
			for i := w; i < n; i += workers {
				p := okta.DefaultProfile(fmt.Sprintf("%s%05d@example.com", prefix, i))
				created, err := c.CreateUser(t.Context(), p)
				if err != nil {
					failures[w] = err
					return
				}
				mu.Lock()
				users[created.ID()] = p.UserName
				mu.Unlock()
			}
		})
	}
	group.Wait()
	check(t, "create users", errors.Join(failures...))
	t.Logf("%d users created in %v", n, time.Since(started))
	return users
}

// waitForSubjects waits until the bindings of a grant name these users and nobody else.
func (o *operator) waitForSubjects(t *testing.T, grant string, want []string) {
	t.Helper()
	eventually(t, "the bindings name every member", func(ctx context.Context) error {
		bindings := &rbacv1.ClusterRoleBindingList{}
		if err := o.kube.List(ctx, bindings, client.MatchingLabels{v1alpha1.LabelGrant: grant}); err != nil {
			return err
		}
		var got []string
		for _, binding := range bindings.Items {
			for _, subject := range binding.Subjects {
				got = append(got, subject.Name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%d subjects in %d bindings, want %d", len(got), len(bindings.Items), len(want))
		}
		return nil
	})
}
