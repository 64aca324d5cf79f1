package server

import (
	"context"
	"strings"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// givesRoles says whether the identity provider may give roles to users without groups.
func (c *call) givesRoles() bool {
	return c.directory.Spec.RoleAssignment == v1alpha1.RoleAssignmentEnabled
}

// serves says whether the directory has an endpoint; path is that of its route.
func (c *call) serves(path string) bool {
	path, _ = strings.CutSuffix(path, "/{id}")
	return c.givesRoles() || path != schema.Role().Endpoint && path != schema.Entitlement().Endpoint
}

// served are those of all types that the directory has, and those that go with what it can give.
func (c *call) served(all []*schema.ResourceType) []*schema.ResourceType {
	var types []*schema.ResourceType
	for _, t := range all {
		if c.has(t) {
			types = append(types, t)
		}
	}
	if c.givesRoles() {
		types = append(types, schema.Role(), schema.Entitlement())
	}
	return types
}

// servedSchemas is served for schemas.
func (c *call) servedSchemas(all []*schema.Schema) []*schema.Schema {
	var list []*schema.Schema
	for _, s := range all {
		if !c.usersOnly() || s.ID != scim.GroupSchema {
			list = append(list, s)
		}
	}
	if c.givesRoles() {
		list = append(list, schema.Role().Core, schema.Entitlement().Core)
	}
	return list
}

// listRoles lists the roles that the identity provider may give: local ones, and those of its directory. They are too few for filters,
// and Okta sends none.
func (h *Handler) listRoles(ctx context.Context, c *call) (*answer, error) {
	start, count, err := h.window(c)
	if err != nil {
		return nil, err
	}
	roles, total, err := h.cfg.Store.AssignableRolesPage(ctx, c.directory.Name, start-1, count)
	if err != nil {
		return nil, err
	}
	return okAnswer(scim.AppendList(nil, total, start, len(roles), func(dst []byte, i int) []byte {
		return scim.AppendValue(dst, roleResource(roles[i], c.base))
	})), nil
}

func (h *Handler) getRole(ctx context.Context, c *call) (*answer, error) {
	role, err := h.cfg.Store.AssignableRole(ctx, c.directory.Name, c.id)
	if err != nil {
		return nil, err
	}
	return okAnswer(scim.AppendValue(nil, roleResource(role, c.base))), nil
}

// roleResource is a role in Okta's schema.
func roleResource(role *v1alpha1.ScimRole, base string) scim.Resource {
	t := schema.Role()
	return scim.Resource{
		"schemas":     []any{t.Core.ID},
		"id":          role.Name,
		"displayName": role.Spec.DisplayName,
		"meta":        map[string]any{"resourceType": t.Name, "location": base + t.Endpoint + "/" + role.Name},
	}
}

// listEntitlements lists nothing: whatever can be given is a role, and an entitlement would give nobody anything. Okta asks for the
// list all the same.
func (h *Handler) listEntitlements(_ context.Context, c *call) (*answer, error) {
	start, _, err := h.window(c)
	if err != nil {
		return nil, err
	}
	return okAnswer(scim.AppendList(nil, 0, start, 0, nil)), nil
}

func (h *Handler) getEntitlement(_ context.Context, c *call) (*answer, error) {
	return nil, scim.NotFound(schema.Entitlement().Name, c.id)
}

// window reads which part of a list without filters is asked for: the position from 1, and the number of resources.
func (h *Handler) window(c *call) (start, count int, err error) {
	if err := c.unfiltered(); err != nil {
		return 0, 0, err
	}
	start, count = 1, h.cfg.PageSize
	first, err := c.integer("startIndex")
	if err != nil {
		return 0, 0, err
	}
	if first != nil {
		start = max(1, *first)
	}
	number, err := c.integer("count")
	if number != nil {
		count = min(max(0, *number), h.cfg.MaxPageSize)
	}
	return start, count, err
}
