package guard_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/access"
	"github.com/scim-operator/scim-operator/controllers/apps"
	"github.com/scim-operator/scim-operator/controllers/claims"
	"github.com/scim-operator/scim-operator/controllers/guard"
	"github.com/scim-operator/scim-operator/controllers/memberships"
	"github.com/scim-operator/scim-operator/controllers/users"
	core "github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(apiserver.Main(m))
}

// operator is the controllers that matter here, on a clock that the test sets, and a client of an administrator.
type operator struct {
	client.Client
	t     *testing.T
	clock *clocktesting.FakePassiveClock
	stop  func()
	// deaf has the answer to the controllers' next write of an AccessPlan's status get lost, and while mute is set none arrives.
	deaf, mute atomic.Bool
	// lost counts the writes that did not arrive.
	lost atomic.Int32
}

// lossy loses the answer to one write of an AccessPlan's status, or all such writes.
type lossy struct {
	next       http.RoundTripper
	deaf, mute *atomic.Bool
	lost       *atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (l lossy) RoundTrip(request *http.Request) (*http.Response, error) {
	counts := request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/accessplans/")
	if counts && l.mute.Load() {
		l.lost.Add(1)
		return nil, errors.New("the write is lost")
	}
	response, err := l.next.RoundTrip(request)
	if counts && err == nil && response.StatusCode == http.StatusOK && l.deaf.CompareAndSwap(true, false) {
		return nil, errors.Join(errors.New("the answer is lost"), response.Body.Close())
	}
	return response, err
}

func start(t *testing.T) *operator {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	config := apiserver.Config()
	config.QPS = -1
	admin, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	o := &operator{Client: admin, t: t, clock: clocktesting.NewFakePassiveClock(time.Now().Truncate(time.Second))}
	o.run(scheme)
	t.Cleanup(func() { o.stop() })
	must(t, wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		// An API server makes its default ClusterRoles a moment after it is ready.
		return o.Get(ctx, client.ObjectKey{Name: "view"}, &rbacv1.ClusterRole{}) == nil, nil
	}))
	return o
}

// run starts the controllers, as a new leader does: with nothing in memory.
func (o *operator) run(scheme *runtime.Scheme) {
	o.t.Helper()
	config := apiserver.Config()
	config.QPS = -1
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return lossy{next: next, deaf: &o.deaf, mute: &o.mute, lost: &o.lost}
	})
	again := true // each test has controllers of its own, under the same names
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Controller: managerconfig.Controller{SkipNameValidation: &again}, Scheme: scheme,
		Metrics: metricsserver.Options{BindAddress: "0"}, Client: client.Options{FieldOwner: v1alpha1.ManagedBy},
		Cache: cache.Options{ByObject: access.CacheOptions(), DefaultTransform: cache.TransformStripManagedFields(), ReaderFailOnMissingInformer: true},
	})
	must(o.t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(o.t.Context()))
	must(o.t, store.SetupIndexes(ctx, mgr.GetFieldIndexer()))
	gate, err := guard.NewGate(mgr, guard.Options{Clock: o.clock})
	must(o.t, err)
	bound := func(ctx context.Context, name string) (access.Bound, error) {
		return access.StillBound(ctx, mgr.GetCache(), name)
	}
	must(o.t, errors.Join(
		claims.SetupWithManager(mgr),
		access.SetupWithManager(ctx, mgr, access.Options{BindableClusterRoles: []string{"view", "edit"}, Gate: gate}),
		guard.SetupWithManager(mgr, gate),
		memberships.SetupIndex(ctx, mgr.GetFieldIndexer()), apps.SetupIndexes(ctx, mgr.GetFieldIndexer()),
		users.SetupWithManager(ctx, mgr, users.Options{Bound: bound, Now: time.Now}),
	))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	o.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			o.t.Errorf("the manager ended with %v", err)
		}
	})
}

func (o *operator) restart() {
	o.t.Helper()
	o.stop()
	o.run(o.Scheme())
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

func (o *operator) directory(name string, settings v1alpha1.Guard) {
	o.t.Helper()
	must(o.t, o.Create(o.t.Context(), &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimDirectorySpec{Guard: settings},
	}))
}

// crew makes a directory's users, a role of all of them, and a grant of view to the role; it waits until all are bound.
func (o *operator) crew(directory string, n int) (ids []string) {
	o.t.Helper()
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s-u%03d", directory, i))
	}
	for _, id := range ids {
		must(o.t, o.Create(o.t.Context(), &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: v1alpha1.ScimUserSpec{UserName: id + "@example.com", Directory: directory},
		}))
	}
	o.role(directory, directory+"-crew", ids...)
	o.grant(directory+"-grant", directory+"-crew", "")
	o.bound("everybody has access", directory+"-grant", ids...)
	return ids
}

