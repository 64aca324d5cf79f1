package server_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// namesOf gives the userName or displayName of every resource of a list, in order.
func namesOf(t *testing.T, got reply) []string {
	t.Helper()
	names := []string{}
	for _, raw := range listOf(t, got).Resources {
		var one struct{ UserName, DisplayName string }
		must(t, json.Unmarshal(raw, &one))
		if one.UserName == "" {
			one.UserName = one.DisplayName
		}
		names = append(names, one.UserName)
	}
	return names
}

func TestSorting(t *testing.T) {
	s := newSCIM(t)
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, body := range []string{
		`{"userName":"sort-carol","title":"b","active":false,"name":{"familyName":"Adams"},"emails":[{"value":"z@x","type":"work"},{"value":"a@x","type":"home","primary":true}]}`,
		`{"userName":"Sort-Bob","title":"A","active":true,"name":{"familyName":"cole"},"emails":[{"value":"c@x","type":"work"}],"` + enterprise + `":{"department":"Sales"}}`,
		`{"userName":"sort-alice","active":true,"name":{"familyName":"Brown"},"emails":[{"value":"b@x","type":"work"}],"` + enterprise + `":{"department":"it"}}`,
	} {
		s.call(201, "POST", "/Users", body)
	}
	s.await(3)
	for _, tc := range []struct{ reason, query, want string }{
		{"userName is compared without case (RFC 7643 section 4.1.1)", "sortBy=userName", "sort-alice Sort-Bob sort-carol"},
		{"an order that is given", "sortBy=userName&sortOrder=ascending", "sort-alice Sort-Bob sort-carol"},
		{"the other order", "sortBy=userName&sortOrder=descending", "sort-carol Sort-Bob sort-alice"},
		{"who has no value comes last (RFC 7644 section 3.4.2.3)", "sortBy=title", "Sort-Bob sort-carol sort-alice"},
		{"and first when descending", "sortBy=title&sortOrder=descending", "sort-alice sort-carol Sort-Bob"},
		{"a sub-attribute", "sortBy=name.familyName", "sort-carol sort-alice Sort-Bob"},
		{"several values: the primary, or else the first", "sortBy=emails.value", "sort-carol sort-alice Sort-Bob"},
		{"an extension's attribute", "sortBy=" + enterprise + ":department", "sort-alice Sort-Bob sort-carol"},
		{"the core's URN", "sortBy=urn:ietf:params:scim:schemas:core:2.0:User:userName", "sort-alice Sort-Bob sort-carol"},
		{"with a filter", "sortBy=userName&filter=" + url.QueryEscape("active eq true"), "sort-alice Sort-Bob"},
		{"with pages", "sortBy=userName&startIndex=2&count=1", "Sort-Bob"},
		{"without regard to the attributes that are shown", "sortBy=emails.value&attributes=userName", "sort-carol sort-alice Sort-Bob"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, strings.Join(namesOf(t, s.call(200, "GET", "/Users?"+tc.query, "")), " ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.query, diff)
			}
		})
	}
	search := s.call(200, "POST", "/Users/.search", `{"sortBy":"userName","sortOrder":"descending","count":2}`)
	if diff := cmp.Diff([]string{"sort-carol", "Sort-Bob"}, namesOf(t, search)); diff != "" {
		t.Errorf("a sorted search (-want +got):\n%s", diff)
	}
	for _, query := range []string{"sortBy=name", "sortBy=userName&sortOrder=up", "sortBy=password", "sortBy=" + url.QueryEscape(`emails[type eq "work"]`)} {
		refused(t, s.call(400, "GET", "/Users?"+query, ""), 400, "invalidValue")
	}
	ids := []string{}
	for _, raw := range listOf(t, s.call(200, "GET", "/Users?sortBy=locale", "")).Resources {
		var one struct{ ID string }
		must(t, json.Unmarshal(raw, &one))
		ids = append(ids, one.ID)
	}
	if !slices.IsSorted(ids) {
		t.Errorf("ids decide among those that are equal, got %v", ids)
	}
}

// TestSortingByWhatIsElsewhere sorts users by their groups, and groups by their members, which their objects do not hold.
func TestSortingByWhatIsElsewhere(t *testing.T) {
	s := newSCIM(t)
	first, second := s.create("elsewhere-1@example.com"), s.create("elsewhere-2@example.com")
	s.create("elsewhere-3@example.com")
	s.call(201, "POST", "/Groups", `{"displayName":"Zebras","members":`+members(first)+`}`)
	s.call(201, "POST", "/Groups", `{"displayName":"apes","members":`+members(second)+`}`)
	s.await(3)
	poll(t, "the groups are in the cache", func() bool {
		return len(namesOf(t, s.call(200, "GET", "/Users?filter="+url.QueryEscape("groups pr"), ""))) == 2
	})
	if diff := cmp.Diff([]string{"elsewhere-2@example.com", "elsewhere-1@example.com", "elsewhere-3@example.com"}, namesOf(t, s.call(200, "GET", "/Users?sortBy=groups.display", ""))); diff != "" {
		t.Errorf("users by the names of their groups (-want +got):\n%s", diff)
	}
	want := []string{"Zebras", "apes"}
	if second < first {
		want = []string{"apes", "Zebras"}
	}
	if diff := cmp.Diff(want, namesOf(t, s.call(200, "GET", "/Groups?sortBy=members.value&excludedAttributes=members", ""))); diff != "" {
		t.Errorf("groups by the ids of their members (-want +got):\n%s", diff)
	}
}
