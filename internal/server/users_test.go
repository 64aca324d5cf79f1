package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
)

// joiner is the body that Okta sends to create a user, password included.
func joiner(userName, password string) string {
	return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + userName + `",
		"name":{"givenName":"Test","familyName":"Joiner"},"emails":[{"primary":true,"value":"` + userName + `","type":"work"}],
		"displayName":"Test Joiner","locale":"en-US","externalId":"00u-` + userName + `","groups":[],"password":"` + password + `","active":true}`
}

func find(userName string) string {
	return "/Users?filter=" + url.QueryEscape(`userName eq "`+userName+`"`) + "&startIndex=1&count=100"
}

// numbers are what a ListResponse says about itself.
type numbers struct {
	Schemas      []string          `json:"schemas"`
	TotalResults *int              `json:"totalResults"`
	StartIndex   *int              `json:"startIndex"`
	ItemsPerPage *int              `json:"itemsPerPage"`
	Resources    []json.RawMessage `json:"Resources"`
}

func listOf(t *testing.T, got reply) numbers {
	t.Helper()
	var list numbers
	if err := json.Unmarshal(got.body, &list); err != nil {
		t.Fatalf("the list is not as RFC 7644 section 3.4.2 has it: %v: %.300s", err, got.body)
	}
	if list.TotalResults == nil || list.StartIndex == nil || list.ItemsPerPage == nil || list.Resources == nil {
		t.Fatalf("the list lacks a member: %.300s", got.body)
	}
	if len(list.Resources) != *list.ItemsPerPage {
		t.Errorf("itemsPerPage is %d with %d resources", *list.ItemsPerPage, len(list.Resources))
	}
	return list
}

// TestUserLifecycle goes the way of an Okta app with PUT: look, create, read, echo, change, deactivate, reactivate, delete.
func TestUserLifecycle(t *testing.T) {
	s := newSCIM(t)
	const name = "Lifecycle.Joiner@example.com"
	if list := listOf(t, s.call(200, "GET", find(name), "")); *list.TotalResults != 0 {
		t.Fatalf("the user exists before it was created: %d", *list.TotalResults)
	}
	created := s.call(201, "POST", "/Users", joiner(name, "secret"), "Content-Type: application/scim+json; charset=utf-8")
	user := created.json(t)
	id, _ := user["id"].(string)
	location := s.address + s.base() + "/Users/" + id
	meta, _ := user["meta"].(map[string]any)
	if created.header.Get("Location") != location || meta["location"] != location {
		t.Errorf("Location %q and meta.location %v, want both %q", created.header.Get("Location"), meta["location"], location)
	}
	if user["userName"] != name || user["password"] != nil {
		t.Errorf("userName is %v, want it as sent; password is %v, want none", user["userName"], user["password"])
	}
	if created.header.Get("ETag") == "" || meta["version"] != created.header.Get("ETag") {
		t.Errorf("ETag is %q and meta.version %v, want them equal", created.header.Get("ETag"), meta["version"])
	}
	detail := refused(t, s.call(409, "POST", "/Users", joiner(strings.ToUpper(name), "x")), 409, "uniqueness")
	contains(t, detail, "adopt", "00u-LIFECYCLE")
	detail = refused(t, s.call(409, "POST", "/Users", `{"userName":"`+strings.ToUpper(name)+`"}`), 409, "uniqueness")
	contains(t, detail, "import", "match")
	if list := listOf(t, s.call(200, "GET", find(strings.ToUpper(name)), "")); *list.TotalResults != 1 {
		t.Errorf("a name is found in any case, at once: %d results", *list.TotalResults)
	}

	read := s.call(200, "GET", "/Users/"+id, "")
	before := s.user(id)
	echo := s.call(200, "PUT", "/Users/"+id, string(read.body))
	if diff := cmp.Diff(string(read.body), string(echo.body)); diff != "" {
		t.Errorf("an echo changed the answer (-before +after):\n%s", diff)
	}
	if after := s.user(id); after.ResourceVersion != before.ResourceVersion {
		t.Error("an echo was written")
	}

	inactive := strings.Replace(string(read.body), `"active":true`, `"active":false`, 1)
	if got := s.call(200, "PUT", "/Users/"+id, inactive).json(t); got["active"] != false || got["id"] != id {
		t.Errorf("after deactivation active is %v and id %v", got["active"], got["id"])
	}
	if list := listOf(t, s.call(200, "GET", find(name), "")); *list.TotalResults != 1 {
		t.Error("an inactive user must be found, or it can never be reactivated")
	}
	patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":true}}]}`
	if got := s.call(200, "PATCH", "/Users/"+id, patch).json(t); got["active"] != true {
		t.Errorf("after reactivation active is %v", got["active"])
	}
	s.call(204, "DELETE", "/Users/"+id, "")
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		body := map[string]string{"PUT": joiner(name, "x"), "PATCH": patch}[method]
		refused(t, s.call(404, method, "/Users/"+id, body), 404, "")
	}
	if list := listOf(t, s.call(200, "GET", find(name), "")); *list.TotalResults != 0 {
		t.Error("a PUT to an unknown id must not create it (RFC 7644 section 3.5.1)")
	}
}

