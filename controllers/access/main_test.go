package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.Discard())
	os.Exit(apiserver.Main(m))
}

// writes remembers what the controller wrote, so that a test can say that it wrote nothing.
type writes struct {
	mu   sync.Mutex
	rows []string
	// held is part of the name of what is not updated before the channel is closed; empty for nothing.
	held    string
	release chan struct{}
}

// hold keeps updates of objects whose names have a part from reaching the API server, until release is called.
func (w *writes) hold(part string) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.release = part, make(chan struct{})
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.held = ""
		close(w.release)
	})
}

// wait returns when an object may be updated.
func (w *writes) wait(ctx context.Context, name string) {
	w.mu.Lock()
	held, release := w.held != "" && strings.Contains(name, w.held), w.release
	w.mu.Unlock()
	if !held {
		return
	}
	select {
	case <-release:
	case <-ctx.Done():
	}
}

func (w *writes) add(verb string, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows = append(w.rows, verb+" "+name)
}

// of gives the writes to objects that belong to a grant: the grant itself and its bindings.
func (w *writes) of(grant string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for _, row := range w.rows {
		if strings.HasSuffix(row, " "+grant) || strings.Contains(row, " scim-"+grant+"-") {
			found = append(found, row)
		}
	}
	return found
}

// wrap lets requests through to the API server, and remembers those that write something that has a name.
func (w *writes) wrap(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		verbs := map[string]string{http.MethodPut: "update", http.MethodDelete: "delete", http.MethodPatch: "patch"}
		verb, path := verbs[request.Method], strings.TrimSuffix(request.URL.Path, "/status")
		switch {
		case verb == "":
			return inner.RoundTrip(request)
		case verb == "patch" && strings.HasPrefix(request.Header.Get("Content-Type"), "application/apply-patch"):
			verb = "apply"
		case path != request.URL.Path:
			verb += " status"
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if verb == "update" {
			w.wait(request.Context(), name)
		}
		w.add(verb, name)
		return inner.RoundTrip(request)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// world is a running controller and an administrator's client beside it.
type world struct {
	t      *testing.T
	ctx    context.Context
	admin  client.WithWatch
	mgr    manager.Manager
	writes *writes
	opts   Options
}

func testScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return scheme
}

// startManager runs the controller until ctx ends.
func startManager(ctx context.Context, config *rest.Config, options Options) (manager.Manager, *writes, error) {
	counted := &writes{}
	config = rest.CopyConfig(config)
	config.Wrap(counted.wrap)
	again := true // each test has a controller of its own, under the same name
	mgr, err := manager.New(config, manager.Options{
		Controller: managerconfig.Controller{SkipNameValidation: &again},
		Scheme:     testScheme(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{ByObject: CacheOptions(), ReaderFailOnMissingInformer: true},
	})
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(store.SetupIndexes(ctx, mgr.GetFieldIndexer()), SetupWithManager(ctx, mgr, options)); err != nil {
		return nil, nil, err
	}
	go func() { _ = mgr.Start(ctx) }()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		return nil, nil, fmt.Errorf("the caches did not fill")
	}
	return mgr, counted, nil
}

type sharedManager struct {
	mgr    manager.Manager
	writes *writes
	err    error
}

var testOptions = Options{BindableClusterRoles: []string{"view", "edit", "later"}, BindableRoles: []string{"pod-reader"}, Calm: NewCalm(nil)}

// shared is one controller for all tests of the package: two would both work on every grant.
var shared = sync.OnceValue(func() sharedManager {
	mgr, counted, err := startManager(context.Background(), apiserver.Config(), testOptions)
	return sharedManager{mgr, counted, err}
})

func newWorld(t *testing.T) *world {
	t.Helper()
	running := shared()
	if running.err != nil {
		t.Fatal(running.err)
	}
	return &world{
		t: t, ctx: t.Context(), admin: adminClient(t, apiserver.Config()), mgr: running.mgr, writes: running.writes, opts: testOptions,
	}
}

func adminClient(t *testing.T, config *rest.Config) client.WithWatch {
	t.Helper()
	admin, err := client.NewWithWatch(config, client.Options{Scheme: testScheme()})
	if err != nil {
		t.Fatal(err)
	}
	return admin
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, object := range objects {
		if err := w.admin.Create(w.ctx, object); err != nil {
			w.t.Fatalf("creating %T %s: %v", object, object.GetName(), err)
		}
	}
}

func (w *world) delete(object client.Object) {
	w.t.Helper()
	if err := w.admin.Delete(w.ctx, object); err != nil {
		w.t.Fatalf("deleting %T %s: %v", object, object.GetName(), err)
	}
}

// edit reads an object, applies a function and writes it.
func edit[T client.Object](w *world, object T, change func(T)) {
	w.t.Helper()
	err := wait.PollUntilContextTimeout(w.ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		if err := w.admin.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return false, err
		}
		change(object)
		return w.admin.Update(ctx, object) == nil, nil
	})
	if err != nil {
		w.t.Fatalf("changing %T %s: %v", object, object.GetName(), err)
	}
}

