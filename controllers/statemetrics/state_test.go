package statemetrics

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

// TestState writes statuses as the controllers do, which do not run here, and wants each of the metrics from them.
func TestState(t *testing.T) {
	kube := newKube(t)
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
	directory.Spec.Credentials = []v1alpha1.Credential{
		{Name: "ends", TokenSHA256: strings.Repeat("0", 64), ExpiresAt: &metav1.Time{Time: time.Unix(4000000000, 0)}},
		{Name: "endless", TokenSHA256: strings.Repeat("1", 64)},
	}
	create(t, kube, directory)
	directory.Status.Conditions = []metav1.Condition{condition(v1alpha1.DirectoryReady, "True", "Ready"), condition(v1alpha1.DirectoryTokenExpiring, "True", v1alpha1.ReasonExpiresSoon)}
	directory.Status.Users, directory.Status.SuspendedUsers, directory.Status.Roles = ptr.To[int32](5), ptr.To[int32](2), ptr.To[int32](3)
	directory.Status.LastRequestTime = &metav1.Time{Time: time.Unix(3000000001, 0)}
	directory.Status.Credentials = []v1alpha1.CredentialStatus{{Name: "ends", LastUsedTime: &metav1.Time{Time: time.Unix(3000000002, 0)}}}
	update(t, kube, directory)
	for name, at := range map[string]int64{"okta-later": 3000000009, "okta-first": 3000000003, "okta-never": 0} {
		plan := &v1alpha1.AccessPlan{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AccessPlanSpec{Directory: "okta", Role: name}}
		create(t, kube, plan)
		if at > 0 {
			plan.Status.ReleaseTime = &metav1.Time{Time: time.Unix(at, 0)}
			update(t, kube, plan)
		}
	}
	app := &v1alpha1.AppConnection{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "wiki"}}
	app.Spec.Target.SCIM = &v1alpha1.SCIMTarget{URL: "https://wiki.example.com/scim", CredentialSecretRef: v1alpha1.AppCredential{Name: "wiki"}}
	app.Spec.Roles = []v1alpha1.RoleSelector{{DisplayName: "Wiki"}}
	create(t, kube, app)
	app.Status.Conditions = []metav1.Condition{condition(v1alpha1.AppReady, "False", v1alpha1.ReasonAccountsFailed)}
	app.Status.Accounts, app.Status.Suspended, app.Status.Failed, app.Status.Waiting = ptr.To[int32](7), ptr.To[int32](1), ptr.To[int32](2), ptr.To[int32](0)
	app.Status.Guard.Held = ptr.To[int32](4)
	update(t, kube, app)
	create(t, kube, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "measured"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "a"}, {Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "b"}},
	})

	elected := make(chan struct{})
	state := &State{reader: kube, elected: elected}
	if got := gathered(t, state); len(got) != 0 {
		t.Errorf("a replica that does not lead tells %v, so everything would be counted twice", got)
	}
	close(elected)
	want := []string{
		`app_accounts{app="wiki",namespace="default",state="active"} 7`,
		`app_accounts{app="wiki",namespace="default",state="failed"} 2`,
		`app_accounts{app="wiki",namespace="default",state="suspended"} 1`,
		`app_accounts{app="wiki",namespace="default",state="waiting"} 0`,
		`app_guard_held{app="wiki",namespace="default"} 4`,
		`app_ready{app="wiki",namespace="default",reason="AccountsFailed"} 0`,
		`credential_expiration_timestamp_seconds{credential="ends",directory="okta"} 4000000000`,
		`credential_last_used_timestamp_seconds{credential="ends",directory="okta"} 3000000002`,
		`directory_condition{condition="TokenExpiring",directory="okta",reason="ExpiresSoon"} 1`,
		`directory_last_request_timestamp_seconds{directory="okta"} 3000000001`,
		`directory_ready{directory="okta"} 1`,
		`directory_roles{directory="okta"} 3`,
		`directory_users{directory="okta",state="active"} 3`,
		`directory_users{directory="okta",state="suspended"} 2`,
		`grants{kind="AccessGrant",ready="False"} 0`,
		`grants{kind="AccessGrant",ready="True"} 0`,
		`grants{kind="AccessGrant",ready="Unknown"} 0`,
		`grants{kind="ClusterAccessGrant",ready="False"} 0`,
		`grants{kind="ClusterAccessGrant",ready="True"} 0`,
		`grants{kind="ClusterAccessGrant",ready="Unknown"} 0`,
		`guard_release_timestamp_seconds{directory="okta"} 3000000003`,
	}
	got := gathered(t, state)
	// Here the API server's own bindings count too; in the operator's cache there are none of them.
	bindings := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.HasPrefix(s, "binding") })
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "binding") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the metrics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(bindingsOf(t, kube), bindings); diff != "" {
		t.Errorf("the metrics of bindings (-want +got):\n%s", diff)
	}
}

