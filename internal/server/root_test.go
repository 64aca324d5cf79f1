package server_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/server"
)

// TestQueryOverAllTypes holds RFC 7644 sections 3.4.2.1 and 3.4.3 for the base URL.
func TestQueryOverAllTypes(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.MaxPageSize = 4 })
	a := s.create("a-user@example.com")
	s.create("c-user@example.com")
	s.call(201, "POST", "/Groups", `{"displayName":"b-group","externalId":"shared","members":`+members(a)+`}`)
	s.call(201, "POST", "/Groups", `{"displayName":"Test Joiner"}`)
	s.call(201, "POST", "/Users", `{"userName":"d-user@example.com","externalId":"shared"}`)
	poll(t, "everything is listed", func() bool { return *listOf(t, s.call(200, "GET", "?count=0", "")).TotalResults == 5 })
	for _, tc := range []struct{ reason, filter, want string }{
		{"both types have the attribute", `displayName eq "test joiner"`, "Test Joiner a-user@example.com c-user@example.com"},
		{"by resource type", `meta.resourceType eq "Group"`, "Test Joiner b-group"},
		{"by resource type and more", `meta.resourceType eq "User" and userName sw "a"`, "a-user@example.com"},
		{"an attribute that a type lacks has no value there", `userName pr`, "a-user@example.com c-user@example.com d-user@example.com"},
		{"also under not", `not (userName pr)`, "Test Joiner b-group"},
		{"either", `userName eq "c-user@example.com" or displayName eq "b-group"`, "b-group c-user@example.com"},
		{"by an attribute with an index", `externalId eq "shared"`, "b-group d-user@example.com"},
		{"by members", `members.value eq "` + a + `"`, "b-group"},
		{"nothing", `id eq "nothing"`, ""},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}, "filter": tc.filter})
			must(t, err)
			for how, got := range map[string]reply{
				"GET": s.call(200, "GET", "?filter="+url.QueryEscape(tc.filter), ""), "POST": s.call(200, "POST", "/.search", string(body)),
			} {
				names := namesOf(t, got)
				slices.Sort(names)
				if diff := cmp.Diff(tc.want, strings.Join(names, " ")); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", how, tc.filter, diff)
				}
			}
		})
	}
	if list := listOf(t, s.call(200, "GET", "/?count=100", "")); *list.TotalResults != 5 || len(list.Resources) != 4 {
		t.Errorf("the limits of pages hold here, too: %d of %d", len(list.Resources), *list.TotalResults)
	}
	refused(t, s.call(400, "GET", "?filter="+url.QueryEscape("active gt true"), ""), 400, "invalidFilter")
	refused(t, s.call(400, "POST", "/.search", `{"sortBy":"name"}`), 400, "invalidValue")
	refused(t, s.call(405, "POST", "", `{}`), 405, "")
}

func TestPagesOverAllTypes(t *testing.T) {
	s := newSCIM(t)
	var want []string
	for _, name := range []string{"pages-one", "pages-two", "pages-three"} {
		s.create(name + "@example.com")
		s.call(201, "POST", "/Groups", `{"displayName":"`+name+`"}`)
		want = append(want, name+"@example.com", name)
	}
	poll(t, "everything is listed", func() bool { return *listOf(t, s.call(200, "GET", "?count=0", "")).TotalResults == 6 })
	slices.Sort(want)
	for _, sorting := range []string{"", "&sortBy=displayName", "&sortBy=meta.created&sortOrder=descending"} {
		var byCursor, byIndex []string
		for cursor, first := "", true; first || cursor != ""; first = false {
			got := s.call(200, "GET", "/?count=4"+sorting+"&cursor="+cursor, "")
			page := pageOf(t, got)
			if cursor = ""; page.NextCursor != nil {
				cursor = *page.NextCursor
			}
			byCursor = append(byCursor, labels(t, got)...)
		}
		for _, start := range []string{"1", "5"} {
			byIndex = append(byIndex, labels(t, s.call(200, "GET", "/?count=4"+sorting+"&startIndex="+start, ""))...)
		}
		if diff := cmp.Diff(byIndex, byCursor); diff != "" {
			t.Errorf("%q: both ways of paging have the same order (-index +cursor):\n%s", sorting, diff)
		}
		slices.Sort(byCursor)
		if diff := cmp.Diff(want, byCursor); diff != "" {
			t.Errorf("%q: pages repeat or lose resources (-want +got):\n%s", sorting, diff)
		}
	}
}

// labels gives the userName of each user and the displayName of each group on a page.
func labels(t *testing.T, got reply) []string {
	t.Helper()
	var page struct {
		Resources []struct {
			UserName, DisplayName string
			Meta                  struct{ ResourceType string }
		}
	}
	must(t, json.Unmarshal(got.body, &page))
	var out []string
	for _, r := range page.Resources {
		if r.Meta.ResourceType == "Group" {
			r.UserName = r.DisplayName
		}
		out = append(out, r.UserName)
	}
	return out
}

// TestProjectionsEverywhere sends attributes and excludedAttributes with everything that answers with a resource (RFC 7644 section 3.9).
func TestProjectionsEverywhere(t *testing.T) {
	s := newSCIM(t)
	user, patchUser := joiner("projections-new@example.com", "secret"), `{"Operations":[{"op":"replace","path":"title","value":"T"}]}`
	id := s.create("projections-old@example.com")
	group := s.call(201, "POST", "/Groups", `{"displayName":"projections-old"}`).json(t)["id"].(string)
	patchGroup := `{"Operations":[{"op":"replace","path":"externalId","value":"x"}]}`
	for _, tc := range []struct {
		reason, method, path, body string
		status                     int
		want                       string
	}{
		{"POST", "POST", "/Users?attributes=userName", user, 201, "id schemas userName"},
		{"PUT", "PUT", "/Users/" + id + "?attributes=emails.value", joiner("projections-old@example.com", ""), 200, "emails id schemas"},
		{"PATCH", "PATCH", "/Users/" + id + "?attributes=title,meta.version", patchUser, 200, "id meta schemas title"},
		{"PATCH without some", "PATCH", "/Users/" + id + "?excludedAttributes=emails,name,meta,locale,externalId,active,displayName,id", patchUser, 200, "id schemas title userName"},
		{"GET", "GET", "/Users/" + id + "?attributes=urn:ietf:params:scim:schemas:core:2.0:User:userName", "", 200, "id schemas userName"},
		{"a password is never returned (RFC 7643 section 7)", "GET", "/Users/" + id + "?attributes=password", "", 200, "id schemas"},
		{"a group by POST", "POST", "/Groups?excludedAttributes=members,meta", `{"displayName":"projections-new"}`, 201, "displayName id schemas"},
		{"a group by PUT", "PUT", "/Groups/" + group + "?attributes=displayName", `{"displayName":"projections-old"}`, 200, "displayName id schemas"},
		{"a group by PATCH", "PATCH", "/Groups/" + group + "?attributes=externalId", patchGroup, 200, "externalId id schemas"},
		{"a group by GET", "GET", "/Groups/" + group + "?excludedAttributes=meta,members", "", 200, "displayName externalId id schemas"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := []string{}
			for name := range s.call(tc.status, tc.method, tc.path, tc.body).json(t) {
				got = append(got, name)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", tc.method, tc.path, diff)
			}
		})
		refused(t, s.call(400, tc.method, strings.NewReplacer("excludedAttributes=", "attributes=id&excludedAttributes=", "?attributes=", "?excludedAttributes=id&attributes=").Replace(tc.path), tc.body), 400, "invalidValue")
	}
}
