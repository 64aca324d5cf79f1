package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
)

func TestR1EveryRouteNeedsACredential(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.FailuresPerSource, cfg.Failures = 100_000, 100_000 })
	const foreign = "scimk8s_of_another_directory_0123456789"
	s.addDirectory("another", foreign)
	refusals := map[string][]string{
		"no header":                  nil,
		"an empty header":            {"Authorization: "},
		"an empty token":             {"Authorization: Bearer "},
		"a scheme alone":             {"Authorization: Bearer"},
		"a wrong token":              {"Authorization: Bearer " + wrong},
		"a wrong bare token":         {"Authorization: " + wrong},
		"the token as Basic":         {"Authorization: Basic " + token},
		"a part of the token":        {"Authorization: Bearer " + token[:len(token)-1]},
		"the token of another":       {"Authorization: Bearer " + foreign},
		"the token twice":            {"Authorization: Bearer " + token, "Authorization: Bearer " + token},
		"the token in another place": {"X-Authorization: Bearer " + token},
	}
	paths := append(server.Endpoints(), server.Endpoint{Method: http.MethodGet, Path: "/Nothing"}, server.Endpoint{Method: http.MethodGet})
	for _, e := range paths {
		path := strings.ReplaceAll(e.Path, "{id}", "some-id")
		for what, headers := range refusals {
			got := s.do(e.Method, s.base()+path, "", headers...)
			refused(t, got, http.StatusUnauthorized, "")
			if got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s with %s: a 401 must name the scheme (RFC 7644 section 2)", e.Method, path, what)
			}
		}
		if got := s.do(e.Method, s.base()+path, "", "Authorization: bearer "+token); got.status == http.StatusUnauthorized {
			t.Errorf("%s %s with the token is refused: %s", e.Method, path, got.body)
		}
	}
}

func TestTokensFollowTheirSecrets(t *testing.T) {
	s := newSCIM(t)
	status := func(token string) int {
		return s.do(http.MethodGet, s.base()+"/ServiceProviderConfig", "", "Authorization: "+token).status
	}
	if got := status(token); got != http.StatusOK {
		t.Fatalf("a bare token: %d, want 200", got)
	}
	secret := &corev1.Secret{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: s.directory}, secret))
	secret.Data["token"] = []byte(wrong)
	must(t, s.kube.Update(t.Context(), secret))
	if got := status("Bearer " + wrong); got != http.StatusOK {
		t.Errorf("a new token, at once: %d, want 200", got)
	}
	if got := status("Bearer " + token); got != http.StatusUnauthorized {
		t.Errorf("the old token, once the new one was seen: %d, want 401", got)
	}
	must(t, s.kube.Delete(t.Context(), secret))
	s.clock.SetTime(s.clock.Now().Add(10 * time.Second))
	if got := status("Bearer " + wrong); got != http.StatusUnauthorized {
		t.Errorf("a token without its Secret, ten seconds later: %d, want 401", got)
	}
}

func TestSuspendedDirectory(t *testing.T) {
	s := newSCIM(t)
	directory := &v1alpha1.ScimDirectory{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Name: s.directory}, directory))
	before := directory.DeepCopy()
	directory.Spec.Suspend = true
	must(t, s.kube.Patch(t.Context(), directory, client.MergeFrom(before)))
	authorization := "Authorization: Bearer " + token
	poll(t, "the server has seen the suspension", func() bool {
		return s.do(http.MethodGet, s.base()+"/ServiceProviderConfig", "", authorization).status == http.StatusForbidden
	})
	detail := refused(t, s.do(http.MethodPost, s.base()+"/Users", `{"userName":"x"}`, authorization), http.StatusForbidden, "")
	contains(t, detail, s.directory, "spec.suspend")
	refused(t, s.do(http.MethodGet, s.base()+"/Users", ""), http.StatusUnauthorized, "")
}

