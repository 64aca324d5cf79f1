package conformance_test

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestTransport(t *testing.T) {
	proves(t, "RFC7642-4-L944", "RFC7644-7.2-L4348", "RFC7644-7.2-L4350")
	s := connect(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		connection, err := (&tls.Dialer{Config: &tls.Config{RootCAs: s.roots, MinVersion: version, MaxVersion: version}}).DialContext(t.Context(), "tcp", s.address)
		s.must(err)
		s.must(connection.Close())
	}
	old := &tls.Dialer{Config: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}
	if connection, err := old.DialContext(t.Context(), "tcp", s.address); err == nil {
		s.must(connection.Close())
		t.Error("TLS 1.1 is served")
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", strings.Replace(s.base, "https", "http", 1)+"/Users", http.NoBody)
	s.must(err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	s.equal("status without TLS", response.StatusCode, http.StatusBadRequest)
}

func TestAuthentication(t *testing.T) {
	proves(t, "RFC7644-2-L307", "RFC7644-2-L311")
	s := connect(t)
	for _, header := range []string{"Authorization:", "Authorization: Bearer wrong", "Authorization: Digest x", "Authorization: Basic eDp5"} {
		for _, path := range []string{"/Users", "/Groups", "/Schemas"} {
			got := s.refused(http.StatusUnauthorized, "", "GET", path, nil, header)
			if challenge := got.header.Get("WWW-Authenticate"); !strings.Contains(challenge, "Bearer") {
				t.Errorf("WWW-Authenticate is %q, which does not name the scheme Bearer", challenge)
			}
		}
	}
	s.call(http.StatusOK, "GET", "/Users", nil)
}

func TestSchemesOfAuthentication(t *testing.T) {
	proves(t, "RFC7644-2-L307")
	s := connect(t)
	userName, password := "client", rand.Text()+rand.Text()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.directory + "-basic"},
		StringData: map[string]string{"username": userName, "password": password},
	}
	s.must(s.kube.Create(t.Context(), secret))
	var directory v1alpha1.ScimDirectory
	s.must(s.kube.Get(t.Context(), client.ObjectKey{Name: s.directory}, &directory))
	before := directory.DeepCopy()
	directory.Spec.Credentials = append(directory.Spec.Credentials,
		v1alpha1.Credential{Name: "second", BasicSecretRef: v1alpha1.BasicSecretRef{Name: secret.Name}})
	// A patch, because the server may be writing the time of its last request into the status.
	s.must(s.kube.Patch(t.Context(), &directory, client.MergeFrom(before)))
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(userName+":"+password))
	s.until("the server takes the pair", func() bool { return s.send("GET", "/Users", nil, basic).status == http.StatusOK })
	var types []any
	schemes, _ := s.get("/ServiceProviderConfig")["authenticationSchemes"].([]any)
	for _, scheme := range schemes {
		types = append(types, at(scheme, "type"))
	}
	s.equal("authenticationSchemes", types, []any{"oauthbearertoken", "httpbasic"})
	challenges := s.refused(http.StatusUnauthorized, "", "GET", "/Users", nil, "Authorization:").header.Values("WWW-Authenticate")
	var names []string
	for _, challenge := range challenges {
		name, _, _ := strings.Cut(challenge, " ")
		names = append(names, name)
	}
	s.equal("schemes of WWW-Authenticate", names, []string{"Bearer", "Basic"})
}

