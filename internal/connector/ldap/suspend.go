package ldap

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Suspend keeps the owner from signing in, by every account that bears the owner's mark. The memberships stay. LDAP knows nothing of what
// applications go on with, once they have let somebody in.
func (c *Connector) Suspend(ctx context.Context, owner connector.Owner) (bool, error) {
	const op = "suspend"
	if err := checkOwner(op, owner); err != nil {
		return false, err
	}
	var changed bool
	w := &wanted{Account: connector.Account{Owner: owner}}
	err := c.call(ctx, op, nil, func(ctx context.Context, s *session) error {
		return again(func() error {
			some, err := s.suspend(ctx, w)
			changed = changed || some
			return err
		})
	})
	return err == nil && changed, err
}

// suspend goes on after an entry that must not be touched or that the server refuses to change, and returns what was wrong with it.
func (s *session) suspend(ctx context.Context, w *wanted) (changed bool, err error) {
	mine, _, err := s.find(ctx, w.Owner, "")
	if err != nil {
		return false, err
	}
	if err := s.unplace(ctx, w, only(mine)); err != nil {
		return false, err
	}
	for _, e := range mine {
		one, failed := s.suspendOne(ctx, w, e)
		changed = changed || one
		if failed != nil && (err == nil || errors.Is(failed, errRaced)) {
			err = failed
		}
	}
	return changed, err
}

func (s *session) suspendOne(ctx context.Context, w *wanted, e *entry) (changed bool, err error) {
	if e.why != "" {
		return false, connector.Errorf(connector.Protected, s.op, "the owner's account %q is not touched: %s", e.dn, e.why)
	}
	if s.suspension.Method == Move {
		return s.suspendByMoving(ctx, w, e)
	}
	if !e.active {
		return false, nil
	}
	if err := s.modify(ctx, e.dn, append(s.still(w.Owner), s.suspending(e)...)...); err != nil {
		return false, s.lost(err)
	}
	return true, nil
}

// suspendByMoving also ends what an earlier call began. An entry whose mark cannot be read is moved and nothing else, so that what its
// memberships name is nobody.
func (s *session) suspendByMoving(ctx context.Context, w *wanted, e *entry) (changed bool, err error) {
	if !e.active && (e.mark.broken || len(e.mark.record.Owed) == 0) {
		return false, nil
	}
	if e.mark.broken {
		p := plan{}
		p.planPlace(s.traits, e, record{}, false)
		return true, s.rename(ctx, w.Owner, e, p)
	}
	if err := s.groupsOf(ctx, e); err != nil {
		return false, err
	}
	if err := s.recover(ctx, w, e); err != nil {
		return false, err
	}
	p := plan{after: e.mark.record}
	p.after.Busy = ""
	if e.active {
		p.planPlace(s.traits, e, e.mark.record, false)
	}
	p.during = p.after
	p.planOwed(s.traits, e)
	return true, s.apply(ctx, w, e, p)
}

// Delete removes the owner's entry, after it was suspended and its memberships were ended: they would be the rights of whoever gets the
// same name. An entry that has others below it stays, suspended.
func (c *Connector) Delete(ctx context.Context, owner connector.Owner, options connector.DeleteOptions) (bool, error) {
	const op = "delete"
	if err := checkOwner(op, owner); err != nil {
		return false, err
	}
	if options.ReassignTo != "" {
		return false, connector.Errorf(connector.Unsupported, op, "in a directory nobody owns anything that could be handed over: name nobody to take it")
	}
	var changed bool
	err := c.call(ctx, op, nil, func(ctx context.Context, s *session) error {
		return again(func() (err error) {
			changed, err = s.delete(ctx, owner)
			return err
		})
	})
	return err == nil && changed, err
}

func (s *session) delete(ctx context.Context, owner connector.Owner) (changed bool, err error) {
	mine, _, err := s.find(ctx, owner, "")
	switch {
	case err != nil || len(mine) == 0:
		return false, err
	case len(mine) > 1:
		return false, s.twice(mine)
	case mine[0].why != "":
		return false, connector.Errorf(connector.Protected, s.op, "the owner's account %q is not touched: %s", mine[0].dn, mine[0].why)
	case mine[0].mark.broken:
		return false, connector.Errorf(connector.Conflict, s.op, "the mark of %q cannot be read: correct or remove it", mine[0].dn)
	}
	e := mine[0]
	if err := s.groupsOf(ctx, e); err != nil {
		return false, err
	}
	during := e.mark.record
	during.Busy = rand.Text()
	var lock []change
	if e.active {
		lock = s.suspending(e)
	}
	if err := s.mark(ctx, e, owner, during, lock...); err != nil {
		return false, err
	}
	if !s.linksFollow {
		if err := s.take(ctx, slices.Clone(e.groups), s.memberValue(e.dn, e.name)); err != nil {
			return false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	err = s.conn.answered(s.conn.Del(ldap.NewDelRequest(e.dn, s.asserting(owner, e))))
	if err != nil {
		return false, s.lost(err)
	}
	return true, nil
}
