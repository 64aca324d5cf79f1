package apps_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// maxExchanges bounds the search for the last exchange of a change.
const maxExchanges = 60

// change is something that happens to one person, and to their account.
type change struct {
	name string
	// before is what the person had before.
	before func(c *company, i int)
	// push tells the operator.
	push func(c *company, i int)
	// deletes says that the account is gone afterwards.
	deletes bool
}

func changes() []change {
	hire := func(c *company, i int) { c.hire([]int{i}, func(int) []int { return []int{0, 1} }) }
	return []change{
		{name: "create", before: func(*company, int) {}, push: hire},
		{name: "roles", before: hire, push: func(c *company, i int) { c.move([]int{i}, func(int) []int { return []int{1, 2} }) }},
		{name: "rename", before: hire, push: func(c *company, i int) { c.rename([]int{i}) }},
		{name: "suspend", before: hire, push: func(c *company, i int) { c.suspend([]int{i}) }},
		{name: "delete", before: hire, push: func(c *company, i int) { c.remove([]int{i}) }, deletes: true},
	}
}

// defaultStep leaves out exchanges where nobody says otherwise: some 350 kills take half an hour.
const defaultStep = 6

// TestKilledAtEveryCall kills the controller at every exchange with an app (every STEP-th of them), before the app has it and after it took
// effect, for each kind of change, and starts another. In the end the app holds what it would hold anyway: no account is there twice or is nobody's, no suspension is
// lost, and the stranger's account is as it was.
func TestKilledAtEveryCall(t *testing.T) {
	for _, app := range []string{"postgres", "ldap", "scim"} {
		t.Run(app, func(t *testing.T) {
			for _, ch := range changes() {
				t.Run(ch.name, func(t *testing.T) { killedAtEveryCall(t, app, ch) })
			}
		})
	}
}

func killedAtEveryCall(t *testing.T, app string, ch change) {
	c := newCompany(t, "kill-"+app+"-"+ch.name, []string{app}, func(a *v1alpha1.AppConnection) {
		if ch.deletes {
			now := int32(0)
			a.Spec.Deprovisioning = v1alpha1.Deprovisioning{Policy: v1alpha1.DeprovisionDelete, DeleteAfterSeconds: &now}
		}
	})
	c.hire([]int{0}, func(int) []int { return []int{3} })
	c.see("somebody else is there", app)
	doors := map[string]door{"postgres": c.postgres, "ldap": c.ldap, "scim": c.scim}
	kills, next, step := 0, 1, int64(numberOf(t, "STEP", defaultStep))
	for _, answered := range []bool{false, true} {
		for at := int64(1); ; at += step {
			if at > maxExchanges {
				t.Fatalf("after %d exchanges the change has not come to its end", maxExchanges)
			}
			i := next
			next++
			ch.before(c, i)
			c.see("before", app)
			c.settled(app, i)
			doomed := c.o.controller
			fired := doors[app].arm(at, answered, func() { doomed.Stop(0) })
			ch.push(c, i)
			if ch.deletes {
				delete(c.people, i)
			}
			killed := c.killedOrDone(app, i, ch, fired)
			doors[app].arm(0, false, nil)
			if fired() { // by what the controller asks beside the change, perhaps, after that was done
				<-doomed.Done()
				killed = true
			}
			if !killed {
				break
			}
			kills++
			c.o.restart(t)
			c.see(fmt.Sprintf("killed at exchange %d, answered: %t", at, answered), app)
			if !ch.deletes {
				c.settled(app, i)
			}
		}
	}
	if kills < 2 {
		t.Errorf("the controller was killed %d times: the door counts nothing", kills)
	}
	c.see("in the end", app)
	c.assertNoOrphan(app)
	t.Logf("killed %d times", kills)
}

// settled waits until the AppAccount says that all is done.
func (c *company) settled(app string, i int) {
	c.t.Helper()
	if p := c.people[i]; p != nil {
		eventually(c.t, "the AppAccount says so", func(ctx context.Context) error { return c.says(ctx, app, p) })
	}
}

func (c *company) says(ctx context.Context, app string, p *person) error {
	account := &v1alpha1.AppAccount{}
	if err := c.o.kube.Get(ctx, client.ObjectKey{Namespace: c.name, Name: v1alpha1.AccountObjectName(app, p.id)}, account); err != nil {
		return err
	}
	want := map[bool]v1alpha1.AccountState{true: v1alpha1.AccountActive, false: v1alpha1.AccountSuspended}[p.active]
	if account.Status.State != want || p.active && account.Status.AccountName != p.name {
		return fmt.Errorf("the account of %s is %s under the name %q, want %s", p.name, account.Status.State, account.Status.AccountName, want)
	}
	return nil
}

// killedOrDone waits until the controller is killed, or the change is done in the app and written down.
func (c *company) killedOrDone(app string, i int, ch change, fired func() bool) (killed bool) {
	c.t.Helper()
	want, doomed := c.expected(app), c.o.controller
	var over atomic.Bool
	eventually(c.t, "the change is done, or the controller is killed", func(ctx context.Context) error {
		select {
		case <-doomed.Done():
			over.Store(true)
			return nil
		default:
		}
		got, err := c.truth(ctx, app)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" || fired() {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		if p := c.people[i]; !ch.deletes {
			return c.says(ctx, app, p)
		}
		return c.writtenDown(ctx, app)
	})
	return over.Load()
}

// writtenDown says whether each AppAccount but those of the people who are there says that the account is absent.
func (c *company) writtenDown(ctx context.Context, app string) error {
	there := map[string]bool{}
	for _, p := range c.people {
		there[p.id] = true
	}
	var list v1alpha1.AppAccountList
	if err := c.o.kube.List(ctx, &list, client.InNamespace(c.name)); err != nil {
		return err
	}
	for i := range list.Items {
		account := &list.Items[i]
		if account.Spec.App == app && !there[account.Spec.User] && account.Status.State != v1alpha1.AccountAbsent {
			return fmt.Errorf("AppAccount %s says %s", account.Name, account.Status.State)
		}
	}
	return nil
}

// assertNoOrphan wants every account of the app to be somebody's who has an AppAccount, or the stranger's.
func (c *company) assertNoOrphan(app string) {
	c.t.Helper()
	got, err := c.truth(c.t.Context(), app)
	check(c.t, "read the app", err)
	if len(got) != len(c.people)+1 {
		c.t.Errorf("%d accounts for %d people and a stranger", len(got), len(c.people))
	}
	eventually(c.t, "every AppAccount says what is so", func(ctx context.Context) error { return c.writtenDown(ctx, app) })
}
