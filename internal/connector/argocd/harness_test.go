package argocd_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/argocd"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(apiserver.Main(m))
}

const (
	policyName   = "argocd-rbac-cm"
	settingsName = "argocd-cm"
	ownKey       = "policy.scim-operator.csv"
	serviceName  = "scim-operator"
)

// Roles that may be given: of the policy, and of projects.
var giveable = []string{"role:deployer", "proj:web:deployer", "role:with, comma", "proj:shop:reader"}

// byHand is what people wrote, in their own style.
var byHand = map[string]string{
	"policy.csv": "# who may do what\n\np, role:deployer, applications, sync, web/*, allow\np,role:auditor,applications,get,*,allow\n" +
		"\tp, \"role:with, comma\", applications, get, shop/*, allow  \ng, role:lead, role:boss\ng,role:boss, role:admin\ng, my-org:team, role:auditor",
	"policy.overlay.csv": "p, role:overlay, clusters, get, *, allow\r\ng, somebody, developers\n",
	"policy.default":     "everybody",
	"scopes":             "[groups, email]",
}

const project = `
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: %s}
spec:
  description: by hand
  sourceRepos: ["*"]
  clusterResourceBlacklist: [{group: "", kind: Node}]
  roles:
  - name: deployer
    description: who deploys
    policies: ["p, proj:%[1]s:deployer, applications, sync, %[1]s/*, allow"]
    jwtTokens: [{iat: 1535390316, id: a}]
  - name: reader
    policies: ["p, proj:%[1]s:reader, applications, get, %[1]s/*, allow"]
    groups: [my-org:readers, " led by a space"]
status: {jwtTokensByRole: {deployer: {items: [{iat: 1535390316}]}}}
`

// world is what a test has: a namespace with the objects of an Argo CD, an administrator's client, and the identity of the connector.
type world struct {
	testing.TB
	admin     client.Client
	config    *rest.Config
	namespace string
	accounts  argocd.Accounts
}

func newWorld(t testing.TB, accounts argocd.Accounts) *world {
	t.Helper()
	config := apiserver.Config()
	if _, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{filepath.Join("testdata", "appproject.yaml")}}); err != nil {
		t.Fatal(err)
	}
	admin, err := argocd.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, admin: admin, accounts: accounts}
	clients := kubernetes.NewForConfigOrDie(config)
	namespace, err := clients.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "argocd-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.namespace = namespace.Name
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: policyName, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}, Data: byHand})
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: settingsName}, Data: map[string]string{"url": "https://argocd.example.com", "accounts.robot": "apiKey"}})
	for _, name := range []string{"web", "shop"} {
		made := new(unstructured.Unstructured)
		if err := yaml.Unmarshal([]byte(fmt.Sprintf(project, name)), &made.Object); err != nil {
			t.Fatal(err)
		}
		w.create(made)
	}
	w.config = w.identity(clients)
	return w
}

// identity is a service account with the rights that the package's documentation asks for, and no others.
func (w *world) identity(clients kubernetes.Interface) *rest.Config {
	w.Helper()
	maps := []string{policyName}
	if w.accounts == argocd.Local {
		maps = append(maps, settingsName)
	}
	ctx, meta := w.Context(), metav1.ObjectMeta{Name: serviceName}
	_, err := clients.RbacV1().Roles(w.namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: maps, Verbs: []string{"get", "update"}},
		{APIGroups: []string{"argoproj.io"}, Resources: []string{"appprojects"}, Verbs: []string{"get", "list", "update"}},
	}}, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	_, err = clients.RbacV1().RoleBindings(w.namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: serviceName},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: serviceName, Namespace: w.namespace}},
	}, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	services := clients.CoreV1().ServiceAccounts(w.namespace)
	if _, err := services.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
	token, err := services.CreateToken(ctx, serviceName, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	config := rest.AnonymousClientConfig(apiserver.Config())
	config.BearerToken = token.Status.Token
	config.QPS = -1
	return config
}

func (w *world) create(object client.Object) {
	w.Helper()
	object.SetNamespace(w.namespace)
	if err := w.admin.Create(w.Context(), object); err != nil {
		w.Fatal(err)
	}
}

func (w *world) read(name string, into client.Object) {
	w.Helper()
	if err := w.admin.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, into); err != nil {
		w.Fatal(err)
	}
}

func (w *world) update(object client.Object) {
	w.Helper()
	if err := w.admin.Update(w.Context(), object); err != nil {
		w.Fatal(err)
	}
}

func (w *world) object(name string) *corev1.ConfigMap {
	w.Helper()
	found := new(corev1.ConfigMap)
	w.read(name, found)
	return found
}

// configMap returns the data of one.
func (w *world) configMap(name string) map[string]string {
	w.Helper()
	return w.object(name).Data
}

