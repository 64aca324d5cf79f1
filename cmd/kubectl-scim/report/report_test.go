package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/access/world"
	"github.com/scim-operator/scim-operator/test/worlds"
)

var update = flag.Bool("update", false, "rewrite golden files")

func brownField(t *testing.T) world.Objects {
	t.Helper()
	return worlds.Read(t, "../testdata/brown-field.yaml")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s: a terminal would obey %q", name, got[i:min(len(got), i+20)])
	}
	path := filepath.Join("..", "testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want, +got; -update rewrites it):\n%s", path, diff)
	}
}

// failer is a test, or one case of a property.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func rendered(t failer, format string, rows []Row) string {
	t.Helper()
	var out bytes.Buffer
	if err := render(&out, format, rows); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestReportGolden(t *testing.T) {
	rows := Collect(world.New(brownField(t)))
	golden(t, "report.csv.golden", rendered(t, formatCSV, rows))
	golden(t, "report.json.golden", rendered(t, formatJSON, rows))
	golden(t, "report.md.golden", rendered(t, formatMarkdown, rows))
	golden(t, "report-alice.csv.golden", rendered(t, formatCSV, Filter{User: "ALICE@example.com"}.Of(rows)))
}

func TestReportFilters(t *testing.T) {
	w := world.New(brownField(t))
	all := Collect(w)
	for _, tc := range []struct {
		reason string
		filter Filter
		keep   func(Row) bool
	}{
		{"a person by the name of the object", Filter{User: "bob-1"}, func(r Row) bool { return r.User == "bob-1" }},
		{"a role by displayName, whatever its case", Filter{Role: "everyBODY"}, func(r Row) bool { return r.Role == "everybody-1" }},
		{"what holds in a namespace, also because it holds everywhere", Filter{Namespace: "shop"}, func(Row) bool { return true }},
		{"and nothing of another namespace", Filter{Namespace: "other"}, func(r Row) bool { return r.Namespace == "" }},
		{"all of them together", Filter{User: "alice-1", Role: "platform-1", Namespace: "shop"},
			func(r Row) bool { return r.User == "alice-1" && r.Role == "platform-1" }},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(r Row) bool { return !tc.keep(r) })
		got := tc.filter.Of(all)
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
			t.Errorf("%s: %d rows (-want, +got):\n%s", tc.reason, len(got), diff)
		}
		if err := tc.filter.check(w, got); err != nil {
			t.Errorf("%s: %v", tc.reason, err)
		}
	}
	for _, misspelt := range []Filter{{User: "alcie"}, {Role: "Evrybody"}} {
		if misspelt.check(w, misspelt.Of(all)) == nil {
			t.Errorf("%+v: a report about a misspelt name would read as if the person had nothing", misspelt)
		}
	}
	if err := (Filter{User: "erin-1", Namespace: "other"}).check(w, nil); err != nil {
		t.Errorf("a person who has nothing: %v", err)
	}
}

// TestReportKnowsNoOrder shuffles what the API server may list in any order.
func TestReportKnowsNoOrder(t *testing.T) {
	want := rendered(t, formatCSV, Collect(world.New(brownField(t))))
	for seed := range uint64(20) {
		objects, random := brownField(t), rand.New(rand.NewPCG(seed, 1))
		random.Shuffle(len(objects.Users), func(i, j int) { objects.Users[i], objects.Users[j] = objects.Users[j], objects.Users[i] })
		random.Shuffle(len(objects.Roles), func(i, j int) { objects.Roles[i], objects.Roles[j] = objects.Roles[j], objects.Roles[i] })
		bindings := objects.ClusterRoleBindings
		random.Shuffle(len(bindings), func(i, j int) { bindings[i], bindings[j] = bindings[j], bindings[i] })
		for i := range bindings {
			if bindings[i].Labels["scim-operator.io/grant"] == "" {
				s := bindings[i].Subjects
				random.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
			}
		}
		if diff := cmp.Diff(want, rendered(t, formatCSV, Collect(world.New(objects)))); diff != "" {
			t.Fatalf("the same access in another order, seed %d (-want, +got):\n%s", seed, diff)
		}
	}
}

// TestReportsAreSafe puts anything into the names, and reads back what was written.
func TestReportsAreSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ ]{0,2}[=+\-@\t\r\n|<"',;\x60\x00-\x1f\x7f-\x9f]{1,4}[a-z]{0,3}`)).Draw(t, "name")
		rows := []Row{{UserName: name, User: "u", State: stateActive}}
		for format, body := range map[string]func(string) string{
			formatCSV:      func(s string) string { return s[:strings.LastIndex(s[:len(s)-1], "\n")+1] },
			formatMarkdown: func(s string) string { return s[:strings.LastIndex(s[:len(s)-1], "\n")+1] },
			formatJSON:     func(s string) string { return s[:strings.LastIndex(s, "  \"digest\": ")] },
		} {
			var out bytes.Buffer
			if err := render(&out, format, rows); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Fatalf("%s: a terminal would obey %q", format, text[i:])
			}
			if !strings.Contains(text[len(body(text)):], digest([]byte(body(text)))) {
				t.Fatalf("%s: the digest is not that of what stands before it:\n%s", format, text)
			}
		}
		checkCSV(t, rows)
		checkJSON(t, rows, name)
		if lines := strings.Count(rendered(t, formatMarkdown, rows), "\n"); lines != 9 {
			t.Fatalf("markdown: the name %q made %d lines", name, lines)
		}
	})
}

func checkCSV(t *rapid.T, rows []Row) {
	records, err := csv.NewReader(strings.NewReader(rendered(t, formatCSV, rows))).ReadAll()
	if err != nil || len(records) != 3 {
		t.Fatalf("CSV: %d records, %v", len(records), err)
	}
	for _, cell := range records[1] {
		if trimmed := strings.TrimLeft(cell, " "); trimmed != "" && strings.ContainsRune("=+-@\t\r", rune(trimmed[0])) {
			t.Fatalf("CSV: a spreadsheet takes %q for a formula", cell)
		}
	}
}

func checkJSON(t *rapid.T, rows []Row, name string) {
	var read struct {
		Rows   []Row
		Digest string
	}
	if err := json.Unmarshal([]byte(rendered(t, formatJSON, rows)), &read); err != nil {
		t.Fatal(err)
	}
	if got := read.Rows[0].UserName; got != strings.ToValidUTF8(name, "\uFFFD") {
		t.Fatalf("JSON: %q was read back as %q", name, got)
	}
}

func TestOrphansGolden(t *testing.T) {
	found := FindOrphans(world.New(brownField(t)))
	var text bytes.Buffer
	found.write(&text)
	golden(t, "orphans.golden", text.String())
	asJSON, err := asciiJSON(found, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "orphans.json.golden", asJSON+"\n")
	var nothing bytes.Buffer
	FindOrphans(world.New(world.Objects{})).write(&nothing)
	if got := nothing.String(); strings.Count(got, ": 0\n") != 4 {
		t.Errorf("a world without anything has orphans:\n%s", got)
	}
}
