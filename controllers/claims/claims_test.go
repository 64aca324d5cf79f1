package claims

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(apiserver.Main(m))
}

// counting counts the requests that a client sends.
type counting struct {
	next  http.RoundTripper
	count *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.count.Add(1)
	return c.next.RoundTrip(r)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, done func(ctx context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// start runs the controller in a manager until the test ends. Its clock is an hour ahead, so that nothing has to settle. It returns
// the store, a client of the test's own, and the cache.
func start(t *testing.T) (*store.Store, client.Client, client.Reader) {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, v1alpha1.AddToScheme(scheme))
	config := apiserver.Config()
	config.QPS = -1
	mgr, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}})
	must(t, err)
	must(t, store.SetupIndexes(t.Context(), mgr.GetFieldIndexer()))
	plain, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	repairs, err := store.New(store.Config{
		Client: plain, Cache: mgr.GetCache(), Clock: clocktesting.NewFakePassiveClock(time.Now().Add(time.Hour)),
	})
	must(t, err)
	must(t, SetupWithStore(mgr, repairs))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the manager ended with %v", err)
		}
	})
	if !mgr.GetCache().WaitForCacheSync(t.Context()) {
		t.Fatal("the cache did not sync")
	}
	return repairs, plain, mgr.GetCache()
}

func TestController(t *testing.T) {
	repairs, plain, cache := start(t)
	ctx := t.Context()
	var users []*v1alpha1.ScimUser
	for i := range 5 {
		user, err := repairs.CreateUser(ctx, "dir", &v1alpha1.ScimUserSpec{UserName: fmt.Sprintf("user-%d", i)})
		must(t, err)
		users = append(users, user)
	}

	must(t, plain.DeleteAllOf(ctx, &v1alpha1.ScimClaim{}))
	for _, user := range users {
		eventually(t, "every user comes back after all claims were deleted", func(ctx context.Context) (bool, error) {
			found, err := repairs.UserByUserName(ctx, "dir", user.Spec.UserName)
			return err == nil && found.Name == user.Name, nil
		})
	}

	local := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "by-hand"}, Spec: v1alpha1.ScimUserSpec{UserName: "By Hand"}}
	must(t, plain.Create(ctx, local))
	eventually(t, "a local user gets its claim", func(ctx context.Context) (bool, error) {
		return store.UserCounts(ctx, plain, local)
	})
	must(t, plain.Delete(ctx, local))
	gone(t, plain, store.ClaimNameOf(local), &v1alpha1.ScimClaim{}, "the claim of a user that kubectl deleted goes")

	renamed := users[0]
	_, err := repairs.UpdateUser(ctx, "dir", renamed.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "renamed"; return nil })
	must(t, err)
	gone(t, plain, store.ClaimNameOf(renamed), &v1alpha1.ScimClaim{}, "the claim of a name that its owner has left goes")

	garbage := &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: "garbage"}, Spec: v1alpha1.ScimRoleSliceSpec{Role: "none", Members: []string{"m"}}}
	must(t, plain.Create(ctx, garbage))
	gone(t, plain, garbage.Name, garbage, "a slice of a role that does not exist goes")

	rest := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "rest", Annotations: map[string]string{v1alpha1.AnnotationUncommitted: "1"}}}
	rest.Spec = v1alpha1.ScimUserSpec{UserName: "USER-1", Directory: "dir"}
	must(t, plain.Create(ctx, rest))
	gone(t, plain, rest.Name, rest, "the rest of a create whose name is another's goes")

	atRest(t, plain, cache)
}

// atRest looks at everything with a reconciler whose requests are counted, and finds that it sends none.
func atRest(t *testing.T, plain client.Client, cache client.Reader) {
	t.Helper()
	config, count := apiserver.Config(), &atomic.Int64{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, count} })
	live, err := client.New(config, client.Options{Scheme: plain.Scheme(), Mapper: plain.RESTMapper()})
	must(t, err)
	counted, err := store.New(store.Config{Client: live, Cache: cache})
	must(t, err)
	r := &reconciler{cache: cache, store: counted}

	claims, users := &v1alpha1.ScimClaimList{}, &v1alpha1.ScimUserList{}
	eventually(t, "the cache holds what is left", func(ctx context.Context) (bool, error) {
		return len(users.Items) == 5 && len(claims.Items) == 5, errors.Join(cache.List(ctx, claims), cache.List(ctx, users))
	})
	var keys []key
	for _, user := range users.Items {
		keys = append(keys, key{userKind, user.Name})
	}
	for _, claim := range claims.Items {
		keys = append(keys, key{claimKind, claim.Name})
	}
	for _, k := range keys {
		if result, err := r.Reconcile(t.Context(), k); err != nil || !result.IsZero() {
			t.Errorf("%s in order: %v, %v", k, result, err)
		}
	}
	if n := count.Load(); n != 0 {
		t.Errorf("%d requests at rest, want none", n)
	}
	if _, err := counted.RepairUser(t.Context(), users.Items[0].Name); err != nil || count.Load() == 0 {
		t.Errorf("a live look sends requests and the count sees them: %d, %v", count.Load(), err)
	}
}

func gone(t *testing.T, c client.Client, name string, obj client.Object, what string) {
	t.Helper()
	eventually(t, what, func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKey{Name: name}, obj)
		return err != nil, client.IgnoreNotFound(err)
	})
}
