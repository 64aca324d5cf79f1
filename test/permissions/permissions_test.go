package permissions_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// beyondReach are rights that no test of this length comes to use for certain, by role and right, and why they are needed.
var beyondReach = map[string]string{
	"scim-operator-controller delete scim-operator.io scimusers":          "repair deletes what is left of a create that lost its name when it is ten minutes old",
	"scim-operator-controller delete scim-operator.io scimroles":          "repair deletes what is left of a create that lost its name when it is ten minutes old",
	"scim-operator-controller patch scim-operator.io scimroles":           "repair fences a group before it frees its old name",
	"scim-operator-controller update scim-operator.io scimclaims":         "repair gives a stray claim to who bears the name, unless it has deleted the claim by then",
	"scim-operator-controller get scim-operator.io appaccounts":           "an AppAccount that the cache lacks is read when it turns out to exist",
	"scim-operator-controller get scim-operator.io appconnections":        "the guard of an app reads what it has let pass",
	"scim-operator-controller get  namespaces":                            "before somebody loses access, a namespace that the cache lacks is read",
	"scim-operator-controller get rbac.authorization.k8s.io clusterroles": "before somebody loses access, a role that the cache lacks is read",
	"scim-operator-controller get rbac.authorization.k8s.io roles":        "before somebody loses access, a role that the cache lacks is read",
	"scim-operator-argocd get argoproj.io appprojects":                    "projects are read one by one where an account is taken away",
	"scim-operator-argocd get  configmaps argocd-cm":                      "it has the accounts of an AppConnection with local accounts",
	"scim-operator-argocd update  configmaps argocd-cm":                   "it has the accounts of an AppConnection with local accounts",
	"scim-operator-server get scim-operator.io scimroleslices":            "a slice that another server has just written is not in the cache",
	"scim-operator-server patch scim-operator.io scimroles":               "a group takes a name that another one has left, which is fenced first",
	"scim-operator-server patch scim-operator.io scimclaims":              "a user that is renamed touches a claim that is its own already",
	"scim-operator-server patch events.k8s.io events":                     "an event that comes again is counted up",
	"scim-operator-controller patch events.k8s.io events":                 "an event that comes again of the same version of an object is counted up, which is chance",
}

// TestEveryRightIsUsed runs everything, and wants no request refused, and every verb of every rule used by the right of that very rule's
// role.
func TestEveryRightIsUsed(t *testing.T) {
	w := newWorld(t)
	check(t, "run everything", w.flow(t.Context(), "once"))
	used, refused := w.audit.uses(t)
	for _, line := range refused {
		t.Errorf("refused: %s", line)
	}
	missing, reached := map[string]bool{}, map[string]bool{}
	for _, role := range w.roles(t) {
		for _, right := range role.rights() {
			text := strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", role.name, right.verb, right.group, right.resource, right.name))
			watched := right
			watched.verb = "watch"
			switch {
			case right.verb == "bind":
				check(t, text, w.bound(right.resource, right.name))
			case right.verb == "list" && used[watched]:
				// Where an API server streams what it has, a watch needs no list before it. Not every API server does.
			case !used[right]:
				missing[text] = true
			default:
				reached[text] = true
			}
		}
	}
	for text := range missing {
		if beyondReach[text] == "" {
			t.Errorf("nobody used the right: %s", text)
		}
	}
	for text := range beyondReach {
		if !missing[text] && !reached[text] {
			t.Errorf("there is no such right, so it is no exception: %s", text)
		}
	}
}

// role is a ClusterRole or Role of the operator's accounts.
type role struct {
	object          client.Object
	name, namespace string
	rules           *[]rbacv1.PolicyRule
}

// rights are the verbs of all rules, one by one.
func (r *role) rights() []use {
	var all []use
	for _, rule := range *r.rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range append([]string{}, orAny(rule.ResourceNames)...) {
						all = append(all, use{role: r.name, namespace: r.namespace, group: group, resource: resource, name: name, verb: verb})
					}
				}
			}
		}
	}
	return all
}

func orAny(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// roles are those that bindings of the chart give to the operator's accounts.
func (w *world) roles(t *testing.T) []*role {
	t.Helper()
	wide, narrow := &rbacv1.ClusterRoleList{}, &rbacv1.RoleList{}
	check(t, "list ClusterRoles", w.Kube.List(t.Context(), wide, client.MatchingLabels{"app.kubernetes.io/name": "scim-operator"}))
	check(t, "list Roles", w.Kube.List(t.Context(), narrow, client.MatchingLabels{"app.kubernetes.io/name": "scim-operator"}))
	bindings := &rbacv1.ClusterRoleBindingList{}
	check(t, "list ClusterRoleBindings", w.Kube.List(t.Context(), bindings, client.MatchingLabels{"app.kubernetes.io/name": "scim-operator"}))
	var all []*role
	for i := range wide.Items {
		object := &wide.Items[i]
		// The chart binds no ClusterRole for people.
		if slices.ContainsFunc(bindings.Items, func(b rbacv1.ClusterRoleBinding) bool { return b.RoleRef.Name == object.Name }) {
			all = append(all, &role{object: object, name: object.Name, rules: &object.Rules})
		}
	}
	for i := range narrow.Items {
		object := &narrow.Items[i]
		all = append(all, &role{object: object, name: object.Name, namespace: object.Namespace, rules: &object.Rules})
	}
	if len(all) < 5 {
		t.Fatalf("the chart made %d roles for its accounts, which is fewer than there must be", len(all))
	}
	return all
}

// bound wants a binding of the operator that refers to a role. The API server asks for the verb bind without a word in the audit log.
func (w *world) bound(resource, name string) error {
	kind := map[string]string{"clusterroles": "ClusterRole", "roles": "Role"}[resource]
	if !slices.Contains(w.refs, kind+" "+name) {
		return fmt.Errorf("no binding was made to it, but to %s", strings.Join(w.refs, ", "))
	}
	return nil
}

// meta is that of an object without a namespace.
func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
