package okta

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMergeEcho(t *testing.T) {
	tests := map[string]struct {
		reason string
		answer string
		values Resource
		want   string
	}{
		"Verbatim": {
			reason: "what Okta does not know is repeated as it came, read-only and unknown attributes and long numbers alike",
			answer: `{"id":"a","meta":{"version":"W/\"1\""},"x":{"n":12345678901234567890.10},"groups":[{"value":"g"}]}`,
			want:   `{"id":"a","meta":{"version":"W/\"1\""},"x":{"n":12345678901234567890.10},"groups":[{"value":"g"}]}`,
		},
		"Objects": {
			reason: "an object is merged: name.formatted survives a new givenName, even when it is stale",
			answer: `{"name":{"formatted":"A B","givenName":"A"}}`,
			values: Resource{"name": map[string]any{"givenName": "C"}},
			want:   `{"name":{"formatted":"A B","givenName":"C"}}`,
		},
		"Lists": {
			reason: "a list is replaced",
			answer: `{"emails":[{"value":"a"},{"value":"b"}]}`,
			values: Resource{"emails": []any{map[string]any{"value": "c"}}},
			want:   `{"emails":[{"value":"c"}]}`,
		},
		"KindChanges": {
			reason: "an object takes the place of a value of another kind",
			answer: `{"name":null}`,
			values: Resource{"name": map[string]any{"givenName": "C"}, "active": false},
			want:   `{"active":false,"name":{"givenName":"C"}}`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			answer, err := decode([]byte(tc.answer))
			if err != nil {
				t.Fatal(err)
			}
			merged, err := encode(mergeEcho(answer, tc.values))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, tc.want), canonical(t, string(merged))); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
			untouched, err := encode(answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, tc.answer), canonical(t, string(untouched))); diff != "" {
				t.Errorf("the answer itself was changed: -want, +got:\n%s", diff)
			}
		})
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	value, err := decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestCheckEcho(t *testing.T) {
	sent := Resource{
		"userName": "Ann@Example.com", "name": map[string]any{"givenName": "Ann", "familyName": ""},
		"emails": []any{map[string]any{"value": "ann@example.com", "primary": true}}, "password": "secret", "active": true,
	}
	good := `{"id":"1","userName":"Ann@Example.com","name":{"givenName":"Ann","formatted":"Ann"},` +
		`"emails":[{"value":"ann@example.com","primary":true,"type":"work"}],"active":true}`
	tests := map[string]struct {
		reason  string
		got     string
		wantErr string
	}{
		"More":        {"a server may add attributes, and may leave out the password and what is empty", good, ""},
		"LowerCase":   {"the case of a name comes back as it was sent", strings.Replace(good, "Ann@", "ann@", 1), "userName"},
		"Dropped":     {"a value that was sent must come back", strings.Replace(good, `"givenName":"Ann",`, "", 1), "name"},
		"OtherList":   {"a list has the elements that were sent", strings.Replace(good, "ann@example.com", "x", 1), "emails"},
		"BooleanText": {"a boolean is no string", strings.Replace(good, `"active":true`, `"active":"true"`, 1), "active"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decode([]byte(tc.got))
			if err != nil {
				t.Fatal(err)
			}
			assertError(t, tc.reason, checkEcho(sent, got), tc.wantErr)
		})
	}
}

func TestParseList(t *testing.T) {
	const head = `{"schemas":["` + ListSchema + `"],`
	tests := map[string]struct {
		reason  string
		body    string
		wantErr string
	}{
		"Empty":        {"an empty list is a list", head + `"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`, ""},
		"Page":         {"a page may be a part of the whole", head + `"totalResults":3,"startIndex":1,"itemsPerPage":1,"Resources":[{"id":"a"}]}`, ""},
		"StringNumber": {"a startIndex in quotation marks breaks Okta", head + `"totalResults":0,"startIndex":"1","itemsPerPage":0,"Resources":[]}`, "startIndex"},
		"Fraction":     {"numbers are integers", head + `"totalResults":0.5,"startIndex":1,"itemsPerPage":0,"Resources":[]}`, "totalResults"},
		"Missing":      {"itemsPerPage is required", head + `"totalResults":0,"startIndex":1,"Resources":[]}`, "itemsPerPage"},
		"NoResources":  {"Resources is required even when there are none", head + `"totalResults":0,"startIndex":1,"itemsPerPage":0}`, "Resources"},
		"NullList":     {"null is no list", head + `"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":null}`, "Resources"},
		"NoID":         {"a resource without an id cannot be linked", head + `"totalResults":1,"startIndex":1,"itemsPerPage":1,"Resources":[{}]}`, "no id"},
		"Miscounted":   {"itemsPerPage counts the resources of the page", head + `"totalResults":2,"startIndex":1,"itemsPerPage":2,"Resources":[{"id":"a"}]}`, "itemsPerPage"},
		"OtherSchema":  {"the message says what it is", `{"schemas":[],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`, "schemas"},
		"Text":         {"a proxy's text is no JSON", "error code: 502", "invalid JSON"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseList([]byte(tc.body))
			assertError(t, tc.reason, err, tc.wantErr)
		})
	}
}

func TestRefusal(t *testing.T) {
	got := refusal("POST", "/Users", &Answer{
		Status: 409,
		Body:   []byte(`{"schemas":["` + ErrorSchema + `"],"status":"409","scimType":"uniqueness","detail":"taken"}`),
	})
	want := &Error{Method: "POST", Path: "/Users", Status: 409, SCIMType: "uniqueness", Detail: "taken"}
	if diff := cmp.Diff(error(want), got); diff != "" {
		t.Errorf("the detail is what Okta's administrator reads: -want, +got:\n%s", diff)
	}
	for reason, body := range map[string]string{
		"status is a string (RFC 7644 section 3.12)": `{"status":502}`,
		"a proxy's text is no JSON":                  "error code: 502",
	} {
		got := refusal("POST", "/Users", &Answer{Status: 502, Body: []byte(body)})
		var unusable *ProtocolError
		if !errors.As(got, &unusable) || StatusOf(got) != 502 {
			t.Errorf("%s: refusal(%q) = %v, want a ProtocolError with status 502", reason, body, got)
		}
	}
}

func TestFilterPath(t *testing.T) {
	want := "/Users?filter=userName%20eq%20%22test.user%40okta.local%22&startIndex=1&count=100"
	if got := filterPath("Users", "userName", "test.user@okta.local"); got != want {
		t.Errorf("filterPath = %q, want Okta's own %q", got, want)
	}
	want = "/Groups?filter=displayName%20eq%20%22a%20%5C%22b%5C%22%20%2B%20%5C%5C%22&startIndex=1&count=100"
	if got := filterPath("Groups", "displayName", `a "b" + \`); got != want {
		t.Errorf("filterPath = %q, want %q", got, want)
	}
}

func TestMergeEchoOfNothingIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "values")
		answer := Resource{}
		for name, value := range values {
			answer[name] = value
		}
		if diff := cmp.Diff(answer, mergeEcho(answer, nil)); diff != "" {
			t.Fatalf("an echo without news differs: -want, +got:\n%s", diff)
		}
	})
}

// assertError wants no error for an empty text, else one that contains it.
func assertError(t *testing.T, reason string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s: unexpected error: %v", reason, err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, want one with %q", reason, err, want)
	}
}
