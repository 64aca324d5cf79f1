package bench_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// BenchmarkFilterParse takes the filters of real clients, and ones that grow, for their time must grow no faster than they do.
func BenchmarkFilterParse(b *testing.B) {
	clauses := func(n int) string { return strings.Repeat(`userName eq "a" or `, n-1) + `userName eq "a"` }
	text := func(n int) string { return `userName eq "` + strings.Repeat("a", n) + `"` }
	for _, example := range []struct{ name, filter string }{
		{"one", `userName eq "alice@example.com"`},
		{"three", `userName eq "alice@example.com" and active eq true and emails[type eq "work" and value co "@example.com"]`},
		{"clauses=16", clauses(16)}, {"clauses=32", clauses(32)}, {"clauses=64", clauses(64)},
		{"text=1000", text(1000)}, {"text=2000", text(2000)}, {"text=4000", text(4000)},
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
