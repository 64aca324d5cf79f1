package policies

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestPeople: each role for people gives what it is for, and no right on grants, which would be a right on everything.
func TestPeople(t *testing.T) {
	clients := accounts(t)
	want := map[account]string{
		viewer:   "",
		editor:   "create scimroles, create scimusers, delete scimroles, delete scimusers, patch scimroles, patch scimusers, update scimroles, update scimusers",
		approver: "approve accessplans, patch accessplans, update accessplans",
		adopter:  "adopt scimroles, adopt scimusers, patch scimroles, patch scimusers",
	}
	for who, want := range want {
		var got []string
		for _, resource := range resources(t) {
			for _, verb := range []string{"create", "update", "patch", "delete", "deletecollection", "approve", "adopt"} {
				for _, subresource := range []string{"", "/status"} {
					allowed, err := clients[who].may(t.Context(), verb, resource+subresource)
					if err != nil {
						t.Fatal(err)
					}
					if allowed {
						got = append(got, verb+" "+resource+subresource)
					}
				}
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("what %s may do (-want +got):\n%s", who, diff)
		}
	}
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
