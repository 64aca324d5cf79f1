package conformance_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

func TestSorting(t *testing.T) {
	proves(t, "RFC7644-3.4.2.3-L1319", "RFC7644-3.4.2.3-L1321")
	s := connect(t)
	b := s.user("b", object{"externalId": "b", "title": "Zed", "emails": []any{object{"value": "1@example.com"}, object{"value": "z@example.com", "primary": true}}})
	a := s.user("A", object{"externalId": "c", "title": "apple", "emails": []any{object{"value": "m@example.com"}}})
	c := s.user("C", object{"externalId": "A"})
	s.found("/Users", a, b, c)
	for parameters, want := range map[string][]object{
		"sortBy=userName":                                 {a, b, c},
		"sortBy=userName&sortOrder=ascending":             {a, b, c},
		"sortBy=userName&sortOrder=descending":            {c, b, a},
		"sortBy=externalId":                               {c, b, a},
		"sortBy=title":                                    {a, b, c},
		"sortBy=title&sortOrder=descending":               {c, b, a},
		"sortBy=emails":                                   {a, b, c},
		"sortBy=emails.value&sortOrder=descending":        {c, b, a},
		"sortBy=" + url.QueryEscape(coreUser+":userName"): {a, b, c},
	} {
		s.equal("order of "+parameters, ids(resources(s.get("/Users?"+parameters))), ids(want))
	}
	search := object{"schemas": []any{searchMessage}, "sortBy": "userName", "sortOrder": "descending"}
	s.equal("order of a search", ids(resources(s.json(s.call(http.StatusOK, "POST", "/Users/.search", search)))), ids([]object{c, b, a}))
}

func TestSearchOfAllTypes(t *testing.T) {
	proves(t, "RFC7644-3.4.2.1-L918")
	s := connect(t)
	user, other := s.user("ada", object{"displayName": "Same", "externalId": "E"}), s.user("bob", object{"displayName": "Other"})
	group := s.group("same")
	s.found("/Users", user, other)
	s.found("/Groups", group)
	for filter, want := range map[string][]object{
		`displayName eq "SAME"`: {user, group},
		`displayName pr`:        {user, other, group},
		`displayName eq "same" and meta.resourceType eq "User"`: {user},
		`meta.resourceType eq "Group"`:                          {group},
		`not (displayName eq "same")`:                           {other},
		`externalId eq "e"`:                                     {},
	} {
		t.Log(filter)
		s.found("/?filter="+url.QueryEscape(filter), want...)
		found := s.json(s.call(http.StatusOK, "POST", "/.search", object{"schemas": []any{searchMessage}, "filter": filter}))
		s.equal("totalResults of the search", fmt.Sprint(found["totalResults"]), fmt.Sprint(len(want)))
	}
	for _, bad := range []string{"", "displayName", `displayName like "x"`, `displayName gt`} {
		s.refused(http.StatusBadRequest, "invalidFilter", "GET", "/?filter="+url.QueryEscape(bad), nil)
	}
}

func TestComparisonOfUserNames(t *testing.T) {
	proves(t, "RFC7644-5-L4214")
	s := connect(t)
	user := s.user("josé")
	for name, same := range map[string]string{"upper case": "JOSÉ", "decomposed": "jose\u0301", "full width": "ｊｏｓé"} {
		t.Log(name)
		s.refused(http.StatusConflict, "uniqueness", "POST", "/Users", userBody(same))
		s.found(query(`userName eq "`+same+`"`), user)
	}
	s.user("jose")
}
