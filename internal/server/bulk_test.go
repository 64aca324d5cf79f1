package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	scimcore "github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/server"
)

const bulkSchema = `"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]`

// result is one operation of a BulkResponse. A status that is no string, which RFC 7644 section 3.7.3 has, doesn't decode.
type result struct {
	Method, BulkID, Location, Version, Status string
	Response                                  *struct {
		Schemas                  []string
		Status, ScimType, Detail string
	}
}

func (r result) id() string { return r.Location[strings.LastIndexByte(r.Location, '/')+1:] }

// bulk sends operations, checks the form of the answer, and returns what it says of each.
func (s *scim) bulk(members string, operations ...string) []result {
	s.t.Helper()
	got := s.call(200, "POST", "/Bulk", `{`+bulkSchema+members+`,"Operations":[`+strings.Join(operations, ",")+`]}`)
	var response struct {
		Schemas    []string
		Operations []result
	}
	must(s.t, json.Unmarshal(got.body, &response))
	if diff := cmp.Diff([]string{"urn:ietf:params:scim:api:messages:2.0:BulkResponse"}, response.Schemas); diff != "" {
		s.t.Errorf("schemas of the answer (-want +got):\n%s", diff)
	}
	for i, r := range response.Operations {
		if failed := r.Status >= "4"; failed != (r.Response != nil) || failed && (r.Response.Status != r.Status || r.Response.Detail == "") {
			s.t.Errorf("operation %d has the status %q and the response %+v; a failure carries its error, and nothing else does", i, r.Status, r.Response)
		}
	}
	return response.Operations
}

// expectStatuses checks the statuses of results, and that nothing was left out.
func expectStatuses(t *testing.T, got []result, statuses ...string) {
	t.Helper()
	var have []string
	for _, r := range got {
		have = append(have, r.Status)
	}
	if diff := cmp.Diff(statuses, have); diff != "" {
		t.Fatalf("statuses (-want +got):\n%s\n%+v", diff, got)
	}
}

func post(endpoint, bulkID, data string) string {
	return `{"method":"POST","path":"` + endpoint + `","bulkId":"` + bulkID + `","data":` + data + `}`
}

func bulkGroup(name string, members ...string) string {
	list := []map[string]string{}
	for _, m := range members {
		list = append(list, map[string]string{"type": "User", "value": m})
	}
	text, _ := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name, "members": list})
	return string(text)
}

func bulkUser(name, manager string) string {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + enterprise + `"],"userName":"` + name + `",
		"` + enterprise + `":{"employeeNumber":"11250","manager":{"value":"` + manager + `"}}}`
}

// manager reads who a user's manager is.
func (s *scim) manager(id string) string {
	s.t.Helper()
	user := s.user(id)
	if user.Spec.Enterprise == nil || user.Spec.Enterprise.Manager == nil {
		return ""
	}
	return user.Spec.Enterprise.Manager.Value
}

// TestBulkReferences is the example of RFC 7644 section 3.7.2 in meaning, with references backward and forward.
func TestBulkReferences(t *testing.T) {
	s := newSCIM(t)
	got := s.bulk("",
		post("/Groups", "ytrewq", bulkGroup("Tour Guides", "bulkId:qwerty", "bulkId:zxcvbn", "someone-else")),
		post("/Users", "qwerty", `{"userName":"bulk.alice@example.com","active":true,"password":"canary-of-bulk"}`),
		post("/Users", "zxcvbn", bulkUser("bulk.bob@example.com", "bulkId:qwerty")),
	)
	expectStatuses(t, got, "201", "201", "201")
	for i, bulkID := range []string{"ytrewq", "qwerty", "zxcvbn"} {
		if got[i].BulkID != bulkID || got[i].Method != "POST" || got[i].Version == "" {
			t.Errorf("result %d is %+v, want the bulkId %s, the method and a version", i, got[i], bulkID)
		}
		single := s.call(200, "GET", strings.TrimPrefix(got[i].Location, s.address+s.base()), "")
		if single.header.Get("ETag") != got[i].Version {
			t.Errorf("result %d has the version %s, the resource at its location %s", i, got[i].Version, single.header.Get("ETag"))
		}
	}
	if diff := cmp.Diff(inOrder(got[1].id(), got[2].id(), "someone-else"), s.group("/Groups/"+got[0].id()).ids()); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if generation := s.role(got[0].id()).Generation; generation != 1 {
		t.Errorf("the group was written %d times; without a circle one write is enough", generation)
	}
	if s.manager(got[2].id()) != got[1].id() {
		t.Errorf("the manager is %q, want %q", s.manager(got[2].id()), got[1].id())
	}
	if strings.Contains(s.dump()+s.log.all(), "canary-of-bulk") {
		t.Error("a password of a bulk request is stored or logged")
	}
}

