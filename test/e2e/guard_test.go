package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

const (
	guarded      = "guarded"
	guardedPlan  = guarded + "-users"
	guardedGrant = "guarded-grant"
	guardedCrowd = 1000
	// guardedLimit is max(20, 5 %) of a thousand. Whoever is deactivated in the moment before the first look is no part of the
	// percentage any more, so it can be a few less, but never more.
	guardedLimit = 50
)

// TestGuard deactivates a thousand people in one go, with the guard as it is by default. In the middle the leading controller is killed
// and another one takes over; at the end that one is stopped in good order and a third leads. All together must not let more
// through than one that lives in peace.
func TestGuard(t *testing.T) {
	o := sharedOperator(t)
	check(t, "create the directory", o.kube.Create(t.Context(), &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: guarded},
		Spec: v1alpha1.ScimDirectorySpec{Provider: v1alpha1.ProviderOkta, Credentials: []v1alpha1.Credential{
			{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token", Key: "token"}},
		}},
	}))
	for server := range o.servers {
		served(t, o.guardedClient(t, server))
	}
	ids := o.guardedPeople(t)
	standby, err := o.startController(t.Context(), "controller-standby", built.operator, "")
	check(t, "start a second controller", err)
	t.Cleanup(func() { standby.Stop(patience) })

	half := len(ids) / 2
	o.deactivateGuarded(t, ids[:half])
	o.controller.Stop(0) // SIGKILL: its Lease runs out before the standby leads.
	o.deactivateGuarded(t, ids[half:])
	plan := o.guardedHeld(t, "the standby holds the rest", guardedCrowd)
	if passed := *plan.Status.Passed; passed > guardedLimit || passed < guardedLimit/2 {
		t.Errorf("%d lost their access, want at most %d, and about as many", passed, guardedLimit)
	}
	o.guardedSubjects(t, int(*plan.Status.Held))

	o.controller, err = o.startController(t.Context(), "controller-after-guard", built.operator, "")
	check(t, "start a third controller", err)
	standby.Stop(patience)
	c := o.guardedClient(t, 0)
	back := o.heldID(t, plan.Status.Samples[0])
	check(t, "activate one again", c.ActivateUser(t.Context(), back))
	after := o.guardedHeld(t, "the third knows who waits, and lets go of who is active", guardedCrowd-1)
	if *after.Status.Passed != *plan.Status.Passed || !after.Status.HeldSince.Equal(plan.Status.HeldSince) {
		t.Errorf("a change of leader let somebody through: %v passed, %v before", *after.Status.Passed, *plan.Status.Passed)
	}
	o.guardedSubjects(t, int(*plan.Status.Held))

	after.Spec.Decision = v1alpha1.Decision{Digest: after.Status.Digest, Verdict: v1alpha1.DecisionApprove, Reason: "a test"}
	check(t, "approve", o.kube.Update(t.Context(), after))
	o.guardedSubjects(t, 1)
}

// guardedPeople makes a thousand people who have access by one group.
func (o *operator) guardedPeople(t *testing.T) []string {
	t.Helper()
	ids := make([]string, guardedCrowd)
	o.eachGuarded(t, guardedCrowd, func(ctx context.Context, c *okta.Client, i int) error {
		created, err := c.CreateUser(ctx, okta.DefaultProfile(fmt.Sprintf("guarded%04d@example.com", i)))
		if err == nil {
			ids[i] = created.ID()
		}
		return err
	})
	c := o.guardedClient(t, 0)
	group := must[string](t)(c.PushGroup(t.Context(), "Guarded", nil))
	o.grant(t, guardedGrant, "Guarded", "view")
	_, err := c.PutGroup(t.Context(), group, "Guarded", okta.Members(ids...))
	check(t, "put the members", err)
	o.guardedSubjects(t, len(ids))
	return ids
}

func (o *operator) deactivateGuarded(t *testing.T, ids []string) {
	t.Helper()
	o.eachGuarded(t, len(ids), func(ctx context.Context, c *okta.Client, i int) error { return c.DeactivateUser(ctx, ids[i]) })
}

// eachGuarded pushes over both servers, several at a time.
func (o *operator) eachGuarded(t *testing.T, n int, push func(context.Context, *okta.Client, int) error) {
	t.Helper()
	const workers = 8
	var group sync.WaitGroup
	failures := make([]error, workers)
	for w := range workers {
		c := o.guardedClient(t, w%len(o.servers))
		group.Go(func() {
			for i := w; i < n && failures[w] == nil; i += workers {
				failures[w] = push(t.Context(), c, i)
			}
		})
	}
	group.Wait()
	check(t, "push for many", errors.Join(failures...))
}

func (o *operator) guardedClient(t *testing.T, server int) *okta.Client {
	t.Helper()
	c, err := okta.New(okta.Config{
		BaseURL: "https://" + o.servers[server].address + "/scim/" + guarded + "/v2",
		Token:   o.token, Dialect: okta.OIN, RootCAs: o.certificate.roots,
	})
	check(t, "make a client", err)
	t.Cleanup(c.Close)
	return c
}

// guardedHeld waits until everybody is either held or passed.
func (o *operator) guardedHeld(t *testing.T, what string, everybody int) *v1alpha1.AccessPlan {
	t.Helper()
	plan := &v1alpha1.AccessPlan{}
	eventually(t, what, func(ctx context.Context) error {
		if err := o.kube.Get(ctx, client.ObjectKey{Name: guardedPlan}, plan); err != nil {
			return err
		}
		s := plan.Status
		if s.State != v1alpha1.PlanHeld || int(*s.Held)+int(*s.Passed) != everybody {
			return fmt.Errorf("%s with %d held and %d passed, want %d together", s.State, *s.Held, *s.Passed, everybody)
		}
		return nil
	})
	return plan
}

// heldID finds the user who signs in with a name, and wants it to be seen that the guard holds the removal.
func (o *operator) heldID(t *testing.T, userName string) (id string) {
	t.Helper()
	eventually(t, userName+" is shown as held", func(ctx context.Context) error {
		users := &v1alpha1.ScimUserList{}
		if err := o.kube.List(ctx, users, client.MatchingFields{"spec.userName": userName}); err != nil {
			return err
		}
		if len(users.Items) != 1 || users.Items[0].Status.State != v1alpha1.UserHeld {
			return fmt.Errorf("%d users, want one in state Held", len(users.Items))
		}
		id = users.Items[0].Name
		return nil
	})
	return id
}

// guardedSubjects waits until that many people have access.
func (o *operator) guardedSubjects(t *testing.T, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d people have access", want), func(ctx context.Context) error {
		bindings := &rbacv1.ClusterRoleBindingList{}
		if err := o.kube.List(ctx, bindings, client.MatchingLabels{v1alpha1.LabelGrant: guardedGrant}); err != nil {
			return err
		}
		got := 0
		for i := range bindings.Items {
			got += len(bindings.Items[i].Subjects)
		}
		if got != want {
			return fmt.Errorf("%d have", got)
		}
		return nil
	})
}