// TestStateNotYet scrapes a process that leads while its cache has nothing of a kind, or not all of it. The scrape must not fail for that,
// because it has all other metrics too.
func TestStateNotYet(t *testing.T) {
	nowhere := rest.CopyConfig(apiserver.Config())
	nowhere.Host = "127.0.0.1:1" // where nobody listens
	for reason, informers := range map[string]cache.Cache{
		"no controller watches yet": startedCache(t, apiserver.Config()),
		"the cache is yet to fill":  startedCache(t, nowhere, &v1alpha1.ScimDirectory{}),
	} {
		elected := make(chan struct{})
		close(elected)
		if got := gathered(t, &State{reader: informers, elected: elected}); len(got) != 0 {
			t.Errorf("%s: got %v of a cache that knows nothing", reason, got)
		}
	}
}

// startedCache is a cache that watches those kinds, or tries to.
func startedCache(t *testing.T, config *rest.Config, watched ...client.Object) cache.Cache {
	t.Helper()
	kube := newKube(t)
	informers, err := cache.New(config, cache.Options{Scheme: kube.Scheme(), Mapper: kube.RESTMapper(), ReaderFailOnMissingInformer: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range watched {
		if _, err := informers.GetInformer(t.Context(), kind, cache.BlockUntilSynced(false)); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _ = informers.Start(t.Context()) }()
	err = wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		notStarted := &cache.ErrCacheNotStarted{}
		return !errors.As(informers.List(ctx, &v1alpha1.ScimDirectoryList{}), &notStarted), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return informers
}

// bindingsOf counts what the API server has.
func bindingsOf(t *testing.T, kube client.Client) []string {
	t.Helper()
	var wide rbacv1.ClusterRoleBindingList
	var narrow rbacv1.RoleBindingList
	for _, list := range []client.ObjectList{&wide, &narrow} {
		if err := kube.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	wideSubjects, narrowSubjects := 0, 0
	for _, binding := range wide.Items {
		wideSubjects += len(binding.Subjects)
	}
	for _, binding := range narrow.Items {
		narrowSubjects += len(binding.Subjects)
	}
	return []string{
		fmt.Sprintf(`binding_subjects{kind="ClusterRoleBinding"} %d`, wideSubjects),
		fmt.Sprintf(`binding_subjects{kind="RoleBinding"} %d`, narrowSubjects),
		fmt.Sprintf(`bindings{kind="ClusterRoleBinding"} %d`, len(wide.Items)),
		fmt.Sprintf(`bindings{kind="RoleBinding"} %d`, len(narrow.Items)),
	}
}

// gathered are the metrics as the text format has them, without the prefix that all have.
func gathered(t *testing.T, state *State) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(state)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, pair := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
			}
			name := strings.TrimPrefix(family.GetName(), "scim_operator_")
			all = append(all, fmt.Sprintf("%s{%s} %.0f", name, strings.Join(labels, ","), metric.GetGauge().GetValue()))
		}
	}
	return all
}

func condition(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(time.Unix(1e9, 0))}
}

func newKube(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	kube, err := client.New(apiserver.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return kube
}

func create(t *testing.T, kube client.Client, object client.Object) {
	t.Helper()
	if err := kube.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, kube client.Client, object client.Object) {
	t.Helper()
	if err := kube.Status().Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}
