package scim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// verdict is what a client can tell errors apart by.
func verdict(err error) string {
	var e *scim.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, e.Type))
	default:
		return "not a scim.Error: " + err.Error()
	}
}

func TestDecodeObject(t *testing.T) {
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	for _, c := range []struct {
		reason, body string
		want         scim.Resource
		fails        string
		says         string
	}{
		{reason: "RFC 7644 3.8: JSON objects in UTF-8",
			body: ` {"userName":"zoë\u00e9","n":1.50,"t":true,"f":false,"z":null,"o":{"a":[]}} `,
			want: scim.Resource{"userName": "zoëé", "n": json.Number("1.50"), "t": true, "f": false, "z": nil, "o": map[string]any{"a": []any{}}}},
		{reason: "a surrogate pair is one character", body: `{"a":"\ud83d\ude00\/\b\f\n\r\t\"\\"}`, want: scim.Resource{"a": "😀/\b\f\n\r\t\"\\"}},
		{reason: "RFC 8259 8.1 allows to pass over a byte order mark", body: "\xef\xbb\xbf{}", want: scim.Resource{}},
		{reason: "32 levels are allowed", body: nested(32), want: decoded(t, nested(32))},
		{reason: "33 levels are not", body: nested(33), fails: "400 invalidSyntax", says: "deeper than 32"},
		{reason: "a repeated name has no meaning", body: `{"active":true,"active":false}`, fails: "400 invalidSyntax", says: `"active" appears twice`},
		{reason: "RFC 7643 2.1: names are compared without regard to case", body: `{"active":true,"ACTIVE":false}`, fails: "400 invalidSyntax"},
		{reason: "the same in nested objects", body: `{"name":{"givenName":"a","givenname":"b"}}`, fails: "400 invalidSyntax"},
		{reason: "nothing may follow", body: `{} {}`, fails: "400 invalidSyntax", says: "at byte 4"},
		{reason: "a body is an object", body: `[]`, fails: "400 invalidSyntax"},
		{reason: "an empty body says so", body: ``, fails: "400 invalidSyntax", says: "ends too early"},
		{reason: "a body cut short", body: `{"a":"b`, fails: "400 invalidSyntax", says: "ends too early"},
		{reason: "half a surrogate pair is no character", body: `{"a":"\ud83d"}`, fails: "400 invalidSyntax"},
		{reason: "two low halves are no character", body: `{"a":"\udc00\udc00"}`, fails: "400 invalidSyntax"},
		{reason: "bytes that are not UTF-8", body: "{\"a\":\"\xff\"}", fails: "400 invalidSyntax", says: "UTF-8"},
		{reason: "a raw control character", body: "{\"a\":\"\n\"}", fails: "400 invalidSyntax"},
		{reason: "a number that no float64 holds could not be stored", body: `{"a":1e999}`, fails: "400 invalidSyntax", says: "too large"},
		{reason: "a malformed number", body: `{"a":01}`, fails: "400 invalidSyntax"},
		{reason: "a trailing comma", body: `{"a":1,}`, fails: "400 invalidSyntax"},
		{reason: "a missing comma", body: `{"a":1 "b":2}`, fails: "400 invalidSyntax"},
		{reason: "the position of the fault is named", body: `{"a":tru}`, fails: "400 invalidSyntax", says: "at byte 9"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got, err := scim.DecodeObject(strings.NewReader(c.body), scim.Limits{})
			if verdict(err) != c.fails {
				t.Fatalf("error %v, want %q", err, c.fails)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			// cmp takes exponential time on what nests deep.
			if !reflect.DeepEqual(c.want, got) {
				t.Errorf("got %s, want %s", scim.AppendValue(nil, got), scim.AppendValue(nil, c.want))
			}
		})
	}
}

