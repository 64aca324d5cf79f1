package cursor

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/scim"
)

const timeout = 10 * time.Minute

func sealer(t testing.TB, secret, binding string) *Sealer {
	t.Helper()
	s, err := New([]byte(secret), []byte(binding))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func typeOf(err error) scim.ErrorType {
	var known *scim.Error
	if errors.As(err, &known) && known.Status == 400 {
		return known.Type
	}
	return ""
}

// unreserved are the characters that a cursor may have (RFC 9865 section 2, RFC 3986 section 2.3).
var unreserved = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

func TestAnyReplicaOpensWhatAnotherHasSealed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := Position{
			Key: rapid.StringN(0, 128, 513).Draw(rt, "key"), ID: rapid.StringN(1, 63, 63).Draw(rt, "id"), Type: "User",
			Count: rapid.IntRange(0, 1000).Draw(rt, "count"), Issued: time.Unix(rapid.Int64Range(0, 1<<33).Draw(rt, "issued"), 0),
		}
		text := sealer(t, "secret", "query").Seal(want)
		if !unreserved.MatchString(text) || len(text) > maxLength {
			rt.Fatalf("the cursor %q has other than unreserved characters, or is too long", text)
		}
		got, err := sealer(t, "secret", "query").Open(text, want.Issued.Add(timeout), timeout)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestRefused(t *testing.T) {
	issued := time.Unix(1_800_000_000, 0)
	s := sealer(t, "secret", "query")
	good := s.Seal(Position{Key: "sSecret Name", ID: "x", Type: "User", Count: 10, Issued: issued})
	if strings.Contains(good, "c1NlY3JldCBOYW1l") {
		t.Error("the key can be read in the cursor")
	}
	for _, c := range []struct {
		reason string
		opener *Sealer
		text   string
		age    time.Duration
		want   scim.ErrorType
	}{
		{"it is good", s, good, 0, ""},
		{"a replica whose clock is behind", s, good, -time.Minute, ""},
		{"the last second", s, good, timeout + 999*time.Millisecond, ""},
		{"older than cursorTimeout", s, good, timeout + time.Second, scim.TypeExpiredCursor},
		{"another client's", sealer(t, "other", "query"), good, 0, scim.TypeInvalidCursor},
		{"another query's", sealer(t, "secret", "other"), good, 0, scim.TypeInvalidCursor},
		{"another query's and too old: nothing is said about it", sealer(t, "secret", "other"), good, time.Hour, scim.TypeInvalidCursor},
		{"forged", s, "YkU3OF86Pz0rGv", 0, scim.TypeInvalidCursor},
		{"cut off", s, good[:len(good)-1], 0, scim.TypeInvalidCursor},
		{"longer", s, good + "A", 0, scim.TypeInvalidCursor},
		{"with other characters", s, good + "=", 0, scim.TypeInvalidCursor},
		{"with a line break, which a decoder of base64 passes over", s, good[:4] + "\n" + good[4:], 0, scim.TypeInvalidCursor},
		{"very long", s, strings.Repeat("A", 1<<20), 0, scim.TypeInvalidCursor},
		{"of a form that does not exist yet", s, encoding.EncodeToString(s.aead.Seal(nil, nil, []byte{version + 1}, s.binding)), 0, scim.TypeInvalidCursor},
	} {
		_, err := c.opener.Open(c.text, issued.Add(c.age), timeout)
		if got := typeOf(err); got != c.want || c.want == "" && err != nil {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
	}
}

// TestNoByteCanBeChanged changes every character of a cursor into every other one.
func TestNoByteCanBeChanged(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	issued := time.Unix(1_800_000_000, 0)
	s := sealer(t, "secret", "query")
	good := s.Seal(Position{Key: "k", ID: "x", Type: "User", Count: 10, Issued: issued})
	for i := range good {
		for _, other := range []byte(alphabet) {
			if other == good[i] {
				continue
			}
			if _, err := s.Open(good[:i]+string(other)+good[i+1:], issued, timeout); typeOf(err) != scim.TypeInvalidCursor {
				t.Fatalf("with %q at %d: %v, want invalidCursor", other, i, err)
			}
		}
	}
}

// FuzzOpen feeds the opener, and, since nothing forged gets through it, what lies behind it.
func FuzzOpen(f *testing.F) {
	s := sealer(f, "secret", "query")
	p := Position{Key: "salice@example.com", ID: "alice-0123456789", Type: "User", Count: 100, Issued: time.Unix(1_800_000_000, 0)}
	for _, seed := range []string{"", "AAAA", "VZUTiyhEQJ94IR", s.Seal(p), string(p.encode()), "\x01", "\x02\x00\x00", "\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"\x01\x00\x01\x00\x00\x00", "\x01\x80\x00\x00\x00\x00\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := s.Open(text, p.Issued, timeout); err == nil && got != p {
			t.Errorf("%q was never sealed and opens as %+v", text, got)
		} else if err != nil && typeOf(err) != scim.TypeInvalidCursor {
			t.Errorf("%q: %v, want invalidCursor", text, err)
		}
		got, err := decode([]byte(text))
		if err != nil {
			return
		}
		again, err := decode(got.encode())
		if err != nil || again != got {
			t.Errorf("%q decodes to %+v, and that to %+v: %v", text, got, again, err)
		}
	})
}
