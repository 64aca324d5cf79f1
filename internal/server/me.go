package server

import (
	"context"
	"net/http"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// me answers /Me. A credential belongs to an identity provider and not to a person, so that there is nobody whom the alias could stand
// for; RFC 7644 section 3.11 has a 501 for that.
func (h *Handler) me(context.Context, *call) (*answer, error) {
	return nil, &scim.Error{Status: http.StatusNotImplemented, Detail: "/Me stands for the user who sends the request, and the credential is an identity provider's. Use /Users/ID."}
}
