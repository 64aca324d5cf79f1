package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// group is the part of a Group that the tests look at.
type group struct {
	ID, DisplayName string
	Members         []struct {
		Value, Display, Type string
		Ref                  string `json:"$ref"`
	}
}

func (s *scim) group(path string) group {
	s.t.Helper()
	var out group
	must(s.t, json.Unmarshal(s.call(200, "GET", path, "").body, &out))
	return out
}

func (g group) ids() []string {
	ids := []string{}
	for _, m := range g.Members {
		ids = append(ids, m.Value)
	}
	slices.Sort(ids)
	return ids
}

func (s *scim) role(id string) *v1alpha1.ScimRole {
	s.t.Helper()
	role := &v1alpha1.ScimRole{}
	must(s.t, s.kube.Get(s.t.Context(), client.ObjectKey{Name: id}, role))
	return role
}

// members makes the JSON of a list of members as Okta sends it.
func members(ids ...string) string {
	list := []map[string]any{}
	for _, id := range ids {
		list = append(list, map[string]any{"value": id, "display": nil})
	}
	text, _ := json.Marshal(list)
	return string(text)
}

func findGroup(displayName string) string {
	return "/Groups?filter=" + url.QueryEscape(`displayName eq "`+displayName+`"`) + "&startIndex=1&count=100"
}

