package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// otherNamespace is one that every cluster has, besides default.
const otherNamespace = "kube-public"

// newApp is an AppConnection as its controller left it, with a condition Ready of that reason.
func newApp(namespace, name, reason string, change func(*v1alpha1.AppConnection)) *v1alpha1.AppConnection {
	app := &v1alpha1.AppConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.AppConnectionSpec{
			Target: v1alpha1.AppTarget{PostgreSQL: &v1alpha1.PostgreSQLTarget{
				Host: "db.example.com", CredentialSecretRef: v1alpha1.AppCredential{Name: name},
			}},
			Roles:   []v1alpha1.RoleSelector{{DisplayName: "Engineers"}},
			Account: v1alpha1.AccountTemplate{Name: `user.userName`},
			Mode:    v1alpha1.AppEnforce,
		},
		Status: v1alpha1.AppConnectionStatus{ObservedGeneration: 1, Type: v1alpha1.AppTypePostgreSQL},
	}
	status := metav1.ConditionFalse
	if reason == v1alpha1.ReasonSynced {
		status = metav1.ConditionTrue
	}
	app.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.AppReady, Status: status, Reason: reason, Message: "As the controller of " + name + " says.", LastTransitionTime: *at(-time.Hour), ObservedGeneration: 1,
	}}
	if change != nil {
		change(app)
	}
	return app
}

// newAccount is an AppAccount as its controller left it.
func newAccount(namespace, app, user, userName string, state v1alpha1.AccountState, change func(*v1alpha1.AppAccountStatus)) *v1alpha1.AppAccount {
	account := &v1alpha1.AppAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.AccountObjectName(app, user)},
		Spec:       v1alpha1.AppAccountSpec{App: app, User: user},
		Status: v1alpha1.AppAccountStatus{
			State: state, UserName: userName, AccountName: user, AccountID: "7", Roles: []string{"readers", "writers"}, LastChangeTime: at(-2 * time.Hour),
		},
	}
	account.Status.Conditions = ready(metav1.ConditionTrue, v1alpha1.ReasonSynced, "The account is as it should be.")
	if change != nil {
		change(&account.Status)
	}
	return account
}

func ready(status metav1.ConditionStatus, reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.AccountReady, Status: status, Reason: reason, Message: message, LastTransitionTime: *at(-time.Hour)}}
}

// makeShop makes two apps of one name in two namespaces, and one account in each state that commands tell apart.
func makeShop(t *testing.T) client.Client {
	t.Helper()
	kube := newKube(t)
	makeObject(t, kube, newApp("default", "shop", v1alpha1.ReasonAccountsFailed, nil))
	makeObject(t, kube, newApp("default", "wiki", v1alpha1.ReasonSynced, nil))
	makeObject(t, kube, newApp(otherNamespace, "shop", v1alpha1.ReasonAccountsFailed, nil))
	makeObject(t, kube, newAccount("default", "shop", "zed-1", "Alan@example.com", v1alpha1.AccountActive, nil))
	makeObject(t, kube, newAccount("default", "shop", "alice-1", "alice@example.com", v1alpha1.AccountFailed, func(s *v1alpha1.AppAccountStatus) {
		s.Conditions = ready(metav1.ConditionFalse, v1alpha1.ReasonConflict, "The name alice belongs to another account: rename one of them.")
		s.AccountName, s.AccountID, s.Roles, s.LastChangeTime = "", "", nil, nil
	}))
	makeObject(t, kube, newAccount("default", "shop", "bob-1", "bob@example.com", v1alpha1.AccountHeld, func(s *v1alpha1.AppAccountStatus) {
		s.Conditions = ready(metav1.ConditionFalse, v1alpha1.ReasonRemovalHeld, "The guard holds this removal back.")
	}))
	makeObject(t, kube, newAccount("default", "shop", "carol-1", "carol\x1b[2J@example.com", v1alpha1.AccountActive, func(s *v1alpha1.AppAccountStatus) {
		s.Conditions = ready(metav1.ConditionFalse, v1alpha1.ReasonPlanned, "status.changes says what spec.mode Enforce of the AppConnection would do.")
		s.Changes = []string{`give the role "readers"`, `take the role "writers"`}
	}))
	makeObject(t, kube, &v1alpha1.AppAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "wiki.alice-1"}, Spec: v1alpha1.AppAccountSpec{App: "wiki", User: "alice-1"},
		Status: v1alpha1.AppAccountStatus{State: v1alpha1.AccountPending, UserName: "alice@example.com"},
	})
	makeObject(t, kube, newAccount(otherNamespace, "shop", "dora-1", "dora@example.com", v1alpha1.AccountFailed, func(s *v1alpha1.AppAccountStatus) {
		s.Conditions = ready(metav1.ConditionFalse, v1alpha1.ReasonAppUnavailable, "The app does not answer.")
	}))
	return kube
}

