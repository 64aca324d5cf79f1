package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// job is the body of a bulk request.
func job(operations ...object) object {
	return object{"schemas": []any{bulkRequest}, "Operations": operations}
}

// task is one operation of a bulk request; what is empty is left out.
func task(method, path, bulkID string, data object) object {
	out := object{"method": method, "path": path}
	if bulkID != "" {
		out["bulkId"] = bulkID
	}
	if data != nil {
		out["data"] = data
	}
	return out
}

// bulk sends a bulk request and returns its results.
func (s *session) bulk(body any) []object {
	s.t.Helper()
	answer := s.json(s.call(http.StatusOK, "POST", "/Bulk", body))
	s.equal("schemas of a bulk response", answer["schemas"], any([]any{bulkResponse}))
	var out []object
	list, _ := answer["Operations"].([]any)
	for _, o := range list {
		result, _ := o.(object)
		out = append(out, result)
	}
	return out
}

// idOf is the id at the end of the location of a result.
func (s *session) idOf(result object) string {
	s.t.Helper()
	location := s.text(result, "location")
	return location[strings.LastIndexByte(location, '/')+1:]
}

func TestBulk(t *testing.T) {
	proves(t, "RFC7644-3.7-L2775", "RFC7644-3.7-L2779", "RFC7644-3.7-L2789", "RFC7644-3.7-L2796", "RFC7644-3.7.3-L3201", "RFC7644-3.7.3-L3206")
	s := connect(t)
	old, gone := s.user("old"), s.user("gone")
	results := s.bulk(job(
		task("POST", "/Groups", "group", object{"schemas": []any{coreGroup}, "displayName": "Team", "members": []any{object{"value": "bulkId:ada"}}}),
		task("POST", "/Users", "twice", userBody("old")),
		task("POST", "/Users", "ada", userBody("ada")),
		task("PATCH", pathOf("Users", old), "", patch(op("replace", "title", "Elder"))),
		task("PUT", "/Users/nobody", "", userBody("nobody")),
		task("DELETE", pathOf("Users", gone), "", nil),
	))
	var have [][]any
	for _, r := range results {
		have = append(have, []any{r["method"], r["bulkId"], r["status"]})
		if r["status"] == "409" || r["status"] == "404" {
			s.equal("schemas of a result that is an error", at(r, "response.schemas"), any([]any{errorMessage}))
		}
	}
	s.equal("results", have, [][]any{
		{"POST", "group", "201"}, {"POST", "twice", "409"}, {"POST", "ada", "201"}, {"PATCH", nil, "200"}, {"PUT", nil, "404"}, {"DELETE", nil, "204"},
	})
	group := s.get(s.text(results[0], "location"))
	s.equal("the member that was created after the group", at(group, "members.0.value"), any(s.idOf(results[2])))
	s.equal("title", s.get(pathOf("Users", old))["title"], any("Elder"))
	s.refused(http.StatusNotFound, "", "GET", pathOf("Users", gone), nil)
	failing := job(task("POST", "/Users", "a", userBody("old")), task("POST", "/Users", "b", userBody("bob")))
	failing["failOnErrors"] = 1
	s.equal("results up to the error that ends the job", len(s.bulk(failing)), 1)
}

func TestBulkCircles(t *testing.T) {
	proves(t, "RFC7644-3.7.1-L2814")
	s := connect(t)
	managed := func(name, manager string) object {
		return userBody(name, object{"schemas": []any{coreUser, enterprise}, enterprise: object{"manager": object{"value": "bulkId:" + manager}}})
	}
	results := s.bulk(job(task("POST", "/Users", "a", managed("ada", "b")), task("POST", "/Users", "b", managed("bob", "a"))))
	s.equal("number of results", len(results), 2)
	for i, r := range results {
		s.equal("status", r["status"], any("201"))
		user := s.get(s.text(r, "location"))
		s.equal("manager of the user", user[enterprise].(object)["manager"].(object)["value"], any(s.idOf(results[1-i])))
	}
}

func TestBulkLimits(t *testing.T) {
	proves(t, "RFC7644-3.7.4-L3495", "RFC7644-3.7.4-L3499")
	s := connect(t)
	config := s.get("/ServiceProviderConfig")
	limit := func(name string) int {
		number, _ := at(config, "bulk."+name).(json.Number)
		n, err := number.Int64()
		s.must(err)
		if n < 1 {
			t.Fatalf("bulk.%s is %d", name, n)
		}
		return int(n)
	}
	s.equal("bulk is supported", at(config, "bulk.supported"), any(true))
	operations, size := limit("maxOperations"), limit("maxPayloadSize")
	var many []object
	for range operations + 1 {
		many = append(many, task("DELETE", "/Users/nobody", "", nil))
	}
	s.refused(http.StatusRequestEntityTooLarge, "", "POST", "/Bulk", job(many...))
	s.equal("results of a job at the limit", len(s.bulk(job(many[1:]...))), operations)
	s.refused(http.StatusRequestEntityTooLarge, "", "POST", "/Bulk",
		job(task("POST", "/Users", "a", userBody("ada", object{"title": strings.Repeat("x", size)}))))
}

func TestManyResults(t *testing.T) {
	proves(t, "RFC7644-3.4.2.1-L912")
	s := connect(t)
	config := s.get("/ServiceProviderConfig")
	number, _ := at(config, "filter.maxResults").(json.Number)
	most, err := number.Int64()
	s.must(err)
	var operations []object
	for i := range int(most) + 1 {
		operations = append(operations, task("POST", "/Users", fmt.Sprint(i), userBody(fmt.Sprintf("user-%d", i), object{"title": "one of many"})))
	}
	for len(operations) > 0 {
		n := min(200, len(operations))
		for _, r := range s.bulk(job(operations[:n]...)) {
			s.equal("status", r["status"], any("201"))
		}
		operations = operations[n:]
	}
	for _, path := range []string{"/Users?count=1000000&attributes=id", query(`title eq "one of many"`) + "&count=1000000&attributes=id"} {
		var page object
		s.until("all users are listed", func() bool {
			page = s.get(path)
			return fmt.Sprint(page["totalResults"]) == fmt.Sprint(most+1)
		})
		s.equal("size of the largest page", len(resources(page)), int(most))
		rest := s.get(path + fmt.Sprintf("&startIndex=%d", most+1))
		s.equal("size of the next page", len(resources(rest)), 1)
	}
}
