package server_test

import (
	"net/http"
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestMe holds RFC 7644 section 3.11: who has no use for the alias answers 501.
func TestMe(t *testing.T) {
	s := newSCIM(t)
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		contains(t, refused(t, s.call(501, method, "/Me", ""), 501, ""), "/Users/ID", "userID", "first")
	}
	contains(t, refused(t, s.call(501, "POST", "/Me", ""), 501, ""), "/Users")
	refused(t, s.do("GET", s.base()+"/Me", ""), 401, "")
}

// TestMeGivesNoRight: the alias changes the address and nothing else.
func TestMeGivesNoRight(t *testing.T) {
	s := newSCIM(t)
	const foreign = "scimk8s_of_another_directory_0123456789"
	s.addDirectory("me-elsewhere", foreign)
	id := s.create("me@example.com")
	other := s.do("POST", "/scim/me-elsewhere/v2/Users", joiner("me-elsewhere@example.com", "secret"), bearer(foreign))
	otherID, _ := other.json(t)["id"].(string)
	actFor := func(userID string, access v1alpha1.CredentialAccess) {
		s.setSpec(func(spec *v1alpha1.ScimDirectorySpec) {
			spec.Credentials[0].UserID, spec.Credentials[0].Access = userID, access
		})
	}
	for reason, stranger := range map[string]string{"another directory's user": otherID, "nobody": "nobody-0123456789"} {
		actFor(stranger, v1alpha1.AccessReadWrite)
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			body := joiner("me-stranger@example.com", "secret")
			if method == "PATCH" {
				body = `{"Operations":[{"op":"replace","path":"title","value":"T"}]}`
			}
			detail := refused(t, s.call(http.StatusNotFound, method, "/Me", body), http.StatusNotFound, "")
			contains(t, detail, "userID", "does not exist in this directory")
			t.Logf("%s: %s", reason, detail)
		}
	}
	actFor(id, v1alpha1.AccessReadOnly)
	s.call(http.StatusOK, "GET", "/Me", "")
	refused(t, s.call(http.StatusForbidden, "PATCH", "/Me", `{"Operations":[{"op":"replace","path":"title","value":"T"}]}`), http.StatusForbidden, "")
	refused(t, s.call(http.StatusForbidden, "DELETE", "/Me", ""), http.StatusForbidden, "")
	actFor(id, v1alpha1.AccessReadWrite)
	refused(t, s.call(http.StatusPreconditionFailed, "DELETE", "/Me", "", `If-Match: W/"77"`), http.StatusPreconditionFailed, "")
	s.call(http.StatusRequestEntityTooLarge, "PUT", "/Me", joiner("me@example.com", string(make([]byte, 2<<20))))
}

// TestPublicDiscovery: a directory that says so tells everybody what its endpoint can do, and nobody anything else.
func TestPublicDiscovery(t *testing.T) {
	s := newSCIM(t)
	discovery := []string{"/ServiceProviderConfig", "/Schemas", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "/ResourceTypes", "/ResourceTypes/User"}
	for _, path := range discovery {
		refused(t, s.do("GET", s.base()+path, ""), http.StatusUnauthorized, "")
	}
	s.setSpec(func(spec *v1alpha1.ScimDirectorySpec) { spec.Discovery = v1alpha1.DiscoveryPublic })
	for _, path := range discovery {
		if got := s.do("GET", s.base()+path, ""); got.status != http.StatusOK || string(got.body) != string(s.call(http.StatusOK, "GET", path, "").body) {
			t.Errorf("GET %s without a credential: %d, want 200 and what is said to others: %s", path, got.status, got.body)
		}
		refused(t, s.do("GET", s.base()+path, "", bearer(wrong)), http.StatusUnauthorized, "")
		refused(t, s.do("POST", s.base()+path, "{}"), http.StatusUnauthorized, "")
	}
	for _, path := range []string{"/Users", "/Users/x", "/Groups", "/", "/Me", "/Nothing", "/Schemas/x/y", "/schemas"} {
		refused(t, s.do("GET", s.base()+path, ""), http.StatusUnauthorized, "")
	}
	s.setSpec(func(spec *v1alpha1.ScimDirectorySpec) { spec.Suspend = true })
	refused(t, s.do("GET", s.base()+"/Schemas", ""), http.StatusForbidden, "")
}

// TestPublicDiscoveryIsLimited: who presents no credential is let in as often as one may guess at them, and takes nothing from those who
// have one.
func TestPublicDiscoveryIsLimited(t *testing.T) {
	s := newSCIM(t)
	s.setSpec(func(spec *v1alpha1.ScimDirectorySpec) { spec.Discovery = v1alpha1.DiscoveryPublic })
	let, refusals := 0, 0
	for range 200 {
		got := s.do("GET", s.base()+"/ServiceProviderConfig", "")
		if got.status == http.StatusOK {
			let++
			continue
		}
		refused(t, got, http.StatusTooManyRequests, "")
		refusals++
	}
	if let < 60 || refusals == 0 {
		t.Errorf("%d requests were let in and %d were not, want at least 60 and some", let, refusals)
	}
	s.call(http.StatusOK, "GET", "/ServiceProviderConfig", "")
	if got := s.status(bearer(wrong)); got != http.StatusUnauthorized {
		t.Errorf("a first wrong token is answered %d, want 401: others without one took its place", got)
	}
}
