package clients

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/test/okta"
)

// recorder is a server that takes whatever comes, knows nobody, and notes what was sent.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	sent []string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewTLSServer(r)
	t.Cleanup(r.Close)
	return r
}

// roots trust all recorders: their certificate is httptest's own.
func (r *recorder) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(r.Certificate())
	return pool
}

func (r *recorder) config(replicas ...*recorder) Config {
	config := Config{Token: "token", RootCAs: r.roots()}
	for _, replica := range append([]*recorder{r}, replicas...) {
		config.BaseURLs = append(config.BaseURLs, replica.URL+"/v2")
	}
	return config
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	query, err := url.QueryUnescape(request.URL.RawQuery)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	line := request.Method + " " + strings.TrimPrefix(request.URL.Path, "/v2")
	if query != "" {
		line += "?" + query
	}
	r.mu.Lock()
	r.sent = append(r.sent, strings.TrimSpace(line+" "+string(body)))
	r.mu.Unlock()
	r.answer(w, request, body)
}

func (r *recorder) answer(w http.ResponseWriter, request *http.Request, body []byte) {
	below := strings.Count(strings.TrimPrefix(request.URL.Path, "/v2/"), "/")
	switch {
	case request.Method == http.MethodPatch || request.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case request.Method == http.MethodGet && below == 0:
		fmt.Fprintf(w, `{"schemas":[%q],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`, okta.ListSchema)
	case request.Method == http.MethodGet:
		fmt.Fprint(w, `{"id":"1","members":[{"value":"a"},{"value":"c"}]}`)
	default:
		var resource map[string]any
		if json.Unmarshal(body, &resource) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		resource["id"] = "1"
		if json.NewEncoder(w).Encode(resource) != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
}

// differences compares what was sent with literal requests, JSON by its meaning, and forgets it.
func (r *recorder) differences(want []string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.sent
	r.sent = nil
	canonical := cmp.Transformer("canonical", func(line string) string {
		at := strings.Index(line, " {")
		if at < 0 {
			return line
		}
		var body any
		decoder := json.NewDecoder(bytes.NewReader([]byte(line[at:])))
		if decoder.Decode(&body) != nil {
			return line
		}
		if object, ok := body.(map[string]any); ok && object["Operations"] != nil {
			body = object["Operations"]
		}
		written, err := json.MarshalIndent(body, "", " ")
		if err != nil {
			return line
		}
		return line[:at] + "\n" + string(written)
	})
	return cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return len(p) == 2 }, canonical))
}

