package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// authenticate fills in the credential that the request presents, or returns an error: 401 for a missing or wrong one, 429 while the
// directory's Secrets cannot be read, and 429 in the place of 401 for a source that has sent too many wrong ones.
//
// What is known to be right is let in before anything is counted, so that others' guesses cannot lock it out.
func (h *Handler) authenticate(ctx context.Context, c *call, directory *v1alpha1.ScimDirectory) error {
	shown := presentedBy(c.request.Header)
	if shown.secret == "" {
		return unauthorized(false)
	}
	now := h.cfg.Tokens.clock.Now()
	found, err := h.cfg.Tokens.Match(ctx, directory.Spec.Credentials, shown)
	if err == nil && (found == nil || !found.ValidAt(now)) {
		if wait := h.failures.charge(c.request.RemoteAddr, h.cfg.Clock.Now()); wait > 0 {
			return tooManyFailures(wait)
		}
		found, err = h.cfg.Tokens.MatchLive(ctx, h.newest.of(ctx, directory).Spec.Credentials, shown)
	}
	switch {
	case err != nil:
		return scim.TryAgain(5*time.Second, "The credential cannot be checked at the moment. Please send the request again.", err)
	case found == nil:
		return unauthorized(true)
	}
	// An expired credential is named in the log, because whoever sent it knows its secret, but not in the answer.
	c.credential = found.Name
	if !found.ValidAt(now) {
		return unauthorized(true)
	}
	c.readOnly, c.tokenKey, c.userID = found.Access == v1alpha1.AccessReadOnly, deriveKey(shown.secret), found.UserID
	return nil
}

// presented is what a request shows of a credential.
type presented struct {
	// basic is true for a user name and a password, which are then in secret with a colon between them (RFC 7617 section 2).
	basic  bool
	secret string
}

// presentedBy takes the token, or user name and password, out of the header Authorization. The scheme is compared without regard to
// case (RFC 7235 section 2.1) and may be missing, because Okta's header authentication sends what an administrator types.
func presentedBy(header http.Header) presented {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return presented{}
	}
	value := strings.TrimSpace(values[0])
	scheme, rest, found := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case !found && (strings.EqualFold(value, "Bearer") || strings.EqualFold(value, "Basic")):
		return presented{}
	case !found:
		return presented{secret: value}
	case strings.EqualFold(scheme, "Bearer"):
		return presented{secret: rest}
	case strings.EqualFold(scheme, "Basic"):
		return presented{basic: true, secret: decodeBasic(rest)}
	}
	return presented{}
}

// decodeBasic gives back as it is what is no base64 of a user name and a password, so that it counts as a wrong one.
func decodeBasic(encoded string) string {
	pair, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return encoded
	}
	return string(pair)
}

// deriveKey makes the key that a request's token stands for. It is not the plain hash of the token, because that may be stored where
// others can read it.
func deriveKey(token string) [sha256.Size]byte {
	return sha256.Sum256([]byte("scim-operator request key\x00" + token))
}

// unauthorized says the same for a directory without credentials, a revoked or expired token and a token of another directory.
func unauthorized(shown bool) *scim.Error {
	detail := "A credential is required: send the header Authorization with one that this directory knows, for example Authorization: Bearer TOKEN."
	if shown {
		detail = "The token or password in the header Authorization is not valid for this directory, or not at this time. " +
			"Enter one that the ScimDirectory's spec.credentials names."
	}
	return &scim.Error{Status: http.StatusUnauthorized, Detail: detail}
}

// tooManyFailures is not for long and not for whoever has a valid credential.
func tooManyFailures(wait time.Duration) *scim.Error {
	return &scim.Error{
		Status:     http.StatusTooManyRequests,
		RetryAfter: wait,
		Detail:     "Too many requests came with credentials that are not valid. Check the credential; one that is valid is not held back.",
	}
}

// challenges are the values of WWW-Authenticate in a 401: the schemes that the directory's credentials have (RFC 9110 section 11.6.1).
func challenges(directory *v1alpha1.ScimDirectory) []string {
	bearer, basic := schemesOf(directory)
	var values []string
	if bearer {
		values = append(values, `Bearer realm="scim"`)
	}
	if basic {
		values = append(values, `Basic realm="scim", charset="UTF-8"`)
	}
	return values
}

// schemesOf says which schemes a directory's credentials have. Without any credential it is Bearer, since a 401 must name one.
func schemesOf(directory *v1alpha1.ScimDirectory) (bearer, basic bool) {
	if directory != nil {
		for i := range directory.Spec.Credentials {
			isBasic := directory.Spec.Credentials[i].BasicSecretRef.Name != ""
			bearer, basic = bearer || !isBasic, basic || isBasic
		}
	}
	return bearer || !basic, basic
}

func suspended(directory string) *scim.Error {
	return &scim.Error{Status: http.StatusForbidden, Detail: "ScimDirectory " + directory +
		" is suspended, so nothing was read or changed. Set its spec.suspend to false to let the identity provider in again."}
}

// checkAccess refuses what a read-only credential may not do.
func (c *call) checkAccess(r route) error {
	if !c.readOnly || r.reads() {
		return nil
	}
	return &scim.Error{Status: http.StatusForbidden, Detail: "The credential " + c.credential +
		" may only read, so nothing was changed. Use another one, or set its access to ReadWrite in the ScimDirectory's spec.credentials."}
}

// reads says whether a route changes nothing. Searches are sent as POST (RFC 7644 section 3.4.3).
func (r route) reads() bool {
	return r.method == http.MethodGet || (r.method == http.MethodPost && strings.HasSuffix(r.path, "/.search"))
}
