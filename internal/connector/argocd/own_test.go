package argocd_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/argocd"
)

// objects are all that the connector could have changed: the ConfigMaps, and the projects but for what only the API server writes.
func (w *world) objects() map[string]any {
	w.Helper()
	all := map[string]any{policyName: w.configMap(policyName), settingsName: w.configMap(settingsName)}
	for _, name := range []string{"web", "shop"} {
		found := w.project(name).Object
		unstructured.RemoveNestedField(found, "metadata", "resourceVersion")
		unstructured.RemoveNestedField(found, "metadata", "generation")
		unstructured.RemoveNestedField(found, "metadata", "managedFields")
		all[name] = found
	}
	return all
}

// may asks casbin what a name may do to an application.
func (w *world) may(name, action, object string) bool {
	w.Helper()
	allowed, err := w.enforcer(w.configMap(policyName)).Enforce(name, "applications", action, object)
	if err != nil {
		w.Fatal(err)
	}
	return allowed
}

func (w *world) wantError(err error, kind connector.Kind, says string) {
	w.Helper()
	if connector.KindOf(err) != kind || err == nil || !strings.Contains(err.Error(), says) {
		w.Errorf("got %s error %v, want a %s one that says %q", connector.KindOf(err), err, kind, says)
	}
}

// fails runs Ensure, which must fail with that kind, say what, and leave everything as it is.
func (w *world) fails(c connector.Connector, a connector.Account, kind connector.Kind, says string) {
	w.Helper()
	before := w.objects()
	_, _, err := c.Ensure(w.Context(), a)
	w.wantError(err, kind, says)
	if diff := cmp.Diff(before, w.objects()); diff != "" {
		w.Errorf("it fails and changes something (-before +after):\n%s", diff)
	}
}

func bothModes(t *testing.T, test func(t *testing.T, w *world, c connector.Connector)) {
	t.Helper()
	for _, accounts := range []argocd.Accounts{argocd.SSO, argocd.Local} {
		t.Run(string(accounts), func(t *testing.T) {
			w := newWorld(t, accounts)
			test(t, w, w.connector())
		})
	}
}

// TestLeavesEverythingElse: whatever an account goes through, when it is gone everything is byte for byte as it was, and what others wrote
// was so all the time.
func TestLeavesEverythingElse(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, c connector.Connector) {
		before := w.objects()
		a := account("alice", giveable...)
		w.ensure(c, a)
		during := w.configMap(policyName)
		for key, value := range byHand {
			if during[key] != value {
				t.Errorf("key %s was changed:\n%s", key, cmp.Diff(value, during[key]))
			}
		}
		if _, err := c.Suspend(t.Context(), a.Owner); err != nil {
			t.Fatal(err)
		}
		a.Name = "alice-renamed"
		w.ensure(c, a)
		if _, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, w.objects()); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})
}