// TestBulkReferencesElsewhere refers in a $ref and in the filter of a path, as a client of the single requests would name the id.
func TestBulkReferencesElsewhere(t *testing.T) {
	s := newSCIM(t)
	group, _ := s.call(201, "POST", "/Groups", bulkGroup("Bulk Filters")).json(t)["id"].(string)
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patch := func(operations string) string {
		return `{"method":"PATCH","path":"/Groups/` + group + `","data":{"Operations":[` + operations + `]}}`
	}
	got := s.bulk("",
		post("/Users", "boss", `{"userName":"bulk.boss@example.com"}`),
		post("/Users", "report", `{"userName":"bulk.report@example.com","`+enterprise+`":{"manager":{"value":"bulkId:boss","$ref":"../Users/bulkId:boss"}}}`),
		patch(`{"op":"add","path":"members","value":[{"value":"bulkId:boss"},{"value":"bulkId:report","$ref":"bulkId:report"}]}`),
		patch(`{"op":"remove","path":"members[value eq \"bulkId:boss\"]"}`),
	)
	expectStatuses(t, got, "201", "201", "204", "204")
	if diff := cmp.Diff([]string{got[1].id()}, s.group("/Groups/"+group).ids()); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	want := &v1alpha1.Manager{Value: got[0].id(), Ref: "../Users/" + got[0].id()}
	if diff := cmp.Diff(want, s.user(got[1].id()).Spec.Enterprise.Manager); diff != "" {
		t.Errorf("manager (-want +got):\n%s", diff)
	}
}

// TestBulkMethods is the example of RFC 7644 section 3.7.3 in meaning: all methods, versions, paths by bulkId, and mixed success.
func TestBulkMethods(t *testing.T) {
	s := newSCIM(t)
	first, second, third := s.create("bulk.first@example.com"), s.create("bulk.second@example.com"), s.create("bulk.third@example.com")
	version := s.call(200, "GET", "/Users/"+first, "").header.Get("ETag")
	quoted, _ := json.Marshal(version)
	got := s.bulk("",
		`{"method":"PUT","path":"/Users/`+first+`","version":`+string(quoted)+`,"data":{"userName":"bulk.renamed@example.com","active":true}}`,
		`{"method":"PATCH","path":"/Groups/bulkId:g","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
			"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:u"}]}]}}`,
		`{"method":"PUT","path":"/Users/`+second+`","version":"W/\"77\"","data":{"userName":"bulk.stale@example.com"}}`,
		`{"method":"PATCH","path":"/Users/`+second+`","data":[{"op":"add","path":"nickName","value":"Sec"}]}`,
		`{"method":"DELETE","path":"/Users/`+third+`","bulkId":"bye"}`,
		post("/Groups", "g", bulkGroup("Methods")),
		post("/Users", "u", `{"userName":"bulk.new@example.com"}`),
		post("/Users", "taken", `{"userName":"BULK.SECOND@example.com"}`),
		`{"method":"DELETE","path":"/Users/nobody"}`,
		post("/Groups", "lost", bulkGroup("Lost", "bulkId:nowhere")),
		post("/Groups", "after", bulkGroup("After", "bulkId:taken")),
	)
	expectStatuses(t, got, "200", "204", "412", "200", "204", "201", "201", "409", "404", "400", "400")
	if user := s.user(first); user.Spec.UserName != "bulk.renamed@example.com" {
		t.Errorf("PUT left the name %q", user.Spec.UserName)
	}
	if diff := cmp.Diff([]string{got[6].id()}, s.group("/Groups/"+got[5].id()).ids()); diff != "" {
		t.Errorf("members after the PATCH (-want +got):\n%s", diff)
	}
	if user := s.user(second); user.Spec.NickName != "Sec" || user.Spec.UserName != "bulk.second@example.com" {
		t.Errorf("the user is %+v after a stale PUT and a PATCH", user.Spec)
	}
	s.call(404, "GET", "/Users/"+third, "")
	if got[4].BulkID != "bye" || got[4].id() != third || got[2].id() != second || got[7].Location != "" {
		t.Errorf("every result but that of a failed POST has its location, and bulkId is echoed: %+v", got)
	}
	if got[7].Response.ScimType != "uniqueness" || got[9].Response.ScimType != "invalidValue" {
		t.Errorf("scimTypes are %+v and %+v", got[7].Response, got[9].Response)
	}
	contains(t, got[9].Response.Detail, `"nowhere"`)
	contains(t, got[10].Response.Detail, `"taken"`)
	if list := listOf(t, s.call(200, "GET", findGroup("Lost"), "")); *list.TotalResults != 0 {
		t.Error("a group with an unknown reference was created")
	}
}

