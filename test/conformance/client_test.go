package conformance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// The URIs of schemas and messages (RFC 7643 section 10.3, RFC 7644 section 8.2).
const (
	coreUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise     = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	listMessage    = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorMessage   = "urn:ietf:params:scim:api:messages:2.0:Error"
	patchMessage   = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	searchMessage  = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	bulkRequest    = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponse   = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	scimMediaType  = "application/scim+json"
	headersOfToken = "Authorization: Bearer "
)

// object is a JSON object. Its numbers are json.Number, so that a test sees how they are written.
type object = map[string]any

// session is a client of one directory, which no other test uses.
type session struct {
	t *testing.T
	*operator
	directory, token string
	// base is the SCIM base URL.
	base string
}

// reply is an answer, read in full.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// connect starts a session with a new directory, named after the test, and waits until the server knows it.
func connect(t *testing.T) *session {
	t.Helper()
	return connectTo(t, strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())))
}

func connectTo(t *testing.T, directory string) *session {
	t.Helper()
	s := &session{t: t, operator: theOperator(t), directory: directory, token: rand.Text() + rand.Text()}
	s.base = "https://" + s.address + "/scim/" + directory + "/v2"
	t.Cleanup(s.clear)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: directory}, StringData: map[string]string{"token": s.token}}
	s.must(s.kube.Create(t.Context(), secret))
	made := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: directory}}
	made.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: directory, Key: "token"}}}
	s.must(s.kube.Create(t.Context(), made))
	s.until("the server knows the directory", func() bool { return s.send("GET", "/ServiceProviderConfig", nil).status == http.StatusOK })
	return s
}

// configure changes the session's directory. The server follows a moment later.
func (s *session) configure(change func(*v1alpha1.ScimDirectorySpec)) {
	s.t.Helper()
	d := &v1alpha1.ScimDirectory{}
	s.must(s.kube.Get(s.t.Context(), client.ObjectKey{Name: s.directory}, d))
	before := d.DeepCopy()
	change(&d.Spec)
	// A patch, because the server may be writing the time of its last request into the status.
	s.must(s.kube.Patch(s.t.Context(), d, client.MergeFrom(before)))
}

// clear deletes everybody, since a name belongs to one user of the whole cluster.
func (s *session) clear() {
	s.t.Helper()
	for _, kind := range []client.Object{&v1alpha1.ScimUser{}, &v1alpha1.ScimRole{}} {
		s.must(s.kube.DeleteAllOf(context.WithoutCancel(s.t.Context()), kind))
	}
}

func (s *session) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// until polls until a condition holds. Lists come from a cache that follows the writes.
func (s *session) until(what string, condition func() bool) {
	s.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-deadline:
			s.t.Fatalf("still not true: %s", what)
		case <-s.t.Context().Done():
			s.t.Fatal(s.t.Context().Err())
		case <-ticker.C:
		}
	}
}

