package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/status"
)

// makeOffice makes an installation in which bob has failed, carol waits, and both guards hold something.
func makeOffice(t *testing.T, kube client.Client) (carol *v1alpha1.ScimUser, wikiAccount *v1alpha1.AppAccount) {
	t.Helper()
	condition := func(status metav1.ConditionStatus, reason, message string) []metav1.Condition {
		return []metav1.Condition{{Type: "Ready", Status: status, Reason: reason, Message: message, LastTransitionTime: *at(-time.Hour)}}
	}
	makeObject(t, kube, newDirectory("okta", func(d *v1alpha1.ScimDirectory) {
		d.Status = v1alpha1.ScimDirectoryStatus{ObservedGeneration: 1, Conditions: condition(metav1.ConditionTrue, v1alpha1.ReasonServing, "Requests are served.")}
	}))
	alice := newUser("alice-1", "alice@example.com", "okta")
	alice.Status = v1alpha1.ScimUserStatus{ObservedGeneration: 1, Conditions: condition(metav1.ConditionTrue, v1alpha1.ReasonActive, "The user is active.")}
	bob := newUser("bob-2", "bob@example.com", "okta")
	bob.Status = v1alpha1.ScimUserStatus{ObservedGeneration: 1, Conditions: condition(metav1.ConditionFalse, v1alpha1.ReasonUserNameConflict,
		`ScimUser "bob-1" holds this userName, so this user gets no access. Rename or delete one of the two.`)}
	carol = newUser("carol-1", "carol@example.com", "okta")
	role := newRole("engineers-1", "Engineers", "okta")
	role.Status = v1alpha1.ScimRoleStatus{
		ObservedGeneration: 1, Conditions: condition(metav1.ConditionTrue, v1alpha1.ReasonResolved, "Every member is a known user."),
	}
	for _, object := range []client.Object{alice, bob, carol, role} {
		makeObject(t, kube, object)
	}
	grant := whyGrant("engineers-1", "view")
	grant.Name = "engineers-view"
	grant.Status = v1alpha1.GrantStatus{
		ObservedGeneration: 1, Bindings: number(14), Conditions: condition(metav1.ConditionTrue, v1alpha1.ReasonEnforced, "Every binding is as the grant asks."),
	}
	makeObject(t, kube, grant)
	makeObject(t, kube, newPlan("okta-users", 27))
	makeObject(t, kube, newPlan("okta-calm", 0))
	makeObject(t, kube, newApp("default", "wiki", v1alpha1.ReasonSynced, nil))
	makeObject(t, kube, newApp(otherNamespace, "shop", v1alpha1.ReasonRemovalsHeld, func(a *v1alpha1.AppConnection) {
		a.Status.Guard = v1alpha1.AppGuardStatus{
			Held: number(1), HeldSince: at(-time.Minute), ReleaseTime: at(24 * time.Hour), Digest: digestB, Samples: []string{"shop.alice-1"},
		}
	}))
	wikiAccount = makeObject(t, kube, newAccount("default", "wiki", "alice-1", "alice@example.com", v1alpha1.AccountPending, nil))
	makeObject(t, kube, newAccount(otherNamespace, "shop", "alice-1", "alice@example.com", v1alpha1.AccountHeld, func(s *v1alpha1.AppAccountStatus) {
		s.Conditions = ready(metav1.ConditionFalse, v1alpha1.ReasonRemovalHeld, "The guard holds this removal back.")
	}))
	makeObject(t, kube, newAccount(otherNamespace, "shop", "eve-1", "eve\x1b[2J@example.com", v1alpha1.AccountFailed, func(s *v1alpha1.AppAccountStatus) {
		s.Conditions = ready(metav1.ConditionFalse, v1alpha1.ReasonConflict, "The name eve belongs to another account: rename one of them.")
	}))
	return carol, wikiAccount
}

