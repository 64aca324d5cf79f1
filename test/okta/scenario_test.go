package okta

import (
	"strings"
	"testing"
)

func TestRecordedScenariosAreSound(t *testing.T) {
	scenarios, err := LoadRecorded()
	if err != nil {
		t.Fatal(err)
	}
	dialects, seen := map[Dialect]int{}, map[string]bool{}
	for _, s := range scenarios {
		if seen[s.Name] {
			t.Errorf("scenario %s is there twice", s.Name)
		}
		seen[s.Name] = true
		dialects[s.Dialect]++
		for i, step := range s.Steps {
			if strings.ContainsAny(step.Path, " \"@") {
				t.Errorf("scenario %s, step %d: path %s is not escaped", s.Name, i+1, step.Path)
			}
			body, _ := step.Body.(map[string]any)
			if password, ok := body["password"]; ok && password != "{{random}}" {
				t.Errorf("scenario %s, step %d: the password is not random", s.Name, i+1)
			}
		}
	}
	for _, dialect := range []Dialect{AIW, OIN} {
		if dialects[dialect] == 0 {
			t.Errorf("no scenario of dialect %s", dialect)
		}
	}
}

func TestParseScenariosRefuses(t *testing.T) {
	tests := map[string]struct {
		reason, text, wantErr string
	}{
		"NoStatus": {
			"a step without an expected status cannot fail",
			`[{"name":"n","dialect":"AIW","when":"w","source":"recorded","steps":[{"method":"GET","path":"/Users","expect":{"status":[]}}]}]`,
			"expect.status",
		},
		"PatchInAIW": {
			"a custom app never sends PATCH",
			`[{"name":"n","dialect":"AIW","when":"w","source":"recorded","steps":[{"method":"PATCH","path":"/Users/a","expect":{"status":[200]}}]}]`,
			"never sends PATCH",
		},
		"EchoOfNothing": {
			"an echo needs an answer to repeat",
			`[{"name":"n","dialect":"AIW","when":"w","source":"recorded","steps":[{"method":"PUT","path":"/Users/a","echo":"x","expect":{"status":[200]}}]}]`,
			"echo names no earlier step",
		},
		"Misspelt": {"a field that the format does not know is a mistake", `[{"nmae":"n"}]`, "unknown field"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseScenarios([]byte(tc.text))
			assertError(t, tc.reason, err, tc.wantErr)
		})
	}
}

func TestMismatch(t *testing.T) {
	got, err := decode([]byte(`{"n":1,"s":"x","list":[{"value":"b","type":"User"},{"value":"a"}],"when":"2026-01-02T03:04:05Z","none":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		reason  string
		want    map[string]any
		differs string
	}{
		"Kinds":      {"a kind stands for any value of it", map[string]any{"n": "<integer>", "s": "<string>", "list": "<list>", "when": "<time>"}, ""},
		"Order":      {"the order of a list does not matter", map[string]any{"list": []any{map[string]any{"value": "a"}, map[string]any{"value": "b"}}}, ""},
		"ListLength": {"a list has no further elements", map[string]any{"list": []any{map[string]any{"value": "a"}}}, "/list"},
		"Element":    {"every element must be there", map[string]any{"list": []any{map[string]any{"value": "a"}, map[string]any{"value": "c"}}}, "/list/1"},
		"EmptyList":  {"an empty list is a fact", map[string]any{"list": []any{}}, "/list"},
		"Number":     {"a number is no string", map[string]any{"n": "1"}, "/n"},
		"Kind":       {"a string is no integer", map[string]any{"s": "<integer>"}, "/s"},
		"Time":       {"not every string is a time", map[string]any{"s": "<time>"}, "/s"},
		"Missing":    {"a fact about an absent attribute fails", map[string]any{"gone": "<string>"}, "/gone"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			diff := mismatch("", tc.want, map[string]any(got))
			if (tc.differs == "") != (diff == "") || !strings.HasPrefix(diff, tc.differs) {
				t.Errorf("%s: mismatch = %q, want one at %q", tc.reason, diff, tc.differs)
			}
		})
	}
}
