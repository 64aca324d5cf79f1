package argocd_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/argocd"
)

// TestDenied: what is not the person's trouble is said to be the app's, without the credential.
func TestDenied(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	noToken := rest.CopyConfig(w.config)
	noToken.BearerToken = "not a token"
	for what, c := range map[string]connector.Connector{
		"another namespace":       w.connector(func(o *argocd.Options) { o.Namespace = "default" }),
		"another ConfigMap":       w.connector(func(o *argocd.Options) { o.PolicyConfigMap = "argocd-rbac" }),
		"accounts without rights": w.connector(func(o *argocd.Options) { o.Accounts = argocd.Local }),
		"no credential":           w.connectorBy(noToken),
	} {
		t.Run(what, func(t *testing.T) {
			_, errAsk := c.Capabilities(t.Context())
			_, errSuspend := c.Suspend(t.Context(), account("alice").Owner)
			_, _, errEnsure := c.Ensure(t.Context(), account("alice"))
			for _, err := range []error{errAsk, errSuspend, errEnsure} {
				w.wantError(err, connector.Denied, "")
				if strings.Contains(err.Error(), "not a token") || strings.Contains(err.Error(), w.config.BearerToken) {
					t.Errorf("the credential is in the error: %v", err)
				}
			}
		})
	}
}

// meddler has somebody write the policy before each of the connector's first writes arrives.
type meddler struct {
	next  http.RoundTripper
	write func()
	left  atomic.Int64
}

func (m *meddler) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodPut && m.left.Add(-1) >= 0 {
		m.write()
	}
	return m.next.RoundTrip(request)
}

func (w *world) meddled(times int64) connector.Connector {
	w.Helper()
	m := &meddler{write: func() {
		w.edit(policyName, func(data map[string]string) { data["policy.csv"] += "\n# somebody was here" })
	}}
	m.left.Store(times)
	config := rest.CopyConfig(w.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		m.next = next
		return m
	})
	return w.connectorBy(config)
}

// TestSomebodyElseWrites: nobody's write is lost, and who is always late says so.
func TestSomebodyElseWrites(t *testing.T) {
	w := newWorld(t, argocd.SSO)
	a := account("alice", giveable[:2]...)
	if _, changed, err := w.meddled(3).Ensure(t.Context(), a); err != nil || !changed {
		t.Fatalf("changed=%t, %v", changed, err)
	}
	if got := strings.Count(w.configMap(policyName)["policy.csv"], "# somebody was here"); got != 3 {
		t.Errorf("%d of 3 lines of somebody else are there", got)
	}
	if !w.may("alice", "sync", "web/a") {
		t.Error("what was written in the end does not work")
	}
	changed, err := w.meddled(1<<20).Suspend(t.Context(), a.Owner)
	w.wantError(err, connector.Transient, "again and again")
	if changed {
		t.Error("it fails and reports a change")
	}
	if changed, err := w.connector().Suspend(t.Context(), a.Owner); err != nil || !changed || w.may("alice", "sync", "web/a") {
		t.Errorf("in the end: changed=%t, %v", changed, err)
	}
}

// TestLocalAccounts: what Argo CD reads of them, and what stays its administrators'.
func TestLocalAccounts(t *testing.T) {
	w := newWorld(t, argocd.Local)
	c := w.connector(func(o *argocd.Options) { o.Capabilities = []string{argocd.CapabilityAPIKey, argocd.CapabilityLogin} })
	want := func(key, value string) {
		t.Helper()
		if got := w.configMap(settingsName)[key]; got != value {
			t.Errorf("%s is %q, want %q", key, got, value)
		}
	}
	a := account("alice")
	w.ensure(c, a)
	want("accounts.alice", "apiKey, login")
	want("accounts.alice.enabled", "")
	w.edit(settingsName, func(data map[string]string) { data["accounts.alice"] = "login" })
	if _, changed, err := c.Ensure(t.Context(), a); err != nil || changed {
		t.Errorf("capabilities are the administrators': changed=%t, %v", changed, err)
	}
	if _, err := c.Suspend(t.Context(), a.Owner); err != nil {
		t.Fatal(err)
	}
	want("accounts.alice.enabled", "false")
	a.Name, a.Active = "alice-renamed", false
	w.ensure(c, a)
	want("accounts.alice", "")
	want("accounts.alice.enabled", "")
	want("accounts.alice-renamed", "login")
	want("accounts.alice-renamed.enabled", "false")

	w.edit(settingsName, func(data map[string]string) { data["accounts.robot.enabled"] = "false" })
	robot := account("robot")
	robot.Existing = connector.Adopt
	w.fails(c, robot, connector.Conflict, "disabled")
	w.edit(settingsName, func(data map[string]string) { delete(data, "accounts.robot.enabled") })
	w.ensure(c, robot)
	want("accounts.robot", "apiKey")
}

// TestSuspendWithoutTheKey: a local account is still its owner's when somebody removed the connector's key of the policy.
func TestSuspendWithoutTheKey(t *testing.T) {
	w := newWorld(t, argocd.Local)
	c := w.connector()
	a := account("alice", giveable[0])
	w.ensure(c, a)
	w.edit(policyName, func(data map[string]string) { delete(data, ownKey) })
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Fatalf("changed=%t, %v", changed, err)
	}
	if seen := w.truth(t)["alice"]; seen.Active {
		t.Errorf("got %+v, want a suspended account", seen)
	}
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || changed {
		t.Errorf("again: changed=%t, %v", changed, err)
	}
}
