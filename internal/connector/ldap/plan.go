package ldap

import (
	"slices"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// wanted is an account as it should be, checked.
type wanted struct {
	connector.Account
	// given are groups that the account gets, found in the directory.
	given []group
	// placed are memberships that this call made already, before somebody else's change made it begin anew.
	placed []membership
	// owes are groups that this call had the account leave while it renames it, and that somebody else gave it.
	owes []group
	// numbered is the number that the account gets when it needs one.
	numbered string
}

// membership is one that was made.
type membership struct {
	group group
	value string
	// given says that the account was not in the group before.
	given bool
}

// gave are names of groups that this call gave already.
func (w wanted) gave() (names []string) {
	for _, m := range w.placed {
		if m.given {
			names = append(names, m.group.name)
		}
	}
	return names
}

// plan is what has to be done to make an entry what it should be.
type plan struct {
	// fields are changes of the entry that can be refused for what is in them, so that they come first. suspend comes with them, and
	// resume at the very end.
	fields, suspend, resume []change
	adopt                   bool
	take, give              []group
	// naming are changes of the entry's name where its DN does not have it; rdn and parent are not empty when its DN changes.
	naming          []change
	rdn, parent, to string
	// owed are groups that the entry leaves for the time of its being renamed.
	owed []group
	// during and after are the records of a change that is more than one request, and of one that is done.
	during, after record
}

// isNothing says that the entry is as it should be. What only the caller's record lacks is not the entry's.
func (p plan) isNothing(before record, keepsRecord bool) bool {
	return len(p.fields) == 0 && len(p.suspend) == 0 && len(p.resume) == 0 && !p.adopt && !p.isLong() && (!keepsRecord || p.after.same(before))
}

// isLong says that the plan is more than one request to the entry.
func (p plan) isLong() bool { return len(p.take) > 0 || len(p.give) > 0 || p.relocates() }

func (p plan) relocates() bool { return len(p.naming) > 0 || p.rdn != "" || p.parent != "" }

// base decides which entry the account is: the owner's, or one that is adopted, or none yet. It returns leave when the entry is to be
// left as it is.
func base(op string, w wanted, mine, named []*entry) (is *entry, leave bool, err error) {
	conflict := func(format string, args ...any) error {
		return connector.Errorf(connector.Conflict, op, format, args...)
	}
	if len(mine) == 1 {
		is := mine[0]
		switch {
		case is.why != "":
			return nil, false, connector.Errorf(connector.Protected, op, "the owner's account %q is not touched: %s", is.dn, is.why)
		case is.mark.broken:
			return nil, false, conflict("the mark of %q cannot be read: correct or remove the values that begin with %q", is.dn, strings.TrimSpace(markPrefix))
		}
		for _, other := range named {
			if other.dn != is.dn {
				return nil, false, conflict("%q cannot be renamed to %q, because the directory takes that for the name of %q", is.dn, w.Name, other.dn)
			}
		}
		return is, false, nil
	}
	if len(named) == 0 {
		return nil, false, nil
	}
	is = named[0]
	switch {
	case is.why != "":
		return nil, false, connector.Errorf(connector.Protected, op, "the account %q is not touched: %s", is.dn, is.why)
	case is.mark.broken:
		return nil, false, conflict("the mark of %q cannot be read: correct or remove the values that begin with %q", is.dn, strings.TrimSpace(markPrefix))
	case is.mark.exists():
		return nil, false, conflict("%q is the account of somebody else", is.dn)
	case len(named) > 1:
		return nil, false, conflict("both %q and %q have the name: rename one of them, or map the name to another one", is.dn, named[1].dn)
	case w.Existing == connector.Ignore:
		return is, true, nil
	case w.Existing != connector.Adopt:
		return nil, false, conflict("there is an account %q already: adopt or ignore it, or map the name to another one", is.dn)
	case !is.active:
		return nil, false, conflict("%q is not adopted, because somebody took it out of use: put it into use again, or map the name to another one", is.dn)
	}
	return is, false, nil
}

// recordOf is what the connector gave: the entry says it, or the caller where the entry has no room.
func (t traits) recordOf(w wanted, e *entry) record {
	if t.keepsRecord() {
		return e.mark.record
	}
	return record{Roles: sorted(w.Record.Roles), Attributes: sorted(w.Record.Attributes)}
}

// plan compares the entry with what it should be. What takes rights is apart from what gives them.
func (t traits) plan(w wanted, e *entry, posix *Posix) plan {
	before := t.recordOf(w, e)
	p := plan{adopt: !e.mark.exists(), after: record{Home: before.Home}}
	if w.Active {
		p.after.Home = ""
	}
	p.planRoles(w, e, before)
	p.planName(t, w, e)
	if e.active != w.Active {
		p.planPlace(t, e, before, w.Active)
	}
	p.fields, p.after.Attributes = t.planFields(w, e, before, posix)
	p.during.Attributes = sorted(append(slices.Clone(before.Attributes), p.after.Attributes...))
	if e.active && !w.Active {
		p.suspend = t.suspending(e)
	}
	if !e.active && w.Active {
		p.resume = t.resuming(e)
	}
	p.planOwed(t, e)
	return p
}

// planRoles takes only what the record has, and gives what the account has not.
func (p *plan) planRoles(w wanted, e *entry, before record) {
	gave := append(slices.Clone(before.Roles), w.gave()...)
	for _, g := range e.groups {
		switch {
		case !listed(gave, g.name):
		case listed(w.Revoke, g.name) && !listed(w.Roles, g.name):
			p.take = append(p.take, g)
		default:
			p.after.Roles = append(p.after.Roles, g.name)
		}
	}
	p.give = w.given
	p.after.Roles = sorted(append(p.after.Roles, roleNames(w.given)...))
	p.during.Roles = sorted(append(roleNames(p.take), p.after.Roles...))
}

// missing are the names of groups that the account should be in and is not.
func (w wanted) missing(e *entry) []string {
	var names []string
	for _, name := range sorted(w.Roles) {
		if !has(e.groups, name) && !listed(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// planName says how the entry comes to have its name.
func (p *plan) planName(t traits, w wanted, e *entry) {
	if e.name == w.Name {
		return
	}
	p.to = w.Name
	if e.isNamedBy(t.rdnAttribute, e.name) {
		p.rdn = rdn(t.rdnAttribute, w.Name)
	}
	if p.rdn == "" || t.rdnAttribute != t.nameAttribute {
		p.naming = []change{deleted(t.nameAttribute, e.name), added(t.nameAttribute, w.Name)}
	}
}

// planPlace moves the entry, where that is what suspends people. Whoever comes back goes to where they were.
func (p *plan) planPlace(t traits, e *entry, before record, active bool) {
	switch {
	case t.suspension.Method != Move:
	case active:
		p.parent = t.usersBase
		if before.Home != "" && (sameDN(before.Home, t.usersBase) || below(before.Home, t.usersBase)) {
			p.parent = before.Home
		}
	default:
		p.parent = t.suspension.Base
		p.after.Home = parent(e.dn)
	}
}

// planOwed has the entry leave its groups while it gets its new name, and return to them after that: what names it by the old one would be
// the right of whoever gets that name.
func (p *plan) planOwed(t traits, e *entry) {
	p.during.Home = p.after.Home
	renames := p.rdn != "" || p.parent != ""
	if t.groups == PosixGroup {
		renames = p.rdn != "" || len(p.naming) > 0
	}
	if !renames || t.linksFollow {
		return
	}
	p.owed = slices.DeleteFunc(slices.Clone(e.groups), func(g group) bool { return has(p.take, g.name) })
	for _, g := range p.owed {
		p.during.Owed = append(p.during.Owed, g.dn)
	}
}

// planFields sets the attributes that are given, and removes those that were and are not any more. Attributes that the schema requires
// get a value in any case.
func (t traits) planFields(w wanted, e *entry, before record, posix *Posix) (changes []change, names []string) {
	want := t.attributesOf(w, e, before, posix)
	for _, name := range sortedKeys(want) {
		if !slices.Equal(sorted(want[name]), sorted(e.get(name))) {
			changes = append(changes, replaced(name, want[name]...))
		}
		if len(want[name]) > 0 {
			names = append(names, name)
		}
	}
	for _, name := range before.Attributes {
		if _, given := want[name]; !given && len(e.get(name)) > 0 && slices.Contains(t.attributes, name) {
			changes = append(changes, replaced(name))
		}
	}
	if missing := t.missingClasses(e); len(missing) > 0 {
		changes = append([]change{added("objectClass", missing...)}, changes...)
	}
	return changes, names
}

// missingClasses are auxiliary ones. What an entry is in the first place cannot be changed.
func (t traits) missingClasses(e *entry) []string {
	var missing []string
	for _, class := range t.classes[1:] {
		if !slices.ContainsFunc(e.get("objectClass"), func(have string) bool { return strings.EqualFold(have, class) }) {
			missing = append(missing, class)
		}
	}
	return missing
}

// attributesOf are those that the connector sets: what is given, and what the schema requires and nobody else has set.
func (t traits) attributesOf(w wanted, e *entry, before record, posix *Posix) map[string][]string {
	want := map[string][]string{}
	for name, values := range w.Attributes {
		if values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" }); len(values) > 0 {
			want[name] = values
		}
	}
	unless := func(name, value string) {
		ours := len(e.get(name)) == 0 || slices.Contains(before.Attributes, name)
		if _, given := want[name]; !given && ours && value != "" {
			want[name] = []string{value}
		}
	}
	for _, name := range t.required {
		unless(name, w.Name)
	}
	if posix != nil {
		unless(gidNumber, strconv.FormatInt(posix.GID, 10))
		unless(loginShell, posix.LoginShell)
		keep(want, e, before, homeDirectory, posix.HomeBase+"/"+w.Name)
		keep(want, e, before, uidNumber, w.numbered)
	}
	return want
}

// keep leaves the value that there is, because files and folders hang on it, or sets one where there is none.
func keep(want map[string][]string, e *entry, before record, name, value string) {
	if _, given := want[name]; given {
		return
	}
	if have := e.get(name); len(have) > 0 {
		if slices.Contains(before.Attributes, name) {
			want[name] = have
		}
		return
	}
	want[name] = nonEmpty(value)
}