func (s *scim) user(id string) *v1alpha1.ScimUser {
	s.t.Helper()
	user := &v1alpha1.ScimUser{}
	must(s.t, s.kube.Get(s.t.Context(), client.ObjectKey{Name: id}, user))
	return user
}

// create creates a user and returns its id.
func (s *scim) create(userName string) string {
	s.t.Helper()
	id, _ := s.call(201, "POST", "/Users", joiner(userName, "x")).json(s.t)["id"].(string)
	return id
}

func TestBadUserRequests(t *testing.T) {
	s := newSCIM(t)
	id := s.create("bad.requests@example.com")
	patch := func(operation string) string { return `{"Operations":[` + operation + `]}` }
	cases := map[string]struct {
		reason, method, path, body string
		status                     int
		scimType                   string
	}{
		"otherID":      {"an id never changes; the path's rules (RFC 7643 section 3.1)", "PUT", "/Users/" + id, `{"id":"other","userName":"a"}`, 400, "mutability"},
		"otherPatchID": {"also by PATCH", "PATCH", "/Users/" + id, patch(`{"op":"replace","value":{"id":"other"}}`), 400, "mutability"},
		"noName":       {"userName is required (RFC 7643 section 4.1.1)", "POST", "/Users", `{"displayName":"x"}`, 400, "invalidValue"},
		"noBody":       {"a body is required", "POST", "/Users", ``, 400, "invalidSyntax"},
		"html":         {"a body that is not JSON", "POST", "/Users", `<html>`, 400, "invalidSyntax"},
		"array":        {"a body that is no object", "PUT", "/Users/" + id, `[]`, 400, "invalidSyntax"},
		"twice":        {"names that repeat are ambiguous", "POST", "/Users", `{"userName":"a","USERNAME":"b"}`, 400, "invalidSyntax"},
		"noOperations": {"a PATCH needs operations (RFC 7644 section 3.5.2)", "PATCH", "/Users/" + id, `{}`, 400, "invalidSyntax"},
		"unknownOp":    {"an operation must be known", "PATCH", "/Users/" + id, patch(`{"op":"move"}`), 400, "invalidSyntax"},
		"badPath":      {"a path must be well formed", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"name..givenName","value":"x"}`), 400, "invalidPath"},
		"badFilter":    {"a filter must be well formed", "GET", "/Users?filter=userName+is+x", ``, 400, "invalidFilter"},
		"emptyFilter":  {"an empty filter must not list everybody", "GET", "/Users?filter=", ``, 400, "invalidFilter"},
		"badCount":     {"count is an integer", "GET", "/Users?count=many", ``, 400, "invalidValue"},
		"badStart":     {"startIndex is an integer", "GET", "/Users?startIndex=x", ``, 400, "invalidValue"},
		"both":         {"attributes and excludedAttributes exclude each other", "GET", "/Users?attributes=id&excludedAttributes=id", ``, 400, "invalidValue"},
		"badSearch":    {"a search must be a search request", "POST", "/Users/.search", `{"schemas":["urn:x"]}`, 400, "invalidSyntax"},
		"unknown":      {"an id that was never given is no syntax error", "GET", "/Users/00919288221112222", ``, 404, ""},
		"strange":      {"nor is one that no object could have", "GET", "/Users/..%2F..%2Fscimroles", ``, 404, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := s.user(id).ResourceVersion
			got := s.do(tc.method, s.base()+tc.path, tc.body, "Authorization: Bearer "+token)
			if got.status != tc.status {
				t.Fatalf("%s: status %d, want %d: %s", tc.reason, got.status, tc.status, got.body)
			}
			refused(t, got, tc.status, tc.scimType)
			if s.user(id).ResourceVersion != before {
				t.Error("a refused request changed the user")
			}
		})
	}
}

func TestMediaTypesDoNotMatter(t *testing.T) {
	s := newSCIM(t)
	for i, mediaType := range []string{"application/scim+json", "application/json;charset=latin-1", "text/plain", "", "application/x-www-form-urlencoded", "no type at all"} {
		got := s.call(201, "POST", "/Users", fmt.Sprintf(`{"userName":"media-%d"}`, i), "Content-Type: "+mediaType, "Accept: text/html")
		if contentType := got.header.Get("Content-Type"); contentType != "application/scim+json" {
			t.Errorf("the answer to %q has the type %q", mediaType, contentType)
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	s := newSCIM(t)
	id := s.create("conditional@example.com")
	first := s.call(200, "GET", "/Users/"+id, "").header.Get("ETag")
	if got := s.call(304, "GET", "/Users/"+id, "", "If-None-Match: "+first); len(got.body) > 0 || got.header.Get("ETag") != first {
		t.Errorf("a 304 has a body of %d bytes and the ETag %q, want none and %q", len(got.body), got.header.Get("ETag"), first)
	}
	title := func(title string) string {
		return `{"Operations":[{"op":"replace","path":"title","value":"` + title + `"}]}`
	}
	second := s.call(200, "PATCH", "/Users/"+id, title("one"), "If-Match: "+first).header.Get("ETag")
	if second == first {
		t.Error("a change did not move the version")
	}
	s.call(200, "GET", "/Users/"+id, "", "If-None-Match: "+first)
	for _, got := range []reply{
		s.call(412, "PATCH", "/Users/"+id, title("two"), "If-Match: "+first),
		s.call(412, "PUT", "/Users/"+id, joiner("conditional@example.com", "x"), "If-Match: "+first),
		s.call(412, "DELETE", "/Users/"+id, "", "If-Match: "+first),
	} {
		contains(t, refused(t, got, 412, ""), second)
	}
	s.call(200, "PATCH", "/Users/"+id, title("one"), "If-Match: *")
	s.call(204, "DELETE", "/Users/"+id, "", "If-Match: "+second)

	group, _ := s.call(201, "POST", "/Groups", `{"displayName":"Conditional"}`).json(t)["id"].(string)
	s.call(412, "PATCH", "/Groups/"+group, `{"Operations":[{"op":"add","path":"members","value":[{"value":"x"}]}]}`, `If-Match: W/"99"`)
	s.call(412, "DELETE", "/Groups/"+group, "", `If-Match: W/"99"`)
	s.call(304, "GET", "/Groups/"+group, "", "If-None-Match: *")
}

func TestListingUsers(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.PageSize, cfg.MaxPageSize = 3, 4 })
	var ids []string
	for i := range 5 {
		ids = append(ids, s.create(fmt.Sprintf("listed-%d@example.com", i)))
	}
	poll(t, "the cache has all users", func() bool { return *listOf(t, s.call(200, "GET", "/Users?count=0", "")).TotalResults == 5 })
	cases := map[string]struct {
		reason, query       string
		total, start, items int
	}{
		"default":  {"a page has the default size", "", 5, 1, 3},
		"okta":     {"Okta's connection test", "?startIndex=1&count=2", 5, 1, 2},
		"order":    {"parameters come in any order and case", "?Count=2&startindex=2", 5, 2, 2},
		"none":     {"count 0 asks for the number alone", "?count=0", 5, 1, 0},
		"negative": {"a negative count counts as 0 (RFC 7644 section 3.4.2.4)", "?count=-3", 5, 1, 0},
		"most":     {"no page is larger than the limit", "?count=1000", 5, 1, 4},
		"zero":     {"a startIndex below 1 counts as 1 (RFC 7644 section 3.4.2.4)", "?startIndex=0&count=1", 5, 1, 1},
		"below":    {"a startIndex below 1 counts as 1", "?startIndex=-5&count=1", 5, 1, 1},
		"last":     {"the last page is shorter", "?startIndex=5&count=3", 5, 5, 1},
		"beyond":   {"beyond the end is an empty page", "?startIndex=6", 5, 6, 0},
		"far":      {"far beyond it too", "?startIndex=99999999999999999999&count=99999999999999999999", 5, 9223372036854775807, 0},
		"empty":    {"empty parameters are absent", "?startIndex=&count=", 5, 1, 3},
		"sorted":   {"a sorted list is paged like any other", "?sortBy=userName&startIndex=2&count=1", 5, 2, 1},
		"co":       {"other filters work on the cache", "?filter=" + url.QueryEscape(`userName co "LISTED-3"`), 1, 1, 1},
		"and":      {"filters can be joined", "?filter=" + url.QueryEscape(`userName sw "listed" and active eq true and not (userName co "-0@")`), 4, 1, 3},
		"id":       {"by id", "?filter=" + url.QueryEscape(`id eq "`+ids[2]+`"`), 1, 1, 1},
		"external": {"by externalId", "?filter=" + url.QueryEscape(`externalId eq "00u-listed-4@example.com"`), 1, 1, 1},
		"narrowed": {"an index helps with a part of a filter, and the rest still counts", "?filter=" + url.QueryEscape(`active eq true and userName eq "LISTED-1@example.com"`), 1, 1, 1},
		"refuted":  {"what the index finds need not match", "?filter=" + url.QueryEscape(`externalId eq "00u-listed-4@example.com" and active eq false`), 0, 1, 0},
		"nobody":   {"an empty value is nobody's", "?filter=" + url.QueryEscape(`externalId eq ""`), 0, 1, 0},
		"plus":     {"spaces may be plus signs", `?filter=userName+eq+%22listed-1%40example.com%22`, 1, 1, 1},
		"groups":   {"by group, of which there is none", "?filter=" + url.QueryEscape(`groups.value eq "x"`), 0, 1, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			list := listOf(t, s.call(200, "GET", "/Users"+tc.query, ""))
			got := []int{*list.TotalResults, *list.StartIndex, *list.ItemsPerPage}
			if diff := cmp.Diff([]int{tc.total, tc.start, tc.items}, got); diff != "" {
				t.Errorf("%s: total, start, items (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
	search := listOf(t, s.call(200, "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"startIndex":2,"count":2,"attributes":["userName"]}`))
	if *search.TotalResults != 5 || len(search.Resources) != 2 || strings.Contains(string(search.Resources[0]), "emails") {
		t.Errorf("a search found %d, returned %s; want 2 of 5 with userName only", *search.TotalResults, search.Resources)
	}
	var seen []string
	for start := 1; start <= 5; start += 2 {
		for _, raw := range listOf(t, s.call(200, "GET", fmt.Sprintf("/Users?startIndex=%d&count=2", start), "")).Resources {
			var resource struct{ ID string }
			must(t, json.Unmarshal(raw, &resource))
			seen = append(seen, resource.ID)
		}
	}
	if diff := cmp.Diff(map[string]bool{ids[0]: true, ids[1]: true, ids[2]: true, ids[3]: true, ids[4]: true}, asSet(seen)); diff != "" || len(seen) != 5 {
		t.Errorf("pages repeat or lose users (-want +got):\n%s", diff)
	}
}