// TestLiteralShapes wants the clients to send what their makers' documentation or source has, to the letter.
func TestLiteralShapes(t *testing.T) {
	const enterprise = okta.EnterpriseSchema
	before := Person{UserName: "u", GivenName: "G", Email: "old@x", Title: "T", Active: true}
	after := Person{UserName: "u", GivenName: "K", DisplayName: "D", Email: "new@x", EmployeeNumber: "1"}
	g := Group{Name: "Crew", ExternalID: "e"}
	entra := func(compliant bool) func(Config) (Client, error) {
		return func(c Config) (Client, error) { return NewEntra(c, compliant) }
	}
	authentik := func(c Config) (Client, error) { return NewAuthentik(c) }
	jumpcloud := func(c Config) (Client, error) { return NewJumpCloud(c, "x") }
	google := func(c Config) (Client, error) { return NewGoogle(c) }
	update := func(t *testing.T, c Client) error { return c.UpdateUser(t.Context(), "1", before, after) }
	swap := func(t *testing.T, c Client) error {
		return c.ChangeMembers(t.Context(), "1", g, []string{"a", "c", "d"}, []string{"a", "b"})
	}
	for _, tc := range []struct {
		reason string
		make   func(Config) (Client, error)
		do     func(*testing.T, Client) error
		want   []string
	}{
		{"Entra: capitals, a path for everything, a string for a boolean", entra(false), update, []string{
			"GET /Users/1",
			`PATCH /Users/1 {"Operations":[{"op":"Replace","path":"displayName","value":"D"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new@x"},
			 {"op":"Replace","path":"name.givenName","value":"K"},{"op":"Remove","path":"title"},
			 {"op":"Replace","path":"` + enterprise + `:employeeNumber","value":"1"},{"op":"Replace","path":"active","value":"False"}]}`,
		}},
		{"Entra with aadOptscim062020: one object of dotted names, a boolean", entra(true), update, []string{
			"GET /Users/1?aadOptscim062020",
			`PATCH /Users/1?aadOptscim062020 {"Operations":[{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@x"},{"op":"remove","path":"title"},
			 {"op":"replace","value":{"displayName":"D","name.givenName":"K","` + enterprise + `:employeeNumber":"1"}},{"op":"replace","path":"active","value":false}]}`,
		}},
		{"Entra: members are removed by a list of values", entra(false), swap, []string{
			`PATCH /Groups/1 {"Operations":[{"op":"Add","path":"members","value":[{"$ref":null,"value":"b"}]}]}`,
			`PATCH /Groups/1 {"Operations":[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"c"}]},{"op":"Remove","path":"members","value":[{"$ref":null,"value":"d"}]}]}`,
		}},
		{"Entra with aadOptscim062020: members are removed by a filter", entra(true), swap, []string{
			`PATCH /Groups/1?aadOptscim062020 {"Operations":[{"op":"add","path":"members","value":[{"$ref":null,"value":"b"}]}]}`,
			`PATCH /Groups/1?aadOptscim062020 {"Operations":[{"op":"remove","path":"members[value eq \"c\"]"},{"op":"remove","path":"members[value eq \"d\"]"}]}`,
		}},
		{"Entra: a group is looked for without its members, and has another schema", entra(false), func(t *testing.T, c Client) error {
			_, err := c.CreateGroup(t.Context(), g, nil)
			return err
		}, []string{
			`GET /Groups?excludedAttributes=members&filter=displayName eq "Crew"`,
			`POST /Groups {"schemas":["` + okta.GroupSchema + `","` + entraGroupSchema + `"],"externalId":"e","displayName":"Crew","meta":{"resourceType":"Group"}}`,
		}},
		{"authentik: users are written whole, with the id", authentik, update, []string{
			`PUT /Users/1 {"schemas":["` + okta.UserSchema + `"],"id":"1","userName":"u","externalId":"","displayName":"D","active":false,
			 "name":{"formatted":"K ","givenName":"K","familyName":""},"emails":[{"value":"new@x","type":"other","primary":true}]}`,
		}},
		{"authentik: a full sync compares with what is there, one operation for each member", authentik, swap, []string{
			"GET /Groups/1",
			`PATCH /Groups/1 {"Operations":[{"op":"add","path":"members","value":[{"value":"b"}]},{"op":"remove","path":"members","value":[{"value":"c"}]}]}`,
		}},
		{"authentik: a group's attributes go without a path, schemas and id included", authentik, func(t *testing.T, c Client) error {
			return c.RenameGroup(t.Context(), "1", g)
		}, []string{
			`PATCH /Groups/1 {"Operations":[{"op":"replace","value":{"schemas":["` + okta.GroupSchema + `"],"id":"1","externalId":"e","displayName":"Crew"}}]}`,
			"GET /Groups/1",
		}},
		{"JumpCloud: both ways to remove a member, one request for each", jumpcloud, swap, []string{
			`PATCH /Groups/1 {"Operations":[{"op":"add","path":"members","value":[{"value":"b"}]}]}`,
			`PATCH /Groups/1 {"Operations":[{"op":"remove","path":"members","value":[{"value":"c"}]}]}`,
			`PATCH /Groups/1 {"Operations":[{"op":"remove","path":"members[value eq \"d\"]"}]}`,
		}},
		{"Google: a suspension is on its own", google, update, []string{
			`PATCH /Users/1 {"Operations":[{"op":"replace","value":{"active":false}}]}`,
		}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			r := newRecorder(t)
			c, err := tc.make(r.config())
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.do(t, c); err != nil {
				t.Fatal(err)
			}
			if diff := r.differences(tc.want); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRequestsTakeTurns wants each request to go to another replica than the one before.
func TestRequestsTakeTurns(t *testing.T) {
	first, second := newRecorder(t), newRecorder(t)
	c, err := NewGoogle(first.config(second))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.CreateGroup(t.Context(), Group{Name: "Crew"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if diff := first.differences([]string{`GET /Groups?filter=displayName eq "Crew"`, `GET /Groups?filter=displayName eq "Crew"`}); diff != "" {
		t.Errorf("the first replica: -want, +got:\n%s", diff)
	}
	create := `POST /Groups {"schemas":["` + okta.GroupSchema + `"],"displayName":"Crew","externalId":"","members":[]}`
	if diff := second.differences([]string{create, create}); diff != "" {
		t.Errorf("the second replica: -want, +got:\n%s", diff)
	}
}
