package conformance_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

var (
	attributeName = regexp.MustCompile(`^([A-Za-z][-$_0-9A-Za-z]*|\$ref)$`)
	xsdDateTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)
)

// everything is a user with an attribute of every kind.
func everything(certificate string) object {
	return object{
		"name":       object{"givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Lovelace"},
		"emails":     []any{object{"value": "ada@example.com", "type": "work", "primary": true}, object{"value": "ada@example.org", "type": "home"}},
		"addresses":  []any{object{"type": "work", "locality": "London", "country": "GB"}},
		"photos":     []any{object{"value": "https://example.com/ada.png", "type": "photo"}},
		"profileUrl": "https://example.com/ada", "active": true, "externalId": "Ada-1",
		"x509Certificates": []any{object{"value": certificate}},
		enterprise:         object{"employeeNumber": "7", "manager": object{"value": "m-1"}},
	}
}

// certificateDER is a certificate in base64.
func certificateDER(s *session) string {
	s.t.Helper()
	authority, err := controlplane.NewAuthority("a person")
	s.must(err)
	block, _ := pem.Decode(authority.PEM)
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

// walk visits every member of a JSON value.
func walk(v any, visit func(name string, value any)) {
	switch v := v.(type) {
	case object:
		for name, e := range v {
			visit(name, e)
			walk(e, visit)
		}
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	}
}

func TestRepresentation(t *testing.T) {
	proves(t, "RFC7643-2.1-L366", "RFC7643-2.1-L369", "RFC7643-3-L709", "RFC7643-3-L711", "RFC7643-3-L713", "RFC7643-3.3-L976",
		"RFC7643-3.3-L981", "RFC7643-3.1-L866", "RFC7643-1.1-L232")
	s := connect(t)
	user := s.user("ada", everything(certificateDER(s)))
	group := s.group("Engineers", user)
	s.found("/Users", user)
	s.found("/Groups", group)
	for path, want := range map[string][]any{pathOf("Users", user): {coreUser, enterprise}, pathOf("Groups", group): {coreGroup}} {
		got := s.call(http.StatusOK, "GET", path, nil)
		s.equal("content type", got.header.Get("Content-Type"), scimMediaType)
		s.equal("schemas", at(s.json(got), "schemas"), any(want))
		s.text(s.json(got), "id")
		walk(s.json(got), func(name string, _ any) {
			if name != enterprise && !attributeName.MatchString(name) {
				t.Errorf("%q is no name of an attribute", name)
			}
		})
	}
	s.equal("an attribute of the extension", at(user, enterprise+".employeeNumber"), nil)
	s.equal("the extension's object", user[enterprise].(object)["employeeNumber"], any("7"))
	if _, ok := user["employeeNumber"]; ok {
		t.Error("an attribute of the extension is outside of its object")
	}
	s.equal("no quotes around a value", user["userName"], any("ada"))
	plain := s.user("plain", object{"schemas": []any{coreUser, coreUser, enterprise}})
	s.equal("schemas of a user without the extension", plain["schemas"], any([]any{coreUser}))
	for _, list := range []string{"/Users", "/Groups", "/Schemas", "/ResourceTypes"} {
		for _, r := range resources(s.get(list)) {
			if schemas, _ := r["schemas"].([]any); len(schemas) == 0 {
				t.Errorf("a resource of %s has no schemas", list)
			}
		}
	}
}

func TestIntegers(t *testing.T) {
	proves(t, "RFC7643-2.3.4-L521")
	s := connect(t)
	s.user("ada")
	for _, path := range []string{"/ServiceProviderConfig", "/Users", "/Groups", "/Schemas"} {
		walk(s.get(path), func(name string, v any) {
			if n, ok := v.(json.Number); ok && !regexp.MustCompile(`^-?\d+$`).MatchString(string(n)) {
				t.Errorf("%s of %s is %s", name, path, n)
			}
		})
	}
	for _, count := range []string{"1.5", "1e1", "one"} {
		s.refused(http.StatusBadRequest, "invalidValue", "GET", "/Users?startIndex="+count, nil)
	}
}

func TestDateTimes(t *testing.T) {
	proves(t, "RFC7643-2.3.5-L527", "RFC7643-2.3.5-L531", "RFC7643-3.1-L920", "RFC7643-3.1-L925")
	s := connect(t)
	user := s.user("ada")
	group := s.group("Engineers")
	for _, path := range []string{pathOf("Users", user), pathOf("Groups", group)} {
		resource := s.get(path)
		for _, name := range []string{"meta.created", "meta.lastModified"} {
			text := s.text(resource, name)
			if _, err := time.Parse(time.RFC3339, text); err != nil || !xsdDateTime.MatchString(text) {
				t.Errorf("%s is %q, which is no xsd:dateTime: %v", name, text, err)
			}
		}
		s.equal("lastModified of what never changed", at(resource, "meta.lastModified"), at(resource, "meta.created"))
	}
	s.refused(http.StatusBadRequest, "invalidFilter", "GET", "/Users?filter="+url.QueryEscape(`meta.created gt "yesterday"`), nil)
	s.refused(http.StatusBadRequest, "invalidFilter", "GET", "/Users?filter="+url.QueryEscape(`meta.created gt "2024-02-30T00:00:00Z"`), nil)
}

func TestBinary(t *testing.T) {
	proves(t, "RFC7643-2.3.6-L537", "RFC7643-4.1.2-L1378", "RFC7643-4.1.2-L1379")
	s := connect(t)
	good := certificateDER(s)
	user := s.user("ada", object{"x509Certificates": []any{object{"value": good}}})
	s.equal("certificate", at(s.get(pathOf("Users", user)), "x509Certificates.0.value"), any(good))
	der, err := base64.StdEncoding.DecodeString(good)
	s.must(err)
	for name, bad := range map[string]string{
		"not base64":       "this is not base64!",
		"not DER":          base64.StdEncoding.EncodeToString([]byte("not a certificate")),
		"two certificates": base64.StdEncoding.EncodeToString(append(slices.Clone(der), der...)),
		"cut off":          base64.StdEncoding.EncodeToString(der[:len(der)-1]),
	} {
		t.Log(name)
		s.refused(http.StatusBadRequest, "invalidValue", "POST", "/Users",
			userBody("bad", object{"x509Certificates": []any{object{"value": bad}}}))
	}
	s.refused(http.StatusBadRequest, "invalidValue", "PATCH", pathOf("Users", user),
		patch(op("add", "x509Certificates", []any{object{"value": "no base64!"}})))
}

func TestReferences(t *testing.T) {
	proves(t, "RFC7643-2.3.7-L552", "RFC7643-2.3.7-L555", "RFC7643-2.3.7-L577", "RFC7643-2.3.7-L578", "RFC7644-1.3-L201")
	s := connect(t)
	user := s.user("ada", object{"profileUrl": "../people/ada"})
	s.equal("a relative reference", user["profileUrl"], any("../people/ada"))
	s.refused(http.StatusBadRequest, "invalidValue", "POST", "/Users", userBody("bad", object{"profileUrl": "no URI at all"}))
	s.refused(http.StatusBadRequest, "invalidValue", "POST", "/Users", userBody("bad", object{"profileUrl": "http://[::1"}))
	group := s.group("Engineers", user)
	s.until("the user shows its group", func() bool { return at(s.get(pathOf("Users", user)), "groups.0.$ref") != nil })
	user = s.get(pathOf("Users", user))
	targets := map[string]any{
		s.text(user, "meta.location"): user["id"], s.text(user, "groups.0.$ref"): group["id"],
		s.text(group, "members.0.$ref"): user["id"], s.text(group, "meta.location"): group["id"],
	}
	for _, list := range []string{"/Schemas", "/ResourceTypes"} {
		for _, r := range resources(s.get(list)) {
			targets[s.text(r, "meta.location")] = r["id"]
		}
	}
	for target, id := range targets {
		parsed, err := url.Parse(target)
		s.must(err)
		if !parsed.IsAbs() || parsed.RawQuery != "" || !strings.HasPrefix(target, s.base+"/") {
			t.Errorf("%s is no absolute URI without a query below %s", target, s.base)
		}
		s.equal("id at "+target, s.get(target)["id"], id)
	}
	relative, err := url.Parse("Users/" + s.text(user, "id"))
	s.must(err)
	base, err := url.Parse(s.base + "/")
	s.must(err)
	s.equal("a relative reference resolved against the base", base.ResolveReference(relative).String(), at(user, "meta.location"))
	s.call(http.StatusNoContent, "DELETE", pathOf("Users", user), nil)
	s.refused(http.StatusNotFound, "", "GET", s.text(user, "meta.location"), nil)
}

func TestOrderDoesNotMatter(t *testing.T) {
	proves(t, "RFC7643-2.3.8-L592", "RFC7643-3-L714")
	s := connect(t)
	first := s.json(s.call(http.StatusCreated, "POST", "/Users",
		`{"schemas":["`+coreUser+`","`+enterprise+`"],"userName":"ada","name":{"givenName":"Ada","familyName":"L"},"`+enterprise+`":{"division":"d","manager":{"value":"m","displayName":"M"}}}`))
	got := s.call(http.StatusOK, "PUT", pathOf("Users", first),
		`{"`+enterprise+`":{"manager":{"displayName":"M","value":"m"},"division":"d"},"name":{"familyName":"L","givenName":"Ada"},"userName":"ada","schemas":["`+enterprise+`","`+coreUser+`"]}`)
	s.equal("the resource after a PUT in another order", s.json(got), first)
}

func TestPrimary(t *testing.T) {
	proves(t, "RFC7643-2.4-L634", "RFC7644-3.5.2-L1927")
	s := connect(t)
	two := object{"emails": []any{object{"value": "a@example.com", "primary": true}, object{"value": "b@example.com", "primary": true}}}
	s.refused(http.StatusBadRequest, "invalidValue", "POST", "/Users", userBody("ada", two))
	user := s.user("ada", object{"emails": []any{object{"value": "a@example.com", "type": "work", "primary": true}, object{"value": "b@example.com", "type": "home"}}})
	s.refused(http.StatusBadRequest, "invalidValue", "PUT", pathOf("Users", user), userBody("ada", two))
	primaries := func(user object) []any {
		out := []any{}
		list, _ := user["emails"].([]any)
		for _, e := range list {
			if at(e, "primary") == true {
				out = append(out, at(e, "value"))
			}
		}
		return out
	}
	user = s.patched(pathOf("Users", user), op("replace", `emails[type eq "home"].primary`, true))
	s.equal("primary after a replace", primaries(user), []any{"b@example.com"})
	user = s.patched(pathOf("Users", user), op("add", "emails", []any{object{"value": "c@example.com", "primary": true}}))
	s.equal("primary after an add", primaries(user), []any{"c@example.com"})
}

func TestCanonicalValues(t *testing.T) {
	proves(t, "RFC7643-2.4-L655", "RFC7643-2.4-L663", "RFC7643-2.4-L612")
	s := connect(t)
	user := s.user("ada", object{"emails": []any{
		object{"value": "a@example.com", "type": "WORK", "Primary": "True"},
		object{"value": "a@example.com", "type": "work", "display": "Ada"},
		object{"value": "a@example.com", "type": "home"},
	}})
	s.equal("e-mails", user["emails"], any([]any{
		object{"value": "a@example.com", "type": "work", "primary": true, "display": "Ada"},
		object{"value": "a@example.com", "type": "home"},
	}))
	user = s.patched(pathOf("Users", user), op("add", "emails", []any{object{"value": "a@example.com", "type": "Home"}}))
	s.equal("e-mails after adding one of them again", len(user["emails"].([]any)), 2)
}

func TestUnassigned(t *testing.T) {
	proves(t, "RFC7643-2.5-L682")
	s := connect(t)
	absent := s.user("ada")
	for name, attributes := range map[string]object{
		"null": {"nickName": nil, "name": nil, "emails": nil}, "empty": {"emails": []any{}, "roles": []any{}},
	} {
		t.Log(name)
		got := s.json(s.call(http.StatusOK, "PUT", pathOf("Users", absent), userBody("ada", attributes)))
		s.equal("a user with attributes that are "+name, got, absent)
	}
	s.patched(pathOf("Users", absent), op("add", "nickName", "Ad"))
	s.equal("nickName set to null", s.patched(pathOf("Users", absent), object{"op": "replace", "path": "nickName", "value": nil})["nickName"], nil)
}
