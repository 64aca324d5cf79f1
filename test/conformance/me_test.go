package conformance_test

import (
	"net/http"
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestMe(t *testing.T) {
	proves(t, "RFC7644-3.11-L3683")
	s := connect(t)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		s.refused(http.StatusNotImplemented, "", method, "/Me", nil)
	}
	ada := s.user("ada", object{"title": "Engineer"})
	location := s.text(ada, "meta.location")
	s.configure(func(spec *v1alpha1.ScimDirectorySpec) { spec.Credentials[0].UserID, _ = ada["id"].(string) })
	s.until("the credential acts for ada", func() bool { return s.send("GET", "/Me", nil).status == http.StatusOK })
	permanent := func(what string, got reply) object {
		t.Helper()
		me := s.json(got)
		s.equal("Location of "+what, got.header.Get("Location"), location)
		s.equal("Content-Location of "+what, got.header.Get("Content-Location"), location)
		s.equal("meta.location of "+what, at(me, "meta.location"), any(location))
		return me
	}
	s.equal("the user by either address", permanent("a GET", s.call(http.StatusOK, "GET", "/Me", nil)), s.get(location))
	s.call(http.StatusNotModified, "GET", "/Me", nil, `If-None-Match: `+s.text(ada, "meta.version"))
	s.equal("a part of the user", permanent("a GET of a part", s.call(http.StatusOK, "GET", "/Me?attributes=title,meta", nil))["title"], any("Engineer"))
	put := permanent("a PUT", s.call(http.StatusOK, "PUT", "/Me", userBody("ada", object{"title": "Countess"})))
	s.equal("title after a PUT", put["title"], any("Countess"))
	s.call(http.StatusPreconditionFailed, "PATCH", "/Me", patch(op("replace", "title", "x")), `If-Match: `+s.text(ada, "meta.version"))
	patched := permanent("a PATCH", s.call(http.StatusOK, "PATCH", "/Me", patch(op("replace", "title", "Analyst"))))
	s.equal("title after a PATCH", patched["title"], any("Analyst"))
	s.equal("the user at the permanent location", s.get(location)["title"], any("Analyst"))
	s.refused(http.StatusNotImplemented, "", "POST", "/Me", userBody("grace"))
	s.call(http.StatusNoContent, "DELETE", "/Me", nil)
	s.refused(http.StatusNotFound, "", "GET", location, nil)
	s.refused(http.StatusNotFound, "", "GET", "/Me", nil)
}

func TestPublicDiscovery(t *testing.T) {
	proves(t, "RFC7643-5-L1581")
	s := connect(t)
	const anonymous = "Authorization:"
	s.refused(http.StatusUnauthorized, "", "GET", "/ServiceProviderConfig", nil, anonymous)
	s.configure(func(spec *v1alpha1.ScimDirectorySpec) { spec.Discovery = v1alpha1.DiscoveryPublic })
	s.until("discovery is public", func() bool { return s.send("GET", "/ServiceProviderConfig", nil, anonymous).status == http.StatusOK })
	config := s.json(s.call(http.StatusOK, "GET", "/ServiceProviderConfig", nil, anonymous))
	s.equal("the type of the first scheme", at(config, "authenticationSchemes.0.type"), any("oauthbearertoken"))
	for _, path := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes"} {
		s.equal(path+" without a credential", s.json(s.call(http.StatusOK, "GET", path, nil, anonymous)), s.get(path))
	}
	s.refused(http.StatusUnauthorized, "", "GET", "/Users", nil, anonymous)
}