// TestGroupPushByPUT goes the way of an Okta app with PUT: look, create, read, put the same again, put changes, delete.
func TestGroupPushByPUT(t *testing.T) {
	s := newSCIM(t)
	first, second := s.create("put.first@example.com"), s.create("put.second@example.com")
	if list := listOf(t, s.call(200, "GET", findGroup("App Users / EU"), "")); *list.TotalResults != 0 {
		t.Fatal("the group exists before it was created")
	}
	body := func(name string, ids ...string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"` + name + `","members":` + members(ids...) + `}`
	}
	created := s.call(201, "POST", "/Groups", body("App Users / EU", first))
	id, _ := created.json(t)["id"].(string)
	if want := s.address + s.base() + "/Groups/" + id; created.header.Get("Location") != want {
		t.Errorf("Location is %q, want %q", created.header.Get("Location"), want)
	}
	contains(t, refused(t, s.call(409, "POST", "/Groups", body("APP USERS / EU")), 409, "uniqueness"), "Link Group")
	if list := listOf(t, s.call(200, "GET", findGroup("app users / eu"), "")); *list.TotalResults != 1 || !strings.Contains(string(list.Resources[0]), first) {
		t.Errorf("the group is not found at once with its members: %s", list.Resources)
	}
	if diff := cmp.Diff([]string{first}, s.group("/Groups/"+id).ids()); diff != "" {
		t.Errorf("members after the create (-want +got):\n%s", diff)
	}
	before := s.role(id)
	s.call(200, "PUT", "/Groups/"+id, strings.Replace(body("App Users / EU", first), "{", `{"id":"`+id+`",`, 1))
	s.call(200, "PUT", "/Groups/"+id, string(s.call(200, "GET", "/Groups/"+id, "").body))
	if s.role(id).ResourceVersion != before.ResourceVersion {
		t.Error("putting the same again was written")
	}
	want := []string{first, second, "not-here-yet"}
	slices.Sort(want)
	var put group
	must(t, json.Unmarshal(s.call(200, "PUT", "/Groups/"+id, body("Renamed", want...)).body, &put))
	if diff := cmp.Diff(want, put.ids()); diff != "" || put.DisplayName != "Renamed" {
		t.Errorf("PUT answered %q with members (-want +got):\n%s", put.DisplayName, diff)
	}
	s.call(200, "PUT", "/Groups/"+id, `{"displayName":"Renamed"}`)
	if diff := cmp.Diff(want, s.group("/Groups/"+id).ids()); diff != "" {
		t.Errorf("a PUT that does not speak of members changed them (-want +got):\n%s", diff)
	}
	s.call(200, "PUT", "/Groups/"+id, body("Renamed"))
	if got := s.group("/Groups/" + id); len(got.Members) != 0 || got.Members == nil {
		t.Errorf("an empty group shows %v, want an empty list", got.Members)
	}
	refused(t, s.call(400, "PUT", "/Groups/"+id, `{"id":"other","displayName":"x"}`), 400, "mutability")
	s.call(204, "DELETE", "/Groups/"+id, "")
	refused(t, s.call(404, "PUT", "/Groups/"+id, body("Renamed")), 404, "")
	s.call(200, "GET", "/Users/"+first, "")
}

// TestGroupPushByPATCH sends what Okta's own apps send, each operation twice: the second one must change nothing.
func TestGroupPushByPATCH(t *testing.T) {
	s := newSCIM(t)
	a, b := s.create("patch.a@example.com"), s.create("patch.b@example.com")
	id, _ := s.call(201, "POST", "/Groups", `{"displayName":"Patched","members":[]}`).json(t)["id"].(string)
	steps := []struct {
		reason, operations string
		name               string
		want               []string
	}{
		{"add", `{"op":"add","path":"members","value":` + members(a, b) + `}`, "Patched", []string{a, b}},
		{"remove by filter", `{"op":"remove","path":"members[value eq \"` + b + `\"]"}`, "Patched", []string{a}},
		{"rename carries the id and leaves the members", `{"op":"replace","value":{"id":"` + id + `","displayName":"Renamed by PATCH"}}`, "Renamed by PATCH", []string{a}},
		{"Push Now replaces", `{"op":"replace","path":"members","value":` + members(b) + `}`, "Renamed by PATCH", []string{b}},
		{"Entra removes by a list", `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"` + b + `"}]}`, "Renamed by PATCH", []string{}},
		{"without a path", `{"op":"replace","value":{"members":[{"value":"` + a + `"}]}}`, "Renamed by PATCH", []string{a}},
		{"several at once", `{"op":"remove","path":"members[value eq \"` + a + `\"]"},{"op":"add","path":"members","value":` + members(b) + `},{"op":"replace","path":"displayName","value":"Patched"}`, "Patched", []string{b}},
		{"Push Now on an empty group", `{"op":"replace","path":"members","value":[]}`, "Patched", []string{}},
	}
	for _, step := range steps {
		body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + step.operations + `]}`
		if got := s.call(204, "PATCH", "/Groups/"+id, body); len(got.body) > 0 {
			t.Errorf("%s: a 204 with a body", step.reason)
		}
		got := s.group("/Groups/" + id)
		slices.Sort(step.want)
		if diff := cmp.Diff(step.want, got.ids()); diff != "" || got.DisplayName != step.name {
			t.Errorf("%s: displayName %q, want %q; members (-want +got):\n%s", step.reason, got.DisplayName, step.name, diff)
		}
		before := s.role(id).ResourceVersion
		s.call(204, "PATCH", "/Groups/"+id, body)
		if s.role(id).ResourceVersion != before {
			t.Errorf("%s: the same request again was written", step.reason)
		}
	}
	add := `{"Operations":[{"op":"add","path":"members","value":` + members(a) + `}]}`
	contains(t, string(s.call(200, "PATCH", "/Groups/"+id+"?attributes=members", add).body), a)
	refused(t, s.call(400, "PATCH", "/Groups/"+id, `{"Operations":[{"op":"add","path":"members","value":`+members(b)+`},{"op":"replace","value":{"id":"other"}}]}`), 400, "mutability")
	if diff := cmp.Diff([]string{a}, s.group("/Groups/"+id).ids()); diff != "" {
		t.Errorf("a PATCH that fails half way changed the members (RFC 7644 section 3.5.2) (-want +got):\n%s", diff)
	}
}

func TestGroupAnswers(t *testing.T) {
	s := newSCIM(t)
	known := s.create("answers@example.com")
	id, _ := s.call(201, "POST", "/Groups", `{"displayName":"Answers","externalId":"ext-answers","members":`+members(known, "unknown")+`}`).json(t)["id"].(string)
	poll(t, "the cache has the user", func() bool {
		return strings.Contains(string(s.call(200, "GET", "/Groups/"+id, "").body), "answers@example.com")
	})
	for _, m := range s.group("/Groups/" + id).Members {
		want := map[string]string{known: "answers@example.com", "unknown": ""}[m.Value]
		if m.Display != want || m.Type != "User" || m.Ref != s.address+s.base()+"/Users/"+m.Value {
			t.Errorf("member %s is shown as %+v, want display %q", m.Value, m, want)
		}
	}
	poll(t, "the user shows the group", func() bool {
		return strings.Contains(string(s.call(200, "GET", "/Users/"+known, "").body), `"Answers"`)
	})
	poll(t, "the user is found by its group", func() bool {
		return *listOf(t, s.call(200, "GET", "/Users?filter="+url.QueryEscape(`groups.value eq "`+id+`"`), "")).TotalResults == 1
	})
	cases := map[string]struct {
		reason, path string
		members      bool
	}{
		"list":     {"Okta imports groups with their members", "/Groups?startIndex=1&count=100", true},
		"excluded": {"Entra looks groups up without members", "/Groups?excludedAttributes=members&filter=" + url.QueryEscape(`displayName eq "answers"`), false},
		"only":     {"other attributes do not include members", "/Groups?attributes=displayName", false},
		"item":     {"one group without members", "/Groups/" + id + "?excludedAttributes=members", false},
		"external": {"externalId finds a group", "/Groups?filter=" + url.QueryEscape(`externalId eq "ext-answers"`), true},
		"byID":     {"id finds a group", "/Groups?filter=" + url.QueryEscape(`id eq "`+id+`"`), true},
		"byMember": {"a member finds its groups", "/Groups?filter=" + url.QueryEscape(`members.value eq "`+known+`"`), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			text := string(s.call(200, "GET", tc.path, "").body)
			contains(t, text, id)
			if got := strings.Contains(text, `"members"`) && strings.Contains(text, known); got != tc.members {
				t.Errorf("%s: members in the answer: %t, want %t: %s", tc.reason, got, tc.members, text)
			}
		})
	}
	search := listOf(t, s.call(200, "POST", "/Groups/.search", `{"filter":"displayName sw \"ans\"","excludedAttributes":["members"]}`))
	if *search.TotalResults != 1 || strings.Contains(string(search.Resources[0]), `"members"`) {
		t.Errorf("a search found %d: %s", *search.TotalResults, search.Resources)
	}
}

func TestLargeGroup(t *testing.T) {
	s := newSCIM(t)
	const size = 2500
	want := make([]string, size)
	for i := range want {
		want[i] = fmt.Sprintf("large-%05d", i)
	}
	id, _ := s.call(201, "POST", "/Groups", `{"displayName":"Large","members":`+members(want...)+`}`).json(t)["id"].(string)
	if diff := cmp.Diff(want, s.group("/Groups/"+id).ids()); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	slices := s.role(id).Spec.Slices
	if len(slices) < 2 {
		t.Fatalf("%d members are in %d slices", size, len(slices))
	}
	s.call(200, "PUT", "/Groups/"+id, string(s.call(200, "GET", "/Groups/"+id, "").body))
	if diff := cmp.Diff(slices, s.role(id).Spec.Slices); diff != "" {
		t.Errorf("an echo rewrote slices (-before +after):\n%s", diff)
	}
}
