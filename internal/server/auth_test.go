package server

import (
	"net/http"
	"testing"
)

func TestPresentedBy(t *testing.T) {
	cases := map[string]struct {
		reason string
		values []string
		want   presented
	}{
		"absent":      {"no header is no token", nil, presented{}},
		"empty":       {"an empty header is no token", []string{""}, presented{}},
		"schemeOnly":  {"a scheme alone is no token", []string{"Bearer"}, presented{}},
		"schemeSpace": {"a scheme and a space are no token", []string{"Bearer "}, presented{}},
		"bearer":      {"RFC 6750 section 2.1", []string{"Bearer abc"}, presented{secret: "abc"}},
		"case":        {"schemes are compared without regard to case (RFC 7235 section 2.1)", []string{"bEARER abc"}, presented{secret: "abc"}},
		"spaces":      {"more than one space may follow the scheme", []string{"Bearer   abc "}, presented{secret: "abc"}},
		"bare":        {"Okta's header authentication sends what the administrator typed", []string{"abc"}, presented{secret: "abc"}},
		"basic":       {"RFC 7617 section 2: Basic carries user-id and password in base64", []string{"Basic a2V5OnNlY3JldA=="}, presented{true, "key:secret"}},
		"basicCase":   {"this scheme is compared without regard to case, too", []string{"basic  a2V5OnNlY3JldA=="}, presented{true, "key:secret"}},
		"basicAlone":  {"a scheme alone is no user name", []string{"Basic"}, presented{}},
		"basicBroken": {"what is no base64 is a wrong credential and not none", []string{"Basic abc"}, presented{true, "abc"}},
		"other":       {"another scheme carries nothing that is known here", []string{"Digest abc"}, presented{}},
		"two":         {"two headers are ambiguous", []string{"Bearer abc", "Bearer def"}, presented{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			for _, value := range tc.values {
				header.Add("Authorization", value)
			}
			if got := presentedBy(header); got != tc.want {
				t.Errorf("%s: presentedBy(%q) = %+v, want %+v", tc.reason, tc.values, got, tc.want)
			}
		})
	}
}
