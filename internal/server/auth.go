package server

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// authenticate fills in the credential that the request presents, or returns an error: 401 for a missing or wrong token, 429 while
// the directory's Secrets cannot be read.
func (h *Handler) authenticate(ctx context.Context, c *call, directory *v1alpha1.ScimDirectory) error {
	token := bearerToken(c.request.Header)
	name, err := h.cfg.Tokens.Match(ctx, directory.Spec.Credentials, token)
	if err != nil {
		return scim.TryAgain(5*time.Second, "The token cannot be checked at the moment. Please send the request again.", err)
	}
	if name == "" {
		return unauthorized(token != "")
	}
	c.credential, c.tokenKey = name, deriveKey(token)
	return nil
}

// deriveKey makes the key that a request's token stands for. It is not the plain hash of the token, because that may be stored where
// others can read it.
func deriveKey(token string) [sha256.Size]byte {
	return sha256.Sum256([]byte("scim-operator request key\x00" + token))
}

// bearerToken takes the token out of the header Authorization. The scheme is compared without regard to case (RFC 7235 section 2.1)
// and may be missing, because Okta's header authentication sends what an administrator types.
func bearerToken(header http.Header) string {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	value := strings.TrimSpace(values[0])
	scheme, token, found := strings.Cut(value, " ")
	switch {
	case !found && strings.EqualFold(value, "Bearer"):
		return ""
	case !found:
		return value
	case strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(token)
	}
	return ""
}

// unauthorized says the same for a directory without credentials, a revoked token and a token of another directory.
func unauthorized(presented bool) *scim.Error {
	detail := "A bearer token is required: send the header Authorization: Bearer TOKEN."
	if presented {
		detail = "The bearer token is not valid for this directory. Enter a token that one of the Secrets in the ScimDirectory's spec.credentials holds."
	}
	return &scim.Error{Status: http.StatusUnauthorized, Detail: detail}
}

// challenge is the value of WWW-Authenticate in every 401 (RFC 6750 section 3).
const challenge = `Bearer realm="scim"`

func suspended(directory string) *scim.Error {
	return &scim.Error{Status: http.StatusForbidden, Detail: "ScimDirectory " + directory +
		" is suspended, so nothing was read or changed. Set its spec.suspend to false to let the identity provider in again."}
}
