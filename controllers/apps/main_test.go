package apps_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/apps"
	"github.com/scim-operator/scim-operator/controllers/claims"
	"github.com/scim-operator/scim-operator/controllers/memberships"
	"github.com/scim-operator/scim-operator/internal/connector"
	connectorpostgres "github.com/scim-operator/scim-operator/internal/connector/postgres"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/postgres"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(run(m))
}

func run(m *testing.M) int {
	server, err := postgres.Start(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop()
	database.Store(server)
	return apiserver.Main(m)
}

// database is the server of this package. TestMain can hand it to tests by a variable only.
var database atomic.Pointer[postgres.Server]

const (
	connectorRole     = "scim"
	connectorPassword = "the connector's canary password"
)

// operator is the controllers that matter here, and a client of an administrator.
type operator struct {
	client.Client
	t      *testing.T
	server *postgres.Server
	admin  *pgx.Conn
	stop   func()
	// namespace is where the apps are.
	namespace string
	// wrap changes each connector that is opened; nil for none.
	wrap func(connector.Connector) connector.Connector
}

func start(t *testing.T) *operator {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	config := apiserver.Config()
	config.QPS = -1
	admin, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	server := database.Load()
	o := &operator{Client: admin, t: t, namespace: "default", server: server, admin: server.Connect(t, "postgres")}
	o.prepare()
	return o
}

// prepare makes the connector's role, once.
func (o *operator) prepare() {
	o.t.Helper()
	_, err := o.admin.Exec(o.t.Context(), `DO $$ BEGIN
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scim') THEN
			CREATE ROLE scim LOGIN CREATEROLE PASSWORD '`+`the connector''s canary password`+`'; GRANT pg_signal_backend TO scim;
			CREATE ROLE readers; CREATE ROLE writers;
		END IF; END $$`)
	must(o.t, err)
}

// run starts the controllers, as a new leader does: with nothing in memory.
func (o *operator) run() {
	o.t.Helper()
	config := apiserver.Config()
	config.QPS = -1
	again := true // each test has controllers of its own, under the same names
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Controller: managerconfig.Controller{SkipNameValidation: &again}, Scheme: o.Scheme(),
		Metrics: metricsserver.Options{BindAddress: "0"}, Client: client.Options{FieldOwner: v1alpha1.ManagedBy},
		Cache: cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ReaderFailOnMissingInformer: true},
	})
	must(o.t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(o.t.Context()))
	must(o.t, errors.Join(
		store.SetupIndexes(ctx, mgr.GetFieldIndexer()), memberships.SetupIndex(ctx, mgr.GetFieldIndexer()), apps.SetupIndexes(ctx, mgr.GetFieldIndexer()),
		claims.SetupWithManager(mgr),
		apps.SetupWithManager(mgr, apps.Options{
			Openers:              map[v1alpha1.AppType]apps.Opener{v1alpha1.AppTypePostgreSQL: o.open},
			LocalUsersNamespaces: []string{o.namespace},
		}),
	))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	o.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			o.t.Errorf("the manager ended with %v", err)
		}
	})
	o.t.Cleanup(o.stop)
}

// open connects to the test's server: the guard against addresses of this machine is tested by itself.
func (o *operator) open(ctx context.Context, _ *v1alpha1.AppConnection, credential apps.Credential, _ apps.Dial) (connector.Connector, error) {
	c, err := connectorpostgres.New(ctx, connectorpostgres.Options{
		Host: o.server.Host, Port: o.server.Port, User: credential.Username, Password: credential.Password, SSLMode: connectorpostgres.Disable,
	})
	if err != nil || o.wrap == nil {
		return c, err
	}
	return o.wrap(c), nil
}

func (o *operator) restart() {
	o.t.Helper()
	o.stop()
	o.run()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *operator) eventually(reason string, check func() string) {
	o.t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(o.t.Context(), 50*time.Millisecond, 90*time.Second, true, func(context.Context) (bool, error) {
		last = check()
		return last == "", nil
	})
	if err != nil {
		o.t.Fatalf("reason: %s\nlast seen: %s", reason, last)
	}
}

// edit changes an object as a person or a push does, whoever else is writing it.
func edit[T client.Object](o *operator, object T, change func(T)) {
	o.t.Helper()
	must(o.t, wait.PollUntilContextTimeout(o.t.Context(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		if err := o.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return false, err
		}
		change(object)
		err := o.Update(ctx, object)
		if apierrors.IsConflict(err) {
			return false, nil
		}
		return err == nil, err
	}))
}

// user makes a local user.
func (o *operator) user(id string) {
	o.t.Helper()
	must(o.t, o.Create(o.t.Context(), &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: v1alpha1.ScimUserSpec{UserName: id + "@example.com"},
	}))
}

func (o *operator) role(name string, ids ...string) {
	o.t.Helper()
	must(o.t, o.Create(o.t.Context(), &v1alpha1.ScimRole{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimRoleSpec{DisplayName: name, Members: ids},
	}))
}

