package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestAppDefaults: what an AppConnection leaves out is what the object then shows.
func TestAppDefaults(t *testing.T) {
	c := newClient(t)
	app := func(name string, target v1alpha1.AppTarget) *v1alpha1.AppConnection {
		t.Helper()
		connection := &v1alpha1.AppConnection{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
			Spec:       v1alpha1.AppConnectionSpec{Target: target, Roles: []v1alpha1.RoleSelector{{Name: "r"}}},
		}
		create(t, c, connection)
		return connection
	}
	secret := v1alpha1.AppCredential{Name: "s"}
	filled := v1alpha1.AppCredential{Name: "s", UsernameKey: "username", PasswordKey: "password", CAKey: "ca.crt"}

	db := app("defaults-db", v1alpha1.AppTarget{PostgreSQL: &v1alpha1.PostgreSQLTarget{Host: "db", CredentialSecretRef: secret}})
	want := v1alpha1.AppConnectionSpec{
		Roles: []v1alpha1.RoleSelector{{Name: "r"}}, Mode: v1alpha1.AppEnforce, DeletionPolicy: v1alpha1.ConnectionRetain,
		Target: v1alpha1.AppTarget{PostgreSQL: &v1alpha1.PostgreSQLTarget{
			Host: "db", Port: 5432, Database: "postgres", TLS: v1alpha1.PostgreSQLTLSVerify, CredentialSecretRef: filled, LongNames: v1alpha1.LongNamesRefuse,
		}},
	}
	if diff := cmp.Diff(want, db.Spec); diff != "" {
		t.Errorf("a database with nothing but what is required (-want +got):\n%s", diff)
	}
	directory := app("defaults-ldap", v1alpha1.AppTarget{LDAP: &v1alpha1.LDAPTarget{
		URL: "ldaps://ldap", CredentialSecretRef: secret, UsersBaseDN: "ou=people", GroupsBaseDN: "ou=groups",
		Suspension: v1alpha1.LDAPSuspensionMethod{Method: v1alpha1.LDAPSuspendPPolicy},
	}})
	want.Target = v1alpha1.AppTarget{LDAP: &v1alpha1.LDAPTarget{
		URL: "ldaps://ldap", CredentialSecretRef: filled, UsersBaseDN: "ou=people", GroupsBaseDN: "ou=groups", Profile: v1alpha1.LDAPOpenLDAP,
		Suspension: v1alpha1.LDAPSuspensionMethod{Method: v1alpha1.LDAPSuspendPPolicy},
	}}
	if diff := cmp.Diff(want, directory.Spec); diff != "" {
		t.Errorf("an LDAP server with nothing but what is required (-want +got):\n%s", diff)
	}
	saas := app("defaults-scim", v1alpha1.AppTarget{SCIM: &v1alpha1.SCIMTarget{URL: "https://app.example.com", CredentialSecretRef: secret}})
	want.Target = v1alpha1.AppTarget{SCIM: &v1alpha1.SCIMTarget{
		URL: "https://app.example.com", Profile: "Generic", Authentication: v1alpha1.SCIMBearer, CredentialSecretRef: filled,
	}}
	if diff := cmp.Diff(want, saas.Spec); diff != "" {
		t.Errorf("a SCIM server with nothing but what is required (-want +got):\n%s", diff)
	}
}

// TestAppSelectors: every selectable field of the kinds about apps finds one of two objects, live.
func TestAppSelectors(t *testing.T) {
	c := newClient(t)
	for _, text := range []string{
		`{kind: AppConnection, metadata: {name: db, namespace: default}, spec: {mode: Plan, roles: [{name: r}], target: {argocd: {accounts: SSO}}}}`,
		`{kind: AppConnection, metadata: {name: other, namespace: default}, spec: {roles: [{name: r}], target: {argocd: {accounts: SSO}}}}`,
		`{kind: AppAccount, metadata: {name: other.bob, namespace: default}, spec: {app: other, user: bob}}`,
	} {
		create(t, c, parse(t, text))
	}
	wanted := &v1alpha1.AppAccount{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.AccountObjectName("db", "alice"), Namespace: "default"},
		Spec:       v1alpha1.AppAccountSpec{App: "db", User: "alice"},
	}
	create(t, c, wanted)
	wanted.Status.State = v1alpha1.AccountFailed
	if err := c.Status().Update(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	mustSelect(t, c, &v1alpha1.AppConnectionList{}, "spec.mode", "Plan", "db")
	mustSelect(t, c, &v1alpha1.AppAccountList{}, "spec.app", "db", wanted.Name)
	mustSelect(t, c, &v1alpha1.AppAccountList{}, "spec.user", "alice", wanted.Name)
	mustSelect(t, c, &v1alpha1.AppAccountList{}, "status.state", "Failed", wanted.Name)
}
