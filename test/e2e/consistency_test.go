package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// TestReadsOwnWritesAcrossReplicas writes at one server and reads at the other at once, as a load balancer makes Okta do. A 404 there
// becomes a second create, and a stale answer becomes a PUT that undoes the write before.
func TestReadsOwnWritesAcrossReplicas(t *testing.T) {
	o := sharedOperator(t)
	first, second := o.client(t, o.servers[0], okta.AIW), o.client(t, o.servers[1], okta.AIW)
	for i := range repeat(t) {
		writer, reader := first, second
		if i%2 == 1 {
			writer, reader = second, first
		}
		p := okta.DefaultProfile(fmt.Sprintf("replica%d@example.com", i))
		created, err := writer.CreateUser(t.Context(), p)
		check(t, "create", err)
		found, err := reader.FindUser(t.Context(), strings.ToUpper(p.UserName))
		check(t, "filter at the other replica", err)
		if found.ID() != created.ID() {
			t.Fatalf("round %d: the filter finds %q at the other replica, want %q", i, found.ID(), created.ID())
		}
		p.Title = fmt.Sprintf("Title %d", i)
		_, err = reader.UpdateUser(t.Context(), created.ID(), p)
		check(t, "update at the other replica", err)
		echoed, err := writer.EchoUser(t.Context(), created.ID())
		check(t, "echo at the first replica", err)
		if echoed["title"] != p.Title {
			t.Fatalf("round %d: title is %v in the echo, want %q: the read was stale", i, echoed["title"], p.Title)
		}
	}
}

// TestGroupKeepsMembersAcrossReplicas adds one member after the other, each by GET and PUT of the whole group, at one replica and
// the other in turn. One stale GET loses a member.
func TestGroupKeepsMembersAcrossReplicas(t *testing.T) {
	o := sharedOperator(t)
	clients := []*okta.Client{o.client(t, o.servers[0], okta.AIW), o.client(t, o.servers[1], okta.AIW)}
	const name = "Replicated Group"
	id := must[string](t)(clients[0].PushGroup(t.Context(), name, nil))
	var want []string
	for i := range repeat(t) {
		member := fmt.Sprintf("member-to-come-%06d", i)
		want = append(want, member)
		check(t, "add a member", clients[i%2].ChangeMembers(t.Context(), id, name, okta.Members(member), nil))
	}
	for _, c := range clients {
		got := must[okta.Resource](t)(c.Group(t.Context(), id)).Members()
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("members after one push each: -want, +got:\n%s", diff)
		}
	}
}

// TestConcurrentPatchesLoseNoMember adds members by PATCH at both replicas at the same time.
func TestConcurrentPatchesLoseNoMember(t *testing.T) {
	o := sharedOperator(t)
	const name = "Contended Group"
	const workers, each = 8, 10
	id := must[string](t)(o.client(t, o.servers[0], okta.OIN).PushGroup(t.Context(), name, nil))
	var group sync.WaitGroup
	failures := make([]error, workers)
	for w := range workers {
		c := o.client(t, o.servers[w%2], okta.OIN)
		group.Go(func() {
			for i := range each {
				member := fmt.Sprintf("contender-%02d-%02d", w, i)
				failures[w] = errors.Join(failures[w], c.ChangeMembers(t.Context(), id, name, okta.Members(member), nil))
			}
		})
	}
	group.Wait()
	check(t, "add members concurrently", errors.Join(failures...))
	if got := must[okta.Resource](t)(o.client(t, o.servers[1], okta.OIN).Group(t.Context(), id)).Members(); len(got) != workers*each {
		t.Errorf("%d members after %d acknowledged additions", len(got), workers*each)
	}
}

// TestOneNameOneUser sends 200 creates of one name at once, to both replicas and in varied case.
func TestOneNameOneUser(t *testing.T) {
	o := sharedOperator(t)
	const requests = 200
	clients := []*okta.Client{o.client(t, o.servers[0], okta.AIW), o.client(t, o.servers[1], okta.OIN)}
	ids, failures := make([]string, requests), make([]error, requests)
	var group sync.WaitGroup
	for i := range requests {
		group.Go(func() {
			p := okta.DefaultProfile(varyCase("wanted.by.everyone@example.com", i))
			p.ExternalID = fmt.Sprintf("00u-%d", i)
			created, err := clients[i%2].CreateUser(t.Context(), p)
			ids[i], failures[i] = created.ID(), err
		})
	}
	group.Wait()
	won := 0
	for i, err := range failures {
		if err == nil {
			won++
			continue
		}
		refused, ok := errors.AsType[*okta.Error](err)
		if !ok || refused.Status != http.StatusConflict || refused.SCIMType != "uniqueness" {
			t.Errorf("request %d: %v, want 409 uniqueness", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d creates of one name were acknowledged, want exactly 1", won)
	}
	found := must[okta.Resource](t)(clients[0].FindUser(t.Context(), "wanted.by.everyone@example.com"))
	if !slices.Contains(ids, found.ID()) {
		t.Errorf("the name finds %q, which nobody was told of", found.ID())
	}
	o.assertOneOwner(t, "wanted.by.everyone@example.com")
}

// varyCase makes some letters capitals, by the bits of n.
func varyCase(s string, n int) string {
	letters := []byte(s)
	for i := range letters {
		if n>>(i%8)&1 == 1 && letters[i] >= 'a' && letters[i] <= 'z' {
			letters[i] -= 'a' - 'A'
		}
	}
	return string(letters)
}

// assertOneOwner wants exactly one user that bears the name and that the claim of the name names.
func (o *operator) assertOneOwner(t *testing.T, userName string) {
	t.Helper()
	users := &v1alpha1.ScimUserList{}
	check(t, "list users", o.kube.List(t.Context(), users))
	claims := &v1alpha1.ScimClaimList{}
	check(t, "list claims", o.kube.List(t.Context(), claims))
	owners := map[string]string{}
	for _, claim := range claims.Items {
		owners[claim.Name] = claim.Spec.Owner
	}
	owner := owners[v1alpha1.ClaimName(v1alpha1.ClaimUserName, userName)]
	counting := 0
	for _, user := range users.Items {
		if v1alpha1.Fold(user.Spec.UserName) == v1alpha1.Fold(userName) && user.Name == owner {
			counting++
		}
	}
	if counting != 1 {
		t.Errorf("%d users count under the name %s, want 1 (the claim names %q)", counting, userName, owner)
	}
}
