package server

import (
	"context"
	"net/http"
	"strconv"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// me serves the alias /Me (RFC 7644 section 3.11) by what serves /Users/{id}, for the user whom the ScimDirectory says that the
// credential acts for. The alias gives no right: what the credential may do, and whose users it sees, is decided as for any path.
func me(serve func(*Handler, context.Context, *call) (*answer, error)) func(*Handler, context.Context, *call) (*answer, error) {
	return func(h *Handler, ctx context.Context, c *call) (*answer, error) {
		if c.userID == "" {
			return nil, notImplemented("/Me stands for the user whom a credential acts for, and the credential " + c.credential +
				" acts for none. Use /Users/ID, or name the user in userID of that credential in the ScimDirectory's spec.credentials.")
		}
		c.id = c.userID
		a, err := serve(h, ctx, c)
		if isNotFound(err) {
			return nil, &scim.Error{Status: http.StatusNotFound, Cause: err, Detail: "The credential " + c.credential + " acts for the user " +
				strconv.Quote(c.userID) + ", who does not exist in this directory. Correct userID of that credential in the ScimDirectory's spec.credentials."}
		}
		if err == nil && a.status != http.StatusNoContent {
			a.header.Set("Location", translate.UserLocation(c.base, c.id))
		}
		return a, err
	}
}

// createMe answers a POST to /Me. It would register the person who sends it, and people are registered by identity providers.
func (h *Handler) createMe(context.Context, *call) (*answer, error) {
	return nil, notImplemented("Nobody can register by POST to /Me. Create users by POST to /Users.")
}

func notImplemented(detail string) *scim.Error {
	return &scim.Error{Status: http.StatusNotImplemented, Detail: detail}
}
