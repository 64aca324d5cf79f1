package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Time shows a time in UTC, and nothing as nothing.
func Time(t *metav1.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Ago shows how long ago a time was, or that it is to come.
func Ago(t *metav1.Time, now time.Time) string {
	switch {
	case t == nil || t.IsZero():
		return ""
	case t.After(now):
		return "in " + duration.HumanDuration(t.Sub(now))
	}
	return duration.HumanDuration(now.Sub(t.Time)) + " ago"
}

// Count shows a number that may not be known yet.
func Count(n *int32) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(int(*n))
}

// Plural puts a number before a noun whose plural has an s.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Duration is a flag for a length of time that people write in days, too: 90d, 24h, 30m, 1d12h.
type Duration time.Duration

// Set implements pflag.Value.
func (d *Duration) Set(text string) error {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "", text
	}
	var total time.Duration
	if days != "" {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no length of time: write for example 90d, 24h or 30m", text)
		}
		total = time.Duration(n) * 24 * time.Hour
	}
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 {
			return fmt.Errorf("%q is no length of time: write for example 90d, 24h or 30m", text)
		}
		total += more
	}
	if text == "" || total < 0 {
		return fmt.Errorf("%q is no length of time: write for example 90d, 24h or 30m", text)
	}
	*d = Duration(total)
	return nil
}

// String implements pflag.Value.
func (d *Duration) String() string {
	if *d == 0 {
		return ""
	}
	whole := time.Duration(*d)
	days := whole / (24 * time.Hour)
	text := ""
	if days > 0 {
		text = strconv.Itoa(int(days)) + "d"
	}
	if rest := whole % (24 * time.Hour); rest > 0 {
		text += rest.String()
	}
	return text
}

// Type implements pflag.Value.
func (*Duration) Type() string { return "duration" }
