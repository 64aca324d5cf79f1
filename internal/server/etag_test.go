package server

import "testing"

func TestMatches(t *testing.T) {
	cases := map[string]struct {
		reason string
		header []string
		want   bool
	}{
		"absent":   {"no header matches nothing", nil, false},
		"same":     {"the tag as it was sent", []string{`W/"3"`}, true},
		"strong":   {"clients drop the mark of a weak tag", []string{`"3"`}, true},
		"other":    {"another version", []string{`W/"2"`}, false},
		"longer":   {"tags are compared in full", []string{`W/"33"`}, false},
		"list":     {"one of a list is enough", []string{`W/"1", W/"3"`}, true},
		"lines":    {"one of several headers is enough", []string{`W/"1"`, `W/"3"`}, true},
		"star":     {"the star matches whatever exists (RFC 9110 section 13.1.1)", []string{"*"}, true},
		"unquoted": {"a tag without quotes is none", []string{"3"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := matches(tc.header, `W/"3"`); got != tc.want {
				t.Errorf("%s: matches(%q) = %t, want %t", tc.reason, tc.header, got, tc.want)
			}
		})
	}
}