// eventually polls until a condition holds; the time limit is for a slow machine and says nothing about the operator.
func (w *world) eventually(reason string, condition func() (bool, string)) {
	w.t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(w.ctx, 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		ok, now := condition()
		last = now
		return ok, nil
	})
	if err != nil {
		w.t.Fatalf("reason: %s\nlast seen: %s", reason, last)
	}
}

// can asks the API server itself whether a user may list pods.
func (w *world) can(user, namespace string) bool {
	w.t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "list", Resource: "pods"},
	}}
	if err := w.admin.Create(w.ctx, review); err != nil {
		w.t.Fatal(err)
	}
	return review.Status.Allowed
}

func (w *world) eventuallyCan(user, namespace string, want bool, reason string) {
	w.t.Helper()
	w.eventually(reason, func() (bool, string) { got := w.can(user, namespace); return got == want, fmt.Sprint(got) })
}

// eventuallyReady waits for the grant's condition and returns the grant.
func (w *world) eventuallyReady(grant, wantReason, law string) *v1alpha1.ClusterAccessGrant {
	w.t.Helper()
	found := &v1alpha1.ClusterAccessGrant{}
	w.eventually(law, func() (bool, string) {
		if err := w.admin.Get(w.ctx, client.ObjectKey{Name: grant}, found); err != nil {
			return false, err.Error()
		}
		ready := apimeta.FindStatusCondition(found.Status.Conditions, v1alpha1.GrantReady)
		if ready == nil {
			return false, "no condition"
		}
		return ready.Reason == wantReason && ready.ObservedGeneration == found.Generation, ready.Reason + ": " + ready.Message
	})
	return found
}

func message(grant *v1alpha1.ClusterAccessGrant) string {
	return apimeta.FindStatusCondition(grant.Status.Conditions, v1alpha1.GrantReady).Message
}

// bindings reads a grant's ClusterRoleBindings from the API server.
func (w *world) bindings(grant string) []rbacv1.ClusterRoleBinding {
	w.t.Helper()
	var all rbacv1.ClusterRoleBindingList
	if err := w.admin.List(w.ctx, &all, client.MatchingLabels{v1alpha1.LabelGrant: grant}); err != nil {
		w.t.Fatal(err)
	}
	return all.Items
}

func (w *world) user(id, userName string) *v1alpha1.ScimUser {
	w.t.Helper()
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: v1alpha1.ScimUserSpec{UserName: userName}}
	w.create(user, claimOf(v1alpha1.ClaimUserName, userName, id))
	return user
}

func (w *world) role(id, displayName string, members ...string) *v1alpha1.ScimRole {
	w.t.Helper()
	role := &v1alpha1.ScimRole{
		ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: v1alpha1.ScimRoleSpec{DisplayName: displayName, Members: members},
	}
	w.create(role, claimOf(v1alpha1.ClaimDisplayName, displayName, id))
	return role
}

func claimOf(attribute v1alpha1.ClaimAttribute, value, owner string) *v1alpha1.ScimClaim {
	return &v1alpha1.ScimClaim{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ClaimName(attribute, value)},
		Spec:       v1alpha1.ScimClaimSpec{Attribute: attribute, Value: v1alpha1.Fold(value), Owner: owner},
	}
}

func grantFor(name, displayName, clusterRole string) *v1alpha1.ClusterAccessGrant {
	return &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{DisplayName: displayName}},
			To:    v1alpha1.GrantTarget{Name: clusterRole},
			Scope: v1alpha1.ScopeCluster,
		},
	}
}

func namespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

// needs waits for ClusterRoles that every cluster has: an API server makes them a moment after it is ready.
func (w *world) needs(clusterRoles ...string) {
	w.t.Helper()
	for _, name := range clusterRoles {
		w.eventually("the API server makes its default ClusterRoles", func() (bool, string) {
			err := w.admin.Get(w.ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRole{})
			return err == nil, fmt.Sprint(err)
		})
	}
}

// watchBinding gives each later version of a binding, in order.
func (w *world) watchBinding(binding rbacv1.ClusterRoleBinding) <-chan *rbacv1.ClusterRoleBinding {
	w.t.Helper()
	watcher, err := w.admin.Watch(w.ctx, &rbacv1.ClusterRoleBindingList{}, &client.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", binding.Name),
		Raw:           &metav1.ListOptions{ResourceVersion: binding.ResourceVersion},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(watcher.Stop)
	versions := make(chan *rbacv1.ClusterRoleBinding, 100)
	go func() {
		for e := range watcher.ResultChan() {
			if changed, ok := e.Object.(*rbacv1.ClusterRoleBinding); ok && e.Type == watch.Modified {
				versions <- changed
			}
		}
		close(versions)
	}()
	return versions
}