func TestAccounts(t *testing.T) {
	makeShop(t)
	for name, args := range map[string][]string{
		"accounts": {}, "accounts-wide": {"shop", "-o", "wide"}, "accounts-all": {"-A"}, "accounts-failed": {"-A", "--failed"}, "accounts-held": {"--held", "--failed"},
		"accounts-planned": {"--planned"}, "accounts-user": {"--scim-user=ALICE@example.com"}, "accounts-name": {"shop", "-o", "name", "--scim-user", "zed-1"},
		"accounts-namespace": {"-n", otherNamespace},
	} {
		golden(t, name, scim(t, append([]string{"accounts"}, args...)...).want(t, 0).stdout)
	}
	for reason, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"json is the list of kubectl":         {[]string{"shop", "-o", "json", "--failed"}, 0, `"kind": "AppAccountList"`},
		"yaml too":                            {[]string{"shop", "-o", "yaml"}, 0, "kind: AppAccount\n"},
		"nothing is said to be nothing":       {[]string{"wiki", "--failed"}, 0, "There is no AppAccount that was asked for in app wiki of namespace default."},
		"an app must exist":                   {[]string{"shopp"}, 1, "kubectl get appconnections -A"},
		"in any namespace, too":               {[]string{"shopp", "-A"}, 1, "in any namespace"},
		"an app's name is no path":            {[]string{"a/b"}, 1, "there is no AppConnection"},
		"one namespace, or all":               {[]string{"-A", "-n", "x"}, 2, "--all-namespaces and --namespace=x contradict each other"},
		"orphans are nobody's":                {[]string{"--orphans", "--scim-user=x"}, 2, "--orphans and --scim-user contradict each other"},
		"a user that is empty is a mistake":   {[]string{"--scim-user="}, 2, "--scim-user is empty"},
		"one app at most":                     {[]string{"shop", "wiki"}, 2, `unexpected argument "wiki"`},
		"a right must be there":               {[]string{"--as=nobody"}, 1, "kubectl auth can-i --list"},
		"approving needs the name of the app": {[]string{"approve"}, 2, "kubectl scim accounts approve APP"},
	} {
		t.Log(reason)
		scim(t, append([]string{"accounts"}, tc.args...)...).want(t, tc.code, tc.want)
	}
}

func TestAccountOrphans(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newApp("default", "crm", v1alpha1.ReasonSynced, func(a *v1alpha1.AppConnection) {
		a.Status.LastSyncTime = at(-5 * time.Minute)
		a.Status.Orphans = v1alpha1.OrphanReport{
			Unmanaged: number(3), UnmanagedSamples: []string{"carol", "dave\x1b[2J"}, Stray: number(1), StraySamples: []string{"zed"},
		}
	}))
	makeObject(t, kube, newApp("default", "erp", v1alpha1.ReasonSynced, func(a *v1alpha1.AppConnection) {
		a.Status.LastSyncTime, a.Status.Orphans = at(-time.Minute), v1alpha1.OrphanReport{Unmanaged: number(0), Stray: number(0)}
	}))
	makeObject(t, kube, newApp(otherNamespace, "vpn", v1alpha1.ReasonUnreachable, nil))
	golden(t, "accounts-orphans", scim(t, "accounts", "--orphans", "-A").want(t, 0).stdout)
	golden(t, "accounts-orphans-wide", scim(t, "accounts", "--orphans", "-A", "-o", "wide").want(t, 0).stdout)
	golden(t, "accounts-orphans-json", scim(t, "accounts", "--orphans", "crm", "-o", "json").want(t, 0).stdout)
	scim(t, "accounts", "--orphans", "-o", "name").want(t, 0, "appconnection.scim-operator.io/crm\nappconnection.scim-operator.io/erp\n")
	scim(t, "accounts", "--orphans", "-n", "kube-system").want(t, 0, "There is no AppConnection in namespace kube-system.")
	scim(t, "accounts", "--orphans", "nothing").want(t, 1, "there is no AppConnection")
}

