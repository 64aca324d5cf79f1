package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/server"
)

func TestServiceProviderConfig(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.MaxPageSize, cfg.ExternalURL = 77, "https://scim.example.com/" })
	var got struct {
		Patch, Bulk, ChangePassword, Sort, Etag struct{ Supported bool }
		Filter                                  struct {
			Supported  bool
			MaxResults int
		}
		Pagination struct {
			Cursor, Index                               bool
			DefaultPaginationMethod                     string
			DefaultPageSize, MaxPageSize, CursorTimeout int
		}
		AuthenticationSchemes []struct{ Type, Name, Description string }
		Meta                  struct{ Location string }
	}
	must(t, json.Unmarshal(s.call(200, "GET", "/ServiceProviderConfig?sortBy=ignored&count=-1&cursor=ignored", "").body, &got))
	if !got.Patch.Supported || !got.Bulk.Supported || got.ChangePassword.Supported || !got.Sort.Supported || !got.Etag.Supported {
		t.Errorf("the features are not those that are served: %+v", got)
	}
	if !got.Filter.Supported || got.Filter.MaxResults != 77 {
		t.Errorf("filter is %+v, want the page limit 77", got.Filter)
	}
	if p := got.Pagination; !p.Cursor || !p.Index || p.DefaultPaginationMethod != "index" || p.DefaultPageSize != 77 || p.MaxPageSize != 77 || p.CursorTimeout != 600 {
		t.Errorf("pagination is %+v (RFC 9865 section 4)", p)
	}
	if len(got.AuthenticationSchemes) != 1 || got.AuthenticationSchemes[0].Type != "oauthbearertoken" {
		t.Errorf("authenticationSchemes are %+v", got.AuthenticationSchemes)
	}
	if want := "https://scim.example.com" + s.base() + "/ServiceProviderConfig"; got.Meta.Location != want {
		t.Errorf("meta.location is %q, want %q under the external URL", got.Meta.Location, want)
	}
}

func TestSchemasAndResourceTypes(t *testing.T) {
	s := newSCIM(t)
	for path, want := range map[string][]string{
		"/ResourceTypes": {"User", "Group"},
		"/Schemas": {
			"urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
			"urn:ietf:params:scim:schemas:core:2.0:Group",
		},
	} {
		list := listOf(t, s.call(200, "GET", path, ""))
		var ids []string
		for _, raw := range list.Resources {
			var one struct{ ID string }
			must(t, json.Unmarshal(raw, &one))
			ids = append(ids, one.ID)
			single := s.call(200, "GET", path+"/"+strings.ToLower(one.ID), "")
			if diff := cmp.Diff(string(raw), string(single.body)); diff != "" {
				t.Errorf("%s/%s differs from the list (-list +single):\n%s", path, one.ID, diff)
			}
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		refused(t, s.call(404, "GET", path+"/nothing", ""), 404, "")
	}
}

// TestDiscoveryIgnoresQueries holds RFC 7644 section 4: parameters of queries are ignored, but a filter is refused.
func TestDiscoveryIgnoresQueries(t *testing.T) {
	s := newSCIM(t)
	for _, path := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes"} {
		plain := s.call(200, "GET", path, "")
		queried := s.call(200, "GET", path+"?startIndex=2&count=1&sortBy=id&sortOrder=descending&cursor=x&attributes=id", "")
		if diff := cmp.Diff(string(plain.body), string(queried.body)); diff != "" {
			t.Errorf("%s heeds parameters of queries (-plain +queried):\n%s", path, diff)
		}
		contains(t, refused(t, s.call(403, "GET", path+"?Filter="+url.QueryEscape(`id eq "User"`), ""), 403, ""), "filter")
	}
}

func TestHEAD(t *testing.T) {
	s := newSCIM(t)
	id := s.create("head@example.com")
	for _, path := range []string{"/Users/" + id, "/ServiceProviderConfig", "/Groups?count=1"} {
		head, get := s.call(200, "HEAD", path, ""), s.call(200, "GET", path, "")
		if len(head.body) > 0 || head.header.Get("Content-Type") != get.header.Get("Content-Type") || head.header.Get("ETag") != get.header.Get("ETag") ||
			head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			t.Errorf("HEAD %s is not GET without its body: %v and %v", path, head.header, get.header)
		}
	}
	if got := s.do(http.MethodHead, s.base()+"/Users", ""); got.status != http.StatusUnauthorized || len(got.body) > 0 {
		t.Errorf("HEAD without a token: %d with %d bytes, want 401 and none", got.status, len(got.body))
	}
}
