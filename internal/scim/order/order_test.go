package order_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/order"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

func decode(t *testing.T, text string) scim.Resource {
	t.Helper()
	r, err := scim.DecodeObject(strings.NewReader(text), scim.Limits{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOrder(t *testing.T) {
	const enterprise = scim.EnterpriseUserSchema
	for _, c := range []struct {
		reason, sortBy string
		// sorted are resources in ascending order.
		sorted []string
	}{
		{"texts without case, those without a value last (RFC 7644 section 3.4.2.3)", "userName",
			[]string{`{"userName":"alice"}`, `{"userName":"Bob"}`, `{"userName":"carol"}`, `{}`}},
		{"the name of the attribute is found without case", "USERNAME", []string{`{"userName":"a"}`, `{"userName":"b"}`}},
		{"an id is case-exact (RFC 7643 section 3.1)", "id", []string{`{"id":"A"}`, `{"id":"B"}`, `{"id":"a"}`}},
		{"a sub-attribute", "name.familyName",
			[]string{`{"name":{"familyName":"A","givenName":"Z"}}`, `{"name":{"familyName":"B","givenName":"Y"}}`, `{"name":{"givenName":"A"}}`}},
		{"the primary value, or else the first", "emails.value", []string{
			`{"emails":[{"value":"z"},{"value":"a","primary":true}]}`, `{"emails":[{"value":"b"},{"value":"0"}]}`,
			`{"emails":[{"value":"c","primary":false}]}`, `{"emails":[]}`}},
		{"a complex attribute stands for its value", "emails", []string{`{"emails":[{"value":"a"}]}`, `{"emails":[{"value":"b"}]}`}},
		{"an extension's attribute", enterprise + ":department", []string{`{"` + enterprise + `":{"department":"a"}}`, `{"` + enterprise + `":{"department":"b"}}`, `{}`}},
		{"an extension's sub-attribute", enterprise + ":manager.displayName",
			[]string{`{"` + enterprise + `":{"manager":{"displayName":"a"}}}`, `{"` + enterprise + `":{"manager":{"displayName":"b"}}}`, `{"` + enterprise + `":{}}`}},
		{"the core's URN", scim.UserSchema + ":userName", []string{`{"userName":"a"}`, `{"userName":"b"}`}},
		{"booleans", "active", []string{`{"active":false}`, `{"active":true}`, `{}`}},
		{"times are compared as times, not as texts", "meta.created", []string{
			`{"meta":{"created":"1969-12-31T23:59:59Z"}}`, `{"meta":{"created":"2026-01-01T01:00:00+02:00"}}`, `{"meta":{"created":"2026-01-01T00:00:00Z"}}`,
			`{"meta":{"created":"2026-01-01T00:00:00.5Z"}}`, `{"meta":{"created":"2026-01-01T00:00:01Z"}}`}},
		{"numbers of attributes that no schema names", "badge", []string{`{"badge":-10}`, `{"badge":-9.5}`, `{"badge":0}`, `{"badge":9}`, `{"badge":10}`, `{"badge":"1"}`, `{}`}},
		{"an extension that no schema names, in whatever case", "urn:example:x:Badge", []string{`{"urn:example:X":{"badge":1}}`, `{"urn:example:X":{"badge":2}}`}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			for _, direction := range []string{"", "Ascending", "descending"} {
				by, err := order.Parse(schema.User(), c.sortBy, direction)
				if err != nil {
					t.Fatal(err)
				}
				want := slices.Clone(c.sorted)
				if direction == "descending" {
					slices.Reverse(want)
				}
				got := slices.Clone(c.sorted)
				slices.Sort(got)
				slices.SortStableFunc(got, func(a, b string) int { return by.Compare(by.Key(decode(t, a)), by.Key(decode(t, b))) })
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("sortOrder %q (-want +got):\n%s", direction, diff)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ reason, sortBy, sortOrder string }{
		{"there are two orders", "userName", "up"},
		{"also when nothing is sorted by", "", "up"},
		{"a complex attribute needs a sub-attribute (RFC 7644 section 3.4.2.3)", "name", ""},
		{"a multi-valued one without a value as well", "addresses", ""},
		{"a filter is no attribute", `emails[type eq "work"].value`, ""},
		{"a schema is no attribute", scim.EnterpriseUserSchema, ""},
		{"two attributes are not one", "userName id", ""},
		{"only complex attributes have sub-attributes", "title.value", ""},
		{"a password is never returned, so that not even its order is", "password", ""},
	} {
		_, err := order.Parse(schema.User(), c.sortBy, c.sortOrder)
		var known *scim.Error
		if !errors.As(err, &known) || known.Status != 400 || known.Type != scim.TypeInvalidValue {
			t.Errorf("%s: %v, want 400 invalidValue", c.reason, err)
		}
	}
}

func TestReferences(t *testing.T) {
	by, err := order.Parse(schema.User(), "groups.display", "")
	if err != nil || !by.References("groups") || by.References("members") || by.ByCreation() {
		t.Errorf("groups.display must reference groups and nothing else: %v", err)
	}
	for _, sortOrder := range []string{"", "descending"} {
		if by, err = order.Parse(schema.User(), " ", sortOrder); err != nil || !by.ByCreation() {
			t.Errorf("without sortBy the order must be that of creation, whatever sortOrder: %v", err)
		}
		if by.Compare(order.Created(time.Unix(1, 0)), order.Created(time.Unix(2, 0))) >= 0 {
			t.Errorf("the order of creation must be ascending, also with sortOrder %q alone", sortOrder)
		}
	}
}

// TestKeysAreOrdered proves for numbers and times, whose bytes are not written in the order of their values, that their keys are.
func TestKeysAreOrdered(t *testing.T) {
	by, err := order.Parse(schema.User(), "badge", "")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		finite := rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) })
		a, b := finite.Draw(t, "a"), finite.Draw(t, "b")
		key := func(f float64) order.Key {
			return by.Key(scim.Resource{"badge": json.Number(strconv.FormatFloat(f, 'g', -1, 64))})
		}
		sign := 0
		if a < b {
			sign = -1
		} else if a > b {
			sign = 1
		}
		if got := by.Compare(key(a), key(b)); got != sign {
			t.Fatalf("%v and %v compare as %d, want %d", a, b, got, sign)
		}
		seconds, nanos := rapid.Int64Range(-1<<40, 1<<40), rapid.Int64Range(0, 999_999_999)
		x, y := time.Unix(seconds.Draw(t, "x"), nanos.Draw(t, "x ns")), time.Unix(seconds.Draw(t, "y"), nanos.Draw(t, "y ns"))
		if got := by.Compare(order.Created(x), order.Created(y)); got != x.Compare(y) {
			t.Fatalf("%v and %v compare as %d", x, y, got)
		}
	})
}

func TestKeysAreBounded(t *testing.T) {
	by, err := order.Parse(schema.User(), "userName", "")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		long := strings.Repeat(rapid.StringN(1, 8, -1).Draw(t, "text"), 600)
		key := string(by.Key(scim.Resource{"userName": long}))
		if len(key) > 513 {
			t.Fatalf("a key of %d bytes does not fit into a cursor", len(key))
		}
		if utf8.ValidString(long) && !utf8.ValidString(key) {
			t.Fatalf("the key %q was cut inside a character", key)
		}
	})
}
