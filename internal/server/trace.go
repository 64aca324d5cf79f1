package server

import (
	"context"
	"net/http"

	"github.com/scim-operator/scim-operator/internal/tracing"
)

// trace begins the span of a request that a credential has let in. Whoever has none leaves no span, because a flood of guesses would otherwise
// take the room that the traces of others need; the metrics and the audit log count them.
func (h *Handler) trace(ctx context.Context, c *call) context.Context {
	if c.credential == "" {
		return ctx
	}
	ctx, c.span = h.cfg.Tracer.Request(ctx, c.request.Header, c.started, tracing.Directory(c.directory.Name))
	return ctx
}

// kinds are the kinds of the objects that are a resource below an endpoint.
var kinds = map[string]string{"Users": "ScimUser", "Me": "ScimUser", "Groups": "ScimRole"}

// endSpan says in the span what came of the request. An id is there only if the server has a resource of it: others are what a client likes.
func (c *call) endSpan(a *answer) {
	if kind := kinds[firstSegment(c.route)]; kind != "" && c.id != "" && a.status < http.StatusBadRequest {
		c.span.Set(tracing.Kind(kind), tracing.Name(c.id))
	}
	c.span.EndRequest(knownMethod(c.request.Method), c.route, a.status, string(a.errorType))
}
