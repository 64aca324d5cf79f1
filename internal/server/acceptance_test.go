package server_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/store"
)

// rule changes the directory's spec, and waits until the server knows.
func (s *scim) rule(name string, change func(*v1alpha1.ScimDirectorySpec)) {
	s.t.Helper()
	directory := &v1alpha1.ScimDirectory{}
	key := client.ObjectKey{Name: name}
	must(s.t, s.kube.Get(s.t.Context(), key, directory))
	base := directory.DeepCopy()
	change(&directory.Spec)
	must(s.t, s.kube.Patch(s.t.Context(), directory, client.MergeFrom(base)))
	poll(s.t, "the server knows the rule", func() bool {
		known := &v1alpha1.ScimDirectory{}
		return s.cache.Get(s.t.Context(), key, known) == nil && known.Generation >= directory.Generation
	})
}

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
		reason        string
	}{
		{"k8s-*", "K8S-Admins", true, "case does not matter"},
		{"k8s-*", "x-k8s-admins", false, "the whole name is compared"},
		{"k8s-*", "k8s-", true, "* stands for nothing, too"},
		{"*-admins", "team-admins-admins", true, "* takes as much as it must"},
		{"a*b*c", "a-b-b-c", true, "several stars"},
		{"a*b*c", "a-c-b", false, "in order"},
		{"team-?", "team-é", true, "? stands for one character, not one byte"},
		{"team-?", "team-", false, "? stands for one character, not none"},
		{"STRASSE", "straße", true, "names are folded as when they are compared with each other"},
		{"[a-z]", "b", false, "brackets are letters"},
		{"", "", true, "nothing matches nothing"},
		{"*", strings.Repeat("x", 1024), true, "a long name"},
		{strings.Repeat("*a", 100) + "b", strings.Repeat("a", 1024), false, "many stars end in time"},
	} {
		if got := server.Glob(tc.pattern, tc.name); got != tc.want {
			t.Errorf("%q and %q: %v: %s", tc.pattern, tc.name, got, tc.reason)
		}
	}
}

func TestAcceptedGroups(t *testing.T) {
	s := newSCIM(t)
	early := s.createGroup("Legacy Owners")
	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) {
		spec.Groups = v1alpha1.GroupAcceptance{Include: []string{"K8s-*"}, Exclude: []string{"*-Admins"}}
	})
	good := s.createGroup("k8s-accepted")
	for name, want := range map[string]string{"Sales": "spec.groups.include", "k8s-Admins": "spec.groups.exclude"} {
		contains(t, refused(t, s.call(403, "POST", "/Groups", `{"displayName":"`+name+`"}`), 403, ""), want, name, "Push Groups")
		body := `{"displayName":"` + name + `","members":[]}`
		contains(t, refused(t, s.call(403, "PUT", "/Groups/"+good, body), 403, ""), want)
		patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"id":"` + good + `","displayName":"` + name + `"}}]}`
		contains(t, refused(t, s.call(403, "PATCH", "/Groups/"+good, patch), 403, ""), want)
		bulk := s.call(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"`+name+`"}}]}`)
		contains(t, string(bulk.body), `"status":"403"`)
	}
	s.call(200, "PUT", "/Groups/"+good, `{"displayName":"K8S-Accepted-2","members":[]}`)
	s.call(200, "PUT", "/Groups/"+early, `{"displayName":"LEGACY owners","members":[{"value":"somebody"}]}`)
	s.call(403, "PUT", "/Groups/"+early, `{"displayName":"Legacy Bosses"}`)
	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) { spec.Groups = v1alpha1.GroupAcceptance{} })
	s.call(201, "POST", "/Groups", `{"displayName":"Sales"}`)
}

func (s *scim) createGroup(name string) string {
	s.t.Helper()
	id, _ := s.call(201, "POST", "/Groups", `{"displayName":"`+name+`"}`).json(s.t)["id"].(string)
	return id
}