func (o *operator) role(directory, name string, ids ...string) {
	o.t.Helper()
	must(o.t, o.Create(o.t.Context(), &v1alpha1.ScimRole{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimRoleSpec{DisplayName: name, Directory: directory, Members: ids},
	}))
}

func (o *operator) grant(name, role string, protection v1alpha1.GrantProtection) {
	o.t.Helper()
	must(o.t, o.Create(o.t.Context(), &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{DisplayName: role}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
			Protection: protection,
		},
	}))
}

func (o *operator) active(value bool, ids ...string) {
	o.t.Helper()
	for _, id := range ids {
		edit(o, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}}, func(u *v1alpha1.ScimUser) { u.Spec.Active = &value })
	}
}

// subjects are the ids of the users whom the bindings of a grant name.
func (o *operator) subjects(grant string) []string {
	o.t.Helper()
	var all rbacv1.ClusterRoleBindingList
	must(o.t, o.List(o.t.Context(), &all, client.MatchingLabels{v1alpha1.LabelGrant: grant}))
	names := map[string]bool{}
	for _, binding := range all.Items {
		for _, subject := range binding.Subjects {
			names[subject.Name[:len(subject.Name)-len("@example.com")]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// bound waits until the bindings of a grant name exactly these users.
func (o *operator) bound(reason, grant string, ids ...string) {
	o.t.Helper()
	want := slices.Sorted(slices.Values(ids))
	o.eventually(reason, func() string {
		if got := o.subjects(grant); !slices.Equal(got, want) {
			return fmt.Sprintf("%d are bound, not %d: %.300v", len(got), len(want), got)
		}
		return ""
	})
}

// settle waits until the bindings of a grant name so many users, and says whom. A plan is written before the bindings that follow from it.
func (o *operator) settle(reason, grant string, n int) (ids []string) {
	o.t.Helper()
	o.eventually(reason, func() string {
		if ids = o.subjects(grant); len(ids) != n {
			return fmt.Sprintf("%d are bound, not %d: %.300v", len(ids), n, ids)
		}
		return ""
	})
	return ids
}

// plan waits until an AccessPlan is as described by its state, held and passed.
func (o *operator) plan(reason, name string, state v1alpha1.PlanState, held, passed int32) *v1alpha1.AccessPlan {
	o.t.Helper()
	plan := &v1alpha1.AccessPlan{}
	o.eventually(reason, func() string {
		if err := o.Get(o.t.Context(), client.ObjectKey{Name: name}, plan); err != nil {
			return err.Error()
		}
		s := plan.Status
		if s.State != state || s.Held == nil || *s.Held != held || *s.Passed != passed {
			return fmt.Sprintf("want %s, %d held, %d passed; got %+v", state, held, passed, s)
		}
		return ""
	})
	return plan
}

// waiting are the names that the bindings hold for a plan, as kubectl scim plan show lists them.
func (o *operator) waiting(plan *v1alpha1.AccessPlan) []string {
	o.t.Helper()
	var all rbacv1.ClusterRoleBindingList
	must(o.t, o.List(o.t.Context(), &all, client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}))
	var names []string
	for _, binding := range all.Items {
		for _, person := range core.Held(plan, binding.Labels, binding.Annotations, binding.Subjects) {
			names = append(names, person.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// decide writes a decision and waits for what becomes of it.
func (o *operator) decide(name, digest string, verdict v1alpha1.PlanDecision, wantReason string) {
	o.t.Helper()
	plan := &v1alpha1.AccessPlan{ObjectMeta: metav1.ObjectMeta{Name: name}}
	edit(o, plan, func(p *v1alpha1.AccessPlan) { p.Spec.Decision = v1alpha1.Decision{Digest: digest, Verdict: verdict} })
	generation := plan.Generation
	o.eventually("a decision is answered: "+wantReason, func() string {
		if err := o.Get(o.t.Context(), client.ObjectKeyFromObject(plan), plan); err != nil {
			return err.Error()
		}
		for _, c := range plan.Status.Conditions {
			if c.Type == v1alpha1.PlanDecided && c.ObservedGeneration == generation && c.Reason == wantReason {
				return ""
			}
		}
		return fmt.Sprintf("%+v", plan.Status.Conditions)
	})
}

// later sets the clock forward and makes the controller look at a plan, as its timer would.
func (o *operator) later(plan string, by time.Duration) {
	o.t.Helper()
	o.clock.SetTime(o.clock.Now().Add(by))
	object := &v1alpha1.AccessPlan{}
	err := o.Get(o.t.Context(), client.ObjectKey{Name: plan}, object)
	if apierrors.IsNotFound(err) {
		return
	}
	must(o.t, err)
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"example.com/looked-at":%q}}}`, o.clock.Now())
	must(o.t, client.IgnoreNotFound(o.Patch(o.t.Context(), object, client.RawPatch("application/merge-patch+json", patch))))
}
