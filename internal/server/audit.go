package server

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// logRequest counts a request and writes the one line that it leaves behind: who did what to which resource, and what came of it. It has no
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
		"durationMs", h.durationMs(c),
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
	h.cfg.Metrics.count(c, a.status, h.cfg.Clock.Now())
	c.endSpan(a)
	if h.cfg.Audit != nil {
		h.cfg.Audit.write(h.auditLine(c, a))
	}
	refused := a.status >= http.StatusBadRequest && a.status < http.StatusInternalServerError &&
		a.status != http.StatusTooManyRequests && a.status != http.StatusForbidden
	if c.cause != nil && !refused {
		h.cfg.Log.Error(c.cause, "Request met trouble", fields...)
		return
	}
	// What the audit log has need not be said twice.
	if h.cfg.Audit != nil {
		h.cfg.Log.V(1).Info("Request served", fields...)
		return
	}
	h.cfg.Log.Info("Request served", fields...)
}

// auditLine says who did what, and which attributes changed by it. What a client may write at will, such as a method or an id, is there
// only if it is what it should be.
func (h *Handler) auditLine(c *call, a *answer) *auditLine {
	line := &auditLine{
		Time:           c.started.UTC().Format(auditTimeLayout),
		RequestID:      c.requestID,
		Credential:     c.credential,
		Method:         knownMethod(c.request.Method),
		Route:          c.route,
		ResourceType:   resourceTypes[firstSegment(c.route)],
		BulkOperation:  c.operation,
		Status:         a.status,
		SCIMType:       string(a.errorType),
		Changes:        c.changes.attributes,
		MembersAdded:   c.changes.members.Added,
		MembersRemoved: c.changes.members.Removed,
		DurationMs:     h.durationMs(c),
	}
	if c.directory != nil {
		line.Directory = c.directory.Name
	}
	if from, err := netip.ParseAddrPort(c.source); err == nil {
		line.Source = from.Addr().Unmap().String()
	}
	if len(validation.IsDNS1123Subdomain(c.id)) == 0 {
		line.ResourceID = c.id
	}
	return line
}

// resourceTypes are the types of the resources below an endpoint; others, such as /Schemas, are about no object.
var resourceTypes = map[string]string{"Users": "User", "Groups": "Group", "Me": "User", "Roles": "Role", "Entitlements": "Entitlement"}

func firstSegment(route string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(route, "/"), "/")
	return first
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}

// durationMs is the time that a request has taken so far, in milliseconds with three decimals.
func (h *Handler) durationMs(c *call) float64 {
	return float64(h.cfg.Clock.Since(c.started).Microseconds()) / float64(time.Millisecond/time.Microsecond)
}
