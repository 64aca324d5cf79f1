package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// ownGrant is an AccessGrant for a role by its displayName.
func ownGrant(namespace, name, displayName string, to v1alpha1.GrantTarget) *v1alpha1.AccessGrant {
	return &v1alpha1.AccessGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.AccessGrantSpec{Roles: []v1alpha1.RoleSelector{{DisplayName: displayName}}, To: to},
	}
}

// podReader is a Role that testOptions allow.
func podReader(namespace string) *rbacv1.Role {
	return &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pod-reader"},
		Rules:      []rbacv1.PolicyRule{{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods"}}},
	}
}

// beside reads the RoleBindings in the namespace of a grant that belong to any grant of its name.
func (w *world) beside(grant *v1alpha1.AccessGrant) []rbacv1.RoleBinding {
	w.t.Helper()
	var all rbacv1.RoleBindingList
	ofTheName := client.MatchingLabels{v1alpha1.LabelGrant: grant.Name}
	if err := w.admin.List(w.ctx, &all, client.InNamespace(grant.Namespace), ofTheName); err != nil {
		w.t.Fatal(err)
	}
	return all.Items
}

// ready says the reason and the message of a grant's condition Ready.
func (w *world) ready(grant client.Object) string {
	w.t.Helper()
	if err := w.admin.Get(w.ctx, client.ObjectKeyFromObject(grant), grant); err != nil {
		return err.Error()
	}
	condition := apimeta.FindStatusCondition(statusOf(grant).Conditions, v1alpha1.GrantReady)
	if condition == nil || condition.ObservedGeneration != grant.GetGeneration() {
		return "not yet"
	}
	return condition.Reason + ": " + condition.Message
}

func (w *world) eventuallySays(grant client.Object, text, reason string) {
	w.t.Helper()
	w.eventually(reason, func() (bool, string) { got := w.ready(grant); return strings.Contains(got, text), got })
}

// TestAccessGrant: what a namespace's owner writes takes effect there and nowhere else, and is not mistaken for the ClusterAccessGrant of
// the same name.
func TestAccessGrant(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.user("own-1", "own@example.com")
	w.role("own-role-1", "Own", "own-1")
	w.create(namespace("own-a", nil), namespace("own-b", nil))
	wide := grantFor("own", "Own", "view")
	wide.Spec.Scope, wide.Spec.Namespaces = v1alpha1.ScopeNamespaces, &v1alpha1.NamespaceSelection{
		Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "own-a"}},
		ExcludeNames: []string{"own-a"},
	}
	grant := ownGrant("own-a", "own", "Own", v1alpha1.GrantTarget{Kind: "Role", Name: "pod-reader"})
	w.create(wide, grant)

	w.eventuallySays(grant, `TargetNotFound: Role "pod-reader" does not exist in namespace "own-a"`, "a Role that is not there is named")
	w.eventuallyReady("own", v1alpha1.ReasonEnforced, "a namespace that is left out is nothing to report")
	target := podReader("own-a")
	w.create(target)
	w.eventuallyCan("own@example.com", "own-a", true, "a Role that appears is given")
	w.eventuallySays(grant, "Enforced: ", "and status says so")
	if w.can("own@example.com", "own-b") {
		t.Error("reason: an AccessGrant gives nothing in another namespace")
	}
	bindings := w.beside(grant)
	if len(bindings) != 1 {
		t.Fatalf("reason: the grant that is excluded from the namespace has no binding there; got %d", len(bindings))
	}
	owner := []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "AccessGrant", Name: "own", UID: grant.UID, Controller: new(true),
	}}
	if diff := cmp.Diff(owner, bindings[0].OwnerReferences); diff != "" {
		t.Errorf("reason: with the grant the garbage collector takes what it gave\n%s", diff)
	}
	if got := bindings[0].Labels[v1alpha1.LabelGrantNamespace]; got != "own-a" {
		t.Errorf("reason: the binding says whose it is; got %q", got)
	}
	edit(w, wide, func(g *v1alpha1.ClusterAccessGrant) { g.Spec.Namespaces.ExcludeNames = nil })
	w.eventually("two grants of one name have a binding each", func() (bool, string) {
		n := len(w.beside(grant))
		return n == 2, fmt.Sprint(n)
	})
	w.delete(wide)
	w.eventually("and each prunes its own only", func() (bool, string) { n := len(w.beside(grant)); return n == 1, fmt.Sprint(n) })

	w.grantAtRest(keyOf(grant))
	w.delete(target)
	w.eventually("without the Role the binding goes", func() (bool, string) { n := len(w.beside(grant)); return n == 0, fmt.Sprint(n) })
}