// TestLinesOfOthersInOurKey stay as they are, where they are, and count as given by others.
func TestLinesOfOthersInOurKey(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	c := w.connector()
	const mine, end = "# mine\r\n\n  g,bob, role:auditor  \n", "#  the end, without one"
	w.edit(policyName, func(data map[string]string) { data[ownKey] = mine })
	alice, carol := account("alice", giveable[0]), account("carol")
	w.ensure(c, alice)
	w.edit(policyName, func(data map[string]string) { data[ownKey] += "g, alice, role:auditor\n" + end })
	w.ensure(c, carol)
	if _, err := c.Suspend(t.Context(), alice.Owner); err != nil {
		t.Fatal(err)
	}
	if w.may("alice", "sync", "web/a") || !w.may("alice", "get", "web/a") {
		t.Error("a suspended person may do other than what somebody else gave")
	}
	if got, err := c.Observe(t.Context(), alice.Owner, ""); err != nil || !slices.Contains(got.Roles, "role:auditor") {
		t.Errorf("got %v, %v; want the role that somebody wrote into the key to be seen", got, err)
	}
	w.fails(c, account("bob"), connector.Conflict, `"bob"`)
	for _, owner := range []connector.Owner{alice.Owner, carol.Owner} {
		if _, err := c.Delete(t.Context(), owner, connector.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(mine+"g, alice, role:auditor\n"+end+"\n", w.configMap(policyName)[ownKey]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDrift: what somebody did to what is ours is made good by Ensure, as far as it is asked for.
func TestDrift(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, c connector.Connector) {
		a := account("alice", giveable[:2]...)
		w.ensure(c, a)
		want := w.objects()
		damages := map[string]func(){
			"a row is gone":   func() { w.take("alice", giveable[0]) },
			"a group is gone": func() { w.take("alice", giveable[1]) },
			"the key is gone": func() {
				w.edit(policyName, func(data map[string]string) { delete(data, ownKey) })
				w.take("alice", giveable[1])
			},
			"a row is reformed": func() {
				w.edit(policyName, func(data map[string]string) { data[ownKey] = strings.Replace(data[ownKey], "g, alice,", "g,alice,", 1) })
			},
		}
		if w.accounts == argocd.Local {
			damages["the account is disabled"] = func() {
				w.edit(settingsName, func(data map[string]string) { data["accounts.alice.enabled"] = "false" })
			}
			damages["the account is removed"] = func() {
				w.edit(settingsName, func(data map[string]string) { delete(data, "accounts.alice") })
			}
		}
		for what, damage := range damages {
			t.Run(what, func(t *testing.T) {
				damage()
				if cmp.Equal(want, w.objects()) {
					t.Fatal("there is no damage")
				}
				if _, changed, err := c.Ensure(t.Context(), a); err != nil || !changed {
					t.Errorf("changed=%t, %v", changed, err)
				}
				if diff := cmp.Diff(want, w.objects()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	})
}

// TestNotGivenAgainUnasked: what somebody took away comes back only when it is asked for.
func TestNotGivenAgainUnasked(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	c := w.connector()
	a := account("alice", giveable[:2]...)
	w.ensure(c, a)
	w.take("alice", giveable[0])
	w.take("alice", giveable[1])
	a.Roles = nil
	if got := w.ensure(c, a); len(got.Roles) > 0 {
		t.Errorf("got %v, want none", got.Roles)
	}
	if seen := w.truth(t)["alice"]; len(seen.Roles) > 0 {
		t.Errorf("casbin sees %v, want none", seen.Roles)
	}
}

// TestResume: what was given before is given back, though nobody names it.
func TestResume(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, c connector.Connector) {
		a := account("alice", giveable[:2]...)
		w.ensure(c, a)
		for _, object := range []string{"web/app", "shop/app"} {
			if got, want := w.may("alice", "sync", object), object == "web/app"; got != want {
				t.Errorf("sync %s: got %t, want %t", object, got, want)
			}
		}
		if _, err := c.Suspend(t.Context(), a.Owner); err != nil {
			t.Fatal(err)
		}
		if w.may("alice", "sync", "web/app") {
			t.Error("a suspended person may still do what they might")
		}
		a.Roles = nil
		w.ensure(c, a)
		if got := w.truth(t)["alice"]; !slices.Equal(got.Roles, sortedCopy(giveable[:2])) || !got.Active {
			t.Errorf("got %+v, want both roles back", got)
		}
	})
}

func sortedCopy(names []string) []string { return slices.Sorted(slices.Values(names)) }

// TestProjectIsDeleted: what was given in it is gone with it, and holds up nothing.
func TestProjectIsDeleted(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, c connector.Connector) {
		people := []connector.Account{account("alice", giveable[:2]...), account("bob", giveable[:2]...), account("carol", giveable[:2]...)}
		for _, a := range people {
			w.ensure(c, a)
		}
		if err := w.admin.Delete(t.Context(), w.project("web")); err != nil {
			t.Fatal(err)
		}
		if changed, err := c.Suspend(t.Context(), people[0].Owner); err != nil || !changed {
			t.Errorf("suspend: changed=%t, %v", changed, err)
		}
		if changed, err := c.Delete(t.Context(), people[1].Owner, connector.DeleteOptions{}); err != nil || !changed {
			t.Errorf("delete: changed=%t, %v", changed, err)
		}
		_, _, err := c.Ensure(t.Context(), people[2])
		w.wantError(err, connector.Rejected, giveable[1])
		people[2].Roles = giveable[:1]
		if got := w.ensure(c, people[2]); !slices.Equal(got.Roles, giveable[:1]) {
			t.Errorf("got %v, want %v", got.Roles, giveable[:1])
		}
	})
}

// TestRolesThatAreNotGiven: nobody becomes an administrator because a role has another name.
func TestRolesThatAreNotGiven(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	c := w.connector()
	a := account("alice")
	for role, kind := range map[string]connector.Kind{
		"role:admin": connector.Protected, "role:boss": connector.Protected, "role:lead": connector.Protected,
		"developers": connector.Rejected, "somebody": connector.Rejected, "proj:web:nobody": connector.Rejected, "proj:none:reader": connector.Rejected,
		"proj:web": connector.Rejected, "proj:../web:reader": connector.Rejected,
	} {
		a.Roles = []string{giveable[0], role}
		w.fails(c, a, kind, role)
	}
	listed := w.connector(func(o *argocd.Options) { o.Roles = []string{"role:boss"} })
	a.Roles = giveable[:1]
	w.fails(listed, a, connector.Protected, giveable[0])
	a.Roles = []string{"role:boss"}
	w.ensure(listed, a)
	if !w.may("alice", "delete", "web/a") {
		t.Error("role:boss was listed and given, and does not work")
	}
	without := w.connector(func(o *argocd.Options) { o.Projects = false })
	bob := account("bob", giveable[1])
	w.fails(without, bob, connector.Rejected, giveable[1])
}

// TestNamesThatCannotBeGroups: Argo CD copies groups of projects into rows as they are.
func TestNamesThatCannotBeGroups(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	c := w.connector()
	for _, name := range []string{`x, role:admin`, `"x`, `x"y`, `x, proj:web:reader`} {
		a := account(name, giveable[1])
		w.fails(c, a, connector.Rejected, giveable[1])
		a.Roles = giveable[:1]
		w.ensure(c, a)
		if got := w.truth(t)[name].Roles; !slices.Equal(got, giveable[:1]) {
			t.Errorf("%q has %v, want %v", name, got, giveable[:1])
		}
		a.Roles = giveable[:2]
		w.fails(c, a, connector.Rejected, giveable[1])
	}
	renamed := account("plain", giveable[1])
	w.ensure(c, renamed)
	renamed.Name = "not, plain"
	w.fails(c, renamed, connector.Rejected, giveable[1])
}

// TestBrokenMark: nobody goes unsuspended because a mark cannot be read.
func TestBrokenMark(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	c := w.connector()
	alice, bob := account("alice", giveable[0]), account("bob", giveable[0])
	w.ensure(c, alice)
	w.ensure(c, bob)
	w.edit(policyName, func(data map[string]string) {
		data[ownKey] = strings.Replace(data[ownKey], `"person":"alice"`, `"person":alice`, 1)
	})
	_, err := c.Suspend(t.Context(), alice.Owner)
	w.wantError(err, connector.Rejected, "line 2 of "+ownKey)
	_, err = c.Delete(t.Context(), alice.Owner, connector.DeleteOptions{})
	w.wantError(err, connector.Rejected, "line 2 of "+ownKey)
	w.fails(c, alice, connector.Conflict, "line 2 of "+ownKey)
	if changed, err := c.Suspend(t.Context(), bob.Owner); err != nil || !changed {
		t.Errorf("another person's account: changed=%t, %v", changed, err)
	}
	if !w.may("alice", "sync", "web/a") || w.may("bob", "sync", "web/a") {
		t.Error("the rows behind the broken mark were touched, or those of another were not")
	}
}

// TestManyAtOnce: controllers that write different accounts at the same time lose nothing of each other.
func TestManyAtOnce(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, c connector.Connector) {
		connectors := []connector.Connector{c, w.connector(), w.connector()}
		const people = 8
		var all sync.WaitGroup
		for i, c := range connectors {
			for n := range people {
				all.Go(func() {
					if _, _, err := c.Ensure(t.Context(), account(fmt.Sprintf("person-%d-%d", i, n), giveable[:2]...)); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		seen := w.truth(t)
		for i := range connectors {
			for n := range people {
				name := fmt.Sprintf("person-%d-%d", i, n)
				if got := seen[name]; !got.Active || !slices.Equal(got.Roles, sortedCopy(giveable[:2])) {
					t.Errorf("%s: got %+v", name, got)
				}
			}
		}
	})
}

// TestAtRestNothingIsWritten counts requests, because the API server hides a write of what is there already.
func TestAtRestNothingIsWritten(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, c connector.Connector) {
		alice, bob := account("alice", giveable[:2]...), account("bob", giveable[:2]...)
		w.ensure(c, alice)
		w.ensure(c, bob)
		if _, err := c.Suspend(t.Context(), bob.Owner); err != nil {
			t.Fatal(err)
		}
		counter := new(wire)
		counted := w.connectorBy(counter.over(w.config))
		w.ensure(counted, alice)
		_, errSuspend := counted.Suspend(t.Context(), bob.Owner)
		_, errDelete := counted.Delete(t.Context(), account("nobody").Owner, connector.DeleteOptions{})
		_, errList := connector.All(t.Context(), counted, 10)
		if errSuspend != nil || errDelete != nil || errList != nil {
			t.Fatal(errSuspend, errDelete, errList)
		}
		if writes := counter.writes.Load(); writes != 0 || counter.exchanges.Load() == 0 {
			t.Errorf("%d writes of %d requests, want 0", writes, counter.exchanges.Load())
		}
	})
}
