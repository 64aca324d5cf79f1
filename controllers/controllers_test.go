package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

const namespace = "default"

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(apiserver.Main(m))
}

// writes counts the requests of the controllers that change something.
type writes struct {
	next  http.RoundTripper
	count *atomic.Int64
}

func (w writes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		w.count.Add(1)
	}
	return w.next.RoundTrip(r)
}

// cluster is all controllers at work, and a client of the test's own.
type cluster struct {
	client.Client
	written *atomic.Int64
}

func start(t *testing.T) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	config := apiserver.Config()
	config.QPS = -1
	plain, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	written := &atomic.Int64{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return writes{next, written} })
	again := true // each test has controllers of its own, under the same names
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Controller: managerconfig.Controller{SkipNameValidation: &again},
		Scheme:     scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Client: client.Options{FieldOwner: v1alpha1.ManagedBy, Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Cache: cache.Options{
			ByObject: controllers.CacheOptions(), DefaultTransform: cache.TransformStripManagedFields(), ReaderFailOnMissingInformer: true,
		},
	})
	must(t, err)
	must(t, controllers.SetupWithManager(t.Context(), mgr, controllers.Options{
		BindableClusterRoles: []string{"view"}, ExternalURL: "https://scim.example.com/", Namespace: namespace,
	}))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the manager ended with %v", err)
		}
	})
	return &cluster{Client: plain, written: written}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// edited writes the spec of an object as a person does who was shown an older status: the controllers may be writing that.
func (c *cluster) edited(t testing.TB, obj client.Object) {
	t.Helper()
	must(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		present := obj.DeepCopyObject().(client.Object)
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(obj), present); err != nil {
			return err
		}
		obj.SetResourceVersion(present.GetResourceVersion())
		return c.Update(t.Context(), obj)
	}))
}

// becomes waits until what it reads of an object is as wanted.
func becomes[T client.Object](t testing.TB, c *cluster, obj T, reason string, want any, read func(T) any) {
	t.Helper()
	diff := ""
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 90*time.Second, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return false, err
		}
		diff = cmp.Diff(want, read(obj))
		return diff == "", nil
	})
	if err != nil {
		t.Fatalf("%s: %v: -want, +got:\n%s", reason, err, diff)
	}
}

func localUser(name, userName string) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimUserSpec{UserName: userName}}
}

func userSummary(u *v1alpha1.ScimUser) any {
	roles := int32(-1)
	if u.Status.Roles != nil {
		roles = *u.Status.Roles
	}
	return fmt.Sprintf("%s %q roles=%d revoked=%t", u.Status.State, u.Status.KubernetesUser, roles, u.Status.RevokedAt != nil)
}

func roleSummary(r *v1alpha1.ScimRole) any {
	ready := apimeta.FindStatusCondition(r.Status.Conditions, v1alpha1.RoleReady)
	if ready == nil || r.Status.Members == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s members=%d unresolved=%d grants=%d",
		ready.Status, ready.Reason, *r.Status.Members, *r.Status.UnresolvedMembers, *r.Status.Grants)
}

func directorySummary(d *v1alpha1.ScimDirectory) any {
	ready := apimeta.FindStatusCondition(d.Status.Conditions, v1alpha1.DirectoryReady)
	if ready == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s %s users=%d suspended=%d roles=%d",
		ready.Status, ready.Reason, d.Status.URL, *d.Status.Users, *d.Status.SuspendedUsers, *d.Status.Roles)
}