// edit changes the data of a ConfigMap by hand.
func (w *world) edit(name string, change func(data map[string]string)) {
	w.Helper()
	found := w.object(name)
	change(found.Data)
	w.update(found)
}

func (w *world) project(name string) *unstructured.Unstructured {
	w.Helper()
	found := new(unstructured.Unstructured)
	found.SetAPIVersion("argoproj.io/v1alpha1")
	found.SetKind("AppProject")
	w.read(name, found)
	return found
}

// editGroups changes the groups of a role by hand, named as in the policy.
func (w *world) editGroups(role string, change func(groups []string) []string) {
	w.Helper()
	parts := strings.Split(role, ":")
	found := w.project(parts[1])
	roles, _, err := unstructured.NestedSlice(found.Object, "spec", "roles")
	if err != nil {
		w.Fatal(err)
	}
	for _, item := range roles {
		if item := item.(map[string]any); item["name"] == parts[2] {
			groups, _, err := unstructured.NestedStringSlice(item, "groups")
			if err != nil {
				w.Fatal(err)
			}
			if err := unstructured.SetNestedStringSlice(item, change(groups), "groups"); err != nil {
				w.Fatal(err)
			}
		}
	}
	if err := unstructured.SetNestedSlice(found.Object, roles, "spec", "roles"); err != nil {
		w.Fatal(err)
	}
	w.update(found)
}

// grant gives a role as a person would.
func (w *world) grant(name, role string) {
	w.Helper()
	if strings.HasPrefix(role, "proj:") {
		w.editGroups(role, func(groups []string) []string { return append(groups, name) })
		return
	}
	w.edit(policyName, func(data map[string]string) { data["policy.csv"] += "\n" + row("g", name, role) })
}

// take takes a role from what the connector wrote.
func (w *world) take(name, role string) {
	w.Helper()
	if strings.HasPrefix(role, "proj:") {
		w.editGroups(role, func(groups []string) []string {
			return slices.DeleteFunc(groups, func(group string) bool { return group == name })
		})
		return
	}
	w.edit(policyName, func(data map[string]string) {
		lines := strings.Split(data[ownKey], "\n")
		data[ownKey] = strings.Join(slices.DeleteFunc(lines, func(line string) bool {
			return slices.Equal(fields(line), []string{"g", name, role})
		}), "\n")
	})
}

// foreign makes an account as a person would.
func (w *world) foreign(name string, roles ...string) {
	w.Helper()
	if w.accounts == argocd.Local {
		w.edit(settingsName, func(data map[string]string) { data["accounts."+name] = "login" })
	} else {
		w.edit(policyName, func(data map[string]string) {
			data["policy.csv"] += "\n" + row("p", name, "applications", "get", "default/*", "allow")
		})
	}
	for _, role := range roles {
		w.grant(name, role)
	}
}

// connector makes one with the usual options, but for some.
func (w *world) connector(change ...func(*argocd.Options)) connector.Connector {
	w.Helper()
	return w.connectorBy(w.config, change...)
}

func (w *world) connectorBy(config *rest.Config, change ...func(*argocd.Options)) connector.Connector {
	w.Helper()
	made, err := argocd.NewClient(config)
	if err != nil {
		w.Fatal(err)
	}
	options := argocd.Options{
		Client: made, Namespace: w.namespace, Accounts: w.accounts, Projects: true, Protected: []string{"break-glass"},
	}
	for _, change := range change {
		change(&options)
	}
	c, err := argocd.New(options)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) ensure(c connector.Connector, account connector.Account) connector.Observed {
	w.Helper()
	observed, _, err := c.Ensure(w.Context(), account)
	if err != nil {
		w.Fatalf("ensure: %v", err)
	}
	return observed
}

// account is an active account of a person of that name.
func account(name string, roles ...string) connector.Account {
	return connector.Account{Owner: connector.Owner{App: "app of package argocd", Person: name}, Name: name, Active: true, Roles: roles}
}

// wire stands between a client and the server. It counts what writes, and breaks the connection at one exchange: before the server has the
// request or, when answered is set, when the answer is on its way.
type wire struct {
	at       int64
	answered bool

	next              http.RoundTripper
	exchanges, writes atomic.Int64
	cut               atomic.Bool
}

type cutError struct{}

func (cutError) Error() string { return "the connection was cut" }

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	if w.cut.Load() {
		return nil, cutError{}
	}
	if request.Method != http.MethodGet {
		w.writes.Add(1)
	}
	cut := w.exchanges.Add(1) == w.at
	if cut {
		w.cut.Store(true)
	}
	if cut && !w.answered {
		return nil, cutError{}
	}
	response, err := w.next.RoundTrip(request)
	if cut && err == nil {
		_ = response.Body.Close()
		return nil, cutError{}
	}
	return response, err
}

// over is the configuration with the wire in it.
func (w *wire) over(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		w.next = next
		return w
	})
	return config
}
