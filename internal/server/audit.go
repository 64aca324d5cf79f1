package server

import (
	"net/http"
	"time"
)

// logRequest writes the one line that a request leaves behind: who did what to which resource, and what came of it. It has no
// values, no query, no body and no token. Causes are written only for trouble on this side, and for what the cluster's own rules
// forbid, because nobody else can tell which rule it was: those of other refused requests may quote what the client sent.
func (h *Handler) logRequest(c *call, a *answer) {
	directory := ""
	if c.directory != nil {
		directory = c.directory.Name
	}
	fields := []any{
		"requestID", c.requestID,
		"directory", directory,
		"credential", c.credential,
		"method", shorten(c.request.Method),
		"route", c.route,
		"id", shorten(c.id),
		"status", a.status,
		"durationMs", float64(h.cfg.Clock.Since(c.started).Microseconds()) / float64(time.Millisecond/time.Microsecond),
	}
	if c.operation > 0 {
		fields = append(fields, "bulkOperation", c.operation)
	}
	if a.errorType != "" {
		fields = append(fields, "scimType", string(a.errorType))
	}
	if c.stack != "" {
		fields = append(fields, "stack", c.stack)
	}
	refused := a.status >= http.StatusBadRequest && a.status < http.StatusInternalServerError &&
		a.status != http.StatusTooManyRequests && a.status != http.StatusForbidden
	if c.cause != nil && !refused {
		h.cfg.Log.Error(c.cause, "Request met trouble", fields...)
		return
	}
	h.cfg.Log.Info("Request served", fields...)
}
