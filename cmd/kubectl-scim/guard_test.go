package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/controllers"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	burst      = "burst"
	burstPlan  = burst + "-users"
	burstCrowd = 40
	// burstLeft are deactivated at once, of whom burstLimit pass. Those who are held are more than status has samples.
	burstLeft  = 32
	burstLimit = 5
	// asApprover is a person who has the role scim-operator-approver and nothing else.
	asApprover = "--as=approver@example.com"
	// asViewer is one who has the role scim-operator-viewer, which does not show bindings.
	asViewer = "--as=viewer@example.com"
)

// startControllers runs all controllers with the rights of their account, until the function is called.
func startControllers(t *testing.T, kube client.Client) (stop func()) {
	t.Helper()
	config, again := apiserver.Config(), true
	config.QPS = -1
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + cli.DefaultNamespace + ":scim-operator-controller", Groups: []string{"system:serviceaccounts", "system:authenticated"},
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Controller: managerconfig.Controller{SkipNameValidation: &again}, Scheme: kube.Scheme(), Logger: logr.Discard(),
		Metrics: metricsserver.Options{BindAddress: "0"},
		Client:  client.Options{FieldOwner: v1alpha1.ManagedBy, Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Cache: cache.Options{
			ByObject: controllers.CacheOptions(), DefaultTransform: cache.TransformStripManagedFields(), ReaderFailOnMissingInformer: true,
		},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	must(t, controllers.SetupWithManager(ctx, mgr, controllers.Options{BindableClusterRoles: []string{"view"}, Namespace: cli.DefaultNamespace}))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the manager ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// TestPlanWithGuard lets the real guard hold a burst, and decides about it as an approver does.
func TestPlanWithGuard(t *testing.T) {
	kube := newKube(t)
	makeCrowd(t, kube)
	stop := startControllers(t, kube)
	awaitBound(t, kube, burstCrowd)
	for i := range burstLeft {
		activate(t, burstUser(i), false)
	}
	awaitHeld(t, kube, burstLeft-burstLimit)
	scim(t, "plan", "list", "--held", "-o", "name", asApprover).want(t, 0, "/"+burstPlan)
	first := heldNow(t)
	if len(first) != burstLeft-burstLimit {
		t.Fatalf("plan show lists %d people, want %d", len(first), burstLeft-burstLimit)
	}
	text := scim(t, "plan", "show", burstPlan, asApprover).want(t, 0, "Held since:").stdout
	for _, p := range first {
		if !strings.Contains(text, p.Name) || !strings.Contains(text, p.UserName) || p.Name != "oidc:"+strings.ToLower(p.UserName) || !isBound(t, kube, p.Name) {
			t.Errorf("plan show must list everybody who keeps access by the guard, with the userName: %+v\n%s", p, text)
		}
	}
	scim(t, "plan", "show", burstPlan, asViewer).want(t, 1, first[0].Name, "and 7 more", "not everybody can be listed", "clusterrolebindings")

	stop()
	plan := &v1alpha1.AccessPlan{}
	must(t, kube.Get(t.Context(), client.ObjectKey{Name: burstPlan}, plan))
	old := plan.Status.Digest
	activate(t, first[0].User, true)
	refused := make(chan outcome, 1)
	go func() { refused <- scim(t, "plan", "approve", burstPlan, "--yes", asApprover) }()
	await(t, "the decision is written", func() string {
		must(t, kube.Get(t.Context(), client.ObjectKey{Name: burstPlan}, plan))
		return cmp.Diff(old, plan.Spec.Decision.Digest)
	})
	startControllers(t, kube)
	(<-refused).want(t, 1, "refused (DigestChanged)")
	awaitHeld(t, kube, len(first)-1)
	awaitBound(t, kube, burstCrowd-burstLimit)
	scim(t, "plan", "approve", burstPlan, "--digest="+old, asApprover).want(t, 1, "has changed since")
	if diff := cmp.Diff(first[1:], heldNow(t)); diff != "" {
		t.Errorf("all but the one who is active again wait on: %s", diff)
	}

	scim(t, "plan", "approve", burstPlan, "--yes", asApprover).want(t, 0, first[len(first)-1].Name, "lose their access", "Approved")
	awaitBound(t, kube, burstCrowd-burstLeft+1)
	awaitHeld(t, kube, 0)
	scim(t, "plan", "show", burstPlan, asApprover).want(t, 0, "Last decision:", "Approved")
}

// heldPerson is one of the people in the JSON of plan show.
type heldPerson struct{ Name, UserName, User string }

func heldNow(t *testing.T) []heldPerson {
	t.Helper()
	var shown struct{ People []heldPerson }
	must(t, json.Unmarshal([]byte(scim(t, "plan", "show", burstPlan, "-o", "json", asApprover).want(t, 0).stdout), &shown))
	return shown.People
}

func burstUser(i int) string { return fmt.Sprintf("burst-u%02d", i) }

// makeCrowd makes a directory, its users, a role of them all, a grant and an approver, and leaves nothing behind.
func makeCrowd(t *testing.T, kube client.Client) {
	t.Helper()
	server := clientAs(t, "scim-operator-server")
	zero := int32(0)
	objects := []client.Object{newDirectory(burst, func(d *v1alpha1.ScimDirectory) {
		d.Spec.Identity.Username = `"oidc:" + user.userName.lowerAscii()`
		d.Spec.Guard.Users = v1alpha1.GuardLimit{Count: burstLimit, Percent: &zero}
	})}
	role := newRole("burst-crew", "Burst crew", burst)
	for i := range burstCrowd {
		role.Spec.Members = append(role.Spec.Members, burstUser(i))
		objects = append(objects, newUser(burstUser(i), fmt.Sprintf("Burst%02d@example.com", i), burst))
	}
	objects = append(objects, role, &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: burst},
		Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{Name: role.Name}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
		},
	}, roleFor(asApprover, "scim-operator-approver"), roleFor(asViewer, "scim-operator-viewer"))
	t.Cleanup(func() { removeCrowd(t, objects) })
	for _, object := range objects {
		writer := kube
		if object.GetName() == role.Name || strings.HasPrefix(object.GetName(), "burst-u") {
			writer = server
		}
		must(t, writer.Create(t.Context(), object))
	}
}