func TestMessages(t *testing.T) {
	proves(t, "RFC7644-3.1-L436", "RFC7644-3.12-L3707", "RFC7644-3.4.3-L1476", "RFC7644-3.4.2-L817")
	s := connect(t)
	s.user("ada")
	search := object{"schemas": []any{searchMessage}, "count": 1}
	for _, kind := range []string{"/Users", "/Groups"} {
		s.equal("schemas of a list", s.get(kind)["schemas"], any([]any{listMessage}))
		found := s.json(s.call(http.StatusOK, "POST", kind+"/.search", search))
		s.equal("schemas of a search", found["schemas"], any([]any{listMessage}))
		s.refused(http.StatusBadRequest, "invalidSyntax", "POST", kind+"/.search", object{"schemas": []any{listMessage}})
		s.refused(http.StatusBadRequest, "invalidSyntax", "POST", kind+"/.search", object{"schemas": []any{}})
	}
	broken := s.refused(http.StatusBadRequest, "invalidSyntax", "POST", "/Users", "{")
	bulk := s.call(http.StatusOK, "POST", "/Bulk", job(task("DELETE", "/Users/nobody", "", nil)))
	for _, message := range []reply{s.call(http.StatusOK, "GET", "/Users", nil), broken, bulk} {
		if uri := s.text(s.json(message), "schemas.0"); !strings.HasPrefix(uri, "urn:ietf:params:scim:api:") {
			t.Errorf("%s does not begin as the URIs of messages do", uri)
		}
	}
	s.refused(http.StatusNotFound, "", "GET", "/Users/nobody", nil)
	s.refused(http.StatusNotFound, "", "GET", "/Nothing", nil)
	s.refused(http.StatusMethodNotAllowed, "", "DELETE", "/Users", nil)
	s.refused(http.StatusUnauthorized, "", "GET", "/Users", nil, "Authorization:")
}

func TestEncoding(t *testing.T) {
	proves(t, "RFC7644-3.8-L3537", "RFC7644-3.8-L3551")
	s := connect(t)
	const name = "Åsa 山田 🦊"
	user := s.user("asa", object{"displayName": name})
	for _, accept := range []string{"Accept: application/scim+json", "Accept: application/json", "Accept: */*", "Accept:"} {
		got := s.call(http.StatusOK, "GET", pathOf("Users", user), nil, accept)
		s.equal("content type for "+accept, got.header.Get("Content-Type"), scimMediaType)
		s.equal("a name beyond ASCII", s.json(got)["displayName"], any(name))
	}
	if !strings.Contains(string(s.call(http.StatusOK, "GET", pathOf("Users", user), nil).body), "山田") {
		t.Error("the answer is not in UTF-8")
	}
	s.refused(http.StatusBadRequest, "invalidSyntax", "POST", "/Users", "{\"userName\":\"\xff\xfe\"}")
}

func TestVersionInURL(t *testing.T) {
	proves(t, "RFC7644-3.13-L3956")
	s := connect(t)
	for _, version := range []string{"v1", "v1.1", "v3", "V2"} {
		s.refused(http.StatusNotFound, "", "GET", strings.TrimSuffix(s.base, "v2")+version+"/Users", nil)
	}
	s.call(http.StatusOK, "GET", "/Users", nil)
}

func TestCreate(t *testing.T) {
	proves(t, "RFC7644-3.3-L602", "RFC7644-3.3-L603", "RFC7644-3.3-L605")
	s := connect(t)
	for kind, body := range map[string]object{"Users": userBody("ada", object{"displayName": "Ada"}), "Groups": groupBody("Engineers")} {
		created := s.call(http.StatusCreated, "POST", "/"+kind, body)
		resource := s.json(created)
		s.equal("displayName", resource["displayName"] != nil, true)
		s.equal("Location", any(created.header.Get("Location")), at(resource, "meta.location"))
		s.equal("Location", created.header.Get("Location"), s.base+pathOf(kind, resource))
		s.equal("the resource at Location", s.get(created.header.Get("Location")), resource)
	}
}

