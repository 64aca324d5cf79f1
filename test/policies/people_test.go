package policies

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestPeople: each role for people gives what it is for, and no right on grants, which would be a right on everything.
func TestPeople(t *testing.T) {
	clients := accounts(t)
	want := map[account]string{
		viewer:   "",
		editor:   "create scimroles, create scimusers, delete scimroles, delete scimusers, patch scimroles, patch scimusers, update scimroles, update scimusers",
		approver: "approve accessplans, approve appconnections, patch accessplans, patch appconnections, update accessplans",
		adopter:  "adopt scimroles, adopt scimusers, patch scimroles, patch scimusers",
	}
	for who, want := range want {
		if diff := cmp.Diff(want, writes(t, clients[who], "")); diff != "" {
			t.Errorf("what %s may do (-want +got):\n%s", who, diff)
		}
	}
}

// TestAppOwner: the owner of an app may write AppConnections of the namespace, see the accounts, and nothing in another namespace.
func TestAppOwner(t *testing.T) {
	c := accounts(t)[appOwner]
	const want = "create appconnections, delete appconnections, patch appaccounts, patch appconnections, update appconnections"
	for namespace, want := range map[string]string{"team-0": want, "team-2": "", "": ""} {
		if diff := cmp.Diff(want, writes(t, c, namespace)); diff != "" {
			t.Errorf("what the owner of apps in team-0 may do in the namespace %q (-want +got):\n%s", namespace, diff)
		}
	}
}

// writes are the rights on the operator's kinds, in a namespace or in the whole cluster, that change something.
func writes(t *testing.T, c *client, namespace string) string {
	t.Helper()
	var got []string
	for _, resource := range resources(t) {
		for _, verb := range []string{"create", "update", "patch", "delete", "deletecollection", "approve", "adopt"} {
			for _, subresource := range []string{"", "status"} {
				right := authorizationv1.ResourceAttributes{Verb: verb, Resource: resource, Subresource: subresource, Namespace: namespace}
				allowed, err := c.holds(t.Context(), right)
				if err != nil {
					t.Fatal(err)
				}
				if allowed {
					got = append(got, strings.TrimSuffix(verb+" "+resource+"/"+subresource, "/"))
				}
			}
		}
	}
	slices.Sort(got)
	return strings.Join(got, ", ")
}

// TestViewer: whoever may look at a cluster may look at all kinds of the operator.
func TestViewer(t *testing.T) {
	c := accounts(t)[viewer]
	for _, resource := range resources(t) {
		for _, verb := range []string{"get", "list", "watch"} {
			if allowed, err := c.may(t.Context(), verb, resource); err != nil || !allowed {
				t.Errorf("viewer may not %s %s (error %v)", verb, resource, err)
			}
		}
	}
	for _, role := range documents[rbacv1.ClusterRole](t, "../../config/rbac/people.yaml", "ClusterRole") {
		_, joins := role.Labels["rbac.authorization.k8s.io/aggregate-to-view"]
		if want := role.Name == "scim-operator-"+string(viewer); joins != want {
			t.Errorf("%s is a part of the role view: %t, want %t", role.Name, joins, want)
		}
		for label := range role.Labels {
			if strings.Contains(label, "aggregate-to-edit") || strings.Contains(label, "aggregate-to-admin") {
				t.Errorf("%s has the label %s: who may edit in a cluster may not thereby give access to it", role.Name, label)
			}
		}
	}
}

func resources(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, definition := range documents[apiextensionsv1.CustomResourceDefinition](t, "../../config/crd/bases/*.yaml", "CustomResourceDefinition") {
		names = append(names, definition.Spec.Names.Plural)
	}
	return names
}
