package apps_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/install"
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/postgres"
	"github.com/scim-operator/scim-operator/test/scimmy"
	"github.com/scim-operator/scim-operator/test/slapd"
)

// The operator's credentials in the apps. scimmy's is scimmy.Token.
const (
	postgresUser     = "scim"
	postgresPassword = "postgres-canary-5b1f0c77aa"
	ldapUser         = "cn=scim," + slapd.Suffix
	ldapPassword     = "slapd-canary-20c9e6d41f"
	ldapPolicy       = "cn=policy," + slapd.Suffix
	groups           = 10
)

func canaries() []string { return []string{postgresPassword, ldapPassword, scimmy.Token} }

// startApps starts the servers, and makes the operator's accounts in them, with the rights that the documentation asks for and no others.
func (o *operator) startApps(ctx context.Context) error {
	var err error
	if o.postgres, err = postgres.Start(ctx); err != nil {
		return err
	}
	conn, err := o.postgres.AsSuperuser(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE ROLE "+postgresUser+" LOGIN CREATEROLE PASSWORD '"+postgresPassword+"'; GRANT pg_signal_backend TO "+postgresUser); err != nil {
		return err
	}
	if o.scimmy, err = scimmy.Start(ctx, scimmy.Express4); err != nil {
		return err
	}
	o.slapd, err = slapd.Start(ctx, `overlay ppolicy`, `ppolicy_default "`+ldapPolicy+`"`,
		`limits dn.exact="`+ldapUser+`" size.soft=1000 size.hard=1000 size.prtotal=unlimited`,
		`access to attrs=userPassword by anonymous auth by * none`,
		`access to dn.regex="^(.+,)?ou=(people|groups),ou=[^,]+,`+slapd.Suffix+`$" by dn.exact="`+ldapUser+`" write by users read`,
		`access to * by dn.exact="`+ldapUser+`" read by users read by anonymous auth`)
	if err != nil {
		return err
	}
	manager, err := o.slapd.AsManager()
	if err != nil {
		return err
	}
	defer manager.Close()
	for _, request := range []*goldap.AddRequest{
		entry(ldapUser, "objectClass", "organizationalRole", "objectClass", "simpleSecurityObject", "userPassword", ldapPassword),
		entry(ldapPolicy, "objectClass", "organizationalRole", "objectClass", "pwdPolicy", "pwdAttribute", "userPassword", "pwdLockout", "TRUE"),
	} {
		if err := manager.Add(request); err != nil {
			return err
		}
	}
	_, err = envtest.InstallCRDs(apiserver.Config(), envtest.CRDInstallOptions{
		Paths: []string{filepath.Join("..", "..", "internal", "connector", "argocd", "testdata", "appproject.yaml")},
	})
	return err
}

// entry is a request for an entry: names and values of attributes in turn.
func entry(dn string, attributes ...string) *goldap.AddRequest {
	request := &goldap.AddRequest{DN: dn}
	values := map[string][]string{}
	for i := 0; i < len(attributes); i += 2 {
		values[attributes[i]] = append(values[attributes[i]], attributes[i+1])
	}
	for name, list := range values {
		request.Attribute(name, list)
	}
	return request
}

// company is a directory, a namespace with a connection to each app, and what of the apps is theirs: everything begins with its name.
type company struct {
	t    testing.TB
	o    *operator
	name string
	*okta.Client
	postgres, ldap *wire
	scim           *web
	// groupIDs are those that the SCIM server gave.
	groupIDs []string
	// people are whom the scenario knows, by number.
	people map[int]*person
	// sql and directory are connections of the benchmark, once it has made them.
	sql       *pgx.Conn
	directory *goldap.Conn
}

// connections are the names of the AppConnections, by what is on the other side.
var connections = []string{"postgres", "ldap", "scim", "argocd"}

// group is the name of a group, at the identity provider and in each app.
func (c *company) group(i int) string { return fmt.Sprintf("%s-team%d", c.name, i) }

