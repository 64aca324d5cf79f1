package bench_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkCached is what the cache alone answers: pages, and filters that no index knows.
func BenchmarkCached(b *testing.B) {
	for _, n := range []int{1000, 50_000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			w := cached(b, n)
			if list := w.text(b, http.StatusOK, "GET", "/Users?count=0", ""); !strings.Contains(list, fmt.Sprintf(`"totalResults":%d,`, n)) {
				b.Fatalf("the list is not the %d users: %.200s", n, list)
			}
			for name, path := range map[string]string{
				"page=first":         "/Users?count=100",
				"page=last":          fmt.Sprintf("/Users?count=100&startIndex=%d", n-99),
				"page=userName-only": "/Users?count=100&attributes=userName",
				"filter=displayName": "/Users?count=100&filter=" + url.QueryEscape(`displayName eq "User 77"`),
				"filter=emails":      "/Users?count=100&filter=" + url.QueryEscape(`emails[type eq "work" and value sw "user.00077@"]`),
				"sorted=userName":    "/Users?count=100&sortBy=userName",
			} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					withCPU(b, func() { w.send(b, http.StatusOK, "GET", path, nil, nil) })
				})
			}
		})
	}
}