// TestStatus shows everything to one who has the role scim-operator-viewer, and no right besides.
func TestStatus(t *testing.T) {
	kube := newKube(t)
	scim(t, "status").want(t, 0, "Nothing is left to do.")
	scim(t, "status", "--watch").want(t, 0, "Nothing is left to do.")
	binding := roleFor(asViewer, "scim-operator-viewer")
	must(t, kube.Create(t.Context(), binding))
	t.Cleanup(func() { must(t, kube.Delete(context.WithoutCancel(t.Context()), binding)) })
	makeOffice(t, kube)
	await(t, "the viewer may look", func() string {
		if got := scim(t, "status", asViewer); strings.Contains(got.stderr, "may not list") {
			return got.stderr
		}
		return ""
	})
	golden(t, "status", scim(t, "status", asViewer).want(t, 1).stdout)
	golden(t, "status-json", scim(t, "status", asViewer, "-o", "json").want(t, 1).stdout)
	for reason, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"yaml too":                               {[]string{"-o", "yaml"}, 1, "reason: UserNameConflict\n"},
		"what failed is said once":               {nil, 1, "not as it should be: 2 objects"},
		"a right must be there, and its role is": {[]string{"--as=nobody"}, 1, "scimusers in the whole cluster: ask for the ClusterRole scim-operator-viewer"},
		"one snapshot, or many":                  {[]string{"-w", "-o", "json"}, 2, "--watch and --output=json contradict each other"},
		"how often goes with many":               {[]string{"--interval=3s"}, 2, "--interval is about --watch"},
		"not too often":                          {[]string{"-w", "--interval=10ms"}, 2, "give 1s or more"},
		"it is about everything":                 {[]string{"wiki"}, 2, `unexpected argument "wiki"`},
	} {
		t.Log(reason)
		scim(t, append([]string{"status"}, tc.args...)...).want(t, tc.code, tc.want)
	}
}

// TestStatusPages: roles come in pages of fifty, and all of them count.
func TestStatusPages(t *testing.T) {
	kube := newKube(t)
	for i := range 51 {
		makeObject(t, kube, newRole(fmt.Sprintf("page-%d", i), fmt.Sprintf("Page %d", i), ""))
	}
	var s status.Snapshot
	must(t, json.Unmarshal([]byte(scim(t, "status", "-o", "json").want(t, 0).stdout), &s))
	if diff := cmp.Diff(status.Counts{Total: 51, Waiting: 51}, s.Roles); diff != "" {
		t.Errorf("roles that no controller has looked at (-want, +got):\n%s", diff)
	}
}

// onFirstWrite does something when the first line comes.
type onFirstWrite struct {
	bytes.Buffer
	do func()
}

func (w *onFirstWrite) Write(p []byte) (int, error) {
	if w.do != nil {
		w.do()
		w.do = nil
	}
	return w.Buffer.Write(p)
}

// follow runs `kubectl scim status --watch`, and does something when its first line comes.
func follow(ctx context.Context, t *testing.T, do func()) outcome {
	t.Helper()
	out := &onFirstWrite{do: do}
	var stderr bytes.Buffer
	env := cli.NewEnv(genericiooptions.IOStreams{In: strings.NewReader(""), Out: out, ErrOut: &stderr})
	env.Clock = testclock.NewFakePassiveClock(now)
	code := execute(ctx, env, []string{"--kubeconfig=" + kubeconfig(t), "status", "--watch", "--interval=1s"})
	return outcome{code, out.String(), stderr.String()}
}

func TestStatusWatch(t *testing.T) {
	kube := newKube(t)
	carol, account := makeOffice(t, kube)
	ctx, interrupt := context.WithCancel(t.Context())
	follow(ctx, t, interrupt).want(t, 1, "users 1/3", "Interrupted before everything was done.")

	got := follow(t.Context(), t, func() {
		carol.Status = v1alpha1.ScimUserStatus{ObservedGeneration: 1}
		must(t, kube.Status().Update(t.Context(), carol))
		account.Status.State = v1alpha1.AccountActive
		must(t, clientAs(t, "scim-operator-controller").Status().Update(t.Context(), account))
	}).want(t, 1)
	golden(t, "status-watch", got.stdout)
	if got.stderr != "" {
		t.Errorf("standard error has %q", got.stderr)
	}
}
