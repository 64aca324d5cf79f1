package bench_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// BenchmarkFilterParse takes filters as real clients send them, and one that nests without end.
func BenchmarkFilterParse(b *testing.B) {
	for _, example := range []struct{ name, filter string }{
		{"one", `userName eq "alice@example.com"`},
		{"three", `userName eq "alice@example.com" and active eq true and emails[type eq "work" and value co "@example.com"]`},
	} {
		b.Run(example.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := filter.Parse(schema.User(), example.filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, depth := range []int{1000, 10_000} {
		deep := strings.Repeat("(", depth) + `userName pr` + strings.Repeat(")", depth)
		b.Run(fmt.Sprintf("refused/nested=%d", depth), func(b *testing.B) {
			for b.Loop() {
				if _, err := filter.Parse(schema.User(), deep); err == nil {
					b.Fatal("nesting without end was accepted")
				}
			}
		})
	}
}

// BenchmarkFilterGrowth compares a filter with one of twice the length: the time to parse it must not grow by more than that.
func BenchmarkFilterGrowth(b *testing.B) {
	clauses := func(n int) string { return strings.Repeat(`userName eq "a" or `, n-1) + `userName eq "a"` }
	text := func(n int) string { return `userName eq "` + strings.Repeat("a", 60*n) + `"` }
	for name, of := range map[string]func(n int) string{"clauses": clauses, "text": text} {
		for _, n := range []int{8, 16, 32} {
			b.Run(fmt.Sprintf("%s=%d", name, n), func(b *testing.B) {
				compare(b, parsing(b, "single", of(n)), parsing(b, "double", of(2*n)))
			})
		}
	}
}

// parsing parses a filter ten times: one is too short for the clock, and many are so long that other processes come between.
func parsing(b *testing.B, name, text string) *timed {
	return &timed{name: name, do: func() {
		for range 10 {
			if _, err := filter.Parse(schema.User(), text); err != nil {
				b.Fatal(err)
			}
		}
	}}
}
