package conformance_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// query is the path that finds the users whom a filter matches.
func query(filter string) string { return "/Users?filter=" + url.QueryEscape(filter) }

func TestFilters(t *testing.T) {
	proves(t, "RFC7644-3.4.2.2-L1127", "RFC7644-3.4.2.2-L1197", "RFC7644-3.4.2-L847")
	s := connect(t)
	ada := s.user("ada", object{
		"name": object{"familyName": "Lovelace"}, "active": true, "title": "Countess",
		"emails":   []any{object{"value": "ada@example.com", "type": "work"}, object{"value": "ada@home.example", "type": "home"}},
		enterprise: object{"department": "Engines"},
	})
	bob := s.user("bob", object{"active": false, "name": object{"familyName": "Noyce"}})
	s.found("/Users", ada, bob)
	for filter, want := range map[string][]object{
		`userName eq "ada"`:             {ada},
		`userName ne "ada"`:             {bob},
		`userName co "d"`:               {ada},
		`userName sw "b"`:               {bob},
		`userName ew "b"`:               {bob},
		`title pr`:                      {ada},
		`not (title pr)`:                {bob},
		`userName gt "ada"`:             {bob},
		`userName le "ada"`:             {ada},
		`active eq true`:                {ada},
		`name.familyName eq "Lovelace"`: {ada},
		`title pr and (userName eq "bob" or active eq true)`:          {ada},
		`userName eq "bob" or title pr`:                               {ada, bob},
		`emails[type eq "work" and value co "@example.com"]`:          {ada},
		`emails[type eq "home" and value co "@example.com"]`:          {},
		`emails.type eq "home"`:                                       {ada},
		enterprise + `:department eq "Engines"`:                       {ada},
		coreUser + `:userName eq "ada"`:                               {ada},
		`meta.created gt "2001-01-01T00:00:00Z"`:                      {ada, bob},
		`meta.created lt "2001-01-01T00:00:00Z"`:                      {},
		`USERNAME EQ "ada"`:                                           {ada},
		`userName eq "nobody"`:                                        {},
		`userName eq "a\u0064a"`:                                      {ada},
		`name.familyName eq "Noyce" and not (emails.type eq "work")`:  {bob},
		`(userName eq "ada") and (not (active eq false) or title pr)`: {ada},
	} {
		t.Log(filter)
		s.found(query(filter), want...)
	}
	none := s.get(query(`userName eq "nobody"`))
	s.equal("totalResults of nothing", fmt.Sprint(none["totalResults"]), "0")
	s.refused(http.StatusBadRequest, "invalidFilter", "GET", query(`name eq "Lovelace"`), nil)
}

func TestFiltersThatAreRefused(t *testing.T) {
	proves(t, "RFC7644-3.4.2.2-L944", "RFC7644-3.4.2.2-L1001", "RFC7644-3.4.2.2-L1208", "RFC7644-3.4.2.2-L1127")
	s := connect(t)
	s.user("ada")
	for _, filter := range []string{
		"", " ", "()", "userName", `userName like "a"`, `userName regex "a"`, `userName eq`, `userName sw ada`, `userName eq ada lovelace`, `userName eq "ada" and`,
		`(userName eq "ada"`, `userName eq "ada")`, `userName sw 'ada'`, `not userName eq "ada"`, `emails[type eq "work"`, `userName eq "ada" userName pr`,
		`active gt true`, `active ge false`, `active lt true`, `active le true`,
		`x509Certificates.value gt "AA=="`, `x509Certificates.value lt "AA=="`, `x509Certificates[value ge "AA=="]`,
	} {
		t.Logf("%q", filter)
		s.refused(http.StatusBadRequest, "invalidFilter", "GET", query(filter), nil)
		if filter != "" {
			s.refused(http.StatusBadRequest, "invalidFilter", "POST", "/Users/.search", object{"schemas": []any{searchMessage}, "filter": filter})
		}
	}
}