// roleFor gives a person one of the roles for people.
func roleFor(as, clusterRole string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "for-" + clusterRole},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: strings.TrimPrefix(as, "--as=")}},
	}
}

// removeCrowd takes away what makeCrowd and the controllers made. Those have been stopped by then.
func removeCrowd(t *testing.T, objects []client.Object) {
	ctx := context.WithoutCancel(t.Context())
	kube, server, controller := clientAs(t, ""), clientAs(t, "scim-operator-server"), clientAs(t, "scim-operator-controller")
	for _, object := range slices.Backward(objects) {
		if server.Delete(ctx, object) != nil {
			must(t, client.IgnoreNotFound(kube.Delete(ctx, object)))
		}
	}
	must(t, errors.Join(
		controller.DeleteAllOf(ctx, &v1alpha1.AccessPlan{}),
		controller.DeleteAllOf(ctx, &v1alpha1.ScimClaim{}),
		controller.DeleteAllOf(ctx, &rbacv1.ClusterRoleBinding{}, client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}),
	))
}

// activate writes spec.active of a user as a push does.
func activate(t *testing.T, id string, active bool) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"active":%t}}`, active))
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}}
	must(t, clientAs(t, "scim-operator-server").Patch(t.Context(), user, patch))
}

func await(t *testing.T, what string, check func() string) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 90*time.Second, true, func(context.Context) (bool, error) {
		last = check()
		return last == "", nil
	})
	if err != nil {
		t.Fatalf("%s: %v\nlast seen: %s", what, err, last)
	}
}

func awaitHeld(t *testing.T, kube client.Client, held int) {
	t.Helper()
	await(t, fmt.Sprintf("%d are held", held), func() string {
		plan := &v1alpha1.AccessPlan{}
		if err := kube.Get(t.Context(), client.ObjectKey{Name: burstPlan}, plan); err != nil {
			return err.Error()
		}
		if plan.Status.Held == nil || int(*plan.Status.Held) != held || int(*plan.Status.Passed) != burstLimit {
			return fmt.Sprintf("%+v", plan.Status)
		}
		return ""
	})
}

func boundNames(t *testing.T, kube client.Client) (names []string) {
	t.Helper()
	var all rbacv1.ClusterRoleBindingList
	must(t, kube.List(t.Context(), &all, client.MatchingLabels{v1alpha1.LabelGrant: burst}))
	for i := range all.Items {
		for _, subject := range all.Items[i].Subjects {
			names = append(names, subject.Name)
		}
	}
	return names
}

func isBound(t *testing.T, kube client.Client, name string) bool {
	t.Helper()
	return slices.Contains(boundNames(t, kube), name)
}

func awaitBound(t *testing.T, kube client.Client, want int) {
	t.Helper()
	await(t, fmt.Sprintf("%d have access", want), func() string {
		if got := len(boundNames(t, kube)); got != want {
			return fmt.Sprintf("%d have", got)
		}
		return ""
	})
}
