//go:build e2e

package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// TestCluster installs the operator, and upgrades it, kills its pods and takes rights to it and from it while Okta apps push.
func TestCluster(t *testing.T) {
	e := fromEnvironment(t)
	i := install(t, e)
	for n := range apps {
		i.grant(t, fmt.Sprintf("platform-%d", n), fmt.Sprintf("Platform %d", n), "view")
	}
	i.grant(t, "editors", "Platform 0", "edit")
	p := i.startPush(t)
	p.phase(t, "at rest")

	i.helm(t, "upgrade", chartDir, i.image, "view")
	if e.before != e.image {
		p.phase(t, "upgrade from another version")
	}
	i.replace(t)
	if cut := p.phase(t, "rolling upgrade").cut; cut > 0 {
		t.Errorf("the upgrade cut %d connections, want none", cut)
	}
	i.killServer(t)
	p.phase(t, "a server's pod killed")
	i.killLeader(t)
	p.phase(t, "the leading controller's pod killed")

	i.assertBindable(t, "editors", false)
	i.helm(t, "upgrade", chartDir, i.image, "view,edit")
	i.assertBindable(t, "editors", true)
	if cut := p.phase(t, "other bindable roles").cut; cut > 0 {
		t.Errorf("the upgrade cut %d connections, want none", cut)
	}

	p.end(t)
	i.assertNothingLost(t, p)
	i.replay(t)
	i.unlink(t, p)
	i.uninstall(t, p)
}

func (i *installation) grant(t *testing.T, name, group, role string) {
	t.Helper()
	must(t, i.kube.Create(t.Context(), &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{DisplayName: group}}, To: v1alpha1.GrantTarget{Name: role}, Scope: v1alpha1.ScopeCluster,
		},
	}))
}

// replace has all pods replaced once more, as an upgrade that changes the image does: without E2E_IMAGE_BEFORE the image is the same.
func (i *installation) replace(t *testing.T) {
	t.Helper()
	for _, part := range []string{"server", "controller"} {
		run(t, "kubectl", "--namespace", namespace, "rollout", "restart", "deployment/scim-operator-"+part)
		run(t, "kubectl", "--namespace", namespace, "rollout", "status", "deployment/scim-operator-"+part, "--timeout", longPatience)
		eventually(t, "old pods are gone", func(ctx context.Context) error { return i.rolledOut(ctx, part) })
	}
}

func (i *installation) killServer(t *testing.T) {
	t.Helper()
	pods, err := i.pods(t.Context(), "server")
	must(t, err)
	i.kill(t, pods[0].Name)
	eventually(t, "another pod takes the killed one's place", func(ctx context.Context) error { return i.rolledOut(ctx, "server") })
}

func (i *installation) killLeader(t *testing.T) {
	t.Helper()
	leader, err := i.leader(t.Context())
	must(t, err)
	i.kill(t, leader)
	eventually(t, "another controller leads", func(ctx context.Context) error {
		next, err := i.leader(ctx)
		if err != nil || next == leader {
			return fmt.Errorf("%s leads, error %w", next, err)
		}
		return i.rolledOut(ctx, "controller")
	})
}

// assertBindable waits until a grant's condition says whether its role may be given, and the binding is there or not.
func (i *installation) assertBindable(t *testing.T, grant string, want bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("grant %s is effective: %t", grant, want), func(ctx context.Context) error {
		var all rbacv1.ClusterRoleBindingList
		if err := i.kube.List(ctx, &all, client.MatchingLabels{v1alpha1.LabelGrant: grant}); err != nil {
			return err
		}
		var g v1alpha1.ClusterAccessGrant
		if err := i.kube.Get(ctx, client.ObjectKey{Name: grant}, &g); err != nil {
			return err
		}
		for _, c := range g.Status.Conditions {
			if c.Type == v1alpha1.GrantReady && (c.Status == metav1.ConditionTrue) == want && (len(all.Items) > 0) == want {
				return nil
			}
		}
		return fmt.Errorf("%d bindings, conditions %+v", len(all.Items), g.Status.Conditions)
	})
}