func decoded(t *testing.T, body string) scim.Resource {
	t.Helper()
	r := scim.Resource{}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestManyNamesThatDifferInCaseOnly(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"A7":0`)
	for i := range 100 {
		fmt.Fprintf(&b, `,"b%d":0`, i)
	}
	if _, err := scim.DecodeObject(strings.NewReader(b.String()+"}"), scim.Limits{}); err != nil {
		t.Errorf("101 different names: %v", err)
	}
	for _, again := range []string{"a7", "B99"} {
		_, err := scim.DecodeObject(strings.NewReader(b.String()+`,"`+again+`":0}`), scim.Limits{})
		if verdict(err) != "400 invalidSyntax" {
			t.Errorf("%s again: %v, want a refusal", again, err)
		}
	}
}

func TestDecodeNeverQuotesValues(t *testing.T) {
	for _, body := range []string{`{"password":"hunter2"x`, `{"password":"hunter2`, `{"password":"hunter2\q"}`, `{"password":"hunter2"} x`} {
		_, err := scim.DecodeObject(strings.NewReader(body), scim.Limits{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v must exist and not quote the password", body, err)
		}
	}
}

// endless repeats a pattern after a head, up to 16 MiB, and counts what is taken.
func endless(head, pattern string) (body io.Reader, taken *atomic.Int64) {
	taken = &atomic.Int64{}
	text := head + strings.Repeat(pattern, (16<<20)/len(pattern))
	return readerFunc(func(p []byte) (int, error) {
		at := int(taken.Load())
		n := copy(p, text[at:])
		taken.Add(int64(n))
		return n, nil
	}), taken
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestDecodeRefusesEarly: what cannot be accepted is refused as soon as that is known, and not after all of it was read.
func TestDecodeRefusesEarly(t *testing.T) {
	const memory = 1 << 20
	for _, c := range []struct {
		reason, head, pattern string
		fails                 string
		most                  int64
	}{
		{"what nests too deep", `{"x":`, "[", "400 invalidSyntax", 8 << 10},
		{"objects that nest too deep", `{"x":`, `{"x":`, "400 invalidSyntax", 8 << 10},
		{"empty arrays take more than their text", `{"x":[`, "[],", "413", memory / 10},
		{"empty objects take more than their text", `{"x":[`, "{},", "413", memory / 50},
		{"so do numbers", `{"x":[`, "1,", "413", memory / 10},
		{"texts take what they are long", `{"x":[`, `"` + strings.Repeat("x", 1000) + `",`, "413", memory + 8<<10},
		{"a member that is larger than a member can be", `{"members":[{"value":"a","x":[`, "[],", "413", memory / 10},
	} {
		t.Run(c.reason, func(t *testing.T) {
			body, taken := endless(c.head, c.pattern)
			_, err := scim.DecodeObject(body, scim.Limits{Memory: memory})
			if verdict(err) != c.fails || taken.Load() > c.most {
				t.Errorf("a resource: %v after %d bytes, want %s after at most %d", err, taken.Load(), c.fails, c.most)
			}
			body, taken = endless(c.head, c.pattern)
			_, _, _, err = scim.DecodeGroup(body, scim.Limits{Memory: memory})
			if verdict(err) != c.fails || taken.Load() > c.most {
				t.Errorf("a group: %v after %d bytes, want %s after at most %d", err, taken.Load(), c.fails, c.most)
			}
		})
	}
}

// TestDecodeCountsMembersOneByOne: a whole membership is within what a group may take, because only the ids are kept.
func TestDecodeCountsMembersOneByOne(t *testing.T) {
	const size = 100_000
	member := `{"value":"0123456789012345678901234567890123456789","display":null,"$ref":null},`
	body := `{"members":[` + strings.TrimSuffix(strings.Repeat(member, size), ",") + `]}`
	_, ids, _, err := scim.DecodeGroup(strings.NewReader(body), scim.Limits{Memory: 4096})
	if err != nil || len(ids) != size {
		t.Errorf("%d members and %v, want %d", len(ids), err, size)
	}
}

func TestDecodeLimits(t *testing.T) {
	_, err := scim.DecodeObject(strings.NewReader(`{"a":"0123456789"}`), scim.Limits{Bytes: 10})
	if verdict(err) != "413" {
		t.Errorf("a body over the limit: %v, want 413", err)
	}
	limited := http.MaxBytesReader(nil, io.NopCloser(strings.NewReader(`{"a":"0123456789"}`)), 5)
	if _, err = scim.DecodeObject(limited, scim.Limits{}); verdict(err) != "413" {
		t.Errorf("a body over the server's limit: %v, want 413", err)
	}
	_, _, _, err = scim.DecodeGroup(strings.NewReader(`{"members":[{"value":"a"},{"value":"b"}]}`), scim.Limits{Members: 1})
	if verdict(err) != "413" {
		t.Errorf("more members than the limit: %v, want 413", err)
	}
	broken := io.MultiReader(strings.NewReader(`{"a":`), errorReader{})
	if _, err = scim.DecodeObject(broken, scim.Limits{}); verdict(err) != "400 invalidSyntax" || !errors.Is(err, errBroken) {
		t.Errorf("a connection that breaks: %v, want 400 with the cause", err)
	}
}

var errBroken = errors.New("connection reset")

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errBroken }

func TestDecodeGroup(t *testing.T) {
	for _, c := range []struct {
		reason, body string
		attrs        scim.Resource
		members      []string
		has          bool
		fails        string
	}{
		{reason: "OKTA 5.3: a PUT with null displays", attrs: scim.Resource{"schemas": []any{scim.GroupSchema}, "id": "g", "displayName": "KOTestGroup Test"},
			body:    `{"schemas":["` + scim.GroupSchema + `"],"id":"g","displayName":"KOTestGroup Test","members":[{"value":"u1","display":null},{"value":"u2","display":null}]}`,
			members: []string{"u1", "u2"}, has: true},
		{reason: "OKTA 5.1: an empty group", body: `{"displayName":"x","members":[]}`, attrs: scim.Resource{"displayName": "x"}, has: true},
		{reason: "OKTA 10.6: absent members are no empty list", body: `{"displayName":"x"}`, attrs: scim.Resource{"displayName": "x"}},
		{reason: "OKTA 10.6: null members are absent", body: `{"displayName":"x","members":null}`, attrs: scim.Resource{"displayName": "x"}},
		{reason: "OKTA 11: $ref and type do not matter", body: `{"Members":[{"$ref":null,"type":"User","VALUE":"u1"}]}`, attrs: scim.Resource{}, members: []string{"u1"}, has: true},
		{reason: "a bare id is a member", body: `{"members":["u1"]}`, attrs: scim.Resource{}, members: []string{"u1"}, has: true},
		{reason: "repeated ids are the store's to fold", body: `{"members":[{"value":"u"},{"value":"u"}]}`, attrs: scim.Resource{}, members: []string{"u", "u"}, has: true},
		{reason: "a member needs an id", body: `{"members":[{"display":"x"}]}`, fails: "400 invalidValue"},
		{reason: "a null member is none", body: `{"members":[null]}`, fails: "400 invalidValue"},
		{reason: "an id is a string", body: `{"members":[{"value":{"value":"u"}}]}`, fails: "400 invalidValue"},
		{reason: "an id is not empty", body: `{"members":[{"value":""}]}`, fails: "400 invalidValue"},
		{reason: "no object of Kubernetes has such a long name", body: `{"members":["` + strings.Repeat("a", 254) + `"]}`, fails: "400 invalidValue"},
		{reason: "members are an array", body: `{"members":{"value":"u"}}`, fails: "400 invalidValue"},
		{reason: "two lists contradict each other", body: `{"members":[],"MEMBERS":[]}`, fails: "400 invalidSyntax"},
		{reason: "the rest must be JSON too", body: `{"members":[{"value":"u"}]`, fails: "400 invalidSyntax"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			attrs, members, has, err := scim.DecodeGroup(strings.NewReader(c.body), scim.Limits{})
			if verdict(err) != c.fails {
				t.Fatalf("error %v, want %q", err, c.fails)
			}
			if has != c.has {
				t.Errorf("has members: %v, want %v", has, c.has)
			}
			if diff := cmp.Diff(c.attrs, attrs); diff != "" {
				t.Errorf("attributes (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.members, members, cmp.Transformer("list", func(l []string) string { return strings.Join(l, ",") })); diff != "" {
				t.Errorf("members (-want +got)\n%s", diff)
			}
		})
	}
}

func TestCanonicalNumber(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "1.0": "1", "1.50": "1.5", "1e3": "1000", "-0": "0", "-0.0": "0", "0.0000001": "1e-7",
		"9223372036854775807": "9223372036854775807", "12345678901234567890": "12345678901234567000",
	} {
		if got, _ := scim.CanonicalNumber(json.Number(in)); got != want {
			t.Errorf("%s: got %s, want %s, which is what the API server gives back", in, got, want)
		}
	}
}

func TestMessages(t *testing.T) {
	got := scim.AppendError(nil, &scim.Error{Status: 409, Type: scim.TypeUniqueness, Detail: "a \"b\"\n\x01", Cause: errBroken})
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"a \"b\"\n\u0001"}`
	if string(got) != want {
		t.Errorf("error body: got %s, want %s", got, want)
	}
	got = scim.AppendList(nil, 0, 1, 0, nil)
	want = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`
	if string(got) != want {
		t.Errorf("OKTA 3: got %s, want %s", got, want)
	}
	got = scim.AppendList(nil, 7, 3, 2, func(dst []byte, i int) []byte { return fmt.Appendf(dst, `{"id":"%d"}`, i) })
	if !json.Valid(got) || !bytes.HasSuffix(got, []byte(`"totalResults":7,"startIndex":3,"itemsPerPage":2,"Resources":[{"id":"0"},{"id":"1"}]}`)) {
		t.Errorf("got %s", got)
	}
}

