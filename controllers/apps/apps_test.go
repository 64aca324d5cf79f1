package apps_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestLife: an identity gets its account with its roles, keeps it through a rename, loses it and has it again.
func TestLife(t *testing.T) {
	o := start(t)
	o.run()
	o.user("life-ada")
	o.user("life-bob")
	o.role("life-team", "life-ada")
	o.app("life", "life-team")
	o.seeLogin("a member gets an account", "life-ada", "true readers")
	o.seeAccount("the AppAccount says so", "life", "life-ada", v1alpha1.AccountActive, v1alpha1.ReasonSynced)
	o.seeApp("so does the AppConnection", "life", v1alpha1.ReasonSynced)
	if got := o.login("life-bob"); got != "absent" {
		t.Errorf("somebody who is in no role of the app has an account: %s", got)
	}

	user := func(change func(*v1alpha1.ScimUserSpec)) {
		edit(o, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "life-ada"}}, func(u *v1alpha1.ScimUser) { change(&u.Spec) })
	}
	no, yes := false, true
	user(func(s *v1alpha1.ScimUserSpec) { s.Active = &no })
	o.seeLogin("who is deactivated cannot sign in", "life-ada", "false readers")
	o.seeAccount("and the AppAccount says so", "life", "life-ada", v1alpha1.AccountSuspended, v1alpha1.ReasonSynced)
	user(func(s *v1alpha1.ScimUserSpec) { s.Active = &yes })
	o.seeLogin("who comes back has the same account", "life-ada", "true readers")
	user(func(s *v1alpha1.ScimUserSpec) { s.UserName = "life-ada-lovelace@example.com" })
	o.seeLogin("a new name is a rename", "life-ada-lovelace", "true readers")
	if got := o.login("life-ada"); got != "absent" {
		t.Errorf("the old name is still there: %s", got)
	}

	members := func(ids ...string) {
		edit(o, &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "life-team"}}, func(r *v1alpha1.ScimRole) { r.Spec.Members = ids })
	}
	members("life-bob")
	o.seeLogin("who leaves the role cannot sign in", "life-ada-lovelace", "false readers")
	o.seeLogin("who joins it can", "life-bob", "true readers")

	must(t, o.Delete(t.Context(), &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "life-bob"}}))
	o.seeLogin("who is deleted cannot sign in", "life-bob", "false readers")
}

// TestAtRestNothingIsAsked: a restart finds everything as it was, and neither writes nor asks the app for anything about accounts.
func TestAtRestNothingIsAsked(t *testing.T) {
	o := start(t)
	counted := counting(o)
	o.run()
	o.user("rest-ada")
	o.role("rest-team", "rest-ada")
	o.app("rest", "rest-team")
	o.seeLogin("an account is there", "rest-ada", "true readers")
	o.seeApp("all is well", "rest", v1alpha1.ReasonSynced)
	o.settle()
	before, calls := o.versions(), counted()
	o.restart()
	o.settle()
	if after := o.versions(); !slices.Equal(before, after) {
		t.Errorf("objects were written:\n%v\n%v", before, after)
	}
	if after := counted(); after != calls {
		t.Errorf("%d operations on accounts at a restart where all was well", after-calls)
	}
}

// TestRolesAreAdditive: what the mappings give is given and taken, and what a person gave stays.
func TestRolesAreAdditive(t *testing.T) {
	o := start(t)
	o.run()
	o.user("add-ada")
	o.role("add-team", "add-ada")
	app := o.app("add", "add-team")
	o.seeLogin("the mapped role is given", "add-ada", "true readers")
	_, err := o.admin.Exec(t.Context(), `GRANT writers TO "add-ada"`)
	must(t, err)
	edit(o, app, func(a *v1alpha1.AppConnection) { a.Spec.RoleMappings = nil })
	o.seeLogin("a role that no mapping gives goes, and a person's stays", "add-ada", "true writers")
}

