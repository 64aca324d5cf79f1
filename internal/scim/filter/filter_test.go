package filter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// alice is a resource under canonical names, as translate makes it.
func alice() scim.Resource {
	return scim.Resource{
		"schemas":    []any{scim.UserSchema, scim.EnterpriseUserSchema},
		"id":         "alice-0123456789",
		"userName":   "Alice@Example.com",
		"externalId": "00uAbC",
		"active":     true,
		"title":      "Dr",
		"name":       map[string]any{"familyName": "O\"Hara", "givenName": "Alice"},
		"emails": []any{
			map[string]any{"value": "alice@example.com", "type": "work", "primary": true},
			map[string]any{"value": "alice@home.example", "type": "home"},
		},
		"growthbookRole": "admin", "level": json.Number("7"),
		scim.EnterpriseUserSchema: map[string]any{"department": "Sales", "employeeNumber": "42", "manager": map[string]any{"value": "m1"}},
		"urn:acme:2.0:User":       map[string]any{"badge": "b1"},
		"meta":                    map[string]any{"created": "2026-01-31T12:00:00Z", "lastModified": "2026-02-01T00:00:00.5Z", "resourceType": "User"},
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		reason, filter string
		want           bool
	}{
		{"OKTA 4.1: the check before every create", `userName eq "alice@example.com"`, true},
		{"OKTA 4.7: names match whatever their case", `USERNAME EQ "ALICE@EXAMPLE.COM"`, true},
		{"RFC 7643 3.1: externalId is caseExact", `externalId eq "00uabc"`, false},
		{"OKTA 11: Entra sends values without quotes", `externalId eq 00uAbC`, true},
		{"OKTA 11: Entra sends booleans in quotes", `emails[primary eq "true"].value eq "alice@example.com"`, true},
		{"OKTA 11: Entra compares behind brackets", `emails[type eq "work"].value eq "alice@home.example"`, false},
		{"OKTA 11: and", `externalId eq "00uAbC" and userName eq "x"`, false},
		{"RFC 7644 3.4.2.2: sub-attribute", `name.familyName co "hara"`, true},
		{"a quote is escaped", `name.familyName eq "O\"Hara"`, true},
		{"sw", `userName sw "ALI"`, true},
		{"ew", `userName ew ".org"`, false},
		{"URN-qualified core attribute", scim.UserSchema + `:userName sw "alice"`, true},
		{"URN-qualified extension attribute", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:department eq "sales"`, true},
		{"sub-attribute under a URN", scim.EnterpriseUserSchema + `:manager.value eq "m1"`, true},
		{"an extension is present", scim.EnterpriseUserSchema + ` pr`, true},
		{"an extension that no schema names", `urn:acme:2.0:User:badge eq "b1"`, true},
		{"pr", `title pr`, true},
		{"pr of nothing", `nickName pr`, false},
		{"null equals what is unassigned", `nickName eq null`, true},
		{"null differs from what is assigned", `title ne null`, true},
		{"ne of nothing", `nickName ne "x"`, true},
		{"dates are compared as dates, in any zone", `meta.lastModified gt "2026-02-01T01:00:00.4+01:00"`, true},
		{"ge on the very time", `meta.created ge "2026-01-31T13:00:00+01:00"`, true},
		{"lt", `meta.created lt "2026-01-31T12:00:00Z"`, false},
		{"not binds to its group", `not (userName eq "alice@example.com") or title pr`, true},
		{"and binds stronger than or", `title eq "x" and title eq "y" or title eq "Dr"`, true},
		{"parentheses", `title eq "x" and (title eq "y" or title eq "Dr")`, false},
		{"a value path holds for one element at once", `emails[type eq "home" and value co "@example.com"]`, false},
		{"a value path with or", `emails[type eq "other" or value co "@home"]`, true},
		{"a complex attribute stands for its value", `emails co "@home.example"`, true},
		{"any value of several", `emails.type eq "home"`, true},
		{"schemas is multi-valued and simple", `schemas eq "` + scim.EnterpriseUserSchema + `"`, true},
		{"a custom attribute", `growthbookrole eq "ADMIN"`, true},
		{"a custom number", `level ge 6.5`, true},
		{"a custom number as text is another thing", `level gt 7`, false},
		{"a boolean", `active eq true`, true},
		{"a boolean in Entra's case", `active eq "False"`, false},
		{"text order without case", `title gt "dq"`, true},
		{"spaces do not matter", `  ( userName   eq "alice@example.com" )  `, true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			f, err := filter.Parse(schema.User(), c.filter)
			if err != nil {
				t.Fatalf("%s: %v", c.filter, err)
			}
			if got := f.Matches(alice()); got != c.want {
				t.Errorf("%s: got %v, want %v", c.filter, got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ reason, filter, says string }{
		{"RFC 7644 3.4.2.2: at least one expression", ``, "position 1"},
		{"an unknown operator is refused", `userName is "x"`, "position 10"},
		{"RFC 7644 3.4.2.2: booleans have no order", `active gt true`, "boolean"},
		{"nor any parts", `active co "t"`, "boolean"},
		{"a boolean is compared with a boolean", `active eq "yes"`, "true or false"},
		{"binary values have no order", `x509Certificates.value gt "a"`, "order"},
		{"RFC 7644 3.4.2.2: a complex attribute needs a sub-attribute", `name eq "x"`, "name.formatted"},
		{"a password is never kept", `password eq "hunter2"`, "never kept"},
		{"a date must be one", `meta.created gt "yesterday"`, "date"},
		{"a text without quotes goes with eq only", `userName sw alice`, "double quotes"},
		{"a value without quotes must be one word", `userName eq alice smith`, "expected the end"},
		{"an operand is missing", `userName eq "a" and`, "attribute"},
		{"a value is missing", `userName eq`, "value"},
		{"a value is not a keyword", `userName eq and`, "quotes"},
		{"a quote is not closed", `userName eq "a`, "closing"},
		{"an escape is malformed", `userName eq "\q"`, "escape"},
		{"a parenthesis is not closed", `(userName pr`, "`)`"},
		{"a parenthesis too many", `userName pr)`, "expected the end"},
		{"a bracket is not closed", `emails[type eq "work"`, "`]`"},
		{"brackets need several values", `name[givenName eq "a"]`, "several values"},
		{"brackets do not nest", `emails[type[value eq "x"]]`, "several values"},
		{"not needs parentheses", `not userName pr`, "operators"},
		{"null has no order", `title gt null`, "null"},
		{"a name must be one", `user%Name pr`, "name of an attribute"},
		{"too long", `userName eq "` + strings.Repeat("a", 4096) + `"`, "4096"},
		{"too deep", strings.Repeat("(", 17) + `userName pr` + strings.Repeat(")", 17), "deeper"},
		{"too many comparisons", `userName pr` + strings.Repeat(` or userName pr`, 64), "64"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := filter.Parse(schema.User(), c.filter)
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || e.Type != scim.TypeInvalidFilter {
				t.Fatalf("%s: %v, want 400 invalidFilter", c.filter, err)
			}
			if !strings.Contains(e.Detail, c.says) || !strings.Contains(e.Detail, "position") {
				t.Errorf("%s: %q does not say %q and the position", c.filter, e.Detail, c.says)
			}
			if strings.Contains(e.Detail, "hunter2") {
				t.Errorf("%q quotes a value", e.Detail)
			}
		})
	}
}

