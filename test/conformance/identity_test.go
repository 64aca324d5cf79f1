package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestCommonAttributes(t *testing.T) {
	proves(t, "RFC7643-3.1-L852", "RFC7643-3.1-L855", "RFC7643-3.1-L890", "RFC7644-3.3.1-L712")
	s := connect(t)
	for kind, created := range map[string]object{"User": s.user("ada"), "Group": s.group("Engineers")} {
		for _, name := range []string{"id", "meta.created", "meta.lastModified", "meta.location", "meta.version"} {
			s.text(created, name)
		}
		s.equal("resourceType", at(created, "meta.resourceType"), any(kind))
		s.equal("externalId that nobody gave", created["externalId"], nil)
	}
	types := object{"externalId": "e-1"}
	s.equal("externalId as the client gave it", s.user("bob", types)["externalId"], any("e-1"))
}

func TestIdentifiers(t *testing.T) {
	proves(t, "RFC7643-3.1-L867", "RFC7643-3.1-L868", "RFC7643-3.1-L872", "RFC7643-3.1-L873", "RFC7644-3.3-L584", "RFC7643-3.1-L911")
	s := connect(t)
	forged := object{"id": "mine", "meta": object{"resourceType": "Group", "created": "1999-01-01T00:00:00Z", "version": `W/"99"`, "location": "https://example.com"}}
	user := s.user("bulkId", forged, object{"groups": []any{object{"value": "g"}}})
	group := s.group("bulkId")
	seen := map[any]bool{}
	for _, r := range []object{user, group, s.user("bulkId-2"), s.group("bulkId-2")} {
		if seen[r["id"]] {
			t.Errorf("the id %v is there twice", r["id"])
		}
		seen[r["id"]] = true
		if strings.Contains(s.text(r, "id"), "bulkId") {
			t.Errorf("the id %v has the word bulkId in it", r["id"])
		}
	}
	for _, name := range []string{"id", "meta.resourceType", "meta.created", "meta.version", "meta.location"} {
		if at(user, name) == at(forged, name) {
			t.Errorf("%s is what the client sent", name)
		}
	}
	s.equal("groups that the client sent", user["groups"], nil)
	s.refused(http.StatusNotFound, "", "GET", "/Users/mine", nil)
	renamed := s.json(s.call(http.StatusOK, "PUT", pathOf("Users", user), userBody("renamed", object{"meta": forged["meta"]})))
	s.equal("id after a PUT", renamed["id"], user["id"])
	s.equal("created after a PUT", at(renamed, "meta.created"), at(user, "meta.created"))
	s.equal("id after a PATCH", s.patched(pathOf("Users", user), op("replace", "userName", "again"))["id"], user["id"])
	s.call(http.StatusNoContent, "DELETE", pathOf("Users", user), nil)
	if again := s.user("bulkId"); again["id"] == user["id"] {
		t.Error("a deleted user's id was given again")
	}
}

func TestScopeOfExternalID(t *testing.T) {
	proves(t, "RFC7643-3.1-L891", "RFC7644-2-L311")
	s, other := connect(t), connectTo(t, "testscopeofexternalid-other")
	mine, theirs := s.user("ada", object{"externalId": "same"}), other.user("ada-2", object{"externalId": "same"})
	query := "/Users?filter=" + url.QueryEscape(`externalId eq "same"`)
	s.found(query, mine)
	other.found(query, theirs)
	s.refused(http.StatusNotFound, "", "GET", pathOf("Users", theirs), nil)
	s.refused(http.StatusUnauthorized, "", "GET", pathOf("Users", mine), nil, headersOfToken+other.token)
}