// TestBulkCircles: RFC 7644 section 3.7.1 wants circular references resolved.
func TestBulkCircles(t *testing.T) {
	s := newSCIM(t)
	got := s.bulk("",
		post("/Groups", "a", bulkGroup("Group A", "bulkId:b", "outsider")),
		post("/Groups", "b", bulkGroup("Group B", "bulkId:a", "bulkId:x")),
		post("/Users", "x", bulkUser("bulk.x@example.com", "bulkId:y")),
		post("/Users", "y", bulkUser("bulk.y@example.com", "bulkId:x")),
		post("/Users", "self", bulkUser("bulk.self@example.com", "bulkId:self")),
	)
	expectStatuses(t, got, "201", "201", "201", "201", "201")
	for i, members := range [][]string{inOrder(got[1].id(), "outsider"), inOrder(got[0].id(), got[2].id())} {
		single := s.call(200, "GET", "/Groups/"+got[i].id(), "")
		if single.header.Get("ETag") != got[i].Version {
			t.Errorf("the version of a completed group is %s, want %s", got[i].Version, single.header.Get("ETag"))
		}
		if diff := cmp.Diff(members, s.group("/Groups/"+got[i].id()).ids()); diff != "" {
			t.Errorf("members of group %d (-want +got):\n%s", i, diff)
		}
	}
	for user, manager := range map[int]int{2: 3, 3: 2, 4: 4} {
		if s.manager(got[user].id()) != got[manager].id() {
			t.Errorf("the manager of %d is %q, want %q", user, s.manager(got[user].id()), got[manager].id())
		}
	}

	// A circle that cannot be closed leaves nothing behind.
	got = s.bulk("", post("/Groups", "c", bulkGroup("Group C", "bulkId:d")), post("/Groups", "d", bulkGroup("group a", "bulkId:c")))
	expectStatuses(t, got, "400", "409")
	if list := listOf(t, s.call(200, "GET", findGroup("Group C"), "")); *list.TotalResults != 0 {
		t.Error("half of a circle is left")
	}
}

func TestBulkFailOnErrors(t *testing.T) {
	s := newSCIM(t)
	lost := `{"method":"DELETE","path":"/Users/nobody"}`
	got := s.bulk(`,"failOnErrors":2`, lost, post("/Users", "a", `{"userName":"bulk.a@example.com"}`), lost, post("/Users", "b", `{"userName":"bulk.b@example.com"}`))
	expectStatuses(t, got, "404", "201", "404")
	if list := listOf(t, s.call(200, "GET", find("bulk.b@example.com"), "")); *list.TotalResults != 0 {
		t.Error("an operation after the last error that is accepted was carried out")
	}
}

func TestBulkLimits(t *testing.T) {
	s := newSCIM(t)
	one := `{"method":"DELETE","path":"/Users/nobody"}`
	request := func(operations string) string { return `{` + bulkSchema + `,"Operations":[` + operations + `]}` }
	many := request(strings.Repeat(one+",", 1000) + one)
	contains(t, refused(t, s.call(413, "POST", "/Bulk", many), 413, ""), "1000")
	large := request(post("/Users", "a", `{"userName":"bulk.large@example.com","title":"`+strings.Repeat("x", 8<<20)+`"}`))
	contains(t, refused(t, s.call(413, "POST", "/Bulk", large), 413, ""), "8388608")
	refused(t, s.call(400, "POST", "/Bulk", request(one+`,`)), 400, "invalidSyntax")
	refused(t, s.call(400, "POST", "/Bulk", request(post("/Users", "a", `{}`)+","+post("/Users", "a", `{}`))), 400, "invalidValue")

	// What is too large for a request of its own is so for an operation.
	got := s.bulk("", post("/Users", "a", `{"userName":"bulk.large@example.com","title":"`+strings.Repeat("x", 1<<20)+`"}`),
		post("/Users", "deep", `{"userName":"bulk.deep@example.com","urn:example:deep":`+strings.Repeat(`[`, 31)+strings.Repeat(`]`, 31)+`}`))
	expectStatuses(t, got, "413", "201")
	var config struct {
		Bulk struct {
			Supported                     bool
			MaxOperations, MaxPayloadSize int
		}
	}
	must(t, json.Unmarshal(s.call(200, "GET", "/ServiceProviderConfig", "").body, &config))
	if !config.Bulk.Supported || config.Bulk.MaxOperations != 1000 || config.Bulk.MaxPayloadSize != 8<<20 {
		t.Errorf("ServiceProviderConfig announces %+v, and not the limits that hold", config.Bulk)
	}
}

