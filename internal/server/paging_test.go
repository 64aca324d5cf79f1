package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testclock "k8s.io/utils/clock/testing"

	"github.com/scim-operator/scim-operator/internal/server"
)

// cursorPage is a ListResponse of RFC 9865.
type cursorPage struct {
	TotalResults, StartIndex, ItemsPerPage *int
	NextCursor, PreviousCursor             *string
	Resources                              []struct{ ID, UserName string }
}

func (s *scim) page(path, cursor string) cursorPage {
	s.t.Helper()
	return pageOf(s.t, s.call(200, "GET", path+"&cursor="+cursor, ""))
}

func pageOf(t *testing.T, got reply) cursorPage {
	t.Helper()
	var page cursorPage
	must(t, json.Unmarshal(got.body, &page))
	if page.TotalResults == nil || page.ItemsPerPage == nil || *page.ItemsPerPage != len(page.Resources) || page.StartIndex != nil || page.PreviousCursor != nil {
		t.Fatalf("the page is not as RFC 9865 section 2 has it: %.300s", got.body)
	}
	if page.NextCursor != nil && !regexp.MustCompile(`^[A-Za-z0-9._~-]+$`).MatchString(*page.NextCursor) {
		t.Fatalf("the cursor %q has characters that are reserved in URLs", *page.NextCursor)
	}
	return page
}

// await waits until the lists show that many users.
func (s *scim) await(users int) {
	s.t.Helper()
	poll(s.t, fmt.Sprintf("%d users are listed", users), func() bool {
		got := s.do("GET", s.base()+"/Users?count=0", "", "Authorization: Bearer "+token)
		// A replica may not know the directory yet.
		return got.status == 200 && *listOf(s.t, got).TotalResults == users
	})
}

