package apps_test

import (
	"context"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/scimmy"
	"github.com/scim-operator/scim-operator/test/slapd"
)

// connect makes an AppConnection and, as its owner does, confirms in the Secret the endpoint that the status shows.
func (c *company) connect(name string, change func(*v1alpha1.AppConnection)) {
	c.t.Helper()
	app := &v1alpha1.AppConnection{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: name}, Spec: v1alpha1.AppConnectionSpec{
		Account: v1alpha1.AccountTemplate{Name: `user.userName.split("@")[0]`},
		Guard:   v1alpha1.AppGuard{Mode: v1alpha1.GuardOff},
		Limits:  v1alpha1.AppLimits{PerSecond: 200},
	}}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: name}, Data: map[string][]byte{"ca.crt": c.o.authority.PEM}}
	prefixes := c.target(app, secret)
	for i := range groups {
		from := v1alpha1.RoleSelector{DisplayName: c.group(i), Directory: c.name}
		app.Spec.Roles = append(app.Spec.Roles, from)
		mapping := v1alpha1.AppRoleMapping{From: from}
		for _, prefix := range prefixes {
			mapping.To = append(mapping.To, prefix+c.group(i))
		}
		app.Spec.RoleMappings = append(app.Spec.RoleMappings, mapping)
	}
	if change != nil {
		change(app)
	}
	c.create(app)
	if secret.StringData == nil {
		return
	}
	eventually(c.t, "status.endpoint is there", func(ctx context.Context) error {
		if err := c.o.kube.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil {
			return err
		}
		if app.Status.Endpoint == "" {
			return fmt.Errorf("AppConnection %s has none", name)
		}
		return nil
	})
	secret.Annotations = map[string]string{v1alpha1.AnnotationEndpoint: app.Status.Endpoint}
	c.create(secret)
}

// target fills in where the app is and what opens it, and gives what the app's names of roles begin with.
func (c *company) target(app *v1alpha1.AppConnection, secret *corev1.Secret) (prefixes []string) {
	c.t.Helper()
	credential := v1alpha1.AppCredential{Name: app.Name}
	switch app.Name {
	case "postgres":
		host, port, err := net.SplitHostPort(c.postgres.address)
		check(c.t, "split an address", err)
		number, err := strconv.ParseInt(port, 10, 32)
		check(c.t, "read a port", err)
		app.Spec.Target.PostgreSQL = &v1alpha1.PostgreSQLTarget{
			Host: host, Port: int32(number), TLS: v1alpha1.PostgreSQLTLSDisable, CredentialSecretRef: credential,
		}
		secret.StringData = map[string]string{"username": postgresUser, "password": postgresPassword}
	case "ldap":
		base := "ou=" + c.name + "," + slapd.Suffix
		app.Spec.Target.LDAP = &v1alpha1.LDAPTarget{
			URL: "ldaps://" + c.ldap.address, UsersBaseDN: "ou=people," + base, GroupsBaseDN: "ou=groups," + base, CredentialSecretRef: credential,
		}
		app.Spec.Account.Attributes = map[string]v1alpha1.AttributeExpression{"mail": "user.emails[0].value"}
		secret.StringData = map[string]string{"username": ldapUser, "password": ldapPassword}
	case "scim":
		app.Spec.Target.SCIM = &v1alpha1.SCIMTarget{URL: "https://" + c.scim.address + "/scim/v2", CredentialSecretRef: credential}
		secret.StringData = map[string]string{"password": scimmy.Token}
	default:
		app.Spec.Target.ArgoCD = &v1alpha1.ArgoCDTarget{Accounts: v1alpha1.ArgoCDSSO}
		return []string{"role:", "proj:web:"}
	}
	return []string{""}
}