// holding is an app whose guard holds the accounts of bob, and of somebody whose AppAccount is only among the samples.
func holding(name string) *v1alpha1.AppConnection {
	return newApp("default", name, v1alpha1.ReasonRemovalsHeld, func(a *v1alpha1.AppConnection) {
		a.Status.Guard = v1alpha1.AppGuardStatus{
			Held: number(3), HeldSince: at(-time.Hour), ReleaseTime: at(23 * time.Hour), Digest: digestA, Samples: []string{name + ".bob-1", name + ".carol-1"},
		}
	})
}

// answerApproval does what the controller does about the approval of one app, once: it takes the annotation away, and says what is held since.
func answerApproval(t *testing.T, kube client.Client, name string, guard v1alpha1.AppGuardStatus) (approved chan string) {
	t.Helper()
	approved, controller := make(chan string, 1), clientAs(t, "scim-operator-controller")
	go func() {
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			var app v1alpha1.AppConnection
			if err := kube.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, &app); err != nil || app.Annotations[v1alpha1.AnnotationApproveRemovals] == "" {
				return false, err
			}
			approved <- app.Annotations[v1alpha1.AnnotationApproveRemovals]
			delete(app.Annotations, v1alpha1.AnnotationApproveRemovals)
			if err := controller.Update(ctx, &app); err != nil {
				return false, err
			}
			app.Status.Guard = guard
			return true, controller.Status().Update(ctx, &app)
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("nobody approved the removals of app %s: %v", name, err)
		}
	}()
	return approved
}

func TestAccountsApprove(t *testing.T) {
	kube := newKube(t)
	for as, role := range map[string]string{asApprover: "scim-operator-approver", asViewer: "scim-operator-viewer"} {
		binding := roleFor(as, role)
		must(t, kube.Create(t.Context(), binding))
		t.Cleanup(func() { must(t, kube.Delete(context.WithoutCancel(t.Context()), binding)) })
	}
	none := &v1alpha1.AppGuardStatus{}
	other := &v1alpha1.AppGuardStatus{Held: number(2), HeldSince: at(0), ReleaseTime: at(time.Hour), Digest: digestB}
	cases := []struct {
		reason string
		input  string
		args   []string
		answer *v1alpha1.AppGuardStatus
		sample string
		code   int
		want   []string
	}{
		{"nobody said which set", "", nil, nil, "", 1, []string{"bob@example.com", "and 1 more", digestA, "--digest"}},
		{"what was typed is no digest", "yes\n", nil, nil, "", 1, []string{"is no digest"}},
		{"what was looked at is another set", "", []string{"--digest=" + digestB}, nil, "", 1, []string{"has changed since", "kubectl scim accounts"}},
		{"a flag that is no digest", "", []string{"--digest=abc"}, nil, "", 2, []string{"--digest=abc", "is no digest"}},
		{"a person types eight digits", digestA[7:15] + "\n", nil, none, "", 0, []string{"the removals take effect"}},
		{"a script gives the digest", "", []string{"--digest=" + digestA}, none, "", 0, []string{"the removals take effect"}},
		{"a script says yes to what there is", "", []string{"--yes"}, none, "", 0, []string{digestA, "the removals take effect"}},
		{"the set changed while the approval was on its way", "", []string{"--yes"}, other, "carol-1", 1, []string{"Nothing was approved", digestB}},
		{"others are held by the time it is heard", "", []string{"--yes"}, other, "dora-1", 0, []string{"2 others are held since then"}},
	}
	for i, tc := range cases {
		name := fmt.Sprintf("approve-%d", i)
		makeObject(t, kube, holding(name))
		makeObject(t, kube, newAccount("default", name, "bob-1", "bob@example.com", v1alpha1.AccountHeld, nil))
		var approved chan string
		if tc.answer != nil {
			guard := *tc.answer
			if tc.sample != "" {
				guard.Samples = []string{name + "." + tc.sample}
			}
			approved = answerApproval(t, kube, name, guard)
		}
		t.Log(tc.reason)
		scimWith(t, tc.input, append([]string{"accounts", "approve", name, asApprover}, tc.args...)...).want(t, tc.code, tc.want...)
		if tc.answer == nil {
			if got := annotation(t, kube, &v1alpha1.AppConnection{}, name, v1alpha1.AnnotationApproveRemovals); got != "" {
				t.Errorf("%s: it was approved all the same, as %q", tc.reason, got)
			}
			continue
		}
		if got := <-approved; got != digestA {
			t.Errorf("%s: the approval is of %q", tc.reason, got)
		}
	}
	makeObject(t, kube, holding("unheard"))
	scim(t, "accounts", "approve", "unheard", "--yes", asViewer).want(t, 1, "Your account lacks this right")
	scim(t, "accounts", "approve", "unheard", "--yes", "--wait=1ms").want(t, 1, "has not answered")
	scim(t, "accounts", "approve", "unheard", "--yes", "--wait=0").want(t, 0, "is written")
	suspended := holding("asleep")
	suspended.Spec.Suspend = true
	makeObject(t, kube, suspended)
	scim(t, "accounts", "approve", "asleep", "--yes", "--wait=1ms").want(t, 1, "spec.suspend of AppConnection asleep is true")
	makeObject(t, kube, newApp("default", "calm", v1alpha1.ReasonSynced, nil))
	scim(t, "accounts", "approve", "calm", "--yes").want(t, 1, "holds nothing")
	scim(t, "accounts", "approve", "nothing", "--yes").want(t, 1, "there is no AppConnection")
}