func TestUsersOnly(t *testing.T) {
	s := newSCIM(t)
	group := s.createGroup("Users Only Before")
	poll(t, "the group is listed", func() bool { return *listOf(t, s.call(200, "GET", "/Groups", "")).TotalResults == 1 })
	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) { spec.Resources = v1alpha1.ResourcesUsers })
	for _, path := range []string{"/Groups", "/Groups?filter=displayName%20eq%20%22Users%20Only%20Before%22", "/"} {
		if list := listOf(t, s.call(200, "GET", path, "")); *list.TotalResults != 0 {
			t.Errorf("%s: %d results: no group is ever listed", path, *list.TotalResults)
		}
	}
	s.call(404, "GET", "/Groups/"+group, "")
	for method, path := range map[string]string{"POST": "/Groups", "PUT": "/Groups/" + group, "PATCH": "/Groups/" + group, "DELETE": "/Groups/" + group} {
		contains(t, refused(t, s.call(403, method, path, `{"displayName":"x"}`), 403, ""), "users only", "Push Groups", "spec.resources")
	}
	for _, path := range []string{"/ResourceTypes", "/Schemas"} {
		if body := string(s.call(200, "GET", path, "").body); strings.Contains(body, "core:2.0:Group") {
			t.Errorf("%s announces groups", path)
		}
	}
	s.call(404, "GET", "/ResourceTypes/Group", "")
	s.call(201, "POST", "/Users", `{"userName":"users.only@example.com"}`)
}

func TestRolesForGovernance(t *testing.T) {
	s := newSCIM(t)
	s.addDirectory("governed-by-others", wrong)
	own := s.createGroup("Governed Own")
	role := &v1alpha1.ScimRole{}
	role.Name, role.Spec.DisplayName = "governed-local", "Governed Local"
	foreign := &v1alpha1.ScimRole{}
	foreign.Name, foreign.Spec = "governed-foreign", v1alpha1.ScimRoleSpec{DisplayName: "Governed Foreign", Directory: "governed-by-others"}
	for _, role := range []*v1alpha1.ScimRole{role, foreign} {
		s.claimed(role)
	}
	for _, path := range []string{"/Roles", "/Roles/" + role.Name, "/Entitlements", "/Entitlements/x"} {
		s.call(404, "GET", path, "")
		s.call(404, "POST", path, "{}")
	}
	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) { spec.RoleAssignment = v1alpha1.RoleAssignmentEnabled })
	var roles string
	poll(t, "the local role is listed", func() bool {
		roles = string(s.call(200, "GET", "/Roles?startIndex=1&count=100", "").body)
		return strings.Contains(roles, role.Name)
	})
	contains(t, roles, `"urn:okta:scim:schemas:core:1.0:Role"`, own, `"displayName":"Governed Local"`, `"resourceType":"Role"`)
	if strings.Contains(roles, "Foreign") {
		t.Error("roles of another directory are not this one's to give")
	}
	got := s.call(200, "GET", "/Roles/"+role.Name, "").json(t)
	if got["displayName"] != "Governed Local" || got["id"] != role.Name {
		t.Errorf("one role by its id: %v", got)
	}
	s.call(404, "GET", "/Roles/"+foreign.Name, "")
	s.call(404, "GET", "/Roles/no-such-role", "")
	s.call(404, "GET", "/Entitlements/x", "")
	s.call(403, "GET", "/Roles?filter=displayName%20eq%20%22x%22", "")
	if list := listOf(t, s.call(200, "GET", "/Entitlements", "")); *list.TotalResults != 0 {
		t.Error("there are no entitlements")
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		s.call(405, method, "/Roles/"+role.Name, "{}")
	}
	contains(t, string(s.call(200, "GET", "/ResourceTypes", "").body), `"/Roles"`, `"/Entitlements"`)
	contains(t, string(s.call(200, "GET", "/Schemas", "").body), "urn:okta:scim:schemas:core:1.0:Entitlement")
	s.call(200, "GET", "/Schemas/urn:okta:scim:schemas:core:1.0:Role", "")
}

// claimed makes an object that counts without the server, as people and repair do.
func (s *scim) claimed(obj client.Object) {
	s.t.Helper()
	must(s.t, s.kube.Create(s.t.Context(), obj))
	claim := &v1alpha1.ScimClaim{}
	claim.Name, claim.Spec.Owner = store.ClaimNameOf(obj), obj.GetName()
	switch o := obj.(type) {
	case *v1alpha1.ScimUser:
		claim.Spec.Attribute, claim.Spec.Value = v1alpha1.ClaimUserName, v1alpha1.Fold(o.Spec.UserName)
	case *v1alpha1.ScimRole:
		claim.Spec.Attribute, claim.Spec.Value = v1alpha1.ClaimDisplayName, v1alpha1.Fold(o.Spec.DisplayName)
	default:
		s.t.Fatal(fmt.Errorf("%T has no name to claim", obj))
	}
	must(s.t, s.kube.Create(s.t.Context(), claim))
}