// busy is a store that has trouble to create one role.
type busy struct {
	server.Store
	name string
	err  error
}

func (b busy) CreateRole(ctx context.Context, directory string, spec *v1alpha1.ScimRoleSpec, members []scimcore.MemberOp) (*v1alpha1.ScimRole, error) {
	if spec.DisplayName == b.name {
		return nil, b.err
	}
	return b.Store.CreateRole(ctx, directory, spec, members)
}

func TestBulkTrouble(t *testing.T) {
	trouble := scimcore.TryAgain(7*time.Second, "busy", nil)
	for name, tc := range map[string]struct {
		err   error
		after string
	}{"busy": {trouble, "7"}, "deadline": {context.DeadlineExceeded, "5"}} {
		t.Run(name, func(t *testing.T) {
			s := newSCIM(t, func(cfg *server.Config) { cfg.Store = busy{cfg.Store, "Busy", tc.err} })
			user, group, last := post("/Users", "u", `{"userName":"`+name+`-trouble@example.com"}`), post("/Groups", "g", bulkGroup("Busy")), post("/Groups", "h", bulkGroup("Last"))
			expectStatuses(t, s.bulk("", user, group, last), "201", "429", "429")
			if list := listOf(t, s.call(200, "GET", findGroup("Last"), "")); *list.TotalResults != 0 {
				t.Error("an operation after passing trouble was carried out")
			}
			got := s.call(429, "POST", "/Bulk", `{`+bulkSchema+`,"Operations":[`+group+`,`+last+`]}`)
			refused(t, got, 429, "")
			if after := got.header.Get("Retry-After"); after != tc.after {
				t.Errorf("nothing was changed: Retry-After is %q, want %q", after, tc.after)
			}
		})
	}
}

func TestBulkAudit(t *testing.T) {
	s := newSCIM(t)
	got := s.call(200, "POST", "/Bulk", `{`+bulkSchema+`,"Operations":[`+post("/Users", "secret-bulk-id", `{"userName":"bulk.audit@example.com","title":"secret-title"}`)+
		`,{"method":"DELETE","path":"/Users/some-id"},{"method":"GET"}]}`)
	type line struct {
		RequestID, Method, Route, ID string
		BulkOperation, Status        int
	}
	var lines []line
	for text := range strings.SplitSeq(s.log.all(), "\n") {
		if strings.Contains(text, `"requestID"`) {
			var l line
			must(t, json.Unmarshal([]byte(text), &l))
			lines = append(lines, l)
		}
	}
	id := got.header.Get("X-Request-Id")
	created := s.user(listedID(t, s, "bulk.audit@example.com")).Name
	expected := []line{
		{id, http.MethodPost, "/Users", created, 1, 201}, {id, http.MethodDelete, "/Users/{id}", "some-id", 2, 404},
		{id, "", "", "", 3, 400}, {id, http.MethodPost, "/Bulk", "", 0, 200},
	}
	if diff := cmp.Diff(expected, lines[:4]); diff != "" {
		t.Errorf("the lines of a bulk request (-want +got):\n%s", diff)
	}
	if strings.Contains(s.log.all(), "secret") {
		t.Error("what the client sent is in the log")
	}
}

func listedID(t *testing.T, s *scim, userName string) string {
	t.Helper()
	var user struct{ ID string }
	must(t, json.Unmarshal(listOf(t, s.call(200, "GET", find(userName), "")).Resources[0], &user))
	return user.ID
}

func inOrder(ids ...string) []string {
	slices.Sort(ids)
	return ids
}
