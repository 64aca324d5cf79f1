package ldap

import (
	"context"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// group is one that people are members of.
type group struct {
	dn   string
	name string
}

func roleNames(groups []group) []string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return sorted(names)
}

// has finds a group by a name that may be written differently.
func has(groups []group, name string) bool {
	return slices.ContainsFunc(groups, func(g group) bool { return fold(g.name) == fold(name) })
}

// listed finds a name that may be written differently.
func listed(names []string, name string) bool {
	return slices.ContainsFunc(names, func(other string) bool { return fold(other) == fold(name) })
}

// memberAttribute has the members of groups.
func (t traits) memberAttribute() string {
	if t.groups == PosixGroup {
		return "memberUid"
	}
	return "member"
}

// memberValue is what an entry of that DN and name is as a member.
func (t traits) memberValue(dn, name string) string {
	if t.groups == PosixGroup {
		return name
	}
	return dn
}

// searchGroups finds groups without their members, who may be many.
func (s *session) searchGroups(ctx context.Context, filter string) ([]group, []*ldap.Entry, error) {
	result, err := s.search(ctx, &ldap.SearchRequest{
		BaseDN: s.options.GroupsBase, Scope: ldap.ScopeWholeSubtree,
		Filter: "(&(objectClass=" + string(s.groups) + ")" + filter + ")", Attributes: append(nonEmpty(s.protected), "cn", s.markAttribute),
	})
	if err != nil {
		return nil, nil, err
	}
	found := make([]group, len(result.Entries))
	for i, e := range result.Entries {
		found[i] = group{dn: e.DN, name: groupName(e)}
	}
	return found, result.Entries, nil
}

// groupName is the value of cn that the group is named by, or else the first.
func groupName(e *ldap.Entry) string {
	values := e.GetEqualFoldAttributeValues("cn")
	if parsed := parse(e.DN); len(parsed.RDNs) > 0 {
		for _, part := range parsed.RDNs[0].Attributes {
			for _, value := range values {
				if strings.EqualFold(part.Type, "cn") && fold(value) == fold(part.Value) {
					return value
				}
			}
		}
	}
	if len(values) == 0 {
		return e.DN
	}
	return values[0]
}

// groupsOf finds out what the account is a member of.
func (s *session) groupsOf(ctx context.Context, e *entry) error {
	found, _, err := s.searchGroups(ctx, equals(s.memberAttribute(), s.memberValue(e.dn, e.name)))
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b group) int { return strings.Compare(a.name+a.dn, b.name+b.dn) })
	e.groups = found
	return nil
}

// resolve finds the groups that are to be given. What does not exist, or must not be given, is refused.
func (s *session) resolve(ctx context.Context, names []string) ([]group, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var filter strings.Builder
	for _, name := range names {
		filter.WriteString(equals("cn", name))
	}
	found, entries, err := s.searchGroups(ctx, "(|"+filter.String()+")")
	if err != nil {
		return nil, err
	}
	groups := make([]group, 0, len(names))
	for _, name := range names {
		at := slices.IndexFunc(found, func(g group) bool { return fold(g.name) == fold(name) })
		if at < 0 {
			return nil, connector.Errorf(connector.Rejected, s.op, "there is no group %q below %q to give: create it, or correct the role mapping", name, s.options.GroupsBase)
		}
		if has(found[at+1:], name) {
			return nil, connector.Errorf(connector.Rejected, s.op, "there are several groups %q below %q: rename all but one", name, s.options.GroupsBase)
		}
		if why := s.groupProtection(found[at], entries[at]); why != "" {
			return nil, connector.Errorf(connector.Protected, s.op, "the group %q is not given: %s", name, why)
		}
		if !has(groups, name) {
			groups = append(groups, found[at])
		}
	}
	return groups, s.checkNesting(ctx, groups)
}

func (s *session) groupProtection(g group, e *ldap.Entry) string {
	switch {
	case s.options.protects(g.name, g.dn):
		return "it is in the list of protected groups"
	case s.protected != "" && e.GetEqualFoldAttributeValue(s.protected) == "1":
		return "the server protects it, because its members are administrators"
	}
	return ""
}

// maxNesting bounds how many groups are looked at above those that are given.
const maxNesting = 1000

// checkNesting refuses groups that are members of protected ones, at any depth.
func (s *session) checkNesting(ctx context.Context, groups []group) error {
	if s.groups == PosixGroup || s.protected == "" && len(s.options.Protected) == 0 {
		return nil
	}
	for _, given := range groups {
		seen := map[string]bool{given.dn: true}
		for next := []group{given}; len(next) > 0; next = next[1:] {
			above, entries, err := s.searchGroups(ctx, equals(s.memberAttribute(), next[0].dn))
			if err != nil {
				return err
			}
			for i, g := range above {
				if why := s.groupProtection(g, entries[i]); why != "" {
					return connector.Errorf(connector.Protected, s.op, "the group %q is not given, because it leads to %q: %s", given.name, g.name, why)
				}
				if !seen[g.dn] {
					seen[g.dn] = true
					next = append(next, g)
				}
			}
			if len(seen) > maxNesting {
				return connector.Errorf(connector.Rejected, s.op, "the group %q is a member of more than %d others: correct the role mapping", given.name, maxNesting)
			}
		}
	}
	return nil
}

