package scimapp

import (
	"context"
	"net/http"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Suspend takes every account that bears the owner's mark out of use. What it does at the moment is not ended: SCIM has nothing for that.
func (c *Connector) Suspend(ctx context.Context, owner connector.Owner) (bool, error) {
	return c.each(ctx, "suspend", owner, func(r *run, u user) (bool, error) {
		if r.profile.Suspends == Delete {
			return r.delete(ctx, u)
		}
		if !u.active {
			return false, nil
		}
		after, err := r.rewrite(ctx, u, wanted{close: true})
		return after != nil, err
	})
}

// Delete removes every account that bears the owner's mark. SCIM has no way to hand over what it owned.
func (c *Connector) Delete(ctx context.Context, owner connector.Owner, options connector.DeleteOptions) (bool, error) {
	const op = "delete"
	if options.ReassignTo != "" {
		return false, connector.Errorf(connector.Unsupported, op, "a SCIM app cannot hand over what an account owns: take reassignTo away")
	}
	if c.options.Profile.Deletes == Never {
		return false, connector.Errorf(connector.Unsupported, op, "profile %s does not delete accounts: suspend them", c.options.Profile.Name)
	}
	return c.each(ctx, op, owner, func(r *run, u user) (bool, error) { return r.delete(ctx, u) })
}

// each does something to each of the owner's accounts, and goes on after one that must not be touched.
func (c *Connector) each(ctx context.Context, op string, owner connector.Owner, do func(*run, user) (bool, error)) (changed bool, err error) {
	if err := checkOwner(op, owner); err != nil {
		return false, err
	}
	r, err := c.begin(ctx, op)
	if err != nil {
		return false, err
	}
	mine, err := r.mine(ctx, owner)
	if err != nil {
		return false, err
	}
	var untouched error
	for _, u := range mine {
		if u.why != "" {
			untouched = protected(op, u)
			continue
		}
		did, err := do(r, u)
		if err != nil {
			return false, partly(changed, op, err)
		}
		changed = changed || did
	}
	return changed && untouched == nil, untouched
}

// delete removes a user, and looks whether it is gone. One that is gone already is no change.
func (r *run) delete(ctx context.Context, u user) (bool, error) {
	_, err := r.c.call(ctx, r.op, request{method: http.MethodDelete, path: pathTo(users, u.id)})
	if status := statusOf(err); status == http.StatusNotFound || status == http.StatusGone {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	left, err := r.get(ctx, u.id)
	if err != nil {
		return false, err
	}
	if left != nil {
		return false, connector.Errorf(connector.Rejected, r.op, "the server says that it deleted the account %q, and did not: look in the app why", u.name)
	}
	return true, nil
}
