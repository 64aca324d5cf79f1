package okta

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Okta's own limits.
const (
	// RequestTimeout is how long Okta waits for one answer.
	RequestTimeout = 60 * time.Second
	// PageSize is the count that Okta asks for in filters and imports.
	PageSize = 100
	// BatchSize is the number of membership changes that an OIN app sends in one PATCH, unless it is set otherwise.
	BatchSize = 100
	// maxBaseURL is the length of the longest base URL that Okta's form takes.
	maxBaseURL = 1024
)

// Config says which server to push to, and how.
type Config struct {
	// BaseURL is the SCIM base URL, for example https://scim.example.com/scim/okta/v2. Okta takes https only, at most 1,024
	// characters, and no underscore.
	BaseURL string
	// Token is the bearer token. It is sent and never recorded.
	Token string
	// Dialect is the kind of app; the default is AIW.
	Dialect Dialect
	// RootCAs are the authorities that the server's certificate is checked against; nil stands for those of the system.
	RootCAs *x509.CertPool
	// BatchSize is the number of membership changes in one PATCH; the default is 100, the highest that Okta offers is 1,000.
	BatchSize int
	// Timeout is the limit of one request; the default is Okta's 60 seconds.
	Timeout time.Duration
	// Sleep waits between retries; the default waits for real.
	Sleep func(context.Context, time.Duration) error
	// Header replaces headers of Okta's, for a client of another make; an empty value leaves the header out.
	Header map[string]string
	// Dial connects to the server, where its name does not lead there by itself; nil for as usual.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Observe, when set, is called with every exchange, from the goroutine that made it, and Exchanges records nothing.
	Observe func(Exchange)
}

// Exchange is one request and its answer, without headers and bodies, so that neither tokens nor passwords are in it.
type Exchange struct {
	// Method and Path say what was asked; Path includes the query and starts after the base URL.
	Method, Path string
	// Status is the HTTP status, 0 when no answer came.
	Status int
	// Duration is the time from sending the request to the end of the answer.
	Duration time.Duration
	// Retry is 0 for a first try.
	Retry int
	// RetryAfter is that header of an answer 429.
	RetryAfter string
}

// Client is one Okta app. Its methods may be called from several goroutines.
type Client struct {
	config Config
	http   *http.Client

	mu        sync.Mutex
	exchanges []Exchange
}

// New makes a client. It refuses what Okta's own form refuses.
func New(config Config) (*Client, error) {
	base, err := checkBaseURL(config.BaseURL)
	if err != nil {
		return nil, err
	}
	config.BaseURL = base
	if config.Dialect == "" {
		config.Dialect = AIW
	}
	if config.Dialect != AIW && config.Dialect != OIN {
		return nil, fmt.Errorf("dialect %q is neither AIW nor OIN", config.Dialect)
	}
	if config.BatchSize == 0 {
		config.BatchSize = BatchSize
	}
	if config.Timeout == 0 {
		config.Timeout = RequestTimeout
	}
	if config.Sleep == nil {
		config.Sleep = sleep
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12},
		// The client asks for gzip itself, as Okta does, so the transport must not do it unseen.
		DisableCompression:  true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		DialContext:         config.Dial,
	}
	return &Client{config: config, http: &http.Client{Transport: transport, CheckRedirect: noRedirect}}, nil
}

// noRedirect refuses redirects, which would carry a bearer token elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func checkBaseURL(raw string) (string, error) {
	parsed, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("base URL: %w", err)
	}
	switch {
	case parsed.Scheme != "https":
		return "", errors.New("base URL: okta takes https only")
	case strings.Contains(raw, "_"):
		return "", errors.New("base URL: okta takes no underscore")
	case len(raw) > maxBaseURL:
		return "", fmt.Errorf("base URL: okta takes at most %d characters", maxBaseURL)
	}
	return raw, nil
}

// Dialect is the kind of app that the client stands for.
func (c *Client) Dialect() Dialect { return c.config.Dialect }

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Exchanges are the requests made so far, in the order in which their answers came.
func (c *Client) Exchanges() []Exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Exchange(nil), c.exchanges...)
}

// Forget empties the record of exchanges.
func (c *Client) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchanges = nil
}

func (c *Client) record(e Exchange) {
	if c.config.Observe != nil {
		c.config.Observe(e)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchanges = append(c.exchanges, e)
}

// randomPassword is the placeholder that Okta puts in the place of a password when it syncs none.
func randomPassword() string { return rand.Text()[:16] }