func TestCaseOfFilters(t *testing.T) {
	proves(t, "RFC7643-7-L1748", "RFC7643-7-L1750", "RFC7644-3.4.2.2-L1217")
	s := connect(t)
	user := s.user("Ada", object{"externalId": "Ex-1", "title": "Countess"})
	s.found("/Users", user)
	s.equal("externalId", user["externalId"], any("Ex-1"))
	s.equal("userName", user["userName"], any("Ada"))
	for filter, want := range map[string][]object{
		`userName eq "ADA"`: {user}, `userName sw "aD"`: {user}, `title eq "COUNTESS"`: {user}, `title co "OUNT"`: {user},
		`externalId eq "Ex-1"`: {user}, `externalId eq "ex-1"`: {}, `externalId sw "eX"`: {}, `externalId co "x-1"`: {user}, `externalId ne "ex-1"`: {user},
	} {
		t.Log(filter)
		s.found(query(filter), want...)
	}
}

func TestPaging(t *testing.T) {
	proves(t, "RFC7644-3.4.2.4-L1358", "RFC7644-3.4.2.4-L1363")
	s := connect(t)
	all := []object{s.user("a"), s.user("b"), s.user("c")}
	s.found("/Users", all...)
	first := ids(resources(s.get("/Users?startIndex=1&count=2")))
	s.equal("size of a page", len(first), 2)
	for _, start := range []string{"0", "-1", "-100000"} {
		s.equal("the page from "+start, ids(resources(s.get("/Users?count=2&startIndex="+start))), first)
	}
	for count, want := range map[string]int{"0": 0, "-1": 0, "1": 1, "3": 3, "100": 3} {
		page := s.get("/Users?count=" + count)
		s.equal("size of a page of "+count, len(resources(page)), want)
		s.equal("totalResults", fmt.Sprint(page["totalResults"]), "3")
		s.equal("itemsPerPage", fmt.Sprint(page["itemsPerPage"]), fmt.Sprint(want))
		searched := s.json(s.call(http.StatusOK, "POST", "/Users/.search", `{"schemas":["`+searchMessage+`"],"count":`+count+`}`))
		s.equal("size of a search of "+count, len(resources(searched)), want)
	}
	rest := ids(resources(s.get("/Users?startIndex=3&count=2")))
	s.equal("the last page", len(rest), 1)
	if rest[0] == first[0] || rest[0] == first[1] {
		t.Error("a resource is on two pages")
	}
}

func TestAttributes(t *testing.T) {
	proves(t, "RFC7644-3.4.2.5-L1438", "RFC7644-3.4.2.5-L1449", "RFC7644-3.9-L3596")
	s := connect(t)
	user := s.user("ada", object{"displayName": "Ada", "nickName": "A", "name": object{"givenName": "Ada", "familyName": "L"}})
	s.found("/Users", user)
	least := object{"schemas": user["schemas"], "id": user["id"]}
	with := func(attributes object) object {
		out := object{}
		for _, m := range []object{least, attributes} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	for parameters, want := range map[string]object{
		"attributes=displayName":                       with(object{"displayName": "Ada"}),
		"attributes=DISPLAYNAME,nickName":              with(object{"displayName": "Ada", "nickName": "A"}),
		"attributes=name.givenName":                    with(object{"name": object{"givenName": "Ada"}}),
		"attributes=" + coreUser + ":nickName":         with(object{"nickName": "A"}),
		"attributes=photos":                            least,
		"excludedAttributes=meta,displayName,userName": with(object{"active": true, "nickName": "A", "name": user["name"]}),
		"excludedAttributes=id,schemas,meta,displayName,userName,nickName,name,active": least,
	} {
		s.equal("GET with "+parameters, s.get(pathOf("Users", user)+"?"+parameters), want)
		s.equal("list with "+parameters, resources(s.get("/Users?"+parameters)), []object{want})
	}
	search := object{"schemas": []any{searchMessage}, "excludedAttributes": []any{"id", "meta", "name", "nickName", "displayName", "active"}}
	s.equal("search", resources(s.json(s.call(http.StatusOK, "POST", "/Users/.search", search))), []object{with(object{"userName": "ada"})})
	put := s.json(s.call(http.StatusOK, "PUT", pathOf("Users", user)+"?attributes=userName", userBody("ada")))
	s.equal("PUT with attributes", put, with(object{"userName": "ada"}))
}