func TestVersions(t *testing.T) {
	proves(t, "RFC7643-3.1-L927", "RFC7643-3.1-L940", "RFC7644-3.14-L3967")
	s := connect(t)
	for kind, body := range map[string]object{"Users": userBody("ada"), "Groups": groupBody("Engineers")} {
		created := s.call(http.StatusCreated, "POST", "/"+kind, body)
		resource := s.json(created)
		read := s.call(http.StatusOK, "GET", pathOf(kind, resource), nil)
		put := s.call(http.StatusOK, "PUT", pathOf(kind, resource), body)
		for _, r := range []reply{created, read, put} {
			s.equal("Content-Location", any(r.header.Get("Content-Location")), at(s.json(r), "meta.location"))
			s.equal("ETag", any(r.header.Get("ETag")), at(s.json(r), "meta.version"))
			if tag := r.header.Get("ETag"); !strings.HasPrefix(tag, `W/"`) {
				t.Errorf("the entity tag %s is not weak", tag)
			}
		}
		tag := created.header.Get("ETag")
		s.call(http.StatusNotModified, "GET", pathOf(kind, resource), nil, "If-None-Match: "+tag)
		s.refused(http.StatusPreconditionFailed, "", "DELETE", pathOf(kind, resource), nil, `If-Match: W/"0"`)
		s.call(http.StatusNoContent, "DELETE", pathOf(kind, resource), nil, "If-Match: "+tag)
	}
}

func TestUserName(t *testing.T) {
	proves(t, "RFC7643-4.1.1-L1035", "RFC7644-3.5.1-L1667", "RFC7644-3.3-L625")
	s := connect(t)
	user := s.user("Ada")
	s.equal("userName", user["userName"], any("Ada"))
	for name, body := range map[string]string{
		"absent": `{"schemas":["` + coreUser + `"],"displayName":"A"}`, "empty": `{"userName":""}`, "null": `{"userName":null}`,
	} {
		t.Log(name)
		s.refused(http.StatusBadRequest, "invalidValue", "POST", "/Users", body)
		s.refused(http.StatusBadRequest, "invalidValue", "PUT", pathOf("Users", user), body)
	}
	s.refused(http.StatusBadRequest, "invalidValue", "PUT", pathOf("Groups", s.group("Engineers")), object{"schemas": []any{coreGroup}})
	s.refused(http.StatusConflict, "uniqueness", "POST", "/Users", userBody("Ada"))
	s.refused(http.StatusConflict, "uniqueness", "POST", "/Users", userBody("ada"))
	s.refused(http.StatusConflict, "uniqueness", "POST", "/Groups", groupBody("engineers"))
}

func TestPasswords(t *testing.T) {
	proves(t, "RFC7643-4.1.1-L1186", "RFC7643-4.1.1-L1222", "RFC7643-7-L1769", "RFC7643-9.2-L5117")
	s := connect(t)
	const password = "correct-horse-battery-staple"
	withPassword := userBody("ada", object{"password": password})
	answers := []reply{s.call(http.StatusCreated, "POST", "/Users", withPassword)}
	user := s.json(answers[0])
	s.found("/Users", user)
	at := pathOf("Users", user)
	answers = append(answers,
		s.call(http.StatusOK, "PUT", at, withPassword),
		s.call(http.StatusOK, "PATCH", at+"?attributes=password", patch(op("replace", "password", password))),
		s.call(http.StatusOK, "PATCH", at, patch(op("replace", "", object{"password": password}))),
		s.call(http.StatusOK, "GET", at, nil), s.call(http.StatusOK, "GET", at+"?attributes=password", nil),
		s.call(http.StatusOK, "GET", "/Users?attributes=userName,password", nil),
		s.call(http.StatusBadRequest, "POST", "/Users", `{"userName":"","password":"`+password+`"}`),
		s.call(http.StatusOK, "POST", "/Users/.search", object{"schemas": []any{searchMessage}, "attributes": []any{"password"}}),
	)
	for _, a := range answers {
		if text := string(a.body); strings.Contains(text, password) || strings.Contains(text, `"password"`) {
			t.Errorf("an answer has the password: %s", text)
		}
	}
	var kept v1alpha1.ScimUserList
	s.must(s.kube.List(t.Context(), &kept))
	raw, err := json.Marshal(kept)
	s.must(err)
	if strings.Contains(string(raw), password) {
		t.Error("the password is stored")
	}
}

func TestEmails(t *testing.T) {
	proves(t, "RFC7643-4.1.2-L1244")
	s := connect(t)
	list := []any{}
	for _, address := range []string{"ada@example.com", `"ada lovelace"@example.com`, "ADA+tag@Example.COM", "ada@[192.0.2.1]", "Pelé@example.com"} {
		list = append(list, object{"value": address})
	}
	user := s.user("ada", object{"emails": list})
	s.equal("e-mails", s.get(pathOf("Users", user))["emails"], any(list))
}