func TestPagingByCursor(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.PageSize, cfg.MaxPageSize = 2, 3 })
	var all []string
	for i := range 5 {
		all = append(all, s.create(fmt.Sprintf("cursor-%d@example.com", i)))
	}
	s.await(5)
	slices.Sort(all)

	var ids []string
	cursor, sizes := "", []int{}
	for first := true; first || cursor != ""; first = false {
		page := s.page("/Users?count=2", cursor)
		for _, user := range page.Resources {
			ids = append(ids, user.ID)
		}
		if sizes = append(sizes, len(page.Resources)); *page.TotalResults != 5 {
			t.Errorf("totalResults is %d on page %d, want 5", *page.TotalResults, len(sizes))
		}
		if cursor = ""; page.NextCursor != nil {
			cursor = *page.NextCursor
		}
	}
	if diff := cmp.Diff([]int{2, 2, 1}, sizes); diff != "" {
		t.Errorf("the sizes of the pages (-want +got):\n%s", diff)
	}
	slices.Sort(ids)
	if diff := cmp.Diff(all, ids); diff != "" {
		t.Errorf("pages repeat or lose users (-want +got):\n%s", diff)
	}
	if page := s.page("/Users?count=0", ""); len(page.Resources) != 0 || page.NextCursor != nil || *page.TotalResults != 5 {
		t.Errorf("count 0 asks for the number alone, got %+v", page)
	}
	if page := s.page("/Users?count=-1", ""); len(page.Resources) != 0 || page.NextCursor != nil {
		t.Errorf("a negative count counts as 0, got %+v", page)
	}
	if page := pageOf(t, s.call(200, "GET", "/Users?cursor", "")); len(page.Resources) != 2 || page.NextCursor == nil {
		t.Errorf("a cursor without a value asks for the first page of the default size, got %+v", page)
	}
	exact := s.page("/Users?count=1&filter="+url.QueryEscape(`userName eq "cursor-3@example.com"`), "")
	if len(exact.Resources) != 1 || exact.NextCursor != nil {
		t.Errorf("a page that is full and the last one has no nextCursor, got %+v", exact)
	}
	search := func(cursor string) cursorPage {
		return pageOf(t, s.call(200, "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
			"filter":"userName sw \"cursor\"","sortBy":"userName","sortOrder":"descending","cursor":"`+cursor+`","count":3}`))
	}
	first := search("")
	if first.NextCursor == nil {
		t.Fatal("the first page of a search has no nextCursor")
	}
	var names []string
	for _, user := range append(first.Resources, search(*first.NextCursor).Resources...) {
		names = append(names, user.UserName)
	}
	if diff := cmp.Diff([]string{"cursor-4@example.com", "cursor-3@example.com", "cursor-2@example.com", "cursor-1@example.com", "cursor-0@example.com"}, names); diff != "" {
		t.Errorf("a search that is sorted and paged by cursor (-want +got):\n%s", diff)
	}
}

func TestBadCursors(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.MaxPageSize = 3 })
	s.create("bad-cursor-0@example.com")
	s.create("bad-cursor-1@example.com")
	s.await(2)
	good := *s.page("/Users?count=1", "").NextCursor
	s.page("/Users?count=1", good)
	s.addDirectory(s.directory+"-other", wrong)
	for _, tc := range []struct{ reason, path, scimType string }{
		{"a forged cursor", "/Users?count=1&cursor=VZUTiyhEQJ94IR", "invalidCursor"},
		{"a cursor of index paging's kind", "/Users?count=1&cursor=2", "invalidCursor"},
		{"a cursor of which a character was changed", "/Users?count=1&cursor=" + flip(good), "invalidCursor"},
		{"another filter", "/Users?count=1&cursor=" + good + "&filter=" + url.QueryEscape("active eq true"), "invalidCursor"},
		{"another order", "/Users?count=1&cursor=" + good + "&sortBy=userName", "invalidCursor"},
		{"other attributes", "/Users?count=1&cursor=" + good + "&attributes=userName", "invalidCursor"},
		{"another endpoint", "/Groups?count=1&cursor=" + good, "invalidCursor"},
		{"another count", "/Users?count=2&cursor=" + good, "invalidCount"},
		{"more than the limit", "/Users?count=4&cursor=", "invalidCount"},
	} {
		detail := refused(t, s.call(400, "GET", tc.path, ""), 400, tc.scimType)
		if tc.scimType == "invalidCursor" {
			contains(t, detail, "not one that this server has issued to this client for this query")
		}
	}
	got := s.do("GET", "/scim/"+s.directory+"-other/v2/Users?count=1&cursor="+good, "", "Authorization: Bearer "+wrong)
	refused(t, got, 400, "invalidCursor")
	refused(t, s.do("GET", s.base()+"/Users?count=1&cursor="+good, ""), 401, "")
	refused(t, s.call(400, "POST", "/Users/.search", `{"cursor":7}`), 400, "invalidCursor")
	if got := s.page("/Users?", good); len(got.Resources) != 1 {
		t.Errorf("a client that leaves count out keeps the size of the page, got %+v", got)
	}
}

// flip changes one character in the middle.
func flip(text string) string {
	middle := byte('A')
	if text[len(text)/2] == middle {
		middle = 'B'
	}
	return text[:len(text)/2] + string(middle) + text[len(text)/2+1:]
}

func TestCursorsExpire(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Now())
	s := newSCIM(t, func(cfg *server.Config) { cfg.Clock, cfg.CursorTimeout = clock, time.Minute })
	s.create("expiry-0@example.com")
	s.create("expiry-1@example.com")
	s.await(2)
	cursor := *s.page("/Users?count=1", "").NextCursor
	clock.SetTime(clock.Now().Add(time.Minute))
	s.page("/Users?count=1", cursor)
	clock.SetTime(clock.Now().Add(2 * time.Second))
	contains(t, refused(t, s.call(400, "GET", "/Users?count=1&cursor="+cursor, ""), 400, "expiredCursor"), "1m0s", "empty cursor")
}

// TestCursorsAcrossReplicas reads each page from another server, while users come and go on both.
func TestCursorsAcrossReplicas(t *testing.T) {
	s := newSCIM(t)
	replicas := []*scim{s, newReplica(t)}
	stays := map[string]int{}
	for i := range 7 {
		stays[s.create(fmt.Sprintf("stays-%d@example.com", i))] = 0
	}
	users := 7
	var passing []string
	for cursor, turn := "", 0; turn == 0 || cursor != ""; turn++ {
		for _, replica := range replicas {
			replica.await(users)
		}
		page := replicas[turn%2].page("/Users?count=2&sortBy=userName&sortOrder=descending", cursor)
		for _, user := range page.Resources {
			if _, ok := stays[user.ID]; ok {
				stays[user.ID]++
			}
		}
		if cursor = ""; page.NextCursor != nil {
			cursor = *page.NextCursor
		}
		// One comes before and one behind where the reader is, and after two pages they begin to go.
		for _, name := range []string{"zz", "aa"} {
			passing = append(passing, s.create(fmt.Sprintf("%s-%d@example.com", name, turn)))
			users++
		}
		if turn > 0 {
			for len(passing) > 1 {
				s.call(204, "DELETE", "/Users/"+passing[0], "")
				passing = passing[1:]
				users--
			}
		}
	}
	for id, times := range stays {
		if times != 1 {
			t.Errorf("%s was there all the time and was shown %d times", id, times)
		}
	}
}