func TestLastRequestTime(t *testing.T) {
	s := newSCIM(t)
	activity := server.NewActivity(server.StatusSightings{Client: s.kube}, s.clock, s.log.logger())
	directory := &v1alpha1.ScimDirectory{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Name: s.directory}, directory))
	activity.Seen(t.Context(), directory, "first")
	activity.Wait()
	written := &v1alpha1.ScimDirectory{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Name: s.directory}, written))
	if at := written.Status.LastRequestTime; at == nil || at.Unix() != s.clock.Now().Unix() {
		t.Fatalf("status.lastRequestTime is %v, want %v", at, s.clock.Now())
	}
	if used := written.Status.Credentials; len(used) != 1 || used[0].Name != "first" || !used[0].LastUsedTime.Equal(written.Status.LastRequestTime) {
		t.Errorf("status.credentials is %v, want the time of the credential that was used", used)
	}
	if written.Generation != directory.Generation {
		t.Error("writing the status changed the generation")
	}
	activity.Seen(t.Context(), written, "first")
	activity.Wait()
	again := &v1alpha1.ScimDirectory{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Name: s.directory}, again))
	if again.ResourceVersion != written.ResourceVersion {
		t.Error("a second request within ten minutes was written")
	}
	must(t, server.StatusSightings{Client: s.kube}.SetLastUsed(t.Context(), "gone", "first", time.Now()))
}

func TestPaths(t *testing.T) {
	s := newSCIM(t)
	authorization := "Authorization: Bearer " + token
	cases := map[string]struct {
		reason, method, path string
		want                 int
		detail               string
	}{
		"nothing":       {"the text names the form of the base URL", "GET", "/", 404, "https://HOST/scim/DIRECTORY/v2"},
		"noVersion":     {"the text names the form of the base URL", "GET", "/scim/" + s.directory + "/Users", 404, "https://HOST/scim/DIRECTORY/v2"},
		"unknown":       {"an unknown directory is named, with the remedy", "GET", "/scim/nobody/v2/Users", 404, `"nobody"`},
		"root":          {"the base URL is queried, and nothing else", "POST", s.base(), 405, "GET, HEAD"},
		"unknownBelow":  {"the text names the endpoints", "GET", s.base() + "/People", 404, "/Groups"},
		"deep":          {"there is nothing below a resource", "GET", s.base() + "/Users/a/b", 404, "/Users"},
		"bulk":          {"nothing is read from bulk", "GET", s.base() + "/Bulk", 405, "POST"},
		"putCollection": {"a collection cannot be put", "PUT", s.base() + "/Users", 405, "GET, HEAD, POST"},
		"postItem":      {"a resource cannot be posted to", "POST", s.base() + "/Users/x", 405, "GET, HEAD, PUT, PATCH, DELETE"},
		"options":       {"no other method is served", "OPTIONS", s.base() + "/Groups", 405, "GET, HEAD, POST"},
		"search":        {"a search is a POST; a GET of the same path asks for an id", "DELETE", s.base() + "/Users/.search", 405, "POST"},
		"discovery":     {"discovery is read-only", "DELETE", s.base() + "/Schemas", 405, "GET, HEAD"},
		"badQuery":      {"a query that cannot be read must not count as none", "GET", s.base() + "/Users?filter=%zz", 400, "query"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := s.do(tc.method, tc.path, "", authorization)
			scimType := ""
			if tc.want == http.StatusBadRequest {
				scimType = "invalidValue"
			}
			contains(t, refused(t, got, tc.want, scimType), tc.detail)
			if tc.want == http.StatusMethodNotAllowed && got.header.Get("Allow") != tc.detail {
				t.Errorf("%s: Allow is %q, want %q", tc.reason, got.header.Get("Allow"), tc.detail)
			}
		})
	}
	for _, path := range []string{"//Users", "/Users/", "//Users//", "/Users/?count=1", "//Users?count=1", "///ServiceProviderConfig/"} {
		if got := s.do(http.MethodGet, s.base()+path, "", authorization); got.status != http.StatusOK {
			t.Errorf("GET %s: %d, want 200 without a redirect: %s", path, got.status, got.body)
		}
	}
}

