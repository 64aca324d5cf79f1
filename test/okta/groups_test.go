package okta

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMemberBatches(t *testing.T) {
	batches := memberBatches([]string{"r1", "r2", "r3"}, Members("a1", "a2"), 2)
	got, err := encode(batches)
	if err != nil {
		t.Fatal(err)
	}
	want := `[[{"op":"remove","path":"members[value eq \"r1\"]"},{"op":"remove","path":"members[value eq \"r2\"]"}],` +
		`[{"op":"remove","path":"members[value eq \"r3\"]"},{"op":"add","path":"members","value":[{"value":"a1","display":null}]}],` +
		`[{"op":"add","path":"members","value":[{"value":"a2","display":null}]}]]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("removals come first, each as an operation of its own: -want, +got:\n%s", diff)
	}
}

func TestMemberBatchesLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 120).Draw(t, "size")
		remove := names("r", rapid.IntRange(0, 300).Draw(t, "removals"))
		add := names("a", rapid.IntRange(0, 300).Draw(t, "additions"))
		var removed, added []string
		for _, batch := range memberBatches(remove, Members(add...), size) {
			changes := 0
			for _, operation := range batch {
				if operation.Op == "remove" {
					removed = append(removed, strings.Split(operation.Path, `"`)[1])
					changes++
					continue
				}
				members, _ := operation.Value.([]Member)
				for _, member := range members {
					added = append(added, member.Value)
				}
				changes += len(members)
			}
			if changes == 0 || changes > size {
				t.Fatalf("a batch has %d changes, want 1 to %d", changes, size)
			}
		}
		if !slices.Equal(removed, remove) || !slices.Equal(added, add) {
			t.Fatalf("batches do not add up to the change")
		}
	})
}

func names(prefix string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

func TestChanged(t *testing.T) {
	tests := map[string]struct {
		reason       string
		present, add []Member
		remove       []string
		want         []Member
	}{
		"AddAndRemove": {"those who left go, those who came are last", Members("a", "b"), Members("c"), []string{"a"}, Members("b", "c")},
		"AddAgain":     {"a member who is there is not added twice", Members("a"), Members("a"), nil, Members("a")},
		"RemoveNobody": {"removing one who is no member changes nothing", Members("a"), nil, []string{"x"}, Members("a")},
		"Empty":        {"the last member can leave", Members("a"), nil, []string{"a"}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, changed(tc.present, tc.add, tc.remove)); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCreationAlwaysHasAPassword(t *testing.T) {
	first, second := DefaultProfile("ann.lee@example.com").creation(), DefaultProfile("ann.lee@example.com").creation()
	if first.text("password") == "" || first.text("password") == second.text("password") {
		t.Error("Okta sends a placeholder password with every create, and never the same")
	}
	delete(first, "password")
	want := Resource{
		"schemas": []any{UserSchema}, "userName": "ann.lee@example.com", "displayName": "ann lee", "locale": "en-US",
		"name":   map[string]any{"givenName": "ann", "familyName": "lee"},
		"emails": []any{map[string]any{"primary": true, "value": "ann.lee@example.com", "type": "work"}},
		"groups": []any{}, "active": true, "externalId": "00u-ann.lee",
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("the create differs from Okta's default mappings: -want, +got:\n%s", diff)
	}
}

func TestNewRefusesWhatOktaRefuses(t *testing.T) {
	tests := map[string]struct {
		reason, url, wantErr string
	}{
		"HTTPS":      {"https will do", "https://127.0.0.1:8443/scim/okta/v2", ""},
		"HTTP":       {"a token never goes over plain http", "http://example.com/scim/v2", "https"},
		"Underscore": {"Okta's form takes no underscore", "https://example.com/scim_v2", "underscore"},
		"Long":       {"Okta's form takes 1,024 characters", "https://example.com/" + strings.Repeat("a", 1024), "1024"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(Config{BaseURL: tc.url})
			assertError(t, tc.reason, err, tc.wantErr)
		})
	}
	_, err := New(Config{BaseURL: "https://example.com", Dialect: "SCIM1"})
	assertError(t, "there are two dialects", err, "neither")
}