// newCompany makes a company with connections to those apps. change may change each AppConnection.
func newCompany(t testing.TB, name string, apps []string, change func(*v1alpha1.AppConnection)) *company {
	t.Helper()
	o := theOperator(t)
	c := &company{t: t, o: o, name: name, people: map[int]*person{}}
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	c.create(&v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimDirectorySpec{
		Provider:    v1alpha1.ProviderOkta,
		Credentials: []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token"}}},
		Guard:       v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 100_000}, Members: v1alpha1.GuardLimit{Count: 100_000}},
		Apps:        v1alpha1.AppConsent{Namespaces: []string{name}},
	}})
	c.rights("scim-operator-apps", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}})
	c.rights("scim-operator-argocd",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"argocd-cm", "argocd-rbac-cm"}, Verbs: []string{"get", "update"}},
		rbacv1.PolicyRule{APIGroups: []string{"argoproj.io"}, Resources: []string{"appprojects"}, Verbs: []string{"get", "list", "update", "patch"}})
	pair, err := o.authority.Loopback("app")
	check(t, "make a certificate", err)
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	check(t, "read a certificate", err)
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	c.postgres = newWire(t, "tcp", fmt.Sprintf("%s:%d", o.postgres.Host, o.postgres.Port), nil, postgres.Cutter)
	c.ldap = newWire(t, "unix", o.slapd.Socket(), secure, slapd.Cutter)
	c.scim = newWeb(t, o.scimmy.BaseURL, secure)
	c.groupsInApps()
	c.Client = o.client(t, name)
	eventually(t, "the server knows the directory", func(ctx context.Context) error { return c.TestConnector(ctx, true) })
	for _, app := range apps {
		c.connect(app, change)
	}
	return c
}

func (c *company) create(object client.Object) {
	c.t.Helper()
	check(c.t, fmt.Sprintf("create %T %s", object, object.GetName()), c.o.kube.Create(c.t.Context(), object))
}

// rights gives the controller what the chart gives it for apps.namespaces and apps.argocdNamespaces.
func (c *company) rights(name string, rules ...rbacv1.PolicyRule) {
	c.t.Helper()
	meta := metav1.ObjectMeta{Namespace: c.name, Name: name}
	c.create(&rbacv1.Role{ObjectMeta: meta, Rules: rules})
	c.create(&rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: install.Namespace, Name: install.ControllerAccount}},
	})
}

// groupsInApps makes the groups that roles are mapped to, and in each app the account of a stranger.
func (c *company) groupsInApps() {
	c.t.Helper()
	sql, ldap := c.o.postgres.Connect(c.t, "postgres"), c.o.slapd.Connect(c.t)
	base := "ou=" + c.name + "," + slapd.Suffix
	for _, dn := range []string{base, "ou=people," + base, "ou=groups," + base} {
		check(c.t, "add "+dn, ldap.Add(entry(dn, "objectClass", "organizationalUnit")))
	}
	stranger := "uid=" + c.name + "-stranger,ou=people," + base
	check(c.t, "add a stranger", ldap.Add(entry(stranger, "objectClass", "inetOrgPerson", "cn", "by hand", "sn", "by hand", "description", "made by hand")))
	_, err := sql.Exec(c.t.Context(), fmt.Sprintf(`CREATE ROLE "%s-stranger" LOGIN; COMMENT ON ROLE "%[1]s-stranger" IS 'made by hand'`, c.name))
	check(c.t, "make a stranger", err)
	c.o.scimmy.Do(c.t, "POST", "/Users", map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": c.name + "-stranger", "active": true,
	})
	policy := "g, " + c.name + "-stranger, role:" + c.group(0) + "\n"
	var projectRoles []any
	for i := range groups {
		_, err := sql.Exec(c.t.Context(), fmt.Sprintf(`CREATE ROLE %q`, c.group(i)))
		check(c.t, "make a role", err)
		dn := "cn=" + c.group(i) + ",ou=groups," + base
		check(c.t, "add a group", ldap.Add(entry(dn, "objectClass", "groupOfNames", "member", dn)))
		c.o.scimmy.Do(c.t, "POST", "/Groups", map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": c.group(i),
		})
		policy += "p, role:" + c.group(i) + ", applications, get, */*, allow\n"
		projectRoles = append(projectRoles, map[string]any{"name": c.group(i)})
	}
	c.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: "argocd-rbac-cm"}, Data: map[string]string{"policy.csv": policy}})
	c.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: "argocd-cm"}})
	project := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": map[string]any{"namespace": c.name, "name": "web"},
		"spec": map[string]any{"roles": projectRoles},
	}}
	c.create(project)
}