// TestCountries proves the demand where the provider is Generic, which is the default, and that a provider with a name may send the
// names that its profiles hold.
func TestCountries(t *testing.T) {
	proves(t, "RFC7643-4.1.2-L1322")
	s := connect(t)
	livingIn := func(country string) object {
		return object{"addresses": []any{object{"type": "work", "locality": "Town", "country": country}}}
	}
	country := func(user object) any { return at(user, "addresses.0.country") }
	user := s.user("ada", livingIn("GB"))
	path := pathOf("Users", user)
	s.equal("country", country(s.get(path)), any("GB"))
	moved := s.patched(path, op("replace", `addresses[type eq "work"].country`, "DE"))
	s.equal("country after a PATCH", country(moved), any("DE"))
	for _, bad := range []string{"Germany", "DEU", "276", "UK", "XQ"} {
		s.refused(http.StatusBadRequest, "invalidValue", "POST", "/Users", userBody("bad", livingIn(bad)))
		s.refused(http.StatusBadRequest, "invalidValue", "PUT", path, userBody("ada", livingIn(bad)))
		s.refused(http.StatusBadRequest, "invalidValue", "PATCH", path, patch(op("replace", `addresses[type eq "work"].country`, bad)))
		bulk := object{"schemas": []any{bulkRequest}, "Operations": []any{
			object{"method": "PUT", "path": path, "data": userBody("ada", livingIn(bad))},
		}}
		s.equal("status in bulk", at(s.json(s.call(http.StatusOK, "POST", "/Bulk", bulk)), "Operations.0.status"), any("400"))
	}
	s.equal("the user after all that", s.get(path), moved)

	s.configure(func(spec *v1alpha1.ScimDirectorySpec) { spec.Provider = v1alpha1.ProviderEntra })
	s.until("a name of a country is kept for Entra", func() bool {
		return s.send("PUT", path, userBody("ada", livingIn("Germany"))).status == http.StatusOK
	})
	s.equal("country as it was sent", country(s.get(path)), any("Germany"))
	s.configure(func(spec *v1alpha1.ScimDirectorySpec) { spec.Provider = v1alpha1.ProviderGeneric })
	attempts := 0
	s.until("a new name of a country is refused again", func() bool {
		// Another name each time, since one that was stored before the server knew of the change is let through for good.
		attempts++
		return s.send("PUT", path, userBody("ada", livingIn(fmt.Sprintf("Atlantis %d", attempts)))).status == http.StatusBadRequest
	})
	stays := s.patched(path, op("replace", "active", false))
	s.equal("active of somebody whose country was stored before", stays["active"], any(false))
}

func TestMemberships(t *testing.T) {
	proves(t, "RFC7643-4.1.2-L1351", "RFC7643-4.1.2-L1354", "RFC7643-7-L1759")
	s := connect(t)
	user := s.user("ada")
	group, other := s.group("Engineers", user), s.group("Others")
	s.until("the user shows its group", func() bool { return at(s.get(pathOf("Users", user)), "groups.0.value") == group["id"] })
	forged := object{"groups": []any{object{"value": other["id"]}}}
	s.call(http.StatusOK, "PUT", pathOf("Users", user), userBody("ada", forged))
	s.refused(http.StatusBadRequest, "mutability", "PATCH", pathOf("Users", user), patch(op("add", "groups", forged["groups"])))
	s.refused(http.StatusBadRequest, "mutability", "PATCH", pathOf("Users", user), patch(op("remove", "groups", nil)))
	s.equal("members of the other group", at(s.get(pathOf("Groups", other)), "members.0"), nil)
	s.equal("members of the group", at(s.get(pathOf("Groups", group)), "members.0.value"), user["id"])
	for _, attribute := range []string{"id", "meta.created", "meta.resourceType"} {
		s.refused(http.StatusBadRequest, "mutability", "PATCH", pathOf("Users", user), patch(op("replace", attribute, "2001-01-01T00:00:00Z")))
	}
	s.patched(pathOf("Groups", group), op("remove", "members", nil))
	s.until("the user has left the group", func() bool { return s.get(pathOf("Users", user))["groups"] == nil })
}
