package server

import (
	"net/http"
	"testing"
)

func TestBearerToken(t *testing.T) {
	cases := map[string]struct {
		reason string
		values []string
		want   string
	}{
		"absent":      {"no header is no token", nil, ""},
		"empty":       {"an empty header is no token", []string{""}, ""},
		"schemeOnly":  {"a scheme alone is no token", []string{"Bearer"}, ""},
		"schemeSpace": {"a scheme and a space are no token", []string{"Bearer "}, ""},
		"bearer":      {"RFC 6750 section 2.1", []string{"Bearer abc"}, "abc"},
		"case":        {"schemes are compared without regard to case (RFC 7235 section 2.1)", []string{"bEARER abc"}, "abc"},
		"spaces":      {"more than one space may follow the scheme", []string{"Bearer   abc "}, "abc"},
		"bare":        {"Okta's header authentication sends what the administrator typed", []string{"abc"}, "abc"},
		"other":       {"another scheme carries no bearer token", []string{"Basic abc"}, ""},
		"two":         {"two headers are ambiguous", []string{"Bearer abc", "Bearer def"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			for _, value := range tc.values {
				header.Add("Authorization", value)
			}
			if got := bearerToken(header); got != tc.want {
				t.Errorf("%s: bearerToken(%q) = %q, want %q", tc.reason, tc.values, got, tc.want)
			}
		})
	}
}
