package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/okta"
)

// expiringGrants is how many grants of TestExpiryOutlivesAKill expire in the same second; twice as many are made.
const expiringGrants = 50

// TestExpiryOutlivesAKill lets many grants expire in the same second while no controller runs, because it was killed, and as many in a
// later second, of which only the next controller can know, without any event that would remind it. No binding may go before its
// grant's second, and none may be left after it. How soon it goes is measured by the benchmarks.
func TestExpiryOutlivesAKill(t *testing.T) {
	o := sharedOperator(t)
	c := o.client(t, o.servers[0], okta.AIW)
	person := must[okta.Resource](t)(c.AssignUser(t.Context(), okta.DefaultProfile("short.term@example.com")))
	_, err := c.PushGroup(t.Context(), "Short Term", []okta.Member{okta.MemberOf(person)})
	check(t, "push the group", err)
	ends := map[string]time.Time{"while-down": {}, "after-start": {}}
	for when := range ends {
		o.grantForAnHour(t, when)
	}
	o.waitForExpiring(t, "all are in effect", 2*expiringGrants)
	gone := o.watchExpiring(t)

	ends["while-down"] = time.Now().Add(3 * time.Second).Truncate(time.Second)
	ends["after-start"] = time.Now().Add(20 * time.Second).Truncate(time.Second)
	for when, end := range ends {
		o.letExpire(t, when, end)
	}
	o.controller.Stop(0)
	eventually(t, "the first second has passed", func(context.Context) error {
		if left := time.Until(ends["while-down"]); left >= 0 {
			return fmt.Errorf("%v are left", left)
		}
		return nil
	})
	o.releaseLease(t)
	o.controller, err = o.startController(t.Context(), "controller-after-expiry", built.operator, "")
	check(t, "start the next controller", err)
	o.waitForExpiring(t, "nothing is left of what has expired", 0)
	o.may(t, "short.term@example.com", false)
	for range 2 * expiringGrants {
		select {
		case went := <-gone:
			when := strings.TrimRight(strings.TrimPrefix(went.grant, "expiring-"), "-0123456789")
			if went.at.Before(ends[when]) {
				t.Errorf("the binding of grant %s went at %v, before the grant expired at %v", went.grant, went.at, ends[when])
			}
		case <-t.Context().Done():
			t.Fatal("the watch missed a binding")
		}
	}
	o.eachExpiring(t, func(grant *v1alpha1.ClusterAccessGrant) {
		eventually(t, "status says so", func(ctx context.Context) error {
			if err := o.kube.Get(ctx, client.ObjectKeyFromObject(grant), grant); err != nil {
				return err
			}
			for _, condition := range grant.Status.Conditions {
				if condition.Type == v1alpha1.GrantReady && condition.Reason == v1alpha1.ReasonExpired {
					return nil
				}
			}
			return errors.New("it is not Expired")
		})
	})
}

const expiringLabel = "expiring"

// grantForAnHour makes grants that are far from their end, because nobody knows how long it takes until all of them are in effect.
func (o *operator) grantForAnHour(t *testing.T, when string) {
	t.Helper()
	for i := range expiringGrants {
		grant := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("expiring-%s-%d", when, i), Labels: map[string]string{expiringLabel: when},
		}}
		grant.Spec = v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{DisplayName: "Short Term"}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
			Validity: &v1alpha1.Validity{ExpiresAt: &metav1.Time{Time: time.Now().Add(time.Hour)}},
		}
		check(t, "create a grant", o.kube.Create(t.Context(), grant))
		t.Cleanup(func() { _ = o.kube.Delete(context.WithoutCancel(t.Context()), grant) })
	}
}

func (o *operator) eachExpiring(t *testing.T, do func(*v1alpha1.ClusterAccessGrant)) {
	t.Helper()
	list := &v1alpha1.ClusterAccessGrantList{}
	check(t, "list the grants", o.kube.List(t.Context(), list, client.HasLabels{expiringLabel}))
	for i := range list.Items {
		do(&list.Items[i])
	}
}

func (o *operator) letExpire(t *testing.T, when string, end time.Time) {
	t.Helper()
	o.eachExpiring(t, func(grant *v1alpha1.ClusterAccessGrant) {
		if grant.Labels[expiringLabel] != when {
			return
		}
		before := grant.DeepCopy()
		grant.Spec.Validity.ExpiresAt = &metav1.Time{Time: end}
		check(t, "set the end", o.kube.Patch(t.Context(), grant, client.MergeFrom(before)))
	})
}

// expiringBinding gives the grant of a binding, if it is one of those that expire here.
func expiringBinding(binding *rbacv1.ClusterRoleBinding) (grant string, ok bool) {
	grant = binding.Labels[v1alpha1.LabelGrant]
	return grant, strings.HasPrefix(grant, "expiring-")
}

func (o *operator) waitForExpiring(t *testing.T, what string, want int) {
	t.Helper()
	eventually(t, what, func(ctx context.Context) error {
		bindings := &rbacv1.ClusterRoleBindingList{}
		if err := o.kube.List(ctx, bindings, client.HasLabels{v1alpha1.LabelGrant}); err != nil {
			return err
		}
		n := 0
		for i := range bindings.Items {
			if _, ok := expiringBinding(&bindings.Items[i]); ok {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("%d bindings, want %d", n, want)
		}
		return nil
	})
}

// expired is a binding that went.
type expired struct {
	grant string
	at    time.Time
}

// watchExpiring tells of every binding of these grants that goes.
func (o *operator) watchExpiring(t *testing.T) <-chan expired {
	t.Helper()
	kube, err := client.NewWithWatch(apiserver.Config(), client.Options{Scheme: o.kube.Scheme()})
	check(t, "make a client that watches", err)
	watcher, err := kube.Watch(t.Context(), &rbacv1.ClusterRoleBindingList{}, client.HasLabels{v1alpha1.LabelGrant})
	check(t, "watch bindings", err)
	t.Cleanup(watcher.Stop)
	gone := make(chan expired, 4*expiringGrants)
	go func() {
		for event := range watcher.ResultChan() {
			binding, ok := event.Object.(*rbacv1.ClusterRoleBinding)
			if !ok || event.Type != watch.Deleted {
				continue
			}
			if grant, ok := expiringBinding(binding); ok {
				gone <- expired{grant: grant, at: time.Now()}
			}
		}
	}()
	return gone
}