// annotation reads one of an object in the namespace default.
func annotation(t *testing.T, kube client.Client, object client.Object, name, key string) string {
	t.Helper()
	must(t, kube.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: name}, object))
	return object.GetAnnotations()[key]
}

func TestRetry(t *testing.T) {
	kube := makeShop(t)
	stamp := now.Format(time.RFC3339Nano)
	app, account := &v1alpha1.AppConnection{}, &v1alpha1.AppAccount{}
	for _, tc := range []struct {
		reason string
		args   []string
		code   int
		want   []string
	}{
		{"something must be named", nil, 2, []string{"name an APP or APP.USER, or give --failed"}},
		{"of an account both parts", []string{"shop."}, 2, []string{"one of them is missing"}},
		{"--failed is about apps", []string{"shop.alice-1", "--failed"}, 2, []string{"--failed is about whole apps"}},
		{"one app is in one namespace", []string{"shop", "-A"}, 2, []string{"--all-namespaces goes with --failed"}},
		{"an app must exist", []string{"shopp"}, 1, []string{`there is no AppConnection "shopp"`}},
		{"also the one of an account", []string{"shopp.alice-1"}, 1, []string{`there is no AppConnection "shopp"`}},
		{"a person must have an account", []string{"shop.nobody@example.com"}, 1, []string{`nobody of the id or userName "nobody@example.com"`, "kubectl scim accounts shop"}},
		{"nothing failed", []string{"wiki", "--failed"}, 0, []string{"there is nothing to retry"}},
	} {
		t.Log(tc.reason)
		scim(t, append([]string{"retry"}, tc.args...)...).want(t, tc.code, tc.want...)
	}
	for _, name := range []string{"shop", "wiki"} {
		if got := annotation(t, kube, app, name, v1alpha1.AnnotationRetry); got != "" {
			t.Errorf("commands that fail must ask for nothing, and app %s has %q", name, got)
		}
	}

	scim(t, "retry", "shop.Alice@Example.com").want(t, 0, "AppAccount shop.alice-1 (alice@example.com) is tried again", "failed with Conflict: The name alice")
	if got := annotation(t, kube, account, "shop.alice-1", v1alpha1.AnnotationRetry); got != stamp {
		t.Errorf("the account has %q, want %q", got, stamp)
	}
	scim(t, "retry", "shop.dora-1", "-n", otherNamespace).want(t, 0, "kubectl scim retry shop -n "+otherNamespace)
	scim(t, "retry", "wiki").want(t, 0, "AppConnection wiki: its failed accounts are tried again", "kubectl scim accounts wiki -n default --failed")
	if got := annotation(t, kube, app, "wiki", v1alpha1.AnnotationRetry); got != stamp {
		t.Errorf("app wiki has %q, want %q", got, stamp)
	}
	scim(t, "retry", "--failed").want(t, 0, "1 failed account of AppConnection shop in namespace default")
	if got := annotation(t, kube, app, "shop", v1alpha1.AnnotationRetry); got != stamp {
		t.Errorf("app shop has %q, want %q", got, stamp)
	}
	must(t, kube.Get(t.Context(), client.ObjectKey{Namespace: otherNamespace, Name: "shop"}, app))
	if got := app.Annotations[v1alpha1.AnnotationRetry]; got != "" {
		t.Errorf("the app of another namespace has %q", got)
	}
	scim(t, "retry", "--failed", "-A").want(t, 0, "AppConnection shop in namespace "+otherNamespace)
	makeObject(t, kube, newApp("default", "seen", v1alpha1.ReasonPlanned, func(a *v1alpha1.AppConnection) { a.Spec.Mode = v1alpha1.AppPlan }))
	scim(t, "retry", "seen").want(t, 0, "As spec.mode is Plan, nothing is changed")
}
