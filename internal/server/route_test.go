package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitPath(t *testing.T) {
	type result struct {
		Directory string
		Below     []string
		OK        bool
	}
	cases := map[string]struct {
		reason, path string
		want         result
	}{
		"root":        {"the base URL itself has nothing below it", "/scim/okta/v2", result{"okta", []string{}, true}},
		"collection":  {"an endpoint", "/scim/okta/v2/Users", result{"okta", []string{"Users"}, true}},
		"double":      {"a base URL that ends with a slash gives two of them", "/scim/okta/v2//Users", result{"okta", []string{"Users"}, true}},
		"trailing":    {"Entra asks for /Users/", "/scim/okta/v2/Users/", result{"okta", []string{"Users"}, true}},
		"everywhere":  {"slashes may repeat anywhere", "//scim///okta//v2//Users//x//", result{"okta", []string{"Users", "x"}, true}},
		"escaped":     {"an escaped slash is part of an id and no separator", "/scim/okta/v2/Users/a%2Fb", result{"okta", []string{"Users", "a/b"}, true}},
		"dots":        {"dots are names like others; nothing is resolved", "/scim/okta/v2/Users/../Groups", result{"okta", []string{"Users", "..", "Groups"}, true}},
		"version":     {"there is no other version", "/scim/okta/v1/Users", result{}},
		"noDirectory": {"a directory is required", "/scim/v2/Users", result{}},
		"elsewhere":   {"nothing else is served", "/", result{}},
		"badEscape":   {"an escape that is cut off names nothing", "/scim/okta/v2/Users/%2", result{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got result
			got.Directory, got.Below, got.OK = splitPath(tc.path)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: splitPath(%q) (-want +got):\n%s", tc.reason, tc.path, diff)
			}
		})
	}
}
