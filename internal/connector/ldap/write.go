package ldap

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// assertionControl makes a request depend on a filter: RFC 4528.
const assertionControl = "1.3.6.1.1.12"

// marking writes the mark with that record. The request that it is a part of fails when the entry is not the owner's any more, or has another
// record: the server does not delete a value that is not there, nor add one that is.
func (t traits) marking(e *entry, owner connector.Owner, next record) []change {
	own := ownerValue(owner)
	if !e.mark.exists() {
		if !t.keepsRecord() {
			return []change{added(t.markAttribute, own)}
		}
		return []change{added(t.markAttribute, claim, own, next.value())}
	}
	if !t.keepsRecord() {
		return []change{deleted(t.markAttribute, own), added(t.markAttribute, own)}
	}
	return []change{
		deleted(t.markAttribute, append(nonEmpty(e.mark.recordValue), own)...), added(t.markAttribute, own, next.value()),
	}
}

// still makes a request fail when the entry is not the owner's any more.
func (t traits) still(owner connector.Owner) []change {
	return []change{deleted(t.markAttribute, ownerValue(owner)), added(t.markAttribute, ownerValue(owner))}
}

// mark sends changes of the account's entry together with its mark, and remembers what the record is then.
func (s *session) mark(ctx context.Context, e *entry, owner connector.Owner, next record, changes ...change) error {
	if !s.keepsRecord() && e.mark.exists() && len(changes) == 0 {
		return nil
	}
	if err := s.modify(ctx, e.dn, append(s.marking(e, owner, next), changes...)...); err != nil {
		if s.markSingle && !e.mark.exists() && hasCode(err, ldap.LDAPResultConstraintViolation) {
			return s.lostSingle(ctx, e, err)
		}
		return s.lost(err)
	}
	e.mark.ownerValue, e.mark.recordValue, e.mark.record = ownerValue(owner), next.value(), next
	return nil
}

// lost tells whether somebody else was faster: a value that was to be deleted is not there, or one that was to be added is.
func (s *session) lost(err error) error {
	if hasCode(err, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultAssertionFailed, ldap.LDAPResultNoSuchObject) {
		return errRaced
	}
	return s.refused(err)
}

// lostSingle tells whether a constraint was violated because somebody else's mark is in the place of the only value by now.
func (s *session) lostSingle(ctx context.Context, e *entry, violated error) error {
	found, err := s.read(ctx, e.dn, s.markAttribute)
	if err != nil {
		return err
	}
	if len(found.GetEqualFoldAttributeValues(s.markAttribute)) > 0 {
		return errRaced
	}
	return s.refused(violated)
}

// apply does what is planned.
func (s *session) apply(ctx context.Context, w *wanted, e *entry, p plan) error {
	if s.markSingle && p.adopt && len(e.get(s.markAttribute)) > 0 {
		return connector.Errorf(connector.Conflict, s.op,
			"%q is not adopted, because its %s has a value of somebody else: remove that, or choose another attribute for the mark", e.dn, s.markAttribute)
	}
	if !p.isLong() {
		return s.mark(ctx, e, w.Owner, p.after, concat(p.fields, p.suspend, p.resume)...)
	}
	p.during.Busy = rand.Text()
	if err := s.mark(ctx, e, w.Owner, p.during, concat(p.fields, p.suspend)...); err != nil {
		return err
	}
	w.owes = slices.DeleteFunc(slices.Clone(p.owed), func(g group) bool { return listed(p.during.Roles, g.name) })
	if err := s.take(ctx, slices.Concat(p.take, p.owed), s.memberValue(e.dn, e.name)); err != nil {
		return err
	}
	if err := s.relocate(ctx, w, e, p); err != nil {
		return err
	}
	if err := s.restore(ctx, w, p.owed, s.memberValue(e.dn, e.name)); err != nil {
		return err
	}
	w.owes = nil
	if err := s.give(ctx, w, p.give, s.memberValue(e.dn, e.name)); err != nil {
		return err
	}
	return s.mark(ctx, e, w.Owner, p.after, p.resume...)
}

func concat(parts ...[]change) (all []change) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// relocate gives the entry its new name and its new place. When the server refuses that, the entry returns to its groups.
func (s *session) relocate(ctx context.Context, w *wanted, e *entry, p plan) error {
	if !p.relocates() {
		return nil
	}
	err := s.rename(ctx, w.Owner, e, p)
	if err == nil || errors.Is(err, errRaced) || connector.KindOf(err) == connector.Transient {
		return err
	}
	if undo := s.restore(ctx, w, p.owed, s.memberValue(e.dn, e.name)); undo != nil {
		return undo
	}
	return err
}

func (s *session) rename(ctx context.Context, owner connector.Owner, e *entry, p plan) error {
	if len(p.naming) > 0 {
		if err := s.modify(ctx, e.dn, append(s.still(owner), p.naming...)...); err != nil {
			return s.lost(err)
		}
		e.name = first(p.naming[1].Modification.Vals)
	}
	if p.rdn == "" && p.parent == "" {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	request := &ldap.ModifyDNRequest{DN: e.dn, NewRDN: p.rdn, DeleteOldRDN: true, NewSuperior: p.parent, Controls: s.asserting(owner, e)}
	above := p.parent
	if above == "" {
		above = parent(e.dn)
	}
	if request.NewRDN == "" {
		request.NewRDN = parse(e.dn).RDNs[0].String()
	}
	if err := s.conn.answered(s.conn.ModifyDN(request)); err != nil {
		return s.lost(err)
	}
	e.dn = request.NewRDN + "," + above
	if p.rdn != "" {
		e.name = p.to
	}
	return nil
}

// recover makes the entry a member of what it left when an earlier call was cut while it renamed the entry. The record stays that of a change
// that is under way.
func (s *session) recover(ctx context.Context, w *wanted, e *entry) error {
	if len(e.mark.record.Owed) == 0 {
		return nil
	}
	groups := make([]group, len(e.mark.record.Owed))
	for i, dn := range e.mark.record.Owed {
		groups[i].dn = dn
	}
	next := e.mark.record
	next.Busy = rand.Text() // Whoever else is at it does not rename the entry any more.
	if err := s.mark(ctx, e, w.Owner, next); err != nil {
		return err
	}
	if err := s.restore(ctx, w, groups, s.memberValue(e.dn, e.name)); err != nil {
		return err
	}
	next.Owed = nil
	if err := s.mark(ctx, e, w.Owner, next); err != nil {
		return err
	}
	return s.groupsOf(ctx, e)
}

// asserting makes a request depend on the owner's mark and the record, where the server knows how to. It is for requests that have no
// changes that could fail for the same reason.
func (s *session) asserting(owner connector.Owner, e *entry) []ldap.Control {
	if !s.assertion {
		return nil
	}
	text := s.ownedBy(owner)
	if e.mark.recordValue != "" && !e.mark.broken {
		text = "(&" + text + equals(s.markAttribute, e.mark.recordValue) + ")"
	}
	filter, err := ldap.CompileFilter(text)
	if err != nil {
		return nil // What EscapeFilter made can be compiled.
	}
	return []ldap.Control{ldap.NewControlString(assertionControl, true, string(filter.Bytes()))}
}
