package server

import (
	"fmt"
	"testing"
	"time"
)

func TestFailureLimits(t *testing.T) {
	start := time.Unix(1000, 0)
	limits := newFailureLimits(3, 5)
	type attempt struct {
		reason string
		from   string
		after  time.Duration
		want   time.Duration
	}
	attempts := []attempt{
		{"the first ones are answered", "192.0.2.1:1000", 0, 0},
		{"another port is the same source", "192.0.2.1:1001", 0, 0},
		{"an IPv4 address in IPv6 form is the same source", "[::ffff:192.0.2.1]:1001", 0, 0},
		{"the fourth is too much, and one more is allowed a third of a minute later", "192.0.2.1:1000", 0, 20 * time.Second},
		{"what was refused is not counted", "192.0.2.1:1000", 0, 20 * time.Second},
		{"another source has its own count", "192.0.2.2:1000", 0, 0},
		{"the fifth in all", "[2001:db8::1]:1000", 0, 0},
		{"the sixth in all is too much, whoever sends it, and a fifth of a minute does for one", "192.0.2.3:1000", 0, 12 * time.Second},
		{"what was refused for the sake of all is not counted for the source", "192.0.2.3:1000", 12 * time.Second, 0},
		{"after twelve seconds the first source's own limit still holds", "192.0.2.1:1000", 12 * time.Second, 8 * time.Second},
		{"after a minute the source is let off", "192.0.2.1:1000", time.Minute, 0},
	}
	for i, a := range attempts {
		if got := limits.charge(a.from, start.Add(a.after)).Round(time.Millisecond); got != a.want {
			t.Errorf("attempt %d, %s: charge() = %s, want %s", i+1, a.reason, got, a.want)
		}
	}
}

func TestFailureLimitsAreBounded(t *testing.T) {
	limits := newFailureLimits(60, 1_000_000)
	for i := range 3 * maxSources {
		limits.charge(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff), time.Unix(0, 0))
	}
	if got := limits.sources.Len(); got != maxSources {
		t.Errorf("%d sources are remembered, want %d: memory must not follow the number of addresses", got, maxSources)
	}
}

func TestSourceOf(t *testing.T) {
	cases := map[string]struct{ reason, address, want string }{
		"ipv4":      {"an IPv4 address is one source", "192.0.2.1:443", "192.0.2.1/32"},
		"mapped":    {"the form of the address does not matter", "[::ffff:192.0.2.1]:443", "192.0.2.1/32"},
		"ipv6":      {"whoever has one address of a network has all of them", "[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"},
		"linkLocal": {"a zone is a name on this machine only", "[fe80::1%eth0]:443", "fe80::/64"},
		"none":      {"what is no address is a source like any other", "@", "invalid Prefix"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sourceOf(tc.address).String(); got != tc.want {
				t.Errorf("%s: sourceOf(%q) = %s, want %s", tc.reason, tc.address, got, tc.want)
			}
		})
	}
}