func asSet(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

func TestProjection(t *testing.T) {
	s := newSCIM(t)
	id := s.create("projected@example.com")
	keys := func(got reply) map[string]bool {
		set := map[string]bool{}
		for key := range got.json(t) {
			set[key] = true
		}
		return set
	}
	if diff := cmp.Diff(asSet([]string{"schemas", "id", "userName"}), keys(s.call(200, "GET", "/Users/"+id+"?attributes=userName", ""))); diff != "" {
		t.Errorf("attributes=userName leaves the minimum and userName (-want +got):\n%s", diff)
	}
	without := keys(s.call(200, "GET", "/Users/"+id+"?excludedAttributes=emails,id", ""))
	if without["emails"] || !without["id"] || !without["userName"] {
		t.Errorf("excludedAttributes=emails,id takes away emails and not id: %v", without)
	}
}

// TestPasswordIsNowhere sends a password in every way and looks everywhere for it.
func TestPasswordIsNowhere(t *testing.T) {
	s := newSCIM(t)
	const canary = "Canary-Passw0rd-7291"
	var answers []reply
	created := s.call(201, "POST", "/Users", joiner("canary@example.com", canary))
	id, _ := created.json(t)["id"].(string)
	answers = append(answers, created,
		s.call(200, "PUT", "/Users/"+id, joiner("canary@example.com", canary)),
		s.call(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","value":{"password":"`+canary+`"}}]}`),
		s.call(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"password","value":"`+canary+`"}]}`),
		s.call(409, "POST", "/Users", joiner("canary@example.com", canary)),
		s.call(400, "POST", "/Users", `{"password":"`+canary+`"}`),
		s.call(400, "POST", "/Users", `{"userName":"x","password":"`+canary+`"`),
		s.call(400, "POST", "/Users", `{"userName":"x","password":"`+canary+`","password":"`+canary+`"}`),
		s.call(404, "PUT", "/Users/none", joiner("other@example.com", canary)),
		s.call(404, "PATCH", "/Users/none", `{"Operations":[{"op":"replace","value":{"password":"`+canary+`"}}]}`),
		s.call(200, "GET", "/Users?attributes=password", ""),
		s.do(http.MethodPost, s.base()+"/Users", joiner("third@example.com", canary)),
	)
	for _, got := range answers {
		if strings.Contains(string(got.body), canary) {
			t.Errorf("the password is in an answer: %s", got.body)
		}
	}
	if strings.Contains(s.log.all(), canary) || strings.Contains(s.log.all(), token) {
		t.Error("the password or the token is in the log")
	}
	dump := s.dump()
	contains(t, dump, "canary@example.com")
	if strings.Contains(dump, canary) {
		t.Error("the password is stored")
	}
}
