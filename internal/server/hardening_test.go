package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
)

const (
	userBody  = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s"%s}`
	patchBody = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
)

func TestR5Limits(t *testing.T) {
	s := newSCIM(t)
	id := s.call(http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(userBody, "r5@example.com", "")).json(t)["id"].(string)
	version := func() string { return s.call(http.StatusOK, http.MethodGet, "/Users/"+id, "").header.Get("ETag") }
	before := version()
	operations := strings.TrimSuffix(strings.Repeat(`{"op":"replace","path":"title","value":"x"},`, 1001), ",")
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	cases := []struct {
		reason, method, path, body string
		want                       []int
	}{
		{"a body of 15 MiB of nested arrays", http.MethodPost, "/Groups", strings.Repeat("[", 15<<20), []int{400}},
		{"a value that is nested 40 deep", http.MethodPut, "/Users/" + id, fmt.Sprintf(userBody, "r5@example.com", `,"x":`+deep(40)), []int{400}},
		{"a key that is there twice", http.MethodPut, "/Users/" + id, fmt.Sprintf(userBody, "r5@example.com", `,"userName":"other@example.com"`), []int{400}},
		{"a key that is there twice in different case", http.MethodPut, "/Users/" + id, fmt.Sprintf(userBody, "r5@example.com", `,"USERNAME":"other@example.com"`), []int{400}},
		{"a body of more than 1 MiB for a user", http.MethodPut, "/Users/" + id, strings.Repeat(" ", 1<<20) + "{}", []int{413}},
		{"more than 1,000 operations", http.MethodPatch, "/Users/" + id, fmt.Sprintf(patchBody, operations), []int{400, 413}},
		{"a filter in 10,000 parentheses", http.MethodGet, "/Users?filter=" + strings.Repeat("(", 10_000) + `userName+pr`, "", []int{400, 431}},
		{"a filter in 500 parentheses", http.MethodGet, "/Users?filter=" + strings.Repeat("(", 500) + "userName+pr" + strings.Repeat(")", 500), "", []int{400}},
		{"a filter of many terms", http.MethodGet, "/Users?filter=userName+pr" + strings.Repeat("+or+userName+pr", 500), "", []int{400}},
	}
	for _, tc := range cases {
		got := s.do(tc.method, s.base()+tc.path, tc.body, bearer(token))
		if !slices.Contains(tc.want, got.status) {
			t.Errorf("%s: status %d, want one of %v: %.300s", tc.reason, got.status, tc.want, got.body)
		}
	}
	if after := version(); after != before {
		t.Errorf("a request beyond the limits changed the user: version %s, want %s", after, before)
	}
}

func TestR7MassAssignment(t *testing.T) {
	s := newSCIM(t)
	const canary = "canary-of-mass-assignment"
	const core = "urn:ietf:params:scim:schemas:core:2.0:User:"
	id := s.call(http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(userBody, "r7@example.com",
		`,"id":"`+canary+`","meta":{"location":"`+canary+`","created":"1999-01-01T00:00:00Z"},"groups":[{"value":"`+canary+`"}]`)).json(t)["id"].(string)
	values := map[string]string{
		"id": `"` + canary + `"`, "meta": `{"location":"` + canary + `","created":"1999-01-01T00:00:00Z"}`, "groups": `[{"value":"` + canary + `"}]`,
	}
	subs := map[string]string{"meta.created": `"1999-01-01T00:00:00Z"`, "meta.location": `"` + canary + `"`, "groups.value": `"` + canary + `"`}
	check := func(what string) {
		t.Helper()
		user := s.call(http.StatusOK, http.MethodGet, "/Users/"+id, "")
		if text := string(user.body); strings.Contains(text, canary) || strings.Contains(text, "1999") {
			t.Errorf("%s: a client wrote what only the server may: %s", what, text)
		}
	}
	check("POST")
	for attribute, value := range values {
		got := s.do(http.MethodPut, s.base()+"/Users/"+id, fmt.Sprintf(userBody, "r7@example.com", `,"`+attribute+`":`+value), bearer(token))
		if got.status != http.StatusOK && got.status != http.StatusBadRequest {
			t.Errorf("PUT with %s: status %d, want 200 without it or 400", attribute, got.status)
		}
		check("PUT with " + attribute)
		subs[attribute] = value
	}
	for attribute, value := range subs {
		for _, path := range []string{attribute, strings.ToUpper(attribute), core + attribute} {
			for _, op := range []string{"add", "replace", "Replace"} {
				for _, operation := range []string{
					fmt.Sprintf(`{"op":%q,"path":%q,"value":%s}`, op, path, value), fmt.Sprintf(`{"op":%q,"value":{%q:%s}}`, op, path, value),
				} {
					got := s.do(http.MethodPatch, s.base()+"/Users/"+id, fmt.Sprintf(patchBody, operation), bearer(token))
					if got.status >= http.StatusInternalServerError {
						t.Errorf("PATCH %s: status %d", operation, got.status)
					}
					check("PATCH " + operation)
				}
			}
		}
	}
	user := &v1alpha1.ScimUser{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Name: id}, user))
	stored, err := json.Marshal(user)
	must(t, err)
	if strings.Contains(string(stored), canary) {
		t.Errorf("what only the server may write is stored: %s", stored)
	}
}

