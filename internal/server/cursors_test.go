package server

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// population is users that come and go while a client reads the pages of a list.
type population struct {
	t       *rapid.T
	handler *Handler
	request scim.SearchRequest
	users   map[string]*v1alpha1.ScimUser
	born    int
}

func (p *population) add() string {
	p.born++
	user := &v1alpha1.ScimUser{}
	user.Name = fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"a", "m", "z"}).Draw(p.t, "id"), p.born)
	user.CreationTimestamp = metav1.Unix(rapid.Int64Range(0, 3).Draw(p.t, "created"), 0)
	user.Spec.UserName = user.Name
	user.Spec.DisplayName = rapid.SampledFrom([]string{"", "same", "Same", "other"}).Draw(p.t, "displayName")
	p.users[user.Name] = user
	return user.Name
}

// read gives the ids on the page that a cursor leads to, and the next cursor. Every page is read as if by another replica.
func (p *population) read(cursor string) (ids []string, next string) {
	c := &call{directory: &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "d"}}, tokenKey: deriveKey("token")}
	request := p.request
	request.Cursor = &cursor
	l, err := p.handler.listing(c, []*schema.ResourceType{schema.User()}, request, false)
	if err != nil {
		p.t.Fatal(err)
	}
	var found []entry
	for _, user := range p.users {
		e := entry{part: &l.parts[0], user: user}
		if ok, err := p.handler.examine(p.t.Context(), c, l, &e, true); err != nil || !ok {
			p.t.Fatal(ok, err)
		}
		found = append(found, e)
	}
	l.sort(found)
	page, next := p.handler.page(l, found)
	for i := range page {
		ids = append(ids, page[i].id())
	}
	return ids, next
}

// TestCursorsThroughChanges proves that pages by cursor show everybody who is there all the time exactly once, and nobody twice,
// whoever else comes and goes between the pages, and in whatever order the list is.
func TestCursorsThroughChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 4).Draw(t, "count")
		p := &population{
			t: t, users: map[string]*v1alpha1.ScimUser{},
			handler: &Handler{cfg: Config{
				Clock: testclock.NewFakePassiveClock(time.Unix(1_800_000_000, 0)), PageSize: 100, MaxPageSize: 100, CursorTimeout: time.Minute,
			}},
			request: scim.SearchRequest{
				Count:     &count,
				SortBy:    rapid.SampledFrom([]string{"", "displayName", "userName", "meta.created", "title"}).Draw(t, "sortBy"),
				SortOrder: rapid.SampledFrom([]string{"", "descending"}).Draw(t, "sortOrder"),
			},
		}
		stays := map[string]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "stay") {
			stays[p.add()] = true
		}
		var passing []string
		seen := map[string]int{}
		for cursor, pages := "", 0; ; pages++ {
			ids, next := p.read(cursor)
			if len(ids) > count {
				t.Fatalf("a page of %d has %d resources", count, len(ids))
			}
			for _, id := range ids {
				seen[id]++
			}
			if next == "" {
				break
			}
			if pages == 200 {
				t.Fatal("the list does not end")
			}
			// At most as many come as one page shows, so that the end stays in reach.
			for range rapid.IntRange(0, count).Draw(t, "come") {
				passing = append(passing, p.add())
			}
			for range rapid.IntRange(0, len(passing)).Draw(t, "go") {
				delete(p.users, passing[0])
				passing = passing[1:]
			}
			cursor = next
		}
		for id := range stays {
			if seen[id] != 1 {
				t.Errorf("%s was there all the time and was shown %d times", id, seen[id])
			}
		}
		for id, times := range seen {
			if times > 1 {
				t.Errorf("%s was shown %d times", id, times)
			}
		}
	})
}