// give makes the account a member. Somebody else may have been faster.
func (s *session) give(ctx context.Context, w *wanted, groups []group, value string) error {
	for _, g := range groups {
		if err := s.place(ctx, w, membership{group: g, value: value, given: true}); err != nil {
			return s.gone(err)
		}
	}
	return nil
}

// restore makes the account a member again of what it was a member of. A group that was removed meanwhile has no members.
func (s *session) restore(ctx context.Context, w *wanted, groups []group, value string) error {
	for _, g := range groups {
		err := s.place(ctx, w, membership{group: g, value: value})
		if err != nil && !hasCode(err, ldap.LDAPResultNoSuchObject) {
			return s.refused(err)
		}
	}
	return nil
}

// place adds a membership and remembers that, because the entry may have got another name in that moment.
func (s *session) place(ctx context.Context, w *wanted, m membership) error {
	w.placed = append(w.placed, m)
	err := s.modify(ctx, m.group.dn, added(s.memberAttribute(), m.value))
	if hasCode(err, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultEntryAlreadyExists) {
		return nil
	}
	return err
}

// unplace ends the memberships that this call made for a name that the account has not any more: they would be the rights of whoever gets
// that name. It also restores what this call may have ended after somebody else restored it. The account is nil when it is gone.
func (s *session) unplace(ctx context.Context, w *wanted, e *entry) error {
	var kept []membership
	for _, m := range w.placed {
		if e != nil && s.sameMember(m.value, s.memberValue(e.dn, e.name)) {
			kept = append(kept, m)
			continue
		}
		if err := s.take(ctx, []group{m.group}, m.value); err != nil {
			return err
		}
	}
	w.placed = kept
	if e == nil || len(w.owes) == 0 {
		return nil
	}
	owes := w.owes
	w.owes = nil
	return s.restore(ctx, w, owes, s.memberValue(e.dn, e.name))
}

func (t traits) sameMember(one, other string) bool {
	if t.groups == PosixGroup {
		return one == other
	}
	return sameDN(one, other)
}

// take ends the entry's memberships. A group that must have a member gets the placeholder in the place of its last one. It keeps it when others
// come, because a person may have put it there.
func (s *session) take(ctx context.Context, groups []group, value string) error {
	for _, g := range groups {
		remove := deleted(s.memberAttribute(), value)
		err := s.modify(ctx, g.dn, remove)
		if s.needsMember && hasCode(err, ldap.LDAPResultObjectClassViolation) {
			err = s.modify(ctx, g.dn, remove, added(s.memberAttribute(), s.placeholder(g)))
			if hasCode(err, ldap.LDAPResultAttributeOrValueExists) {
				return errRaced
			}
		}
		if err != nil && !hasCode(err, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultNoSuchObject) && !isNoMember(err) {
			return s.refused(err)
		}
	}
	return nil
}

// isNoMember is how Active Directory says that there is no such value to delete: ERROR_MEMBER_NOT_IN_GROUP.
func isNoMember(err error) bool {
	return hasCode(err, ldap.LDAPResultUnwillingToPerform) && strings.Contains(err.Error(), "00000561")
}

func (s *session) placeholder(g group) string {
	if s.options.Placeholder != "" {
		return s.options.Placeholder
	}
	return g.dn
}

// change is a part of a request that changes an entry.
type change = ldap.Change

func changed(operation uint, attribute string, values []string) change {
	return change{Operation: operation, Modification: ldap.PartialAttribute{Type: attribute, Vals: values}}
}

func added(attribute string, values ...string) change {
	return changed(ldap.AddAttribute, attribute, values)
}

func deleted(attribute string, values ...string) change {
	return changed(ldap.DeleteAttribute, attribute, values)
}

func replaced(attribute string, values ...string) change {
	return changed(ldap.ReplaceAttribute, attribute, values)
}

// modify sends changes of one entry, of which the server makes all or none. It returns the server's error as it is.
func (s *session) modify(ctx context.Context, dn string, changes ...change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.conn.answered(s.conn.Modify(&ldap.ModifyRequest{DN: dn, Changes: changes}))
}

// gone turns an error of the server into one of the contract, for a request to an entry that was there a moment ago.
func (s *session) gone(err error) error {
	if hasCode(err, ldap.LDAPResultNoSuchObject) {
		return errRaced
	}
	return s.refused(err)
}

func (s *session) refused(err error) error { return failure(s.op, err, false, s.values) }
