package scimapp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

const defaultTimeout = 30 * time.Second

// Options are how to reach an app, and how to treat it. Nothing else is read: neither environment variables such as HTTPS_PROXY nor files.
type Options struct {
	// BaseURL is what "/Users" is appended to, for example https://app.example.com/scim/v2.
	BaseURL string
	Auth    Auth
	// Profile says what the app takes; the zero value means Generic.
	Profile Profile

	// RootCAs sign the server's certificate, and that of the token URL; nil means the system's.
	RootCAs *x509.CertPool
	// Dial connects, and may refuse addresses; nil means a plain net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds each exchange. It is 30 s when it is 0.
	Timeout time.Duration
	// AllowLoopbackHTTP lets http:// URLs be used whose host is a loopback address, which tests do.
	AllowLoopbackHTTP bool

	// Protected are userNames of accounts that are never touched, and that nobody gets.
	Protected []string
	// ProtectedGroups are displayNames of groups that are never given.
	ProtectedGroups []string

	// Now is the time, which a Retry-After with a date is compared to; nil means time.Now.
	Now func() time.Time
}

// withDefaults checks the options and fills in what they leave out.
func (o Options) withDefaults() (Options, error) {
	base, err := o.checkURL("the base URL", o.BaseURL)
	if err != nil {
		return o, err
	}
	o.BaseURL = strings.TrimSuffix(base, "/")
	if o.Profile.Name == "" {
		o.Profile = Generic()
	}
	if err := o.Profile.check(); err != nil {
		return o, err
	}
	if !strings.HasSuffix(o.BaseURL, o.Profile.Path) {
		return o, fmt.Errorf("the base URL of %s ends with %s: correct it", o.Profile.Name, o.Profile.Path)
	}
	if err := o.checkAuth(); err != nil {
		return o, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// checkURL refuses what could carry a credential in the clear or in a log. The error does not repeat the URL, which may have one in it.
func (o Options) checkURL(what, text string) (string, error) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Host == "" || parsed.Opaque != "":
		return "", fmt.Errorf("%s is not a URL such as https://app.example.com/scim/v2", what)
	case parsed.User != nil:
		return "", fmt.Errorf("%s has a user name in it: give the credential by auth", what)
	case parsed.RawQuery != "" || parsed.ForceQuery || strings.Contains(text, "#"):
		return "", fmt.Errorf("%s has a query or a fragment: leave that away", what)
	case parsed.Scheme == "https":
		return parsed.String(), nil
	case parsed.Scheme == "http" && o.AllowLoopbackHTTP && isLoopback(parsed.Hostname()):
		return parsed.String(), nil
	}
	return "", fmt.Errorf("%s must begin with https://, because a credential goes there", what)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (o Options) checkAuth() error {
	kind, err := o.Auth.kind()
	if err != nil {
		return err
	}
	if !o.Profile.takes(kind) {
		return fmt.Errorf("%s does not take the credential as %s: use %s", o.Profile.Name, kind, join(o.Profile.Auth))
	}
	if o.Auth.ClientCredentials == nil {
		return nil
	}
	if o.Auth.ClientCredentials.ClientID == "" || o.Auth.ClientCredentials.ClientSecret == "" {
		return errors.New("the client credentials need a client id and a client secret")
	}
	_, err = o.checkURL("the token URL", o.Auth.ClientCredentials.TokenURL)
	return err
}
