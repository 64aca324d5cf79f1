package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(apiserver.Main(m))
}

// replica is one process as the API server sees it: a store with a client and a cache of its own.
type replica struct {
	*store.Store
	client client.Client
	cache  cache.Cache
	clock  *clocktesting.FakePassiveClock
	writes *ledger
	// behind is what the store wants to do behind answers, sooner or later. Nothing does it, as if the process had ended, but for the test itself.
	behind []func()
	// stop ends all watches, so that the cache and the lists stay as they are.
	stop func()
}

// ledger counts the writes that reach the API server, by verb and kind.
type ledger struct {
	mu     sync.Mutex
	counts map[string]int
	// before, when set, is called ahead of every write and may refuse it.
	before atomic.Pointer[func(verb string, obj client.Object) error]
}

func (l *ledger) write(verb string, obj client.Object) error {
	if before := l.before.Load(); before != nil {
		if err := (*before)(verb, obj); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[verb+" "+strings.TrimPrefix(fmt.Sprintf("%T", obj), "*v1alpha1.")]++
	return nil
}

// take returns the counts and starts over.
func (l *ledger) take() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := l.counts
	l.counts = map[string]int{}
	return counts
}

func (l *ledger) wrap(config *rest.Config, scheme *runtime.Scheme) (client.Client, error) {
	plain, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	return interceptor.NewClient(plain, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := l.write("create", obj); err != nil {
				return err
			}
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if err := l.write("update", obj); err != nil {
				return err
			}
			return c.Update(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if err := l.write("patch", obj); err != nil {
				return err
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			if err := l.write("delete", obj); err != nil {
				return err
			}
			return c.Delete(ctx, obj, opts...)
		},
	}), nil
}

// newReplica starts a store on the package's API server and stops it when the test ends.
func newReplica(t testing.TB, options ...func(*store.Config)) *replica {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, v1alpha1.AddToScheme(scheme))
	config := apiserver.Config()
	config.QPS = -1
	informers, err := cache.New(config, cache.Options{Scheme: scheme, DefaultTransform: store.Lean(), ByObject: store.ServerCacheOptions()})
	must(t, err)
	for _, obj := range []client.Object{&v1alpha1.ScimUser{}, &v1alpha1.ScimRole{}, &v1alpha1.ScimRoleSlice{}, &v1alpha1.ScimClaim{}} {
		_, err := informers.GetInformer(t.Context(), obj, cache.BlockUntilSynced(false))
		must(t, err)
	}
	r := &replica{cache: informers, clock: clocktesting.NewFakePassiveClock(time.Now()), writes: &ledger{counts: map[string]int{}}}
	r.client, err = r.writes.wrap(config, scheme)
	must(t, err)
	var mu sync.Mutex
	settings := store.Config{Client: r.client, Cache: informers, Clock: r.clock, Background: func(_ time.Duration, run func()) {
		mu.Lock()
		defer mu.Unlock()
		r.behind = append(r.behind, run)
	}}
	for _, option := range options {
		option(&settings)
	}
	r.Store, err = store.New(settings)
	must(t, err)
	must(t, r.Watch(t.Context(), informers))
	r.start(t)
	return r
}

// start fills the cache and the lists.
func (r *replica) start(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = r.cache.Start(ctx)
	}()
	r.stop = func() { stop(); <-stopped }
	t.Cleanup(r.stop)
	if !r.cache.WaitForCacheSync(t.Context()) {
		t.Fatal("the cache did not sync")
	}
	eventually(t, "the lists are complete", func(context.Context) (bool, error) { return r.Listable(), nil })
}

// directoryOf gives each test a directory and a suffix of names of its own.
func directoryOf(t testing.TB) string {
	name := strings.ToLower(t.Name())
	name = strings.NewReplacer("/", "-", "_", "-", " ", "-", "#", "-").Replace(name)
	return name[:min(len(name), 60)]
}

func userSpec(userName string) *v1alpha1.ScimUserSpec {
	return &v1alpha1.ScimUserSpec{UserName: userName}
}

func roleSpec(displayName string) *v1alpha1.ScimRoleSpec {
	return &v1alpha1.ScimRoleSpec{DisplayName: displayName}
}

func add(ids ...string) scim.MemberOp     { return scim.MemberOp{Kind: scim.AddMembers, IDs: ids} }
func remove(ids ...string) scim.MemberOp  { return scim.MemberOp{Kind: scim.RemoveMembers, IDs: ids} }
func replace(ids ...string) scim.MemberOp { return scim.MemberOp{Kind: scim.ReplaceMembers, IDs: ids} }

func ops(list ...scim.MemberOp) []scim.MemberOp { return list }

// ids makes n member ids in order.
func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("member-%06d", i)
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// statusOf is the HTTP status that a SCIM client would see, 0 for success.
func statusOf(err error) int {
	var e *scim.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Status
	default:
		return http.StatusInternalServerError
	}
}

func wantStatus(t testing.TB, err error, want int) {
	t.Helper()
	if got := statusOf(err); got != want {
		t.Fatalf("status %d, want %d: %v", got, want, err)
	}
}

func same(t testing.TB, want, got any, reason string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", reason, diff)
	}
}

// eventually polls until done; what says what was waited for.
func eventually(t testing.TB, what string, done func(ctx context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 60*time.Second, true, done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// seen waits until the replica's cache has an object in a state.
func (r *replica) seen(t testing.TB, name string, obj client.Object, ok func() bool) {
	t.Helper()
	eventually(t, "wait for "+name+" in the cache", func(ctx context.Context) (bool, error) {
		err := r.cache.Get(ctx, client.ObjectKey{Name: name}, obj)
		return err == nil && ok(), client.IgnoreNotFound(err)
	})
}

// again repeats an operation while it is answered with 429, as an identity provider does.
func again[T any](t testing.TB, do func() (T, error)) (T, error) {
	t.Helper()
	var got T
	var err error
	eventually(t, "an answer other than 429", func(context.Context) (bool, error) {
		got, err = do()
		return statusOf(err) != http.StatusTooManyRequests, nil
	})
	return got, err
}

func exists(t testing.TB, c client.Client, name string, obj client.Object) bool {
	t.Helper()
	err := c.Get(t.Context(), client.ObjectKey{Name: name}, obj)
	must(t, client.IgnoreNotFound(err))
	return err == nil
}