// TestExisting: an account that was there before is refused, left alone or adopted, as the AppConnection says.
func TestExisting(t *testing.T) {
	o := start(t)
	o.run()
	for _, id := range []string{"old-refused", "old-ignored", "old-adopted", "old-unlike"} {
		o.user(id)
		o.role(id, id)
		_, err := o.admin.Exec(t.Context(), `CREATE ROLE "`+id+`" LOGIN`)
		must(t, err)
	}
	o.app("old-refused", "old-refused")
	o.app("old-ignored", "old-ignored", func(s *v1alpha1.AppConnectionSpec) { s.Existing.Policy = v1alpha1.ExistingAccountsIgnore })
	o.app("old-adopted", "old-adopted", func(s *v1alpha1.AppConnectionSpec) { s.Existing.Policy = v1alpha1.ExistingAccountsAdopt })
	o.app("old-unlike", "old-unlike", func(s *v1alpha1.AppConnectionSpec) {
		s.Existing = v1alpha1.ExistingPolicy{Policy: v1alpha1.ExistingAccountsAdopt, Condition: `account.name == "somebody else"`}
	})
	o.seeAccount("refused", "old-refused", "old-refused", v1alpha1.AccountFailed, v1alpha1.ReasonConflict)
	o.seeApp("the app says that one failed", "old-refused", v1alpha1.ReasonAccountsFailed)
	o.seeAccount("ignored", "old-ignored", "old-ignored", v1alpha1.AccountUnmanaged, v1alpha1.ReasonUnmanaged)
	o.seeAccount("adopted", "old-adopted", "old-adopted", v1alpha1.AccountActive, v1alpha1.ReasonSynced)
	o.seeAccount("the condition is false, so it is refused", "old-unlike", "old-unlike", v1alpha1.AccountFailed, v1alpha1.ReasonConflict)
	edit(o, &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "old-ignored"}}, func(r *v1alpha1.ScimRole) { r.Spec.Members = nil })
	o.eventually("an account that is left alone is so when its person leaves, too", func() string {
		account := o.seeAccount("ignored", "old-ignored", "old-ignored", v1alpha1.AccountUnmanaged, v1alpha1.ReasonUnmanaged)
		if len(account.Status.Through) > 0 {
			return "the person has not left yet"
		}
		return ""
	})
	_, err := o.admin.Exec(t.Context(), `ALTER ROLE "old-refused" RENAME TO "old-away"`)
	must(t, err)
	retry := &v1alpha1.AppAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "old-refused.old-refused"}}
	edit(o, retry, func(a *v1alpha1.AppAccount) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationRetry, "now")
	})
	account := o.seeAccount("what failed is tried again on request", "old-refused", "old-refused", v1alpha1.AccountActive, v1alpha1.ReasonSynced)
	if _, left := account.Annotations[v1alpha1.AnnotationRetry]; left {
		t.Error("the request was heard and stands there still")
	}
	for name, want := range map[string]string{
		"old-away": "true ", "old-refused": "true readers", "old-ignored": "true ", "old-adopted": "true readers", "old-unlike": "true ",
	} {
		if got := o.login(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestPlanChangesNothing: in mode Plan the app is read, status says what would be done, and then Enforce does it.
func TestPlanChangesNothing(t *testing.T) {
	o := start(t)
	o.run()
	o.user("plan-ada")
	o.role("plan-team", "plan-ada")
	app := o.app("plan", "plan-team", func(s *v1alpha1.AppConnectionSpec) { s.Mode = v1alpha1.AppPlan })
	account := o.seeAccount("a plan is made", "plan", "plan-ada", v1alpha1.AccountAbsent, v1alpha1.ReasonPlanned)
	want := []string{`make the account "plan-ada"`, `give the role "readers"`}
	if !slices.Equal(account.Status.Changes, want) {
		t.Errorf("got %q, want %q", account.Status.Changes, want)
	}
	if got := o.login("plan-ada"); got != "absent" {
		t.Errorf("the plan was carried out: %s", got)
	}
	edit(o, app, func(a *v1alpha1.AppConnection) { a.Spec.Mode = v1alpha1.AppEnforce })
	o.seeLogin("Enforce carries it out", "plan-ada", "true readers")
}

// TestCredential: nothing is sent anywhere until the Secret says that it is for this endpoint.
func TestCredential(t *testing.T) {
	o := start(t)
	o.run()
	o.user("cred-ada")
	o.role("cred-team", "cred-ada")
	app := o.app("cred", "cred-team", func(s *v1alpha1.AppConnectionSpec) { s.Target.PostgreSQL.CredentialSecretRef.Name = "not-there" })
	o.seeApp("there is no such Secret", "cred", v1alpha1.ReasonCredentialNotFound)
	o.secret("elsewhere", "postgresql://db.example.com:5432/postgres")
	edit(o, app, func(a *v1alpha1.AppConnection) { a.Spec.Target.PostgreSQL.CredentialSecretRef.Name = "elsewhere" })
	o.seeApp("the Secret is for another endpoint", "cred", v1alpha1.ReasonEndpointNotConfirmed)
	if got := o.login("cred-ada"); got != "absent" {
		t.Errorf("the credential was used all the same: %s", got)
	}
	edit(o, app, func(a *v1alpha1.AppConnection) { a.Spec.Target.PostgreSQL.CredentialSecretRef.Name = "cred" })
	o.seeLogin("with the confirmed Secret it goes on", "cred-ada", "true readers")
}

// TestConnectionGoes: with Retain the accounts stay as they are, with Deprovision they are suspended first. Of twenty people none is left,
// although an engine that still worked would make an AppAccount again for whomever it saw without one.
func TestConnectionGoes(t *testing.T) {
	o := start(t)
	o.run()
	for name, policy := range map[string]v1alpha1.ConnectionDeletionPolicy{"go-keep": v1alpha1.ConnectionRetain, "go-take": v1alpha1.ConnectionDeprovision} {
		var people []string
		for i := range 20 {
			people = append(people, fmt.Sprintf("%s-%02d", name, i))
			o.user(people[i])
		}
		o.role(name, people...)
		app := o.app(name, name, func(s *v1alpha1.AppConnectionSpec) { s.DeletionPolicy = policy })
		for _, id := range people {
			o.seeLogin("an account is there", id, "true readers")
			o.seeAccount("and known", name, id, v1alpha1.AccountActive, v1alpha1.ReasonSynced)
		}
		must(t, o.Delete(t.Context(), app))
		o.eventually("the AppConnection goes", func() string {
			if o.Get(t.Context(), client.ObjectKeyFromObject(app), app) == nil {
				return fmt.Sprintf("the AppConnection is left, with %d AppAccounts", o.accountsOf(name))
			}
			return ""
		})
		if left := o.accountsOf(name); left > 0 {
			t.Errorf("reason: an AppConnection goes after its AppAccounts; %s left %d", name, left)
		}
		want := map[v1alpha1.ConnectionDeletionPolicy]string{v1alpha1.ConnectionRetain: "true readers", v1alpha1.ConnectionDeprovision: "false readers"}[policy]
		for _, id := range people {
			if got := o.login(id); got != want {
				t.Errorf("%s: %q, want %q", id, got, want)
			}
		}
	}
}

// TestNamespaceGoes: a namespace's objects are deleted at once and in no particular order. Its AppConnections with Deprovision suspend all
// the same, although no AppAccount can be made there any more.
func TestNamespaceGoes(t *testing.T) {
	o := start(t)
	o.namespace = "ends"
	must(t, o.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.namespace}}))
	o.run()
	o.user("ends-ada")
	o.role("ends", "ends-ada")
	app := o.app("ends", "ends", func(s *v1alpha1.AppConnectionSpec) { s.DeletionPolicy = v1alpha1.ConnectionDeprovision })
	account := o.seeAccount("an account is there", "ends", "ends-ada", v1alpha1.AccountActive, v1alpha1.ReasonSynced)
	must(t, o.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.namespace}}))
	must(t, o.Delete(t.Context(), account))
	o.eventually("the AppAccount waits for its AppConnection", func() string {
		if !strings.Contains(o.apiMetrics(), `apiserver_request_total{code="403",component="apiserver",dry_run="All",group="scim-operator.io",resource="appaccounts"`) {
			return "nobody tried whether it could be made again"
		}
		return ""
	})
	must(t, o.Delete(t.Context(), app))
	o.eventually("both go", func() string {
		if o.Get(t.Context(), client.ObjectKeyFromObject(app), app) == nil || o.accountsOf("ends") > 0 {
			return "they are left"
		}
		return ""
	})
	o.seeLogin("nobody can sign in any more", "ends-ada", "false readers")
}
