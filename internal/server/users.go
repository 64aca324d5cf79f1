package server

import (
	"context"
	"net/http"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/patch"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

func (h *Handler) getUser(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.user)
	if err != nil {
		return nil, err
	}
	user, err := h.cfg.Store.User(ctx, c.directory.Name, c.id)
	if err != nil {
		return nil, err
	}
	if c.notModified(&user.ObjectMeta) {
		return notModifiedAnswer(translate.Version(&user.ObjectMeta)), nil
	}
	groups, err := h.groupsOf(ctx, c, user, projection)
	if err != nil {
		return nil, err
	}
	return userAnswer(http.StatusOK, c, user, groups, projection), nil
}

func (h *Handler) createUser(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.user)
	if err != nil {
		return nil, err
	}
	body, err := c.object(h.cfg.UserBodyLimit)
	if err != nil {
		return nil, err
	}
	spec, err := translate.UserSpec(c.types.user, body)
	if err != nil {
		return nil, err
	}
	if err := c.checkCountries(spec.Addresses, nil); err != nil {
		return nil, err
	}
	user, err := h.cfg.Store.CreateUser(ctx, c.directory.Name, &spec)
	if err != nil {
		return nil, err
	}
	c.id = user.Name
	// A user that has just been made is in its first generation.
	c.keep(&user.ObjectMeta, user.Generation > 1)
	a := h.writtenUser(ctx, http.StatusCreated, c, user, projection)
	a.header.Set("Location", translate.UserLocation(c.base, user.Name))
	return a, nil
}

func (h *Handler) putUser(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.user)
	if err != nil {
		return nil, err
	}
	body, err := c.object(h.cfg.UserBodyLimit)
	if err != nil {
		return nil, err
	}
	if err := c.sameID(body); err != nil {
		return nil, err
	}
	user, err := h.cfg.Store.UpdateUser(ctx, c.directory.Name, c.id, func(user *v1alpha1.ScimUser) error {
		return c.changeUser(user, body)
	})
	if err != nil {
		return nil, err
	}
	return h.writtenUser(ctx, http.StatusOK, c, user, projection), nil
}

func (h *Handler) patchUser(ctx context.Context, c *call) (*answer, error) {
	projection, err := c.projection(c.types.user)
	if err != nil {
		return nil, err
	}
	body, err := c.object(h.cfg.UserBodyLimit)
	if err != nil {
		return nil, err
	}
	operations, err := patch.Parse(c.types.user, body)
	if err != nil {
		return nil, err
	}
	user, err := h.cfg.Store.UpdateUser(ctx, c.directory.Name, c.id, func(user *v1alpha1.ScimUser) error {
		// Groups are read-only, so that the operations need not see them.
		next, err := patch.Apply(c.types.user, translate.UserResource(user, nil, c.base), operations, c.dialect())
		if err != nil {
			return err
		}
		return c.changeUser(user, next)
	})
	if err != nil {
		return nil, err
	}
	return h.writtenUser(ctx, http.StatusOK, c, user, projection), nil
}

func (h *Handler) deleteUser(ctx context.Context, c *call) (*answer, error) {
	err := h.cfg.Store.DeleteUser(ctx, c.directory.Name, c.id, func(user *v1alpha1.ScimUser) error {
		return c.checkIfMatch(&user.ObjectMeta)
	})
	if err != nil {
		return nil, err
	}
	return newAnswer(http.StatusNoContent, nil), nil
}

// dialect says where the directory's identity provider wants something else of PATCH than the standard does.
func (c *call) dialect() patch.Options {
	return patch.Options{CreateOnUnmatchedReplace: c.directory.Spec.Provider == v1alpha1.ProviderEntra}
}

// changeUser makes the spec of a user what the resource says, if the client has seen the present version.
func (c *call) changeUser(user *v1alpha1.ScimUser, next scim.Resource) error {
	if err := c.checkIfMatch(&user.ObjectMeta); err != nil {
		return err
	}
	spec, err := translate.MergeUser(c.types.user, user, next)
	if err != nil {
		return err
	}
	if err := c.checkCountries(spec.Addresses, user.Spec.Addresses); err != nil {
		return err
	}
	user.Spec = spec
	return nil
}

// writtenUser answers a write that is done. Whatever goes wrong after it must not make the client send it again, so that groups that
// cannot be read are left out; a client cannot write them anyway.
func (h *Handler) writtenUser(ctx context.Context, status int, c *call, user *v1alpha1.ScimUser, projection schema.Projection) *answer {
	groups, err := h.groupsOf(ctx, c, user, projection)
	if err != nil {
		c.cause = err
	}
	return userAnswer(status, c, user, groups, projection)
}

func (h *Handler) groupsOf(ctx context.Context, c *call, user *v1alpha1.ScimUser, projection schema.Projection) ([]translate.GroupRef, error) {
	if !projection.Has("groups") || c.usersOnly() {
		return nil, nil
	}
	roles, err := h.cfg.Store.RolesOf(ctx, c.directory.Name, user.Name)
	if err != nil {
		return nil, err
	}
	return translate.GroupRefs(roles), nil
}

func userAnswer(status int, c *call, user *v1alpha1.ScimUser, groups []translate.GroupRef, projection schema.Projection) *answer {
	a := newAnswer(status, appendUser(nil, c, user, groups, projection))
	a.header.Set("ETag", translate.Version(&user.ObjectMeta))
	a.header.Set("Content-Location", translate.UserLocation(c.base, user.Name))
	return a
}

func appendUser(dst []byte, c *call, user *v1alpha1.ScimUser, groups []translate.GroupRef, projection schema.Projection) []byte {
	if projection.IsDefault() {
		return translate.AppendUser(dst, user, groups, c.base)
	}
	return scim.AppendValue(dst, projection.Apply(translate.UserResource(user, groups, c.base)))
}
