package ldap

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// maxAttempts bounds how often a call begins anew because somebody else changed the account meanwhile.
const maxAttempts = 10

// Ensure makes the account what it should be. Of several calls that bring about the same change at the same time, one reports it: the one
// that ends it.
func (c *Connector) Ensure(ctx context.Context, account connector.Account) (connector.Observed, bool, error) {
	const op = "ensure"
	w, err := c.check(op, account)
	if err != nil {
		return connector.Observed{}, false, err
	}
	var result connector.Observed
	var changed bool
	err = c.call(ctx, op, secrets(account.Attributes), func(ctx context.Context, s *session) error {
		return again(func() (err error) {
			result, changed, err = s.ensure(ctx, &w)
			return err
		})
	})
	if err != nil {
		return connector.Observed{}, false, err
	}
	return result, changed, nil
}

// again repeats what lost a race.
func again(do func() error) error {
	for range maxAttempts - 1 {
		if err := do(); !errors.Is(err, errRaced) {
			return err
		}
	}
	return do()
}

// secrets are values that no error may have in its text.
func secrets(attributes map[string][]string) (values []string) {
	for _, some := range attributes {
		values = append(values, some...)
	}
	return values
}

// check does what can be done without the server.
func (c *Connector) check(op string, account connector.Account) (wanted, error) {
	w := wanted{Account: account}
	if err := checkOwner(op, account.Owner); err != nil {
		return w, err
	}
	for _, names := range [][]string{account.Roles, account.Revoke} {
		if err := checkRoleNames(op, names); err != nil {
			return w, err
		}
	}
	if err := c.traits.checkName(op, account.Name, c.options.Posix != nil); err != nil {
		return w, err
	}
	dn := rdn(c.traits.rdnAttribute, account.Name) + "," + c.options.UsersBase
	if c.options.protects(account.Name, dn) || c.options.Posix != nil && account.Name == "root" {
		return w, connector.Errorf(connector.Protected, op, "the name %q is not given to anybody: it is in the list of protected accounts, or root's", account.Name)
	}
	for name, values := range account.Attributes {
		if !slices.Contains(c.traits.attributes, name) {
			return w, connector.Errorf(connector.Rejected, op, "there is no attribute %q to keep: add it to the options, or remove it from the mapping", name)
		}
		if slices.ContainsFunc(values, func(value string) bool { return len(value) > maxValue }) {
			return w, connector.Errorf(connector.Rejected, op, "attribute %s has a value of more than %d bytes: correct the mapping", name, maxValue)
		}
	}
	return w, checkPosix(op, account.Attributes)
}

// maxValue is more than any attribute of a person should have.
const maxValue = 64 << 10

func (s *session) ensure(ctx context.Context, w *wanted) (found connector.Observed, changed bool, err error) {
	mine, named, err := s.find(ctx, w.Owner, w.Name)
	if err != nil {
		return found, false, err
	}
	if len(mine) > 1 {
		return found, false, s.twice(mine)
	}
	if err := s.unplace(ctx, w, only(mine)); err != nil {
		return found, false, err
	}
	is, leave, err := base(s.op, *w, mine, named)
	if err != nil || is == nil && !w.Active {
		return found, false, err
	}
	if is != nil {
		if err := s.groupsOf(ctx, is); err != nil {
			return found, false, err
		}
	}
	if leave {
		return s.observed(is), false, nil
	}
	after, changed, err := s.bring(ctx, w, is)
	if err != nil {
		return found, false, err
	}
	if !changed {
		found = s.observed(is)
	} else if found, err = s.see(ctx, *w); err != nil {
		return found, false, err
	}
	if !s.keepsRecord() {
		found.Record = connector.Record{Roles: after.Roles, Attributes: after.Attributes}
	}
	return found, changed, nil
}

// only is the first of the entries, or nil.
func only(entries []*entry) *entry {
	if len(entries) == 0 {
		return nil
	}
	return entries[0]
}

// bring makes the entry what it should be. There is none yet when it is nil.
func (s *session) bring(ctx context.Context, w *wanted, is *entry) (after record, changed bool, err error) {
	e := is
	if e == nil {
		e = &entry{}
	}
	if w.given, err = s.resolve(ctx, w.missing(e)); err != nil {
		return after, false, err
	}
	if len(e.mark.record.Owed) > 0 {
		if err := s.recover(ctx, w, e); err != nil {
			return after, false, err
		}
		w.given = slices.DeleteFunc(w.given, func(g group) bool { return has(e.groups, g.name) })
	}
	before := s.recordOf(*w, e)
	if s.options.Posix != nil && len(e.get(uidNumber)) == 0 && len(w.Attributes[uidNumber]) == 0 {
		if w.numbered, err = s.freeNumber(ctx, w.Owner); err != nil {
			return after, false, err
		}
	}
	if is == nil {
		after, err = s.create(ctx, w)
		return after, err == nil, err
	}
	if before.Busy != "" {
		if err := s.settleNumber(ctx, *w, e); err != nil {
			return after, false, err
		}
	}
	p := s.plan(*w, e, s.options.Posix)
	if p.isNothing(before, s.keepsRecord()) {
		return p.after, false, nil
	}
	return p.after, true, s.apply(ctx, w, e, p)
}