// TestRolesByLabel: labels, which only people set, bring roles in and take them out.
func TestRolesByLabel(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.user("lab-1", "lab@example.com")
	role := w.role("lab-role-1", "Labelled", "lab-1")
	grant := grantFor("lab", "", "view")
	grant.Spec.Roles = []v1alpha1.RoleSelector{{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "lab"}}}}
	w.create(grant)
	w.eventuallySays(grant, `RoleNotFound: No ScimRole counts with labels "tier=lab"`, "a selector that finds nothing says so")
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Labels = map[string]string{"tier": "lab"} })
	w.eventuallyCan("lab@example.com", "default", true, "a role that is labelled joins by itself")
	found := w.eventuallyReady("lab", v1alpha1.ReasonEnforced, "and all is as asked")
	if found.Status.RoleNames != "tier=lab" {
		t.Errorf("reason: the table shows what selects; got %q", found.Status.RoleNames)
	}
	w.atRest("lab")
	hidden := &forgetful{kind: "*v1alpha1.ScimRole", name: "lab-role-1"}
	r := w.newReconciler()
	hidden.Reader, r.cache = r.cache, &labelBlind{hidden}
	before := w.writes.of("lab")
	if _, err := r.Reconcile(w.ctx, requestFor(keyOf(grant))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.writes.of("lab")); diff != "" {
		t.Errorf("reason: a role that the cache has lost is looked for live before it takes access away\n%s", diff)
	}
	edit(w, role, func(r *v1alpha1.ScimRole) { r.Labels = nil })
	w.eventuallyCan("lab@example.com", "default", false, "a role that loses the label leaves")
}

// TestWhoIsNamed: people and service accounts whom the grant itself names.
func TestWhoIsNamed(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	grant := grantFor("named", "", "view")
	grant.Spec.Roles = nil
	grant.Spec.Users = []v1alpha1.UserSelector{{UserName: "NAMED@example.com"}, {Name: "named-2"}}
	grant.Spec.ServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: "ci", Name: "deployer"}}
	w.create(grant)
	w.eventuallySays(grant, `UserNotFound: No ScimUser counts with userName "NAMED@example.com", name "named-2"`, "who does not exist is named")
	w.eventuallyCan("system:serviceaccount:ci:deployer", "default", true, "a service account is nobody's identity and needs none")
	user := w.user("named-1", "named@example.com")
	w.user("named-2", "second@example.com")
	w.eventuallyCan("named@example.com", "default", true, "a person by userName, in any case")
	w.eventuallyCan("second@example.com", "default", true, "a person by name")
	w.eventuallyReady("named", v1alpha1.ReasonEnforced, "all are found")
	if n := len(w.bindings("named")); n != 1 {
		t.Errorf("reason: they share one binding; got %d", n)
	}
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("named@example.com", "default", false, "to be named does not save from suspension")
	w.eventuallyReady("named", v1alpha1.ReasonEnforced, "and somebody suspended is no mistake in the grant")
	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) { g.Spec.Users = g.Spec.Users[:1] })
	w.eventuallyCan("second@example.com", "default", false, "who is named no more loses it")
	w.atRest("named")
}
