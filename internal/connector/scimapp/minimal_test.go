package scimapp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

// minimal is a server with as little SCIM as the connector needs, that writes down what it is asked, for tests of which requests come out.
// What a real server makes of them is the business of the conformance tests.
type minimal struct {
	*httptest.Server
	users, groups []object
	requests      []string
	// noPages says that a list is always whole. showsGroups says that users have the attribute groups. noActive says that the server takes
	// no notice of active. etags says that resources have versions.
	noPages, showsGroups, noActive, etags bool
	// most is the longest page.
	most int
	// before is called before each request, and may answer it.
	before func(w http.ResponseWriter, r *http.Request) bool
}

func newMinimal(t testing.TB) *minimal {
	m := &minimal{most: 1000}
	m.Server = httptest.NewTLSServer(m)
	t.Cleanup(m.Close)
	return m
}

// connector makes one with a bearer token, but for what is changed.
func (m *minimal) connector(t testing.TB, change ...func(*scimapp.Options)) *scimapp.Connector {
	t.Helper()
	options := scimapp.Options{BaseURL: m.URL, Auth: scimapp.Auth{Bearer: canary}, RootCAs: m.roots()}
	for _, change := range change {
		change(&options)
	}
	c, err := scimapp.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (m *minimal) add(to *[]object, resource object) {
	id := "g" + strconv.Itoa(len(*to)+1)
	if to == &m.users {
		id = "u" + strconv.Itoa(len(*to)+1)
	}
	resource["id"] = id
	*to = append(*to, resource)
}

func (m *minimal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query, _ := url.QueryUnescape(r.URL.RawQuery)
	line := strings.TrimSuffix(r.Method+" "+r.URL.Path+"?"+query, "?")
	if match := r.Header.Get("If-Match"); match != "" {
		line += " If-Match " + match
	}
	m.requests = append(m.requests, strings.TrimSpace(line+" "+string(body)))
	if m.before != nil && m.before(w, r) {
		return
	}
	var sent object
	_ = json.Unmarshal(body, &sent)
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	all := &m.users
	switch kind := slices.Index(parts, "Users") + slices.Index(parts, "Groups"); {
	case kind < -1:
		http.Error(w, `{"status":"404"}`, http.StatusNotFound)
		return
	case slices.Contains(parts, "Groups"):
		all = &m.groups
	}
	m.answer(w, r, all, parts[len(parts)-1], sent)
}

func (m *minimal) answer(w http.ResponseWriter, r *http.Request, all *[]object, id string, sent object) {
	at := slices.IndexFunc(*all, func(o object) bool { return o["id"] == id })
	switch {
	case id == "Users" || id == "Groups":
		if r.Method == http.MethodPost {
			m.add(all, sent)
			reply(w, http.StatusCreated, sent)
			return
		}
		m.list(w, r, *all)
		return
	case at < 0:
		http.Error(w, `{"status":"404"}`, http.StatusNotFound)
		return
	case r.Method == http.MethodDelete:
		*all = slices.Delete(*all, at, at+1)
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method == http.MethodPut:
		sent["id"] = id
		(*all)[at] = sent
	case r.Method == http.MethodPatch:
		operations, _ := sent["Operations"].([]any)
		for _, operation := range operations {
			m.patch((*all)[at], operation.(object))
		}
	}
	reply(w, http.StatusOK, m.shown((*all)[at]))
}

// shown is a resource with what the server adds.
func (m *minimal) shown(resource object) object {
	resource = mapsClone(resource)
	if m.etags {
		resource["meta"] = object{"version": `W/"7"`}
	}
	if !m.showsGroups || resource["userName"] == nil {
		return resource
	}
	list := []object{}
	for _, group := range m.groups {
		members, _ := group["members"].([]any)
		if slices.ContainsFunc(members, func(item any) bool { return item.(object)["value"] == resource["id"] }) {
			list = append(list, object{"value": group["id"], "display": group["displayName"]})
		}
	}
	resource["groups"] = list
	return resource
}

func mapsClone(o object) object {
	text, _ := json.Marshal(o)
	var copied object
	_ = json.Unmarshal(text, &copied)
	return copied
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

var clause = regexp.MustCompile(`([\w.]+) eq ("(?:[^"\\]|\\.)*")`)

func (m *minimal) list(w http.ResponseWriter, r *http.Request, all []object) {
	matching := []object{}
	for _, resource := range all {
		if matches(resource, r.URL.Query().Get("filter")) {
			matching = append(matching, m.shown(resource))
		}
	}
	start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
	start = max(1, start)
	page := matching
	if !m.noPages {
		count, err := strconv.Atoi(r.URL.Query().Get("count"))
		if err != nil {
			count = m.most
		}
		from := min(start-1, len(matching))
		page = matching[from:min(len(matching), from+min(count, m.most))]
	}
	reply(w, http.StatusOK, object{"totalResults": len(matching), "startIndex": start, "itemsPerPage": len(page), "Resources": page})
}

func matches(resource object, filter string) bool {
	for _, part := range clause.FindAllStringSubmatch(filter, -1) {
		var want string
		_ = json.Unmarshal([]byte(part[2]), &want)
		if strings.HasPrefix(part[1], "members") {
			members, _ := resource["members"].([]any)
			if !slices.ContainsFunc(members, func(item any) bool { return item.(object)["value"] == want }) {
				return false
			}
		} else if resource[part[1]] != want {
			return false
		}
	}
	return true
}

var memberPath = regexp.MustCompile(`^members\[value eq "(.*)"\]$`)

// patch does what the connector asks for, and nothing else.
func (m *minimal) patch(resource, operation object) {
	path, _ := operation["path"].(string)
	members, _ := resource["members"].([]any)
	without := func(id any) []any {
		return slices.DeleteFunc(members, func(item any) bool { return item.(object)["value"] == id })
	}
	switch found := memberPath.FindStringSubmatch(path); {
	case found != nil:
		resource["members"] = without(found[1])
	case path == "members" && operation["op"] == "remove":
		resource["members"] = without(operation["value"].([]any)[0].(object)["value"])
	case path == "members":
		resource["members"] = append(members, operation["value"].([]any)...)
	case path == "active" && m.noActive:
	case operation["op"] == "remove":
		delete(resource, path)
	case strings.HasPrefix(path, "urn:"):
		colon := strings.LastIndex(path, ":")
		resource[path[:colon]] = object{path[colon+1:]: operation["value"]}
	case strings.Contains(path, "."):
		name, sub, _ := strings.Cut(path, ".")
		resource[name] = object{sub: operation["value"]}
	default:
		resource[path] = operation["value"]
	}
}

// writes are the requests that change something.
func (m *minimal) writes() []string {
	return slices.DeleteFunc(slices.Clone(m.requests), func(line string) bool { return strings.HasPrefix(line, "GET ") })
}

// fill makes so many users.
func (m *minimal) fill(n int) {
	for i := range n {
		m.add(&m.users, object{"userName": fmt.Sprintf("user%d", i), "active": true})
	}
}