func TestR21AuditLines(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.FailuresPerSource = 1 })
	s.setCredentials(ofSecret("writer", s.directory), v1alpha1.Credential{Name: "reader", TokenSHA256: hexSum(hashedToken), Access: v1alpha1.AccessReadOnly})
	const canary = "canary-of-audit"
	// The id is made of the userName, and the log names it.
	body := fmt.Sprintf(userBody, "r21@example.com", `,"password":"`+canary+`","displayName":"`+canary+`"`)
	cases := []struct {
		reason, method, path, body, header string
		want                               map[string]any
	}{
		{"a write", http.MethodPost, "/Users", body, bearer(token),
			map[string]any{"credential": "writer", "route": "/Users", "status": 201.0}},
		{"a refused write names the scimType", http.MethodPost, "/Users", body, bearer(token),
			map[string]any{"credential": "writer", "route": "/Users", "status": 409.0, "scimType": "uniqueness"}},
		{"a search", http.MethodGet, "/Users?filter=userName+eq+%22" + canary + "%22", "", bearer(hashedToken),
			map[string]any{"credential": "reader", "route": "/Users", "status": 200.0}},
		{"a write without the right to it", http.MethodDelete, "/Users/some-id", "", bearer(hashedToken),
			map[string]any{"credential": "reader", "route": "/Users/{id}", "id": "some-id", "status": 403.0}},
		{"a wrong credential", http.MethodGet, "/Users/" + canary, "", bearer(canary + wrong), map[string]any{"status": 401.0}},
		{"too many wrong credentials", http.MethodGet, "/Users/" + canary, "", basic(canary, wrong), map[string]any{"status": 429.0}},
	}
	for _, tc := range cases {
		got := s.do(tc.method, s.base()+tc.path, tc.body, tc.header)
		want := map[string]any{
			"requestID": got.header.Get("X-Request-Id"), "directory": s.directory, "method": tc.method, "credential": "", "route": "", "id": "",
		}
		if got.status == http.StatusCreated {
			want["id"] = got.json(t)["id"]
		}
		maps.Copy(want, tc.want)
		if diff := cmp.Diff(want, s.auditLine(got)); diff != "" {
			t.Errorf("%s: the line of the log (-want +got):\n%s", tc.reason, diff)
		}
	}
	if strings.Contains(s.log.all(), canary) {
		t.Errorf("the log has a value that a client sent:\n%s", s.log.all())
	}
}

// auditLine is the one line that a request left, without what the logger adds and without its duration, which must be there.
func (s *scim) auditLine(of reply) map[string]any {
	s.t.Helper()
	var found []map[string]any
	for text := range strings.SplitSeq(s.log.all(), "\n") {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["requestID"] == of.header.Get("X-Request-Id") {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("a request left %d lines in the log, want 1", len(found))
	}
	if _, ok := found[0]["durationMs"].(float64); !ok {
		s.t.Errorf("a line has no durationMs: %v", found[0])
	}
	for _, key := range []string{"durationMs", "logger", "level", "msg"} {
		delete(found[0], key)
	}
	return found[0]
}
