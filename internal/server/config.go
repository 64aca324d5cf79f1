package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// The limits that hold where Config leaves them zero.
const (
	// DefaultUserBodyLimit is the size of the largest body that /Users takes, in bytes.
	DefaultUserBodyLimit = 1 << 20
	// DefaultGroupBodyLimit is the size of the largest body that /Groups takes, in bytes: a whole membership of 100,000.
	DefaultGroupBodyLimit = 16 << 20
	// DefaultBulkBodyLimit is the size of the largest body that /Bulk takes, in bytes.
	DefaultBulkBodyLimit = 8 << 20
	// DefaultRequestTimeout is the time that a request may take. Okta closes the connection at 60 seconds and does not send the
	// request again by itself, so the answer that asks for that must come earlier.
	DefaultRequestTimeout = 50 * time.Second
	// DefaultPageSize is the number of resources on a page when the client does not say.
	DefaultPageSize = 100
	// DefaultMaxPageSize is the number of resources on the largest page.
	DefaultMaxPageSize = 1000
	// DefaultCursorTimeout is how long a client may wait before it asks for the next page of a list by cursor.
	DefaultCursorTimeout = 10 * time.Minute
	// DefaultFailuresPerSource is the number of wrong credentials a minute from one address that are answered 401.
	DefaultFailuresPerSource = 60
	// DefaultFailures is the number of wrong credentials a minute from everywhere that are answered 401.
	DefaultFailures = 600
)

// Directories finds the directory that a path names.
type Directories interface {
	// Directory returns the ScimDirectory of that name, or nil when there is none. The result belongs to a cache and must not be
	// changed. It is asked before the credential is checked, so it must not cost a call of the API server.
	Directory(ctx context.Context, name string) (*v1alpha1.ScimDirectory, error)
}

// Config is what a Handler works with. Zero limits mean the defaults.
type Config struct {
	// Store holds users and roles.
	Store Store
	// Directories finds the directory of a path.
	Directories Directories
	// LiveDirectories reads a directory itself, a few times a second at most, when a credential matches nothing that is known: it may be
	// newer than what Directories knows. Nil means that such a credential is refused until Directories knows it.
	LiveDirectories Directories
	// Tokens checks bearer tokens.
	Tokens *Tokens
	// Activity is told of every request with a valid credential; it may be nil.
	Activity *Activity
	// Log gets what goes wrong on this side; without Audit also one line a request.
	Log logr.Logger
	// Audit gets one line a request; it may be nil.
	Audit *AuditLog
	// Metrics count the requests; it may be nil.
	Metrics *Metrics
	// Tracer makes the spans of requests; it may be nil.
	Tracer *tracing.Tracer
	// Clock measures durations; nil means the real one.
	Clock clock.PassiveClock

	// ExternalURL is the scheme, host and optional path under which clients reach this server, without /scim. It makes
	// meta.location. Empty means the scheme and host of each request.
	ExternalURL string

	// UserBodyLimit, GroupBodyLimit and BulkBodyLimit are the sizes, in bytes, beyond which a body is answered 413.
	UserBodyLimit, GroupBodyLimit, BulkBodyLimit int64
	// RequestTimeout is the time after which a request is answered 429.
	RequestTimeout time.Duration
	// PageSize and MaxPageSize are the number of resources on a page without and with the parameter count.
	PageSize, MaxPageSize int
	// CursorTimeout is the age beyond which a cursor is refused; it counts in whole seconds.
	CursorTimeout time.Duration
	// FailuresPerSource and Failures are the numbers of wrong credentials a minute, from one address and in all, beyond which others
	// are answered 429. Valid credentials are neither counted nor held back. The same numbers of requests without a credential are let
	// in where a directory's discovery is public.
	FailuresPerSource, Failures int
}

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Directories == nil || c.Tokens == nil {
		return c, errors.New("server: Store, Directories and Tokens are required")
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	c.ExternalURL = strings.TrimRight(c.ExternalURL, "/")
	c.UserBodyLimit = orDefault(c.UserBodyLimit, DefaultUserBodyLimit)
	c.GroupBodyLimit = orDefault(c.GroupBodyLimit, DefaultGroupBodyLimit)
	c.BulkBodyLimit = orDefault(c.BulkBodyLimit, DefaultBulkBodyLimit)
	c.RequestTimeout = orDefault(c.RequestTimeout, DefaultRequestTimeout)
	c.MaxPageSize = orDefault(c.MaxPageSize, DefaultMaxPageSize)
	c.PageSize = min(orDefault(c.PageSize, DefaultPageSize), c.MaxPageSize)
	c.CursorTimeout = orDefault(c.CursorTimeout, DefaultCursorTimeout)
	c.FailuresPerSource = orDefault(c.FailuresPerSource, DefaultFailuresPerSource)
	c.Failures = orDefault(c.Failures, DefaultFailures)
	return c, nil
}

func orDefault[T int | int64 | time.Duration](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}