// app makes an AppConnection to the server, whose accounts the role's members get under the beginning of their userName.
func (o *operator) app(name, role string, change ...func(*v1alpha1.AppConnectionSpec)) *v1alpha1.AppConnection {
	o.t.Helper()
	app := &v1alpha1.AppConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: name},
		Spec: v1alpha1.AppConnectionSpec{
			Target: v1alpha1.AppTarget{PostgreSQL: &v1alpha1.PostgreSQLTarget{
				Host: o.server.Host, Port: int32(o.server.Port), CredentialSecretRef: v1alpha1.AppCredential{Name: name},
			}},
			Roles:        []v1alpha1.RoleSelector{{DisplayName: role}},
			Account:      v1alpha1.AccountTemplate{Name: `user.userName.split("@")[0]`},
			RoleMappings: []v1alpha1.AppRoleMapping{{From: v1alpha1.RoleSelector{DisplayName: role}, To: []string{"readers"}}},
			Limits:       v1alpha1.AppLimits{PerSecond: 1000},
		},
	}
	for _, change := range change {
		change(&app.Spec)
	}
	o.secret(name, fmt.Sprintf("postgresql://%s:%d/postgres", o.server.Host, o.server.Port))
	must(o.t, o.Create(o.t.Context(), app))
	return app
}

func (o *operator) secret(name, endpoint string) {
	o.t.Helper()
	must(o.t, o.Create(o.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: name, Annotations: map[string]string{v1alpha1.AnnotationEndpoint: endpoint}},
		StringData: map[string]string{"username": connectorRole, "password": connectorPassword},
	}))
}

// login says whether the server has an account, whether it may sign in, and which roles it has.
func (o *operator) login(name string) string {
	o.t.Helper()
	var text string
	err := o.admin.QueryRow(o.t.Context(), `SELECT r.rolcanlogin || ' ' || coalesce((SELECT string_agg(g.rolname, ',' ORDER BY g.rolname)
		FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '') FROM pg_roles r WHERE r.rolname = $1`, name).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "absent"
	}
	must(o.t, err)
	return text
}

func (o *operator) seeLogin(reason, name, want string) {
	o.t.Helper()
	o.eventually(reason, func() string {
		if got := o.login(name); got != want {
			return fmt.Sprintf("account %s is %q, want %q", name, got, want)
		}
		return ""
	})
}

// seeApp waits for the reason of an AppConnection's condition Ready.
func (o *operator) seeApp(reason, name, want string) *v1alpha1.AppConnection {
	o.t.Helper()
	app := &v1alpha1.AppConnection{}
	o.eventually(reason, func() string {
		must(o.t, o.Get(o.t.Context(), client.ObjectKey{Namespace: o.namespace, Name: name}, app))
		if c := apimeta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppReady); c == nil || c.Reason != want {
			return fmt.Sprintf("want %s, got %+v", want, app.Status)
		}
		return ""
	})
	return app
}

// seeAccount waits for the state and the reason of an AppAccount.
func (o *operator) seeAccount(reason, app, user string, state v1alpha1.AccountState, want string) *v1alpha1.AppAccount {
	o.t.Helper()
	account := &v1alpha1.AppAccount{}
	o.eventually(reason, func() string {
		err := o.Get(o.t.Context(), client.ObjectKey{Namespace: o.namespace, Name: v1alpha1.AccountObjectName(app, user)}, account)
		if err != nil {
			return err.Error()
		}
		c := apimeta.FindStatusCondition(account.Status.Conditions, v1alpha1.AccountReady)
		if c == nil || c.Reason != want || account.Status.State != state {
			return fmt.Sprintf("want %s, %s; got %+v", state, want, account.Status)
		}
		return ""
	})
	return account
}

// accountsOf counts the AppAccounts of an AppConnection.
func (o *operator) accountsOf(app string) (count int) {
	o.t.Helper()
	var all v1alpha1.AppAccountList
	must(o.t, o.List(o.t.Context(), &all, client.InNamespace(o.namespace)))
	for i := range all.Items {
		if all.Items[i].Spec.App == app {
			count++
		}
	}
	return count
}

// apiMetrics is what the API server says about its requests.
func (o *operator) apiMetrics() string {
	o.t.Helper()
	direct, err := rest.UnversionedRESTClientFor(&rest.Config{
		Host: apiserver.Config().Host, TLSClientConfig: apiserver.Config().TLSClientConfig, BearerToken: apiserver.Config().BearerToken,
		ContentConfig: rest.ContentConfig{NegotiatedSerializer: clientgoscheme.Codecs.WithoutConversion()},
	})
	must(o.t, err)
	text, err := direct.Get().AbsPath("/metrics").DoRaw(o.t.Context())
	must(o.t, err)
	return string(text)
}
