package bulk

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/scim"
)

func decode(t testing.TB, text string) scim.Resource {
	t.Helper()
	body, err := scim.DecodeObject(strings.NewReader(text), scim.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestParseRefusesTheWhole(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`{"method":"DELETE","path":"/Users/x"},`, MaxOperations+1), ",")
	cases := map[string]struct {
		reason, body string
		status       int
		scimType     scim.ErrorType
		detail       string
	}{
		"schemas":      {"another message is no bulk request", `{"schemas":["urn:x"],"Operations":[{}]}`, 400, scim.TypeInvalidSyntax, RequestSchema},
		"absent":       {"Operations is required (RFC 7644 section 3.7)", `{}`, 400, scim.TypeInvalidSyntax, "Operations"},
		"empty":        {"a request for nothing is a mistake", `{"Operations":[]}`, 400, scim.TypeInvalidSyntax, "Operations"},
		"noObject":     {"an operation is an object", `{"Operations":[1]}`, 400, scim.TypeInvalidSyntax, "Operation 1"},
		"failOnErrors": {"the number of errors is an integer", `{"failOnErrors":"1","Operations":[{}]}`, 400, scim.TypeInvalidValue, "failOnErrors"},
		"noErrors":     {"with 0 nothing could ever be begun", `{"failOnErrors":0,"Operations":[{}]}`, 400, scim.TypeInvalidValue, "failOnErrors"},
		"tooMany":      {"maxOperations (RFC 7644 section 3.7.4)", `{"Operations":[` + many + `]}`, 413, "", "1000"},
		"twice": {
			"a reference to a bulkId that is there twice would be ambiguous",
			`{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{}},{"method":"POST","path":"/Groups","bulkId":"a","data":{}}]}`,
			400, scim.TypeInvalidValue, `"a"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(decode(t, tc.body))
			var got *scim.Error
			if !errors.As(err, &got) {
				t.Fatalf("%s: got %v, want an error", tc.reason, err)
			}
			if got.Status != tc.status || got.Type != tc.scimType || !strings.Contains(got.Detail, tc.detail) {
				t.Errorf("%s: got %v, want %d %s naming %s", tc.reason, got, tc.status, tc.scimType, tc.detail)
			}
		})
	}
}

func TestParseOperation(t *testing.T) {
	cases := map[string]struct {
		reason, operation string
		want              Operation
		status            int
	}{
		"post": {
			"the form of RFC 7644 section 3.7.1", `{"method":"POST","path":"/Users","bulkId":"q","data":{"userName":"a"}}`,
			Operation{Method: "POST", Endpoint: Users, BulkID: "q", Data: scim.Resource{"userName": "a"}}, 0,
		},
		"names": {
			"names of attributes, and methods as clients write them, do not depend on case", `{"Method":"post","Path":"Groups/","BULKID":"q","Data":{}}`,
			Operation{Method: "POST", Endpoint: Groups, BulkID: "q", Data: scim.Resource{}}, 0,
		},
		"delete": {
			"data of a DELETE says nothing", `{"method":"DELETE","path":"/Users/a%2Fb","version":"W/\"1\"","data":{"x":1}}`,
			Operation{Method: "DELETE", Endpoint: Users, ID: "a/b", Version: `W/"1"`}, 0,
		},
		"patch list": {
			"the example of RFC 7644 section 3.7.3 has the array alone", `{"method":"PATCH","path":"/Users/x","data":[{"op":"remove","path":"nickName"}]}`,
			Operation{Method: "PATCH", Endpoint: Users, ID: "x", Data: scim.Resource{"Operations": []any{map[string]any{"op": "remove", "path": "nickName"}}}}, 0,
		},
		"no method":  {"a method is required", `{"path":"/Users/x","data":{}}`, Operation{}, 400},
		"get":        {"a bulk request reads nothing", `{"method":"GET","path":"/Users/x","data":{}}`, Operation{}, 400},
		"no bulkId":  {"bulkId is required of a POST (RFC 7644 section 3.7)", `{"method":"POST","path":"/Users","data":{}}`, Operation{}, 400},
		"no data":    {"data is required but for DELETE", `{"method":"PUT","path":"/Users/x"}`, Operation{}, 400},
		"put list":   {"only a PATCH is a list", `{"method":"PUT","path":"/Users/x","data":[]}`, Operation{}, 400},
		"bulkId":     {"a bulkId is a string", `{"method":"POST","path":"/Users","bulkId":1,"data":{}}`, Operation{}, 400},
		"no path":    {"a path is required", `{"method":"DELETE"}`, Operation{}, 404},
		"endpoint":   {"discovery and bulk itself take no part", `{"method":"POST","path":"/Bulk","bulkId":"q","data":{}}`, Operation{}, 404},
		"deep":       {"there is nothing below a resource", `{"method":"DELETE","path":"/Users/x/y"}`, Operation{}, 404},
		"post to id": {"a resource cannot be posted to", `{"method":"POST","path":"/Users/x","bulkId":"q","data":{}}`, Operation{}, 405},
		"put to all": {"a collection cannot be put", `{"method":"PUT","path":"/Users","data":{}}`, Operation{}, 405},
		"query":      {"an operation has no parameters", `{"method":"DELETE","path":"/Users/x?a=b"}`, Operation{}, 400},
		"encoding":   {"an escape that is cut off names nothing", `{"method":"DELETE","path":"/Users/%2"}`, Operation{}, 400},
		"unknown":    {"a reference needs what it refers to", `{"method":"DELETE","path":"/Users/bulkId:nobody"}`, Operation{}, 400},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			request, err := Parse(decode(t, `{"Operations":[`+tc.operation+`]}`))
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			got := request.Operations[0]
			if tc.status != 0 {
				if got.Refused == nil || got.Refused.Status != tc.status {
					t.Errorf("%s: refused with %v, want %d", tc.reason, got.Refused, tc.status)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	cases := map[string]struct {
		reason, data string
		want         []string
		pruned       string
	}{
		"members":    {"the value of a member", `{"members":[{"value":"bulkId:a"},{"value":"x"},{"value":"bulkId:b"},{"value":"bulkId:a"}]}`, []string{"a", "b"}, `{"members":[{"value":"x"}]}`},
		"bare":       {"members by the bare id", `{"Members":["bulkId:a","x"]}`, []string{"a"}, `{"Members":["x"]}`},
		"manager":    {"the value of a manager", `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","manager":{"value":"bulkId:a","displayName":"A"}}}`, []string{"a"}, `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`},
		"dotted":     {"a manager under its full name, by the bare id", `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":"bulkId:a"}`, []string{"a"}, `{}`},
		"patch":      {"the value of a PATCH operation", `{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:a"}]}]}`, []string{"a"}, `{"Operations":[{"op":"add","path":"members","value":[]}]}`},
		"ref":        {"the $ref of a member or a manager, which goes alone", `{"manager":{"$ref":"bulkId:a","value":"m"},"members":[{"$ref":"https://x/v2/Users/bulkId:b","value":"u"}]}`, []string{"a", "b"}, `{"manager":{"value":"m"},"members":[{"value":"u"}]}`},
		"filter":     {"the filter of a path", `{"Operations":[{"op":"remove","path":"members[value eq \"bulkId:a\" or value eq \"bulkId:b\"]"},{"op":"add","path":"x","value":1}]}`, []string{"a", "b"}, `{"Operations":[{"op":"add","path":"x","value":1}]}`},
		"noFilter":   {"a path that belongs to no operation, or has no filter", `{"path":"members[value eq \"bulkId:a\"]","Operations":[{"op":"add","path":"bulkId:a","value":"x"}]}`, nil, `{"path":"members[value eq \"bulkId:a\"]","Operations":[{"op":"add","path":"bulkId:a","value":"x"}]}`},
		"other":      {"a text that only looks like a reference is the client's", `{"displayName":"bulkId:a","title":"bulkId:b"}`, nil, `{"displayName":"bulkId:a","title":"bulkId:b"}`},
		"incomplete": {"a prefix alone names nothing", `{"members":[{"value":"bulkId:"}]}`, nil, `{"members":[{"value":"bulkId:"}]}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			data := decode(t, tc.data)
			if diff := cmp.Diff(tc.want, references(data)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			pruned := rewrite(data, func(string) (target, bool) { return target{}, true })
			if diff := cmp.Diff(decode(t, tc.pruned), pruned); diff != "" {
				t.Errorf("%s; without the references (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(decode(t, tc.data), data); diff != "" {
				t.Errorf("the data itself was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	ids := func(bulkID string) (target, bool) { return target{endpoint: Users, id: "id-" + bulkID}, false }
	path := func(text string) string { return `{"op":"remove","path":` + strconv.Quote(text) + `}` }
	for name, tc := range map[string]struct{ reason, data, want string }{
		"value":    {"a value is the bare id", `{"members":[{"value":"bulkId:a"}]}`, `{"members":[{"value":"id-a"}]}`},
		"bareRef":  {"RFC 7643 8.3: a $ref is a URI, relative if the client named none", `{"manager":{"$ref":"bulkId:a"}}`, `{"manager":{"$ref":"../Users/id-a"}}`},
		"relative": {"a $ref keeps what is before the reference", `{"manager":{"$ref":"../Users/bulkId:a"}}`, `{"manager":{"$ref":"../Users/id-a"}}`},
		"absolute": {"also as an absolute URI, encoded", `{"manager":{"$ref":"https://x/v2/Users/bulkId%3Aa%20b"}}`, `{"manager":{"$ref":"https://x/v2/Users/id-a b"}}`},
		"middle":   {"only the last segment is a reference", `{"manager":{"$ref":"/bulkId:a/x"}}`, `{"manager":{"$ref":"/bulkId:a/x"}}`},
		"refPath":  {"the value of an operation on a $ref is a URI", `{"op":"add","path":"manager.$ref","value":"bulkId:a"}`, `{"op":"add","path":"manager.$ref","value":"../Users/id-a"}`},
		"refKey":   {"also without a path", `{"op":"add","value":{"manager.$ref":"bulkId:a"}}`, `{"op":"add","value":{"manager.$ref":"../Users/id-a"}}`},
		"filter":   {"a filter compares with the id", path(`members[value eq "bulkId:a"]`), path(`members[value eq "id-a"]`)},
		"several":  {"in each of its terms", path(`members[(value EQ "bulkId:a") or not (value eq "bulkId:b")].display`), path(`members[(value EQ "id-a") or not (value eq "id-b")].display`)},
		"refTerm":  {"a $ref with the URI", path(`x[$ref eq "bulkId:a"]`), path(`x[$ref eq "../Users/id-a"]`)},
		"escaped":  {"a text may have escapes", path(`members[value eq "bulkId:\u0061\""]`), path(`members[value eq "id-a\""]`)},
		"own":      {"any other attribute has the client's own texts", path(`emails[display eq "bulkId:a" and type eq "value eq \"bulkId:a\""]`), path(`emails[display eq "bulkId:a" and type eq "value eq \"bulkId:a\""]`)},
		"broken":   {"what is malformed is for the operation to refuse", path(`members[value eq "bulkId:a`), path(`members[value eq "bulkId:a`)},
		"naked":    {"a text without a comparison", path(`members["bulkId:a"]`), path(`members["bulkId:a"]`)},
	} {
		t.Run(name, func(t *testing.T) {
			got := rewrite(decode(t, tc.data), ids)
			if diff := cmp.Diff(decode(t, tc.want), got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", tc.reason, diff)
			}
		})
	}
}

func FuzzBulk(f *testing.F) {
	f.Add(`{"failOnErrors":1,"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"manager":{"value":"bulkId:b"}}},{"method":"POST","path":"/Users","bulkId":"b","data":{"manager":{"value":"bulkId:a"}}}]}`, 3)
	f.Add(`{"Operations":[{"method":"PATCH","path":"/Groups/bulkId:g","data":[{"op":"add","path":"members","value":"bulkId:u"}]},{"method":"POST","path":"/Groups","bulkId":"g","data":{}},{"method":"POST","path":"Users/","bulkId":"u","data":{}}]}`, 0)
	f.Add(`{"Operations":[{"method":"POST","path":"/Users","bulkId":"u","data":{"manager":{"$ref":"/Users/bulkId:u"}}},{"method":"PATCH","path":"/Groups/g","data":[{"op":"remove","path":"members[value eq \"bulkId:u\"]"}]}]}`, 2)
	f.Add(`{"Operations":[{"method":"DELETE","path":"/Users/bulkId:x","version":"W/\"1\""},{"method":"GET"}]}`, 1)
	f.Fuzz(func(t *testing.T, text string, failing int) {
		body, err := scim.DecodeObject(strings.NewReader(text), scim.Limits{})
		if err != nil {
			return
		}
		request, err := Parse(body)
		if err != nil {
			var known *scim.Error
			if !errors.As(err, &known) {
				t.Fatalf("the error %v has no form for the client", err)
			}
			return
		}
		seen := make([]int, len(request.Operations))
		for _, u := range plan(request.Operations) {
			for _, i := range u.operations {
				seen[i]++
			}
		}
		tasks := 0
		for i, o := range Run(request, func(task Task) Outcome {
			tasks++
			return fuzzTask(t, task, tasks, failing)
		}) {
			if seen[i] != 1 {
				t.Errorf("operation %d is planned %d times", i, seen[i])
			}
			if o == nil && request.FailOnErrors == 0 {
				t.Errorf("operation %d has no outcome, and nothing limits the errors", i)
			}
		}
		if tasks > 3*len(request.Operations) {
			t.Errorf("%d operations were %d tasks: at most a creation, a completion and a deletion each", len(request.Operations), tasks)
		}
	})
}

func fuzzTask(t *testing.T, task Task, number, failing int) Outcome {
	if task.Refused != nil {
		return Outcome{Status: task.Refused.Status, Err: task.Refused}
	}
	if left := references(task.Data); len(left) > 0 {
		t.Errorf("%s %s is carried out with the references %q", task.Method, task.Endpoint, left)
	}
	if number == failing {
		return Outcome{Status: http.StatusConflict, Err: scim.Conflict("taken")}
	}
	return Outcome{Status: http.StatusOK, ID: fmt.Sprintf("id-%d", number), Version: `W/"1"`}
}
