package schema

import (
	"slices"
	"strings"
	"testing"
)

func TestCountryCodes(t *testing.T) {
	codes := strings.Fields(countryCodes)
	if len(codes) != 249 {
		t.Errorf("%d codes, want the 249 that ISO 3166-1 assigns", len(codes))
	}
	if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Error("the codes are not in order, or one is there twice")
	}
	for _, code := range codes {
		if !IsCountry(code) || !IsCountry(strings.ToLower(code)) {
			t.Errorf("%s is no country", code)
		}
	}
}

func TestIsCountry(t *testing.T) {
	cases := map[string]struct {
		reason string
		want   bool
	}{
		"DE":      {"a code that is assigned", true},
		"de":      {"case does not matter", true},
		"gB":      {"case does not matter", true},
		"UK":      {"it is only reserved", false},
		"XK":      {"it is left to the users of the standard", false},
		"ZZ":      {"it is left to the users of the standard", false},
		"SU":      {"the country is no more", false},
		"DEU":     {"the code of three letters is another one", false},
		"276":     {"the code of three digits is another one", false},
		"Germany": {"a name is no code", false},
		"D":       {"a code has two letters", false},
		"":        {"a code has two letters", false},
		"D ":      {"a space is no letter, though the list has spaces", false},
		" A":      {"a space is no letter, though the list has spaces", false},
		"AD AE":   {"two codes are none", false},
		"\u0131":  {"two bytes that become one letter as capitals are no code", false},
		"\u017f":  {"two bytes that become one letter as capitals are no code", false},
	}
	for code, tc := range cases {
		if got := IsCountry(code); got != tc.want {
			t.Errorf("IsCountry(%q) is %v: %s", code, got, tc.reason)
		}
	}
}