func TestEqualTo(t *testing.T) {
	for text, want := range map[string]string{
		`username eq "A@x"`:                              "userName=A@x",
		`(externalId eq 42)`:                             "externalId=42",
		`id eq abc`:                                      "id=abc",
		scim.UserSchema + `:userName eq "a\"b"`:          `userName=a"b`,
		`userName ne "a"`:                                "",
		`userName eq "a" and active eq true`:             "",
		`emails eq "a"`:                                  "",
		`name.givenName eq "a"`:                          "",
		`growthbookRole eq "a"`:                          "",
		`userName eq null`:                               "",
		`active eq true`:                                 "",
		`not (userName eq "a")`:                          "",
		scim.EnterpriseUserSchema + `:department eq "a"`: "",
	} {
		f, err := filter.Parse(schema.User(), text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if attribute, value, ok := f.EqualTo(); ok {
			got = attribute + "=" + value
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestRequires(t *testing.T) {
	for text, want := range map[string]string{
		`userName eq "a"`:                                             "a",
		`active eq true and username eq "a"`:                          "a",
		`userName eq "a" and (title pr and active eq true)`:           "a",
		`title pr and (active eq true and userName eq "a")`:           "a",
		`userName eq "a" and userName eq "b"`:                         "a",
		`userName eq "a" or title pr`:                                 "",
		`(userName eq "a" or title pr) and active eq true`:            "",
		`not (userName eq "a") and active eq true`:                    "",
		`userName sw "a" and active eq true`:                          "",
		`id eq "a" and active eq true`:                                "",
		`emails[value eq "a"] and active eq true`:                     "",
		scim.EnterpriseUserSchema + `:department eq "a" and title pr`: "",
		`title pr and ` + scim.UserSchema + `:userName eq "a"`:        "a",
	} {
		f, err := filter.Parse(schema.User(), text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := f.Requires("userName"); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string]bool{
		`members.value eq "u"`: true, `displayName eq "x" or MEMBERS[value eq "u"]`: true, `not (members pr)`: true,
		`displayName eq "members"`: false, `urn:acme:members pr`: false,
	} {
		f, err := filter.Parse(schema.Group(), text)
		if err != nil || f.References("members") != want {
			t.Errorf("%s: error %v, want %v", text, err, want)
		}
	}
}

// TestBooleanAlgebra holds the connectives to their truth tables, whatever is nested in what.
func TestBooleanAlgebra(t *testing.T) {
	atoms := map[string]bool{
		`title pr`: true, `nickName pr`: false, `userName sw "alice"`: true, `emails[type eq "fax"]`: false, `active eq false`: false,
	}
	names := []string{`title pr`, `nickName pr`, `userName sw "alice"`, `emails[type eq "fax"]`, `active eq false`}
	type formula struct {
		text string
		want bool
	}
	var gen func(depth int) *rapid.Generator[formula]
	gen = func(depth int) *rapid.Generator[formula] {
		return rapid.Custom(func(t *rapid.T) formula {
			shape := rapid.IntRange(0, 3).Draw(t, "shape")
			if depth == 0 || shape == 0 {
				atom := rapid.SampledFrom(names).Draw(t, "atom")
				return formula{atom, atoms[atom]}
			}
			a := gen(depth-1).Draw(t, "a")
			if shape == 1 {
				return formula{"not (" + a.text + ")", !a.want}
			}
			b := gen(depth-1).Draw(t, "b")
			if shape == 2 {
				return formula{"(" + a.text + ") and (" + b.text + ")", a.want && b.want}
			}
			return formula{"(" + a.text + ") or (" + b.text + ")", a.want || b.want}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		f := gen(4).Draw(t, "formula")
		parsed, err := filter.Parse(schema.User(), f.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.Matches(alice()); got != f.want {
			t.Fatalf("%s: got %v, want %v", f.text, got, f.want)
		}
	})
}

// TestEveryTextCanBeFiltered holds quoting: whatever a value is, its JSON form finds it.
func TestEveryTextCanBeFiltered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 40, 200).Draw(t, "value")
		text := `externalId eq ` + string(scim.AppendString(nil, value))
		f, err := filter.Parse(schema.User(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, got, ok := f.EqualTo(); !ok || got != value {
			t.Fatalf("%s: got %q, want %q", text, got, value)
		}
		if !f.Matches(scim.Resource{"externalId": value}) || f.Matches(scim.Resource{"externalId": value + "x"}) {
			t.Fatalf("%s does not match exactly %q", text, value)
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "alice@example.com"`, `emails[type eq "work" and value co "@x"].value eq "a"`, `not (active eq true) and meta.created gt "2026-01-31T12:00:00Z"`,
		scim.EnterpriseUserSchema + `:manager.value pr`, `a eq "\u00e9`, `externalId eq 12`, `((x pr))`, `title eq null or title ne "b"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := filter.Parse(schema.User(), text)
		if err != nil {
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || e.Type != scim.TypeInvalidFilter {
				t.Fatalf("%q: %v is not 400 invalidFilter", text, err)
			}
			return
		}
		matches := parsed.Matches(alice())
		opposite, err := filter.Parse(schema.User(), "not ("+text+")")
		if err != nil {
			// The longer text may exceed a limit, and nothing else.
			if !strings.Contains(err.Error(), "longer") && !strings.Contains(err.Error(), "deeper") {
				t.Fatalf("not (%s): %v", text, err)
			}
			return
		}
		if opposite.Matches(alice()) == matches {
			t.Fatalf("%q and its negation agree", text)
		}
	})
}

func FuzzPatchPath(f *testing.F) {
	for _, seed := range []string{
		`members[value eq "u1"]`, `emails[type eq "work"].value`, scim.EnterpriseUserSchema, scim.EnterpriseUserSchema + `:manager.displayName`,
		`name.givenName`, `a[b`, `addresses[type eq "work" and primary eq true].country`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := filter.ParsePath(schema.User(), text)
		if err != nil {
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || e.Type != scim.TypeInvalidPath && e.Type != scim.TypeInvalidFilter {
				t.Fatalf("%q: %v is not 400 invalidPath or invalidFilter", text, err)
			}
			return
		}
		if path.Name == "" && path.URN == "" || path.Sub != "" && path.Name == "" || path.Raw != text {
			t.Fatalf("%q: the path %+v names nothing", text, path)
		}
	})
}

func BenchmarkParseEqual(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := filter.Parse(schema.User(), `userName eq "alice@example.com"`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatchesEmail(b *testing.B) {
	f, err := filter.Parse(schema.User(), `emails[type eq "work" and value co "@example.com"]`)
	if err != nil {
		b.Fatal(err)
	}
	r := alice()
	b.ReportAllocs()
	for b.Loop() {
		if !f.Matches(r) {
			b.Fatal(fmt.Sprint(r))
		}
	}
}
