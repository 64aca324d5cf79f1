package access

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

const operatorName = "system:serviceaccount:scim-operator:controller"

// operatorRules are all that this controller needs, with the verb bind on what is named.
func operatorRules(bindable ...string) []rbacv1.PolicyRule {
	read := []string{"get", "list", "watch"}
	scim, rbac := []string{v1alpha1.GroupName}, []string{rbacv1.GroupName}
	return []rbacv1.PolicyRule{
		{Verbs: read, APIGroups: scim, Resources: []string{
			"accessgrants", "clusteraccessgrants", "scimroles", "scimroleslices", "scimusers", "scimclaims", "scimdirectories",
		}},
		{Verbs: []string{"patch"}, APIGroups: scim, Resources: []string{"accessgrants/status", "clusteraccessgrants/status"}},
		{Verbs: read, APIGroups: []string{""}, Resources: []string{"namespaces"}},
		{Verbs: read, APIGroups: rbac, Resources: []string{"clusterroles", "roles"}},
		{Verbs: append([]string{"create", "patch", "delete"}, read...), APIGroups: rbac, Resources: []string{
			"clusterrolebindings", "rolebindings",
		}},
		{Verbs: []string{"bind"}, APIGroups: rbac, Resources: []string{"clusterroles"}, ResourceNames: bindable},
		{Verbs: []string{"create", "patch"}, APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}},
	}
}

// forbiddenWorld runs a controller that has the rights of a ClusterRole, which is returned, on an API server of its own. The wrappers see its requests.
func forbiddenWorld(t *testing.T, rules []rbacv1.PolicyRule, wrappers ...transport.WrapperFunc) (*world, *rbacv1.ClusterRole) {
	t.Helper()
	config := apiserver.Start(t)
	w := &world{t: t, ctx: t.Context(), admin: adminClient(t, config)}
	w.needs("view", "edit")
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "operator"}, Rules: rules}
	w.create(role, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "operator"},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: operatorName}},
	})
	operator := rest.CopyConfig(config)
	operator.Impersonate.UserName = operatorName
	for _, wrapper := range wrappers {
		operator.Wrap(wrapper)
	}
	options := testOptions
	options.Calm = nil // what the other manager postpones is not for this one, nor the other way round
	if _, _, err := startManager(t.Context(), operator, options); err != nil {
		t.Fatal(err)
	}
	return w, role
}

// refusedDeletes notes that the API server has refused to delete something.
type refusedDeletes struct {
	next http.RoundTripper
	seen *atomic.Bool
}

func (r *refusedDeletes) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil && request.Method == http.MethodDelete && response.StatusCode == http.StatusForbidden {
		r.seen.Store(true)
	}
	return response, err
}

// TestRefusedRemoval refuses to delete what a grant gave, and then no longer, which no event tells the controller: an API server that has just
// started does so.
func TestRefusedRemoval(t *testing.T) {
	rules := operatorRules("view")
	for i := range rules {
		rules[i].Verbs = slices.DeleteFunc(rules[i].Verbs, func(verb string) bool { return verb == "delete" })
	}
	var refused atomic.Bool
	w, role := forbiddenWorld(t, rules, func(next http.RoundTripper) http.RoundTripper { return &refusedDeletes{next: next, seen: &refused} })
	w.user("gone-1", "gone@example.com")
	w.role("gone-role-1", "Gone", "gone-1")
	grant := grantFor("gone-view", "Gone", "view")
	w.create(grant)
	w.eventuallyReady("gone-view", v1alpha1.ReasonEnforced, "what is not refused is done")

	if err := w.admin.Delete(w.ctx, grant); err != nil {
		t.Fatal(err)
	}
	w.eventually("the removal is refused", func() (bool, string) {
		return refused.Load(), fmt.Sprintf("%d bindings are left", len(w.bindings("gone-view")))
	})
	edit(w, role, func(r *rbacv1.ClusterRole) { r.Rules = operatorRules("view") })
	w.eventually("nobody has access by a grant that is gone, although nothing told that the refusal is over", func() (bool, string) {
		left := w.bindings("gone-view")
		return len(left) == 0, fmt.Sprintf("%d bindings are left", len(left))
	})
}

func TestWithoutTheVerbBind(t *testing.T) {
	w, role := forbiddenWorld(t, operatorRules("edit"))
	w.user("bind-1", "bind@example.com")
	w.role("bind-role-1", "Bind", "bind-1")
	refused := grantFor("bind-view", "Bind", "view")
	w.create(refused, grantFor("bind-edit", "Bind", "edit"))

	w.eventuallyReady("bind-edit", v1alpha1.ReasonEnforced, "with these rules, and the verb bind, the controller does its work")
	got := w.eventuallyReady("bind-view", v1alpha1.ReasonRoleNotAllowed, "without the verb bind the API server refuses, and status says so")
	if !strings.Contains(message(got), "access.bindableClusterRoles") || !strings.Contains(message(got), `"view"`) {
		t.Errorf("reason: the message names the thing and the remedy; got %q", message(got))
	}
	if len(w.bindings("bind-view")) != 0 || *got.Status.Bindings != 0 {
		t.Errorf("reason: nothing was bound, and status counts nothing; got %d", *got.Status.Bindings)
	}
	edit(w, role, func(r *rbacv1.ClusterRole) { r.Rules = operatorRules("edit", "view") })
	w.eventually("the API server learns of the verb", func() (bool, string) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: operatorName,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: rbacv1.GroupName, Resource: "clusterroles", Name: "view", Verb: "bind",
			},
		}}
		err := w.admin.Create(w.ctx, review)
		return err == nil && review.Status.Allowed, fmt.Sprint(err)
	})
	edit(w, refused, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Roles = append(g.Spec.Roles, v1alpha1.RoleSelector{Name: "bind-role-1"})
	})
	w.eventuallyReady("bind-view", v1alpha1.ReasonEnforced, "with it the grant takes effect at the next change")
}
