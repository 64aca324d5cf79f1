package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/bulk"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// serviceProviderConfigSchema is the URN of RFC 7643 section 8.5.
const serviceProviderConfigSchema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"

// serviceProviderConfig says what is implemented (RFC 7643 section 5, RFC 9865 section 4).
func (h *Handler) serviceProviderConfig(_ context.Context, c *call) (*answer, error) {
	if err := c.unfiltered(); err != nil {
		return nil, err
	}
	no := map[string]any{"supported": false}
	return okAnswer(scim.AppendValue(nil, scim.Resource{
		"schemas":        []any{serviceProviderConfigSchema},
		"patch":          map[string]any{"supported": true},
		"bulk":           map[string]any{"supported": true, "maxOperations": bulk.MaxOperations, "maxPayloadSize": int(h.cfg.BulkBodyLimit)},
		"filter":         map[string]any{"supported": true, "maxResults": h.cfg.MaxPageSize},
		"changePassword": no,
		"sort":           map[string]any{"supported": true},
		"pagination": map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": h.cfg.PageSize, "maxPageSize": h.cfg.MaxPageSize, "cursorTimeout": int(h.cfg.CursorTimeout.Seconds()),
		},
		"etag":                  map[string]any{"supported": true},
		"authenticationSchemes": authenticationSchemes(c.directory),
		"meta":                  map[string]any{"resourceType": "ServiceProviderConfig", "location": c.base + "/ServiceProviderConfig"},
	})), nil
}

// authenticationSchemes are those of the directory's credentials, as the challenges of a 401 name them (RFC 7643 section 5).
func authenticationSchemes(directory *v1alpha1.ScimDirectory) []any {
	bearer, basic := schemesOf(directory)
	var out []any
	if bearer {
		out = append(out, map[string]any{
			"type":        "oauthbearertoken",
			"name":        "Bearer token",
			"description": "A token out of a Secret that the ScimDirectory names, in the header Authorization (RFC 6750).",
			"specUri":     "https://www.rfc-editor.org/info/rfc6750",
			"primary":     true,
		})
	}
	if basic {
		out = append(out, map[string]any{
			"type":        "httpbasic",
			"name":        "HTTP Basic",
			"description": "A user name and a password out of a Secret that the ScimDirectory names, in the header Authorization (RFC 7617).",
			"specUri":     "https://www.rfc-editor.org/info/rfc7617",
			"primary":     !bearer,
		})
	}
	return out
}

// unfiltered refuses a filter, because a client would take all that it gets for what matches. All other parameters of queries are
// ignored on the endpoints for discovery (RFC 7644 section 4).
func (c *call) unfiltered() error {
	if _, ok := c.parameter("filter"); ok {
		return &scim.Error{Status: http.StatusForbidden, Detail: "Filters cannot be used here. Leave the parameter filter out, and choose from the answer."}
	}
	return nil
}

func (h *Handler) listResourceTypes(_ context.Context, c *call) (*answer, error) {
	if err := c.unfiltered(); err != nil {
		return nil, err
	}
	types := c.served(c.types.all())
	return okAnswer(scim.AppendList(nil, len(types), 1, len(types), func(dst []byte, i int) []byte {
		return schema.AppendResourceType(dst, types[i], c.base)
	})), nil
}

func (h *Handler) getResourceType(_ context.Context, c *call) (*answer, error) {
	for _, t := range c.served(c.types.all()) {
		if strings.EqualFold(t.Name, c.id) {
			return okAnswer(schema.AppendResourceType(nil, t, c.base)), nil
		}
	}
	return nil, noSuch("ResourceType", c.id)
}

func (h *Handler) listSchemas(_ context.Context, c *call) (*answer, error) {
	if err := c.unfiltered(); err != nil {
		return nil, err
	}
	list := c.schemas()
	return okAnswer(scim.AppendList(nil, len(list), 1, len(list), func(dst []byte, i int) []byte {
		return schema.AppendSchema(dst, list[i], c.base)
	})), nil
}

func (h *Handler) getSchema(_ context.Context, c *call) (*answer, error) {
	for _, s := range c.schemas() {
		if strings.EqualFold(s.ID, c.id) {
			return okAnswer(schema.AppendSchema(nil, s, c.base)), nil
		}
	}
	return nil, noSuch("Schema", c.id)
}

func noSuch(kind, id string) *scim.Error {
	return &scim.Error{Status: http.StatusNotFound, Detail: "There is no " + kind + " " + strconv.Quote(shorten(id)) + "; the list of them is at the path before it."}
}
