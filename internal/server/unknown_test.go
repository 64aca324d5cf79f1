package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnknownParts keeps sub-attributes that no schema names through the life of a user, on a real API server.
func TestUnknownParts(t *testing.T) {
	s := newSCIM(t)
	const parts = `"name":{"givenName":"A","nick":{"a":[1,2.50],"b":"\u003c"}},"emails":[{"value":"w@x","type":"work","verified":true},{"value":"h@x","verified":"no"}],
		"addresses":[{"locality":"L","building":1e3}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"m","email":"m@x"}}`
	id, _ := s.call(http.StatusCreated, "POST", "/Users", `{"userName":"unknown.parts@example.com",`+parts+`}`).json(t)["id"].(string)
	show := func() map[string]any {
		t.Helper()
		got := s.call(http.StatusOK, "GET", "/Users/"+id, "").json(t)
		for _, name := range []string{"schemas", "id", "meta", "active", "userName"} {
			delete(got, name)
		}
		return got
	}
	want := reply{body: []byte("{" + parts + "}")}.json(t)
	if diff := cmp.Diff(want, show()); diff != "" {
		t.Errorf("OKTA 4.7: what no schema names is kept verbatim (-sent +returned)\n%s", diff)
	}

	version := s.user(id).ResourceVersion
	s.call(http.StatusOK, "PUT", "/Users/"+id, string(s.call(http.StatusOK, "GET", "/Users/"+id, "").body))
	s.call(http.StatusOK, "PUT", "/Users/"+id, `{"userName":"unknown.parts@example.com",`+parts+`}`)
	if got := s.user(id).ResourceVersion; got != version {
		t.Errorf("OKTA 4.3: an echo writes nothing, but the version moved from %s to %s", version, got)
	}
	poll(t, "the cache has the user", func() bool {
		return *listOf(t, s.call(http.StatusOK, "GET", "/Users?filter="+url.QueryEscape(`emails[verified eq true]`), "")).TotalResults == 1
	})

	s.call(http.StatusOK, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"remove","path":"name.nick"}]}`)
	want = reply{body: []byte("{" + strings.Replace(strings.Replace(parts, `,"nick":{"a":[1,2.50],"b":"\u003c"}`, "", 1), "w@x", "n@x", 1) + "}")}.json(t)
	if diff := cmp.Diff(want, show()); diff != "" {
		t.Errorf("what is not patched stays (-want +got)\n%s", diff)
	}

	body := `{"userName":"unknown.parts@example.com","emails":[{"value":"w@x"`
	for _, name := range strings.Split("abcdefghijklmnopq", "") {
		body += `,"x` + name + `":1`
	}
	contains(t, refused(t, s.call(http.StatusBadRequest, "PUT", "/Users/"+id, body+"}]}"), 400, "invalidValue"), "emails has more than 16 parts")
}
