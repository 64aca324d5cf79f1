package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/server"
)

// auditOut is an audit log in memory.
type auditOut struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (a *auditOut) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.Write(line)
}

func (a *auditOut) lines(t *testing.T) []map[string]any {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []map[string]any
	for text := range strings.SplitSeq(strings.TrimSpace(a.text.String()), "\n") {
		var line map[string]any
		must(t, json.Unmarshal([]byte(text), &line))
		all = append(all, line)
	}
	return all
}

// TestR21Audit: one line a request, with what really changed, and with no value that a client sent.
func TestR21Audit(t *testing.T) {
	const canary = "canary-4f1d"
	out := &auditOut{}
	s := newSCIM(t, func(cfg *server.Config) { cfg.Audit = server.NewAuditLog(out, nil, logr.Discard()) })
	auth := "Authorization: Bearer " + token
	user := fmt.Sprintf(`{"userName":"audited@example.com","password":"%[1]s","name":{"givenName":"%[1]s"},"externalId":"%[1]s"}`, canary)
	id, _ := s.call(http.StatusCreated, http.MethodPost, "/Users", user).json(t)["id"].(string)
	group, _ := s.call(http.StatusCreated, http.MethodPost, "/Groups", `{"displayName":"Audited","members":[{"value":"a"},{"value":"b"}]}`).json(t)["id"].(string)
	patchOf := func(op string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`
	}
	tests := []struct {
		reason             string
		method, path, body string
		header             string
		want               map[string]any
	}{
		{"a search has no filter", "GET", "/Users?filter=userName+eq+%22" + canary + "%22", "", auth, map[string]any{"route": "/Users", "status": 200.0}},
		{"the same again changes nothing (G4)", "PUT", "/Users/" + id, user, auth, map[string]any{"route": "/Users/{id}", "resourceID": id, "status": 200.0}},
		{"only what differs is named", "PUT", "/Users/" + id, strings.Replace(user, `"givenName"`, `"familyName"`, 1), auth,
			map[string]any{"route": "/Users/{id}", "resourceID": id, "status": 200.0, "changes": []any{"name.familyName", "name.givenName"}}},
		{"a deactivation, and a password that nobody keeps", "PATCH", "/Users/" + id, patchOf(`{"op":"replace","value":{"active":false,"password":"` + canary + `"}}`), auth,
			map[string]any{"route": "/Users/{id}", "resourceID": id, "status": 200.0, "changes": []any{"active"}}},
		{"members are counted", "PATCH", "/Groups/" + group, patchOf(`{"op":"replace","path":"members","value":[{"value":"b"},{"value":"c"},{"value":"d"}]}`), auth,
			map[string]any{"route": "/Groups/{id}", "resourceType": "Group", "resourceID": group, "status": 204.0, "membersAdded": 2.0, "membersRemoved": 1.0}},
		{"members who are there already are not", "PATCH", "/Groups/" + group, patchOf(`{"op":"add","path":"members","value":[{"value":"b"}]}`), auth,
			map[string]any{"route": "/Groups/{id}", "resourceType": "Group", "resourceID": group, "status": 204.0}},
		{"a group gets another name", "PUT", "/Groups/" + group, `{"displayName":"` + canary + `-2"}`, auth,
			map[string]any{"route": "/Groups/{id}", "resourceType": "Group", "resourceID": group, "status": 200.0, "changes": []any{"displayName"}}},
		{"a name is taken", "POST", "/Users", user, auth, map[string]any{"route": "/Users", "status": 409.0, "scimType": "uniqueness"}},
		{"an id that is none", "GET", "/Users/" + canary + "%20x", "", auth, map[string]any{"route": "/Users/{id}", "status": 404.0}},
		{"deleted", "DELETE", "/Users/" + id, "", auth, map[string]any{"route": "/Users/{id}", "resourceID": id, "status": 204.0}},
		{"not let in", "DELETE", "/Users/" + canary, "", "Authorization: Bearer " + canary + strings.Repeat("x", 32), map[string]any{"credential": nil, "resourceType": nil, "status": 401.0}},
	}
	for _, test := range tests {
		got := s.do(test.method, s.base()+test.path, test.body, test.header)
		lines := out.lines(t)
		line := lines[len(lines)-1]
		want := map[string]any{
			"requestID": got.header.Get("X-Request-Id"), "directory": s.directory, "credential": "first", "method": test.method,
			"source": "127.0.0.1", "resourceType": "User",
		}
		for key, value := range test.want {
			if want[key] = value; value == nil {
				delete(want, key)
			}
		}
		if at, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(line["time"])); err != nil || time.Since(at).Abs() > time.Hour {
			t.Errorf("%s: the time is %v", test.reason, line["time"])
		}
		if _, ok := line["durationMs"].(float64); !ok {
			t.Errorf("%s: no duration: %v", test.reason, line)
		}
		delete(line, "time")
		delete(line, "durationMs")
		if diff := cmp.Diff(want, line); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", test.reason, diff)
		}
	}
	created := out.lines(t)[:2]
	for i, want := range []map[string]any{
		{"resourceID": id, "changes": []any{"active", "externalId", "name.givenName", "userName"}},
		{"resourceID": group, "changes": []any{"displayName"}, "membersAdded": 2.0},
	} {
		for key, value := range want {
			if diff := cmp.Diff(value, created[i][key]); diff != "" {
				t.Errorf("a create names what it has set: %s: -want, +got:\n%s", key, diff)
			}
		}
	}
	if strings.Contains(out.text.String(), canary) || strings.Contains(out.text.String(), token) {
		t.Errorf("the audit log has a value or a token:\n%s", out.text.String())
	}
	s.auditFields(out)
}

// auditFields: docs/audit.md describes every field that appears, and every field that it describes appears.
func (s *scim) auditFields(out *auditOut) {
	s.t.Helper()
	s.call(http.StatusOK, http.MethodPost, "/Bulk", `{`+bulkSchema+`,"Operations":[{"method":"DELETE","path":"/Users/some-id"}]}`)
	for range 100 {
		s.do(http.MethodGet, "/scim/nobody/v2/Users", "")
	}
	s.call(http.StatusOK, http.MethodGet, "/Users", "")
	seen := map[string]bool{}
	for _, line := range out.lines(s.t) {
		for name := range line {
			seen[name] = true
		}
	}
	page, err := os.ReadFile("../../docs/audit.md")
	must(s.t, err)
	_, fields, _ := strings.Cut(string(page), "## Fields")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(fields, -1) {
		documented[row[1]] = true
	}
	if diff := cmp.Diff(documented, seen); diff != "" {
		s.t.Errorf("the fields of docs/audit.md and those that appear: -documented, +seen:\n%s", diff)
	}
}
