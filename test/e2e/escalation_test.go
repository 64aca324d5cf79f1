package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// breach is what somebody tries who has stolen the token of a part of the operator.
type breach struct {
	reason string
	try    func(context.Context, client.Client) error
	// want is what the refusal says.
	want string
}

// The refusals of RBAC, which says what the account may not do, and of its check that nobody gives what they do not have.
const (
	byRBAC  = "cannot "
	byCheck = "is attempting to grant RBAC permissions not currently held"
	byFence = "ValidatingAdmissionPolicy 'scim-operator-bindings' with binding 'scim-operator-bindings' denied request: "
)

// TestStolenToken: what is stolen with the token of a part of the operator is what that part does, and not the cluster. Every attempt is
// refused by the real API server, under the roles and policies that an installation has, and leaves no trace in any binding.
func TestStolenToken(t *testing.T) {
	o := sharedOperator(t)
	prepareBreaches(t, o)
	before := bindingVersions(t, o)
	for account, breaches := range map[string]map[string]breach{
		controllerAccount: breachesOfBindings(), serverAccount: breachesOfTheServer(),
	} {
		stolen := must[client.Client](t)(newKubeAs(t.Context(), o.kube, account))
		maps.Copy(breaches, breachesOfAnybody())
		for name, b := range breaches {
			t.Run(account+"/"+name, func(t *testing.T) { b.mustFail(t, stolen) })
		}
	}
	if after := bindingVersions(t, o); !maps.Equal(before, after) {
		t.Errorf("bindings have changed: %v", changedKeys(before, after))
	}
}

// The objects of others that the breaches are about.
const (
	foreignBinding = "breach-foreign"
	harmlessRole   = "breach-harmless"
)

// prepareBreaches makes a binding of somebody else, and a ClusterRole that permits nothing that the controller may not do itself, so that
// RBAC would let it give that role away.
func prepareBreaches(t *testing.T, o *operator) {
	t.Helper()
	harmless := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: harmlessRole}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list"}},
	}}
	for _, object := range []client.Object{harmless, clusterBinding(foreignBinding, "view", nil, userSubject("breach-other"))} {
		check(t, "create "+object.GetName(), o.kube.Create(t.Context(), object))
		t.Cleanup(func() { _ = o.kube.Delete(context.WithoutCancel(t.Context()), object) })
	}
}

// bindingVersions are the versions of all bindings of the cluster.
func bindingVersions(t *testing.T, o *operator) versions {
	t.Helper()
	all := must[versions](t)(o.snapshot(t.Context()))
	maps.DeleteFunc(all, func(key, _ string) bool {
		return !strings.HasPrefix(key, "ClusterRoleBinding/") && !strings.HasPrefix(key, "RoleBinding/")
	})
	return all
}

// own are the labels under which the operator writes.
func own() map[string]string {
	return map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: "breach"}
}

func userSubject(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
}

func groupSubject(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}
}

func clusterBinding(name, role string, labels map[string]string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: subjects,
	}
}

// creates gives an attempt to create an object.
func creates(object client.Object) func(context.Context, client.Client) error {
	return func(ctx context.Context, c client.Client) error { return c.Create(ctx, object) }
}

// binds gives an attempt to give a role to subjects, under the labels of the operator.
func binds(role string, subjects ...rbacv1.Subject) func(context.Context, client.Client) error {
	return creates(clusterBinding("breach", role, own(), subjects...))
}

// patches gives an attempt to change an object that is there.
func patches(object client.Object, merge string) func(context.Context, client.Client) error {
	return func(ctx context.Context, c client.Client) error {
		return c.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(merge)))
	}
}

// deletes gives an attempt to delete a ClusterRoleBinding.
func deletes(name string) func(context.Context, client.Client) error {
	return func(ctx context.Context, c client.Client) error { return c.Delete(ctx, clusterBinding(name, "", nil)) }
}