func TestBodyLimits(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.UserBodyLimit, cfg.GroupBodyLimit, cfg.BulkBodyLimit = 1000, 2000, 2000 })
	body := func(attribute string, size int) string {
		return `{"` + attribute + `":"name-of-limits"` + strings.Repeat(" ", size) + "}"
	}
	authorization := "Authorization: Bearer " + token
	for _, e := range server.Endpoints() {
		if e.Method == http.MethodGet || e.Method == http.MethodDelete || e.Path == "/Me" {
			// No body is read there; /Me is that of nobody here.
			continue
		}
		path := s.base() + strings.ReplaceAll(e.Path, "{id}", "x")
		refused(t, s.do(e.Method, path, body("userName", 3000), authorization), http.StatusRequestEntityTooLarge, "")
		// Without a Content-Length the size shows only on reading.
		request, err := http.NewRequestWithContext(t.Context(), e.Method, s.address+path, struct{ *strings.Reader }{strings.NewReader(body("userName", 3000))})
		must(t, err)
		request.ContentLength = -1
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		must(t, response.Body.Close())
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s %s without a length: %d, want 413", e.Method, path, response.StatusCode)
		}
	}
	s.call(http.StatusCreated, "POST", "/Users", body("userName", 500))
	s.call(http.StatusRequestEntityTooLarge, "POST", "/Users", body("userName", 1500))
	s.call(http.StatusCreated, "POST", "/Groups", body("displayName", 1500))
}

// troubled is the real store with one fault.
type troubled struct {
	server.Store
	user func(ctx context.Context) error
}

func (s troubled) User(ctx context.Context, _, _ string) (*v1alpha1.ScimUser, error) {
	return nil, s.user(ctx)
}

func TestTrouble(t *testing.T) {
	const canary = "canary-of-a-panic"
	cases := map[string]struct {
		reason     string
		user       func(ctx context.Context) error
		want       int
		retryAfter string
	}{
		"panic":    {"a panic is a 500 in JSON, and its value stays inside", func(context.Context) error { panic(canary) }, 500, ""},
		"runtime":  {"a fault of the program is a panic too", func(context.Context) error { return make([]error, 1)[strings.Count(canary, "a")] }, 500, ""},
		"deadline": {"a request that takes too long can be sent again", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 429, "5"},
		"canceled": {"an operation that was cut off can be sent again", func(context.Context) error { return context.Canceled }, 429, "5"},
		"unknown":  {"an error that nobody foresaw is a 500, and its text stays inside", func(context.Context) error { return errors.New("unforeseen") }, 500, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSCIM(t, func(cfg *server.Config) {
				cfg.Store = troubled{cfg.Store, tc.user}
				if name == "deadline" {
					cfg.RequestTimeout = time.Millisecond
				}
			})
			got := s.do(http.MethodGet, s.base()+"/Users/x", "", "Authorization: Bearer "+token)
			refused(t, got, tc.want, "")
			if after := got.header.Get("Retry-After"); after != tc.retryAfter {
				t.Errorf("%s: Retry-After is %q, want %q", tc.reason, after, tc.retryAfter)
			}
			if strings.Contains(s.log.all(), canary) || strings.Contains(string(got.body), canary) {
				t.Error("the value of a panic, which may quote a request, is in the log or the answer")
			}
			contains(t, s.log.all(), `"status":`+strconv.Itoa(tc.want), got.header.Get("X-Request-Id"))
		})
	}
}

func TestAuditLine(t *testing.T) {
	s := newSCIM(t)
	got := s.call(http.StatusNotFound, "GET", "/Users/some-id?attributes=secretattribute", "")
	var line map[string]any
	for _, text := range strings.Split(s.log.all(), "\n") {
		if strings.Contains(text, `"requestID"`) {
			if line != nil {
				t.Fatal("one request left two lines")
			}
			must(t, json.Unmarshal([]byte(text), &line))
		}
	}
	want := map[string]any{
		"requestID": got.header.Get("X-Request-Id"), "directory": s.directory, "credential": "first", "method": "GET",
		"route": "/Users/{id}", "id": "some-id", "status": float64(404),
	}
	for key, value := range want {
		if line[key] != value {
			t.Errorf("the line has %s = %v, want %v", key, line[key], value)
		}
	}
	if _, ok := line["durationMs"].(float64); !ok {
		t.Errorf("the line has no durationMs: %v", line)
	}
	if strings.Contains(s.log.all(), "secretattribute") || strings.Contains(s.log.all(), token) {
		t.Error("the query or the token is in the log")
	}
}