// assertNothingLost compares what the apps were told with the objects, the bindings and the API server's own word on who may do what.
func (i *installation) assertNothingLost(t *testing.T, p *push) {
	t.Helper()
	count := 0
	for n, a := range p.apps {
		ids, bound := a.members()
		group, err := a.Group(t.Context(), a.groupID)
		must(t, err)
		if diff := cmp.Diff(ids, slices.Sorted(slices.Values(group.Members()))); diff != "" {
			t.Errorf("members of %s: -acknowledged, +there:\n%s", a.group, diff)
		}
		eventually(t, "the bindings of "+a.group+" are exact", func(ctx context.Context) error {
			got, err := i.subjects(ctx, fmt.Sprintf("platform-%d", n))
			if diff := cmp.Diff(bound, got); err != nil || diff != "" {
				return fmt.Errorf("%w, -want, +got:\n%s", err, diff)
			}
			return nil
		})
		for _, someone := range a.people {
			i.assertPerson(t, someone)
			count++
		}
	}
	t.Logf("%d people in %d groups are as they were acknowledged", count, len(p.apps))
}

// subjects are the names in a grant's bindings.
func (i *installation) subjects(ctx context.Context, grant string) (names []string, err error) {
	var all rbacv1.ClusterRoleBindingList
	if err := i.kube.List(ctx, &all, client.MatchingLabels{v1alpha1.LabelGrant: grant}); err != nil {
		return nil, err
	}
	for _, binding := range all.Items {
		for _, subject := range binding.Subjects {
			names = append(names, subject.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (i *installation) assertPerson(t *testing.T, someone *person) {
	t.Helper()
	var user v1alpha1.ScimUser
	must(t, i.kube.Get(t.Context(), client.ObjectKey{Name: someone.id}, &user))
	if user.Spec.UserName != someone.userName || user.IsActive() != someone.active || user.Spec.Title != someone.title {
		t.Errorf("%s: active %t, title %q; acknowledged %t, %q", user.Spec.UserName, user.IsActive(), user.Spec.Title, someone.active, someone.title)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: someone.userName, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Namespace: "default"},
	}}
	must(t, i.kube.Create(t.Context(), review))
	if want := someone.active && someone.member; review.Status.Allowed != want {
		t.Errorf("%s may read pods: %t, want %t", someone.userName, review.Status.Allowed, want)
	}
}

// replay sends what Okta was recorded to send, in both dialects, and wants the answers that it needs.
func (i *installation) replay(t *testing.T) {
	t.Helper()
	scenarios, err := okta.LoadRecorded()
	must(t, err)
	for _, scenario := range scenarios {
		if err := okta.Replay(t.Context(), i.client(t, scenario.Dialect, nil), scenario); err != nil {
			t.Errorf("%s: %v", scenario.Name, err)
		}
	}
	t.Logf("%d recorded sessions replayed", len(scenarios))
}

// unlink ends the push of one group, whose members lose its access.
func (i *installation) unlink(t *testing.T, p *push) {
	t.Helper()
	a := p.apps[len(p.apps)-1]
	must(t, a.UnlinkGroup(t.Context(), a.groupID, true))
	eventually(t, "nobody has the access of an unlinked group", func(ctx context.Context) error {
		if got, err := i.subjects(ctx, fmt.Sprintf("platform-%d", len(p.apps)-1)); err != nil || len(got) > 0 {
			return fmt.Errorf("%v have, error %w", got, err)
		}
		return nil
	})
	for _, someone := range a.people {
		someone.member = false
	}
}

// uninstall takes the release away, and looks at what stays: people, what they were granted, and the definitions.
func (i *installation) uninstall(t *testing.T, p *push) {
	t.Helper()
	var before, after v1alpha1.ScimUserList
	must(t, i.kube.List(t.Context(), &before))
	run(t, helm(), "uninstall", release, "--namespace", namespace, "--wait", "--timeout", longPatience)
	must(t, i.kube.List(t.Context(), &after))
	if len(after.Items) != len(before.Items) || len(after.Items) == 0 {
		t.Errorf("%d people before, %d after", len(before.Items), len(after.Items))
	}
	for n, a := range p.apps {
		_, want := a.members()
		got, err := i.subjects(t.Context(), fmt.Sprintf("platform-%d", n))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("bindings after uninstalling: %v, -want, +got:\n%s", err, diff)
		}
	}
	for _, part := range []string{"server", "controller"} {
		eventually(t, "no pod is left", func(ctx context.Context) error {
			if pods, err := i.pods(ctx, part); err != nil || len(pods) > 0 {
				return fmt.Errorf("%d pods, error %w", len(pods), err)
			}
			return nil
		})
	}
	if left := run(t, "kubectl", "get", "clusterroles,clusterrolebindings", "--selector=app.kubernetes.io/instance="+release, "-o", "name"); strings.TrimSpace(left) != "" {
		t.Errorf("uninstalling left: %s", left)
	}
}
