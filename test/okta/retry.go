package okta

import (
	"context"
	"strconv"
	"time"
)

const (
	// MaxRetries is how often Okta repeats a request that was answered 429 before it gives up for good.
	MaxRetries = 10
	// DefaultRetryAfter is how long Okta waits when Retry-After is missing, a date, or anything else but an integer.
	DefaultRetryAfter = 5 * time.Minute
)

// retryDelay is the time to wait before the retry with this number, from 0: the server's Retry-After in integer seconds, doubled
// with every retry.
func retryDelay(header string, retry int) time.Duration {
	base := DefaultRetryAfter
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		base = time.Duration(seconds) * time.Second
	}
	return base << retry
}

// sleep waits for d, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