// see reads the account again.
func (s *session) see(ctx context.Context, w wanted) (connector.Observed, error) {
	mine, _, err := s.find(ctx, w.Owner, "")
	if err != nil {
		return connector.Observed{}, err
	}
	if len(mine) != 1 || mine[0].name != w.Name {
		return connector.Observed{}, errRaced
	}
	if err := s.groupsOf(ctx, mine[0]); err != nil {
		return connector.Observed{}, err
	}
	return s.observed(mine[0]), nil
}

// create adds the entry, and then makes it a member of its groups. That the server adds only one of that DN decides who of several is first.
func (s *session) create(ctx context.Context, w *wanted) (after record, err error) {
	e := &entry{dn: rdn(s.rdnAttribute, w.Name) + "," + s.options.UsersBase, name: w.Name, active: true}
	p := s.plan(*w, e, s.options.Posix)
	begin := p.after
	if p.isLong() || s.options.Posix != nil {
		begin.Busy = rand.Text()
	}
	if err := ctx.Err(); err != nil {
		return after, err
	}
	err = s.conn.answered(s.conn.Add(s.addition(*w, e, p, begin)))
	if hasCode(err, ldap.LDAPResultEntryAlreadyExists) {
		return after, s.taken(ctx, w, e)
	}
	if err != nil {
		return after, s.refused(err)
	}
	e.mark = parseMark([]string{claim, ownerValue(w.Owner), begin.value()})
	if begin.Busy == "" {
		return p.after, nil
	}
	e.values = map[string][]string{"uidnumber": nonEmpty(w.numbered)}
	if err := s.settleNumber(ctx, *w, e); err != nil {
		return after, err
	}
	if err := s.give(ctx, w, p.give, s.memberValue(e.dn, e.name)); err != nil {
		return after, err
	}
	if !s.keepsRecord() {
		return p.after, nil
	}
	return p.after, s.mark(ctx, e, w.Owner, p.after)
}

// addition is the request that makes the entry.
func (s *session) addition(w wanted, e *entry, p plan, begin record) *ldap.AddRequest {
	request := &ldap.AddRequest{DN: e.dn}
	add := func(attribute string, values ...string) {
		if len(values) > 0 {
			request.Attribute(attribute, values)
		}
	}
	add("objectClass", s.classes...)
	add(s.nameAttribute, w.Name)
	for _, c := range p.fields {
		if c.Modification.Type != s.rdnAttribute && c.Modification.Type != "objectClass" {
			add(c.Modification.Type, c.Modification.Vals...)
		}
	}
	if s.rdnAttribute != s.nameAttribute {
		add(s.rdnAttribute, w.Name)
	}
	if s.keepsRecord() {
		add(s.markAttribute, claim, ownerValue(w.Owner), begin.value())
	} else {
		add(s.markAttribute, ownerValue(w.Owner))
	}
	if values := s.fromTheBeginning(); s.suspension.Method == Attribute {
		add(s.suspension.Attribute, values...)
	}
	if s.randomPassword {
		add("unicodePwd", quotedUTF16(rand.Text()+base64.StdEncoding.EncodeToString([]byte(rand.Text()))))
	}
	return request
}

// quotedUTF16 is how Active Directory wants to be told a password.
func quotedUTF16(password string) string {
	var bytes []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		bytes = append(bytes, byte(unit), byte(unit>>8)) //nolint:gosec // the low byte and the high one
	}
	return string(bytes)
}

// taken says why the server has an entry already. When it is a person's, the next attempt finds it.
func (s *session) taken(ctx context.Context, w *wanted, e *entry) error {
	mine, named, err := s.find(ctx, w.Owner, w.Name)
	if err != nil {
		return err
	}
	if len(mine)+len(named) > 0 {
		return errRaced
	}
	return connector.Errorf(connector.Conflict, s.op, "there is an entry %q already, which is no account: map the name to another one", e.dn)
}

// settleNumber gives the account another number when somebody who was made at the same moment has the same.
func (s *session) settleNumber(ctx context.Context, w wanted, e *entry) error {
	number := first(e.get(uidNumber))
	if s.options.Posix == nil || number == "" || len(w.Attributes[uidNumber]) > 0 || !slices.Contains(e.mark.record.Attributes, uidNumber) {
		return nil
	}
	have, err := s.haveNumber(ctx, number)
	if err != nil || have <= 1 {
		return err
	}
	next, err := s.freeNumber(ctx, w.Owner)
	if err != nil {
		return err
	}
	change := append(s.still(w.Owner), deleted(uidNumber, number), added(uidNumber, next))
	if err := s.modify(ctx, e.dn, change...); err != nil {
		return s.lost(err)
	}
	e.values["uidnumber"] = []string{next}
	return s.settleNumber(ctx, w, e)
}
