package scim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// TestSplitGroup: a group that is decoded already means what the same text means to DecodeGroup, errors and limits included.
func TestSplitGroup(t *testing.T) {
	cases := map[string]struct{ reason, body string }{
		"members":   {"objects and bare ids", `{"displayName":"a","Members":[{"value":"x","display":null},"y",{"VALUE":"x"}]}`},
		"empty":     {"an empty list is given", `{"members":[]}`},
		"absent":    {"absent is not given", `{"displayName":"a"}`},
		"null":      {"null is not given", `{"members":null}`},
		"no list":   {"members are a list", `{"members":{"value":"x"}}`},
		"no id":     {"a member has an id", `{"members":[{"display":"x"}]}`},
		"null item": {"null is no member", `{"members":[null]}`},
		"many":      {"the limit holds", `{"members":["a","b","c","d"]}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			limits := scim.Limits{Members: 3}
			attrs, members, given, err := scim.DecodeGroup(strings.NewReader(tc.body), limits)
			whole, decodeErr := scim.DecodeObject(strings.NewReader(tc.body), limits)
			if decodeErr != nil {
				t.Fatal(decodeErr)
			}
			gotAttrs, gotMembers, gotGiven, gotErr := scim.SplitGroup(whole, limits)
			var want, got *scim.Error
			if errors.As(err, &want) != errors.As(gotErr, &got) || want != nil && (want.Status != got.Status || want.Type != got.Type) {
				t.Fatalf("%s: the error is %v, want %v", tc.reason, gotErr, err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff([]any{attrs, len(members), given}, []any{gotAttrs, len(gotMembers), gotGiven}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			for i := range members {
				if members[i] != gotMembers[i] {
					t.Errorf("%s: member %d is %q, want %q", tc.reason, i, gotMembers[i], members[i])
				}
			}
		})
	}
}