func TestParseSearchRequest(t *testing.T) {
	body := decodeText(t, `{"schemas":["`+scim.SearchRequestSchema+`"],"filter":"userName pr","startIndex":2,"COUNT":5,"attributes":["userName"],"sortBy":null}`)
	got, err := scim.ParseSearchRequest(body)
	two, five := 2, 5
	want := scim.SearchRequest{Filter: "userName pr", StartIndex: &two, Count: &five, Attributes: []string{"userName"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got)\n%s", err, diff)
	}
	for body, want := range map[string]string{
		`{"schemas":["x"]}`: "400 invalidSyntax", `{"filter":1}`: "400 invalidValue",
		`{"count":"5"}`: "400 invalidValue", `{"count":1.5}`: "400 invalidValue", `{"attributes":[1]}`: "400 invalidValue",
	} {
		if _, err := scim.ParseSearchRequest(decodeText(t, body)); verdict(err) != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func decodeText(t *testing.T, body string) scim.Resource {
	t.Helper()
	r, err := scim.DecodeObject(strings.NewReader(body), scim.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// FuzzDecode holds the decoder against the standard library: what it accepts is JSON and means the same, and what it appends again
// reads back equal.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"userName":"a","active":true,"n":-1.5e3,"x":null,"l":[1,"\u00e9",{}]}`, `{"a":"\ud83d\ude00"}`, `{"a":1,"A":2}`,
		`{"members":[{"value":"u1","display":null}]}`, "\xef\xbb\xbf{}", `{"a":1e999}`, `{"":"\u0000"}`, `{"a":[[[[]]]]} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := scim.DecodeObject(bytes.NewReader(body), scim.Limits{})
		if err != nil {
			if v := verdict(err); v != "400 invalidSyntax" && v != "413" {
				t.Fatalf("error %v is not a refusal", err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
		d.UseNumber()
		want := scim.Resource{}
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q was accepted, but is not JSON: %v", body, err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%q is read as %v, by the standard library as %v", body, got, want)
		}
		text := scim.AppendValue(nil, got)
		again, err := scim.DecodeObject(bytes.NewReader(text), scim.Limits{})
		if err != nil || !scim.Equal(got, again) {
			t.Fatalf("%s does not read back equal: %v", text, err)
		}
	})
}

func BenchmarkDecodeGroup50000(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"displayName":"x","members":[`)
	for i := range 50_000 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"value":"alice-example-com-%010d","display":"alice%d@example.com"}`, i, i)
	}
	body.WriteString(`]}`)
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, ids, _, err := scim.DecodeGroup(bytes.NewReader(body.Bytes()), scim.Limits{}); err != nil || len(ids) != 50_000 {
			b.Fatal(len(ids), err)
		}
	}
}
