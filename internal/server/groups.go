package server

import (
	"context"
	"io"
	"net/http"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/patch"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

func (h *Handler) getGroup(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.group)
	if err != nil {
		return nil, err
	}
	role, err := h.cfg.Store.Role(ctx, c.directory.Name, c.id)
	if err != nil {
		return nil, err
	}
	h.sawRole(ctx, role)
	if c.notModified(&role.ObjectMeta) {
		return notModifiedAnswer(translate.Version(&role.ObjectMeta)), nil
	}
	role, members, err := h.membersOf(ctx, c, role, projection)
	if err != nil {
		return nil, err
	}
	return groupAnswer(http.StatusOK, c, role, members, projection), nil
}

func (h *Handler) createGroup(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.group)
	if err != nil {
		return nil, err
	}
	body, operations, err := h.groupBody(c)
	if err != nil {
		return nil, err
	}
	spec, err := translate.GroupSpec(c.types.group, body)
	if err != nil {
		return nil, err
	}
	if err := c.groups.check(spec.DisplayName); err != nil {
		return nil, err
	}
	role, err := h.cfg.Store.CreateRole(ctx, c.directory.Name, &spec, operations)
	if err != nil {
		return nil, err
	}
	c.id = role.Name
	c.keep(&role.ObjectMeta, role.Annotations[v1alpha1.AnnotationPreviousOwner] != "")
	a := h.writtenGroup(ctx, http.StatusCreated, c, role, projection)
	a.header.Set("Location", translate.GroupLocation(c.base, role.Name))
	return a, nil
}

func (h *Handler) putGroup(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.group)
	if err != nil {
		return nil, err
	}
	body, operations, err := h.groupBody(c)
	if err != nil {
		return nil, err
	}
	if err := c.sameID(body); err != nil {
		return nil, err
	}
	role, err := h.cfg.Store.UpdateRole(ctx, c.directory.Name, c.id, func(role *v1alpha1.ScimRole) error {
		return c.changeGroup(role, body)
	}, operations)
	if err != nil {
		return nil, err
	}
	h.sawRole(ctx, role)
	return h.writtenGroup(ctx, http.StatusOK, c, role, projection), nil
}

// sawRole notes that the identity provider named a role by its id, and so has not left it behind.
func (h *Handler) sawRole(ctx context.Context, role *v1alpha1.ScimRole) {
	if h.cfg.Activity != nil {
		h.cfg.Activity.SeenRole(ctx, role)
	}
}

// patchGroup answers without a body, because its cost must not grow with the group, unless the client asks for attributes.
func (h *Handler) patchGroup(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.group)
	if err != nil {
		return nil, err
	}
	body, err := c.object(h.cfg.GroupBodyLimit)
	if err != nil {
		return nil, err
	}
	operations, err := patch.Parse(c.types.group, body)
	if err != nil {
		return nil, err
	}
	operations, members, err := patch.SplitMembers(operations)
	if err != nil {
		return nil, err
	}
	role, err := h.cfg.Store.UpdateRole(ctx, c.directory.Name, c.id, func(role *v1alpha1.ScimRole) error {
		if len(operations) == 0 {
			if err := c.groups.checkChange(role, role.Spec.DisplayName); err != nil {
				return err
			}
			return c.checkIfMatch(&role.ObjectMeta)
		}
		next, err := patch.Apply(c.types.group, translate.GroupResource(role, nil, c.base), operations, c.dialect())
		if err != nil {
			return err
		}
		return c.changeGroup(role, next)
	}, members)
	if err != nil {
		return nil, err
	}
	h.sawRole(ctx, role)
	if _, ok := c.parameter("attributes"); ok {
		return h.writtenGroup(ctx, http.StatusOK, c, role, projection), nil
	}
	a := newAnswer(http.StatusNoContent, nil)
	a.header.Set("ETag", translate.Version(&role.ObjectMeta))
	return a, nil
}

