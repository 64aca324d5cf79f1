package argocd

import (
	"context"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Suspend takes the rows and groups that the connector gave, remembers them in the mark, and disables the local account if there is one. It
// reads no more than what the mark names.
func (c *Connector) Suspend(ctx context.Context, owner connector.Owner) (bool, error) {
	return c.withdraw(ctx, "suspend", owner, func(is mark) *mark {
		is.Active = false
		return &is
	})
}

// Delete takes the rows and groups that the connector gave, the mark, and the local account. Nothing in Argo CD belongs to an account, so
// there is nothing to hand over.
func (c *Connector) Delete(ctx context.Context, owner connector.Owner, _ connector.DeleteOptions) (bool, error) {
	return c.withdraw(ctx, "delete", owner, func(mark) *mark { return nil })
}

// withdraw makes the owner's account what next makes of its mark.
func (c *Connector) withdraw(ctx context.Context, op string, owner connector.Owner, next func(mark) *mark) (bool, error) {
	if err := checkOwner(op, owner); err != nil {
		return false, err
	}
	return c.run(ctx, op, func() (bool, error) {
		s, err := c.read(ctx, false)
		if err != nil {
			return false, err
		}
		v := s.view(c.options)
		mine := v.mine(owner)
		if len(mine) == 0 {
			return false, v.unreadable(op)
		}
		for _, m := range mine {
			if why := c.options.protection(m.Name); why != "" {
				return false, connector.Errorf(connector.Protected, op, "the owner's account %q is not touched: %s", m.Name, why)
			}
		}
		if err := c.readProjects(ctx, s, mine); err != nil {
			return false, err
		}
		return c.apply(ctx, op, s, change{owner: owner, mine: mine, next: next(mine[0])})
	})
}

// unreadable is an error when an owner without a mark may be the one of a mark that somebody broke.
func (v *view) unreadable(op string) error {
	if at := v.own.broken(); at > 0 {
		return connector.Errorf(connector.Rejected, op,
			"line %d of %s begins like a mark and cannot be read, so that it may be this person's: correct or remove it", at, policyKey)
	}
	return nil
}
