package okta

import (
	"testing"
	"time"
)

func TestRetryDelay(t *testing.T) {
	tests := map[string]struct {
		reason string
		header string
		retry  int
		want   time.Duration
	}{
		"Integer":     {"Okta waits the integer seconds that it is told", "3", 0, 3 * time.Second},
		"Doubles":     {"the wait doubles with every retry", "3", 2, 12 * time.Second},
		"Last":        {"the tenth wait after a second is 512 seconds", "1", 9, 512 * time.Second},
		"Zero":        {"zero is an integer", "0", 4, 0},
		"Missing":     {"without the header Okta waits five minutes", "", 0, 5 * time.Minute},
		"Date":        {"an HTTP date is no integer", "Wed, 21 Oct 2026 07:28:00 GMT", 0, 5 * time.Minute},
		"Fraction":    {"a fraction is no integer", "1.5", 1, 10 * time.Minute},
		"Negative":    {"a negative number is not a wait", "-1", 0, 5 * time.Minute},
		"WordNull":    {"null is no integer", "null", 0, 5 * time.Minute},
		"BeyondRange": {"a number beyond 31 bits must not overflow", "99999999999", 0, 5 * time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := retryDelay(tc.header, tc.retry); got != tc.want {
				t.Errorf("%s: retryDelay(%q, %d) = %v, want %v", tc.reason, tc.header, tc.retry, got, tc.want)
			}
		})
	}
}