// breachesOfBindings are for the token of the controller, which may write bindings.
func breachesOfBindings() map[string]breach {
	const takeIn = `{"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"mallory"}]}`
	const takeOver = `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"scim-operator"}}}`
	mallory := userSubject("mallory")
	const others, systems = byFence + "the controller changes and deletes only bindings", byFence + "the controller binds no user and no group whose name begins with system:"
	ownRole := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "breach", Labels: own()},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: controllerAccount}, Subjects: []rbacv1.Subject{mallory},
	}
	return map[string]breach{
		"bind cluster-admin":         {"nobody is made an administrator", binds("cluster-admin", mallory), byCheck},
		"bind admin":                 {"the installer did not list it", binds("admin", mallory), byCheck},
		"bind a role it could bind":  {"RBAC would let it, because it has these rights itself", binds(harmlessRole, mallory), byFence + "the controller gives only the roles"},
		"bind its own role":          {"its right to read Secrets is its own", creates(ownRole), byFence + "the controller gives only the roles"},
		"bind without a label":       {"nobody could tell whose it is", creates(clusterBinding("breach", "view", nil, mallory)), byFence + "the controller writes only bindings that carry the label"},
		"bind itself":                {"it needs nothing of what it gives", binds("edit", rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: controllerAccount}), byFence + "the controller gives nothing to the ServiceAccounts"},
		"join cluster-admin":         {"the binding of administrators is not its own", patches(clusterBinding("cluster-admin", "", nil), takeIn), byCheck},
		"join a foreign binding":     {"a foreign binding is not its own, although it may give that role", patches(clusterBinding(foreignBinding, "", nil), takeIn), others},
		"label a foreign binding":    {"a label of its own would make it its own", patches(clusterBinding(foreignBinding, "", nil), takeOver), others},
		"delete a foreign binding":   {"a foreign binding is not its own", deletes(foreignBinding), others},
		"delete cluster-admin":       {"the cluster would have no administrators", deletes("cluster-admin"), byFence + "the controller leaves alone the bindings that come with Kubernetes"},
		"delete system:node-proxier": {"the nodes would fail", deletes("system:node-proxier"), byFence + "the controller leaves alone the bindings that come with Kubernetes"},
		"label system:node-proxier":  {"the nodes would fail later", patches(clusterBinding("system:node-proxier", "", nil), takeOver), byCheck},
		"system:masters":             {"Kubernetes' own group", binds("view", groupSubject("system:masters")), systems},
		"system:authenticated":       {"everybody", binds("view", groupSubject("system:authenticated")), systems},
		"system:unauthenticated":     {"anybody", binds("edit", groupSubject("system:unauthenticated")), systems},
		"system:anonymous":           {"anybody", binds("edit", userSubject("system:anonymous")), systems},
		"account by its user name":   {"accounts are bound as accounts, which grants show", binds("edit", userSubject("system:serviceaccount:kube-system:default")), systems},
		"last of many":               {"every subject is looked at", binds("view", append(manySubjects(999), userSubject("system:admin"))...), systems},
	}
}

func manySubjects(n int) []rbacv1.Subject {
	subjects := make([]rbacv1.Subject, n)
	for i := range subjects {
		subjects[i] = userSubject(fmt.Sprintf("breach-%d@example.com", i))
	}
	return subjects
}

// breachesOfTheServer are for the token of the part that the internet reaches. It may write users and roles.
func breachesOfTheServer() map[string]breach {
	mallory := userSubject("mallory")
	return map[string]breach{
		"bind view":        {"the server gives nothing", binds("view", mallory), byRBAC + "create resource \"clusterrolebindings\""},
		"bind in default":  {"the server gives nothing", creates(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "breach", Labels: own()}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}, Subjects: []rbacv1.Subject{mallory}}), byRBAC + "create resource \"rolebindings\""},
		"delete a binding": {"the server takes nothing", deletes(foreignBinding), byRBAC + "delete resource"},
	}
}

// breachesOfAnybody are for the token of either part.
func breachesOfAnybody() map[string]breach {
	secrets := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"*"}}}
	grant := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: "breach"}, Spec: v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{Name: "breach"}}, To: v1alpha1.GrantTarget{Name: "edit"}, Scope: v1alpha1.ScopeCluster,
	}}
	local := &v1alpha1.AccessGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "breach"}, Spec: v1alpha1.AccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{Name: "breach"}}, To: v1alpha1.GrantTarget{Name: "edit"},
	}}
	grows := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "breach", Labels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}}, Rules: secrets,
	}
	admin := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "default"}}
	return map[string]breach{
		"write a grant":         {"grants are for people", creates(grant), byRBAC + "create resource \"clusteraccessgrants\""},
		"write a grant locally": {"grants are for people", creates(local), byRBAC + "create resource \"accessgrants\""},
		"grow the role view":    {"view is made of ClusterRoles with a label", creates(grows), byRBAC + "create resource \"clusterroles\""},
		"label a ClusterRole":   {"view is made of ClusterRoles with a label", patches(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "admin"}}, `{"metadata":{"labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true"}}}`), byRBAC + "patch resource \"clusterroles\""},
		"widen its own role":    {"it has what it needs", patches(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: controllerAccount}}, `{"rules":[]}`), byRBAC + "patch resource \"clusterroles\""},
		"take the fence away": {"the fence is the installer's", func(ctx context.Context, c client.Client) error {
			return c.Delete(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "scim-operator-bindings"}})
		}, byRBAC + "delete resource"},
		"take another's account": {"the accounts of others are theirs", func(ctx context.Context, c client.Client) error {
			return c.SubResource("token").Create(ctx, admin, &authenticationv1.TokenRequest{})
		}, byRBAC + "create resource \"serviceaccounts/token\""},
		"read a foreign Secret": {"the tokens of its own namespace are enough", func(ctx context.Context, c client.Client) error {
			return c.Get(ctx, client.ObjectKey{Namespace: "kube-system", Name: "any"}, &corev1.Secret{})
		}, byRBAC + "get resource \"secrets\""},
	}
}