func TestDelete(t *testing.T) {
	proves(t, "RFC7644-3.6-L2642", "RFC7644-3.6-L2644", "RFC7644-3.6-L2657")
	s := connect(t)
	for kind, body := range map[string]object{"Users": userBody("ada"), "Groups": groupBody("Engineers")} {
		resource := s.json(s.call(http.StatusCreated, "POST", "/"+kind, body))
		path := pathOf(kind, resource)
		s.found("/"+kind, resource)
		if gone := s.call(http.StatusNoContent, "DELETE", path, nil); len(gone.body) > 0 {
			t.Errorf("a 204 has a body: %s", gone.body)
		}
		s.refused(http.StatusNotFound, "", "GET", path, nil)
		s.refused(http.StatusNotFound, "", "PUT", path, body)
		s.refused(http.StatusNotFound, "", "PATCH", path, patch(op("replace", "displayName", "x")))
		s.refused(http.StatusNotFound, "", "DELETE", path, nil)
		s.found("/" + kind)
		s.json(s.call(http.StatusCreated, "POST", "/"+kind, body))
	}
}

func TestPut(t *testing.T) {
	proves(t, "RFC7644-3.2-L490", "RFC7644-3.5-L1607", "RFC7644-3.5.1-L1637", "RFC7644-3.5.1-L1644", "RFC7644-3.5.1-L1665")
	s := connect(t)
	s.refused(http.StatusNotFound, "", "PUT", "/Users/new", userBody("new"))
	s.refused(http.StatusNotFound, "", "PUT", "/Groups/new", groupBody("new"))
	s.found("/Users?filter=userName%20eq%20%22new%22")
	s.found("/Groups?filter=displayName%20eq%20%22new%22")
	user := s.user("ada", object{"displayName": "Ada", "nickName": "A", "emails": []any{object{"value": "a@example.com", "type": "work"}}})
	got := s.json(s.call(http.StatusOK, "PUT", pathOf("Users", user), userBody("ada", object{
		"displayName": "Countess", "emails": []any{object{"value": "b@example.com", "type": "home"}},
		"meta": object{"created": "1999-01-01T00:00:00Z"}, "groups": []any{object{"value": "x"}},
	})))
	s.equal("displayName", got["displayName"], any("Countess"))
	s.equal("emails", got["emails"], any([]any{object{"value": "b@example.com", "type": "home"}}))
	s.equal("an attribute that the PUT lacks", got["nickName"], nil)
	s.equal("created", at(got, "meta.created"), at(user, "meta.created"))
	s.equal("groups", got["groups"], nil)
	s.equal("the answer and what is kept", s.get(pathOf("Users", user)), got)
	bob := s.user("bob")
	group := s.group("Engineers", user)
	after := s.json(s.call(http.StatusOK, "PUT", pathOf("Groups", group), groupBody("Engineers", bob)))
	s.equal("members", ids([]object{{"id": at(after, "members.0.value")}}), ids([]object{bob}))
	s.equal("number of members", len(after["members"].([]any)), 1)
}

func TestImmutable(t *testing.T) {
	proves(t, "RFC7643-7-L1766", "RFC7644-3.5.1-L1660", "RFC7644-3.5.2-L1888")
	s := connect(t)
	ada, bob := s.user("ada"), s.user("bob")
	group := s.group("Engineers", ada)
	path := pathOf("Groups", group)
	s.refused(http.StatusBadRequest, "mutability", "PUT", pathOf("Users", ada), userBody("ada", object{"id": bob["id"]}))
	s.refused(http.StatusBadRequest, "mutability", "PUT", path, object{"schemas": []any{coreGroup}, "id": "other", "displayName": "Engineers"})
	s.refused(http.StatusBadRequest, "mutability", "PATCH", pathOf("Users", ada), patch(op("replace", "id", bob["id"])))
	s.refused(http.StatusBadRequest, "mutability", "PATCH", pathOf("Users", ada), patch(op("remove", "meta", nil)))
	id := s.text(ada, "id")
	s.refused(http.StatusBadRequest, "mutability", "PATCH", path, patch(op("replace", `members[value eq "`+id+`"].value`, bob["id"])))
	s.refused(http.StatusBadRequest, "mutability", "PATCH", path, patch(op("replace", "members.value", bob["id"])))
	s.equal("the member", at(s.get(path), "members.0.value"), ada["id"])
	s.equal("a PUT with the same values", s.json(s.call(http.StatusOK, "PUT", path, groupBody("Engineers", ada))), s.get(path))
}