func (h *Handler) deleteGroup(ctx context.Context, c *call) (*answer, error) {
	err := h.cfg.Store.DeleteRole(ctx, c.directory.Name, c.id, func(role *v1alpha1.ScimRole) error {
		return c.checkIfMatch(&role.ObjectMeta)
	})
	if err != nil {
		return nil, err
	}
	return newAnswer(http.StatusNoContent, nil), nil
}

// groupBody decodes the body of a POST or PUT. Its members become one operation: they are all that the group has afterwards. A body
// without them leaves the members alone, which is safer than to take a client's silence for an empty group.
func (h *Handler) groupBody(c *call) (scim.Resource, []scim.MemberOp, error) {
	group, members, given, err := c.group(h.cfg.GroupBodyLimit)
	if err != nil || !given {
		return group, nil, err
	}
	return group, []scim.MemberOp{{Kind: scim.ReplaceMembers, IDs: members}}, nil
}

// changeGroup makes the spec of a role what the resource says, members aside, if the client has seen the present version.
func (c *call) changeGroup(role *v1alpha1.ScimRole, next scim.Resource) error {
	if err := c.checkIfMatch(&role.ObjectMeta); err != nil {
		return err
	}
	spec, err := translate.MergeGroup(c.types.group, role, next)
	if err != nil {
		return err
	}
	if err := c.groups.checkChange(role, spec.DisplayName); err != nil {
		return err
	}
	role.Spec = spec
	return nil
}

// writtenGroup answers a write that is done. Whatever goes wrong after it must not make the client send it again, so that members that
// cannot be read are left out.
func (h *Handler) writtenGroup(ctx context.Context, status int, c *call, role *v1alpha1.ScimRole, projection schema.Projection) *answer {
	current, members, err := h.membersOf(ctx, c, role, projection)
	if err != nil {
		c.cause = err
		return groupAnswer(status, c, role, nil, projection)
	}
	return groupAnswer(status, c, current, members, projection)
}

// membersAttempts is how often the members are read before the group counts as too busy to be read.
const membersAttempts = 3

// membersOf reads the members if the answer shows them; nil means that it does not. When the role has moved on while they were read, it
// reads the role again, and returns the role that the members belong to.
func (h *Handler) membersOf(ctx context.Context, c *call, role *v1alpha1.ScimRole, projection schema.Projection) (*v1alpha1.ScimRole, *translate.Members, error) {
	if !projection.Has("members") {
		return role, nil, nil
	}
	for attempt := 1; ; attempt++ {
		ids, err := h.cfg.Store.Members(ctx, role)
		if err == nil {
			return role, &translate.Members{IDs: ids, Names: h.cfg.Store.UserNames(ctx, c.directory.Name, ids)}, nil
		}
		if attempt == membersAttempts {
			return nil, nil, err
		}
		if role, err = h.cfg.Store.Role(ctx, c.directory.Name, role.Name); err != nil {
			return nil, nil, err
		}
	}
}

func groupAnswer(status int, c *call, role *v1alpha1.ScimRole, members *translate.Members, projection schema.Projection) *answer {
	a := newAnswer(status, nil)
	if projection.IsDefault() {
		a.stream = func(w io.Writer) error { return translate.WriteGroup(w, role, members, c.base) }
	} else {
		a.body = appendGroup(nil, c, role, members, projection)
	}
	a.header.Set("ETag", translate.Version(&role.ObjectMeta))
	a.header.Set("Content-Location", translate.GroupLocation(c.base, role.Name))
	return a
}

func appendGroup(dst []byte, c *call, role *v1alpha1.ScimRole, members *translate.Members, projection schema.Projection) []byte {
	if projection.IsDefault() {
		return translate.AppendGroup(dst, role, members, c.base)
	}
	return scim.AppendValue(dst, projection.Apply(translate.GroupResource(role, members, c.base)))
}