// send sends a request to a path below the base URL, or to a whole URL. A body may be text or anything that becomes JSON. Headers are
// given as "Name: value"; one without a value takes the name off.
func (s *session) send(method, path string, body any, headers ...string) reply {
	s.t.Helper()
	var content []byte
	switch body := body.(type) {
	case nil:
	case string:
		content = []byte(body)
	default:
		var err error
		content, err = json.Marshal(body)
		s.must(err)
	}
	url := path
	if !strings.HasPrefix(path, "https://") {
		url = s.base + path
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, bytes.NewReader(content))
	s.must(err)
	for _, header := range append([]string{headersOfToken + s.token, "Content-Type: " + scimMediaType}, headers...) {
		name, value, _ := strings.Cut(header, ":")
		request.Header.Del(name)
		if value = strings.TrimSpace(value); value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := s.http.Do(request)
	s.must(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	s.must(err)
	return reply{response.StatusCode, response.Header, answer}
}

// call sends a request, expects a status and returns the answer.
func (s *session) call(status int, method, path string, body any, headers ...string) reply {
	s.t.Helper()
	got := s.send(method, path, body, headers...)
	if got.status != status {
		s.t.Fatalf("%s %s: status %d, want %d: %.600s", method, path, got.status, status, got.body)
	}
	return got
}

// get reads what a path shows.
func (s *session) get(path string) object {
	s.t.Helper()
	return s.json(s.call(http.StatusOK, "GET", path, nil))
}

func (s *session) json(r reply) object {
	s.t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	var out object
	if err := decoder.Decode(&out); err != nil {
		s.t.Fatalf("the body of a %d is no JSON object: %v: %.300s", r.status, err, r.body)
	}
	return out
}

// refused sends a request that must be refused with a SCIM error of the status and scimType.
func (s *session) refused(status int, scimType, method, path string, body any, headers ...string) reply {
	s.t.Helper()
	got := s.call(status, method, path, body, headers...)
	e := s.json(got)
	s.equal("the content type of an error", got.header.Get("Content-Type"), scimMediaType)
	s.equal("schemas of an error", e["schemas"], []any{errorMessage})
	s.equal("status of an error", e["status"], strconv.Itoa(status))
	if kind, _ := e["scimType"].(string); kind != scimType {
		s.t.Fatalf("%s %s: scimType %q, want %q: %s", method, path, kind, scimType, got.body)
	}
	return got
}

// user creates a user with the name and the attributes, and returns what the server made of it.
func (s *session) user(name string, attributes ...object) object {
	s.t.Helper()
	return s.json(s.call(http.StatusCreated, "POST", "/Users", userBody(name, attributes...)))
}

func userBody(name string, attributes ...object) object {
	body := object{"schemas": []any{coreUser}, "userName": name}
	for _, a := range attributes {
		maps.Copy(body, a)
	}
	return body
}

// group creates a group of users.
func (s *session) group(name string, members ...object) object {
	s.t.Helper()
	return s.json(s.call(http.StatusCreated, "POST", "/Groups", groupBody(name, members...)))
}

func groupBody(name string, members ...object) object {
	list := []any{}
	for _, m := range members {
		list = append(list, object{"value": m["id"]})
	}
	return object{"schemas": []any{coreGroup}, "displayName": name, "members": list}
}

// patch is the body of a PATCH with the operations.
func patch(operations ...object) object {
	return object{"schemas": []any{patchMessage}, "Operations": operations}
}

// op is one operation; a path of "" and a nil value are left out.
func op(kind, path string, value any) object {
	out := object{"op": kind}
	if path != "" {
		out["path"] = path
	}
	if value != nil {
		out["value"] = value
	}
	return out
}

// patched applies operations and returns the resource as a GET shows it then.
func (s *session) patched(path string, operations ...object) object {
	s.t.Helper()
	got := s.send("PATCH", path, patch(operations...))
	if got.status != http.StatusOK && got.status != http.StatusNoContent {
		s.t.Fatalf("PATCH %s: status %d: %.600s", path, got.status, got.body)
	}
	return s.get(path)
}

// found gives the ids of a list, sorted, once it has as many as are expected.
func (s *session) found(path string, want ...object) {
	s.t.Helper()
	wanted := ids(want)
	slices.Sort(wanted)
	var have []string
	s.until("GET "+path+" finds what it should", func() bool {
		have = ids(resources(s.get(path)))
		slices.Sort(have)
		return len(have) == len(wanted)
	})
	s.equal("ids of GET "+path, have, wanted)
}

func ids(list []object) []string {
	out := []string{}
	for _, r := range list {
		id, _ := r["id"].(string)
		out = append(out, id)
	}
	return out
}

// resources are those of a list.
func resources(list object) []object {
	var out []object
	all, _ := list["Resources"].([]any)
	for _, r := range all {
		if m, ok := r.(object); ok {
			out = append(out, m)
		}
	}
	return out
}

// at follows a path of names and indexes with dots between them; nil when something on it is not there.
func at(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case object:
			v = in[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// text is a string at a path; it fails the test when there is none.
func (s *session) text(v any, path string) string {
	s.t.Helper()
	text, ok := at(v, path).(string)
	if !ok || text == "" {
		s.t.Fatalf("there is no text at %s of %v", path, v)
	}
	return text
}

func (s *session) equal(what string, got, want any) {
	s.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (- want, + got):\n%s", what, diff)
	}
}

func pathOf(kind string, resource object) string {
	id, _ := resource["id"].(string)
	return "/" + kind + "/" + id
}
