package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/doctor"
)

// examine runs doctor by the real clock, because the API server's is, and returns the findings by check.
func examine(t *testing.T, code int, args ...string) map[string]doctor.Finding {
	t.Helper()
	got := scimAt(t, clock.RealClock{}, "", append([]string{"doctor", "-o", "json"}, args...)...).want(t, code)
	var findings []doctor.Finding
	must(t, json.Unmarshal([]byte(got.stdout), &findings))
	all := map[string]doctor.Finding{}
	for _, f := range findings {
		all[f.Check] = f
	}
	return all
}

func TestDoctor(t *testing.T) {
	kube := newKube(t)
	endpoint := httptest.NewTLSServer(http.NotFoundHandler())
	defer endpoint.Close()
	authorities := filepath.Join(t.TempDir(), "ca.crt")
	must(t, os.WriteFile(authorities, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: endpoint.Certificate().Raw}), 0o600))
	makeObject(t, kube, newDirectory("healthy", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Identity.Username = `"oidc:" + user.userName`
		d.Spec.Credentials = []v1alpha1.Credential{{Name: "a", TokenSHA256: sha("a")}}
		d.Status = v1alpha1.ScimDirectoryStatus{URL: endpoint.URL + "/scim/healthy/v2", ObservedGeneration: 1, Conditions: []metav1.Condition{{
			Type: v1alpha1.DirectoryReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServing, Message: "Served.", LastTransitionTime: metav1.NewTime(time.Now()),
		}}}
	}))
	makeObject(t, kube, newApp("default", "shop", v1alpha1.ReasonSynced, nil))
	makeObject(t, kube, newUser("doc-1", "doc@example.com", "healthy"))
	makeObject(t, kube, newUser("local-doc-1", "local.doc@example.com", ""))

	well := examine(t, 0, "--ca-file="+authorities, "--as=oidc:doc@example.com", "--as-group=system:masters")
	for check, f := range well {
		if f.Outcome != doctor.Pass {
			t.Errorf("in an installation that is well, %s is %s: %s", check, f.Outcome, f.Message)
		}
	}
	for _, check := range []string{
		"crd", "admission", "permissions/read", "accounts/scim-operator-server", "accounts/scim-operator-controller", "clock/api-server",
		"directory/healthy", "token/healthy", "certificate/healthy", "clock/healthy", "identity",
		"app/default/shop", "permissions/accounts", "permissions/accounts-approve", "permissions/retry",
	} {
		if _, found := well[check]; !found {
			t.Errorf("%s was not checked", check)
		}
	}
	if got := examine(t, 1)["certificate/healthy"]; got.Outcome != doctor.Fail || !strings.Contains(got.Remedy, "--ca-file") {
		t.Errorf("a certificate that nobody trusts: %+v", got)
	}
	wrong := examine(t, 1, "--ca-file="+authorities, "--as=sso:local.doc@example.com", "--as-group=system:masters")["identity"]
	if wrong.Outcome != doctor.Fail || !strings.Contains(wrong.Message, `"local.doc@example.com"`) {
		t.Errorf("a name that bindings do not have: %+v", wrong)
	}
	if got := examine(t, 0, "--ca-file="+authorities, "--scim-user=doc@example.com")["identity"]; got.Outcome != doctor.Warn {
		t.Errorf("somebody else is signed in: %+v", got)
	}
	makeBinding(t, "scim-operator-server", "cluster-admin")
	bad := examine(t, 1, "--ca-file="+authorities)["accounts/scim-operator-server"]
	if bad.Outcome != doctor.Fail || !strings.Contains(bad.Message, "escalate clusterroles") {
		t.Errorf("a server that may do everything: %+v", bad)
	}
	lost := examine(t, 1, "--ca-file="+authorities, "--namespace=nowhere")["accounts/scim-operator-controller"]
	if lost.Outcome != doctor.Fail || !strings.Contains(lost.Remedy, "--namespace") {
		t.Errorf("accounts that are not there: %+v", lost)
	}
	text := scimAt(t, clock.RealClock{}, "", "doctor").want(t, 1, "FAIL  certificate/healthy", "PASS  crd: 10 kinds are served")
	if strings.Contains(text.stderr, "error") {
		t.Errorf("the output says what failed, and standard error again: %s", text.stderr)
	}
	powerless := examine(t, 0, "--as=nobody")
	if got := powerless["permissions/read"]; got.Outcome != doctor.Warn {
		t.Errorf("somebody without rights: %+v", got)
	}
}

// TestDoctorOfApps: what an AppConnection says is wrong is a failure, and what passes by itself or waits for a person is none.
func TestDoctorOfApps(t *testing.T) {
	kube := newKube(t)
	for _, reason := range []string{v1alpha1.ReasonUnreachable, v1alpha1.ReasonAccountsFailed, v1alpha1.ReasonRemovalsHeld, v1alpha1.ReasonSyncing, v1alpha1.ReasonSuspended} {
		makeObject(t, kube, newApp("default", strings.ToLower(reason), reason, nil))
	}
	makeObject(t, kube, newApp(otherNamespace, "new", "", func(a *v1alpha1.AppConnection) { a.Status = v1alpha1.AppConnectionStatus{} }))
	found := examine(t, 1)
	for check, want := range map[string]struct {
		outcome         doctor.Outcome
		message, remedy string
	}{
		"app/default/unreachable":    {doctor.Fail, "Unreachable: As the controller of unreachable says.", "kubectl scim retry unreachable -n default"},
		"app/default/accountsfailed": {doctor.Fail, "AccountsFailed: ", "kubectl scim accounts accountsfailed -n default --failed"},
		"app/default/removalsheld":   {doctor.Warn, "RemovalsHeld: ", "kubectl scim accounts approve removalsheld -n default"},
		"app/default/syncing":        {doctor.Warn, "Syncing: ", "in a moment"},
		"app/default/suspended":      {doctor.Warn, "Suspended: ", "spec.suspend"},
		"app/kube-public/new":        {doctor.Fail, "no condition Ready", "controller runs"},
	} {
		got := found[check]
		if got.Outcome != want.outcome || !strings.Contains(got.Message, want.message) || !strings.Contains(got.Remedy, want.remedy) {
			t.Errorf("%s: %+v, want %+v", check, got, want)
		}
	}
}

// makeBinding gives an account of the operator a ClusterRole, until the test ends.
func makeBinding(t *testing.T, account, clusterRole string) {
	t.Helper()
	kube := newKube(t)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "too-much-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "scim-operator-system", Name: account}},
	}
	must(t, kube.Create(t.Context(), binding))
	t.Cleanup(func() { _ = kube.Delete(context.WithoutCancel(t.Context()), binding) })
}
