package scimapp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// refusal is an answer that is not 2xx. Its text has no part of the server's but a scimType that the standard knows: what a server says in
// detail may repeat what it was given.
type refusal struct {
	status   int
	scimType string
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("the server answered %d", r.status)
	if name := http.StatusText(r.status); name != "" {
		text += " " + name
	}
	if r.scimType != "" {
		text += " (" + r.scimType + ")"
	}
	return text
}

// statusOf is the status of an answer that was not 2xx, or 0.
func statusOf(err error) int {
	if r := new(refusal); errors.As(err, &r) {
		return r.status
	}
	return 0
}

// isBadFilter says that the server does not understand the filter of a query.
func isBadFilter(err error) bool {
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusNotImplemented, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// scimTypes are those of RFC 7644 table 9.
var scimTypes = regexp.MustCompile(`^(invalidFilter|tooMany|uniqueness|mutability|invalidSyntax|invalidPath|noTarget|invalidValue|invalidVers|sensitive)$`)

// refused makes an error of an answer that is not 2xx. one says that the request was about one resource, and not about the app.
func (c *Connector) refused(op string, a *answer, one bool) error {
	r := &refusal{status: a.status}
	if t, ok := attribute(a.object(), "scimType").(string); ok && scimTypes.MatchString(t) {
		r.scimType = t
	}
	err := connector.Errorf(kindOf(r, one), op, "%w%s", r, remedies[a.status])
	if redirects(a.status) {
		err = connector.Errorf(connector.Denied, op, "%w, which is not followed with a credential: correct the base URL", r)
	}
	if err.Kind == connector.Denied && a.status == http.StatusNotFound {
		err = connector.Errorf(connector.Denied, op, "%w: correct the base URL", r)
	}
	if err.Kind == connector.Transient {
		err.RetryAfter = retryAfter(a.header.Get("Retry-After"), c.options.Now)
	}
	return err
}

func redirects(status int) bool {
	return status >= http.StatusMultipleChoices && status < http.StatusBadRequest
}

var remedies = map[int]string{
	http.StatusUnauthorized:       ": renew the credential",
	http.StatusForbidden:          ": let the credential read and change users and groups",
	http.StatusRequestURITooLong:  ": map the name to a shorter one",
	http.StatusPreconditionFailed: ", because somebody else made a change at the same moment",
}

func kindOf(r *refusal, one bool) connector.Kind {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return connector.Denied
	case http.StatusNotFound:
		if one {
			return connector.Transient // It was there a moment ago.
		}
		return connector.Denied
	case http.StatusConflict:
		return connector.Conflict
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return connector.Unsupported
	case http.StatusRequestTimeout, http.StatusPreconditionFailed, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return connector.Transient
	}
	if r.status >= http.StatusInternalServerError || r.status < http.StatusOK {
		return connector.Transient
	}
	return connector.Rejected
}

// maxRetryAfter bounds what a server can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads seconds or a date, after RFC 9110 section 10.2.3. It is 0 when there is none, or none that can be read.
func retryAfter(text string, now func() time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return min(max(0, time.Duration(seconds)*time.Second), maxRetryAfter)
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, date.Sub(now())), maxRetryAfter)
}

// unreachable makes an error of an exchange that came to no answer. The URL is left out of it: names are in its filter.
func unreachable(op string, err error) error {
	if typed := new(connector.Error); errors.As(err, &typed) {
		return connector.Errorf(typed.Kind, op, "%w", typed.Err) // A Dial that refuses addresses says why.
	}
	err = unwrapURL(err)
	if isUntrusted(err) {
		return connector.Errorf(connector.Denied, op, "the server cannot be trusted: %w", err)
	}
	return connector.Errorf(connector.Transient, op, "%w", err)
}

func unwrapURL(err error) error {
	if of := new(url.Error); errors.As(err, &of) {
		return of.Err
	}
	return err
}

func isRefusedByUs(err error) bool { return errors.As(err, new(*connector.Error)) }

// isUntrusted says that the server did not prove what it is.
func isUntrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(tls.RecordHeaderError))
}

// partly is the error of a call that changed something before it failed: no kind that says the opposite remains.
func partly(changed bool, op string, err error) error {
	if err == nil || !changed {
		return err
	}
	switch connector.KindOf(err) {
	case connector.Conflict, connector.Rejected, connector.Unsupported, connector.Protected:
		typed := new(connector.Error)
		errors.As(err, &typed)
		return connector.Errorf(connector.Transient, op, "a part of the change was made, then: %w", typed.Err)
	}
	return err
}