// TestStatus follows local users and roles through their lives, as `kubectl get` would show them.
func TestStatus(t *testing.T) {
	c, ctx := start(t), t.Context()
	alice := localUser("alice", "alice@example.com")
	must(t, c.Create(ctx, alice))
	becomes(t, c, alice, "a local user gets the claim of its name and counts", `Active "alice@example.com" roles=0 revoked=false`, userSummary)
	twin := localUser("twin", "ALICE@example.com")
	must(t, c.Create(ctx, twin))
	becomes(t, c, twin, "a name belongs to one user, in whatever case", `Conflict "ALICE@example.com" roles=0 revoked=false`, userSummary)

	role := &v1alpha1.ScimRole{
		ObjectMeta: metav1.ObjectMeta{Name: "platform"},
		Spec:       v1alpha1.ScimRoleSpec{DisplayName: "Platform", Members: []string{"alice", "bob"}},
	}
	must(t, c.Create(ctx, role))
	becomes(t, c, role, "a member that nobody knows yet is counted", "True UnresolvedMembers members=2 unresolved=1 grants=0", roleSummary)
	becomes(t, c, alice, "the user is in the role", `Active "alice@example.com" roles=1 revoked=false`, userSummary)
	must(t, c.Create(ctx, localUser("bob", "bob@example.com")))
	becomes(t, c, role, "the member has come", "True Resolved members=2 unresolved=0 grants=0", roleSummary)

	grant := &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: "platform-view"},
		Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{DisplayName: "platform"}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
		},
	}
	must(t, c.Create(ctx, grant))
	becomes(t, c, role, "a grant names the role", "True Resolved members=2 unresolved=0 grants=1", roleSummary)
	becomes(t, c, grant, "both people have access", int32(2), func(g *v1alpha1.ClusterAccessGrant) any {
		if g.Status.Users == nil {
			return int32(-1)
		}
		return *g.Status.Users
	})

	no := false
	alice.Spec.Active = &no
	c.edited(t, alice)
	becomes(t, c, alice, "revoked when no binding is left", `Suspended "alice@example.com" roles=1 revoked=true`, userSummary)
	yes := true
	alice.Spec.Active = &yes
	c.edited(t, alice)
	becomes(t, c, alice, "back", `Active "alice@example.com" roles=1 revoked=false`, userSummary)

	rest := &v1alpha1.ScimRole{
		ObjectMeta: metav1.ObjectMeta{Name: "rest", Annotations: map[string]string{v1alpha1.AnnotationUncommitted: "1"}},
		Spec:       v1alpha1.ScimRoleSpec{DisplayName: "PLATFORM", Members: []string{"alice"}},
	}
	must(t, c.Create(ctx, rest))
	becomes(t, c, rest, "a role whose name belongs to another does not count", "False DisplayNameConflict members=1 unresolved=0 grants=1", roleSummary)
	alice.Spec.Title = "Engineer"
	c.edited(t, alice)
	becomes(t, c, alice, "and gives nobody a role", `Active "alice@example.com" roles=1 revoked=false`, func(u *v1alpha1.ScimUser) any {
		if u.Status.ObservedGeneration != u.Generation {
			return "not seen yet"
		}
		return userSummary(u)
	})
	must(t, c.Delete(ctx, rest))

	part := &v1alpha1.ScimRoleSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "platform-part"}, Spec: v1alpha1.ScimRoleSliceSpec{Role: "platform", Members: []string{"alice", "bob"}},
	}
	must(t, c.Create(ctx, part))
	must(t, c.Get(ctx, client.ObjectKeyFromObject(role), role))
	role.Spec.Members, role.Spec.Slices = nil, []string{part.Name}
	c.edited(t, role)
	becomes(t, c, role, "members in slices count as well", "True Resolved members=2 unresolved=0 grants=1", roleSummary)
	must(t, c.Delete(ctx, role))
	becomes(t, c, alice, "the role is gone", `Active "alice@example.com" roles=0 revoked=false`, userSummary)
	c.atRest(t)
}

// TestDirectoryStatus follows a directory from the first mistake to serving.
func TestDirectoryStatus(t *testing.T) {
	c, ctx := start(t), t.Context()
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
	must(t, c.Create(ctx, directory))
	const url = "https://scim.example.com/scim/okta/v2"
	becomes(t, c, directory, "no credential", "False NoCredentials "+url+" users=0 suspended=0 roles=0", directorySummary)
	directory.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token"}}}
	c.edited(t, directory)
	becomes(t, c, directory, "no Secret", "False CredentialNotFound "+url+" users=0 suspended=0 roles=0", directorySummary)
	must(t, c.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-token"},
		StringData: map[string]string{"token": strings.Repeat("x", 32)},
	}))
	directory.Spec.Identity.Username = "user.nothing +"
	c.edited(t, directory)
	becomes(t, c, directory, "a wrong expression", "False InvalidUsernameExpression "+url+" users=0 suspended=0 roles=0", directorySummary)
	directory.Spec.Identity.Username = `"oidc:" + user.userName`
	c.edited(t, directory)
	pushed := localUser("pushed", "pushed@example.com")
	pushed.Spec.Directory = "okta"
	must(t, c.Create(ctx, pushed))
	becomes(t, c, directory, "it serves, and counts", "True Serving "+url+" users=1 suspended=0 roles=0", directorySummary)
	becomes(t, c, pushed, "the directory says how its people are called", `Active "oidc:pushed@example.com" roles=0 revoked=false`, userSummary)
	directory.Spec.Suspend = true
	c.edited(t, directory)
	becomes(t, c, directory, "switched off", "False Suspended "+url+" users=1 suspended=0 roles=0", directorySummary)
	becomes(t, c, pushed, "and nobody lost anything", `Active "oidc:pushed@example.com" roles=0 revoked=false`, userSummary)
	c.atRest(t)
}

// TestCredentialExpires: nobody changes anything, and the status still has to say that the identity provider is locked out.
func TestCredentialExpires(t *testing.T) {
	c, ctx := start(t), t.Context()
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "expires"}}
	directory.Spec.Credentials = []v1alpha1.Credential{{
		Name: "hashed", TokenSHA256: strings.Repeat("0123456789abcdef", 4), ExpiresAt: &metav1.Time{Time: time.Now().Add(3 * time.Second)},
	}}
	must(t, c.Create(ctx, directory))
	const url = "https://scim.example.com/scim/expires/v2"
	becomes(t, c, directory, "its only credential has expired", "False CredentialExpired "+url+" users=0 suspended=0 roles=0", directorySummary)
	directory.Spec.Credentials[0].ExpiresAt = nil
	c.edited(t, directory)
	becomes(t, c, directory, "a hash needs no Secret", "True Serving "+url+" users=0 suspended=0 roles=0", directorySummary)
	c.atRest(t)
}

// atRest wants the controllers to stop writing: the count must not move over a hundred looks in a row, which take longer than every
// delay of the controllers.
func (c *cluster) atRest(t testing.TB) {
	t.Helper()
	last, still := c.written.Load(), 0
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		now := c.written.Load()
		if now != last {
			last, still = now, 0
			return false, nil
		}
		still++
		return still == 100, nil
	})
	if err != nil {
		t.Fatalf("the controllers keep writing: %d requests: %v", last, err)
	}
}
