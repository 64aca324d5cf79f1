package ldap

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// entry is a person's, as the directory has it.
type entry struct {
	dn     string
	id     string
	name   string
	values map[string][]string // by the attribute's name in lower case
	mark   mark
	active bool
	groups []group // filled in by groupsOf
	why    string  // it is not to be touched for this reason
}

func (e *entry) get(attribute string) []string { return e.values[strings.ToLower(attribute)] }

// owner is whose account it is; one whose mark is broken is nobody's.
func (e *entry) owner() connector.Owner { return e.mark.owner }

func (s *session) entry(from *ldap.Entry) *entry {
	e := &entry{dn: from.DN, values: map[string][]string{}}
	for _, attribute := range from.Attributes {
		e.values[strings.ToLower(attribute.Name)] = attribute.Values
	}
	if s.idBinary {
		e.id = hex.EncodeToString(from.GetEqualFoldRawAttributeValue(s.idAttribute))
	} else {
		e.id = from.GetEqualFoldAttributeValue(s.idAttribute)
	}
	e.name = s.nameOf(e)
	e.mark = parseMark(e.get(s.markAttribute))
	e.active = s.isActive(e)
	e.why = s.protection(e)
	return e
}

// nameOf is the value that the entry is named by, or else the first.
func (t traits) nameOf(e *entry) string {
	if parsed := parse(e.dn); len(parsed.RDNs) > 0 {
		for _, part := range parsed.RDNs[0].Attributes {
			for _, value := range e.get(t.nameAttribute) {
				if strings.EqualFold(part.Type, t.nameAttribute) && fold(value) == fold(part.Value) {
					return value
				}
			}
		}
	}
	if values := e.get(t.nameAttribute); len(values) > 0 {
		return values[0]
	}
	return ""
}

// isNamedBy says whether the entry's DN begins with that one value.
func (e *entry) isNamedBy(attribute, value string) bool {
	parsed := parse(e.dn)
	return len(parsed.RDNs) > 0 && len(parsed.RDNs[0].Attributes) == 1 &&
		strings.EqualFold(parsed.RDNs[0].Attributes[0].Type, attribute) && fold(parsed.RDNs[0].Attributes[0].Value) == fold(value)
}

// protection says why an account is not to be touched, or nothing when it may be.
func (s *session) protection(e *entry) string {
	number := e.get(uidNumber)
	switch {
	case s.options.protects(e.name, e.dn):
		return "it is in the list of protected accounts, or the connector's own"
	case s.protected != "" && slices.Contains(e.get(s.protected), "1"):
		return "the server protects it, because it is in a group of administrators"
	case s.options.Posix != nil && len(number) == 1 && isSystem(number[0]):
		return "its uidNumber is one of root or of a program"
	}
	return ""
}

func isSystem(number string) bool {
	parsed, err := strconv.ParseInt(number, 10, 64)
	return err == nil && parsed < systemUIDs
}

// observed is the entry as the contract describes an account.
func (s *session) observed(e *entry) connector.Observed {
	found := connector.Observed{
		ID: e.id, Name: e.name, Owner: e.owner(), Active: e.active, Roles: roleNames(e.groups), Protected: e.why != "",
		Attributes: map[string][]string{},
	}
	for _, name := range s.attributes {
		if values := e.get(name); len(values) > 0 {
			found.Attributes[name] = values
		}
	}
	return found
}

// people searches for entries below all bases.
func (s *session) people(ctx context.Context, filter string) ([]*entry, error) {
	var all []*entry
	bases := s.bases()
	for i := 0; i < len(bases); i++ {
		result, err := s.search(ctx, &ldap.SearchRequest{BaseDN: bases[i], Scope: ldap.ScopeWholeSubtree, Filter: filter, Attributes: s.reads()})
		if err != nil {
			return nil, err
		}
		for _, found := range result.Entries {
			e := s.entry(found)
			if slices.ContainsFunc(all, func(other *entry) bool { return e.id != "" && other.id == e.id }) {
				return nil, errRaced // It was moved between two searches.
			}
			all = append(all, e)
		}
		if i == 1 && len(all) == 0 && len(bases) == 2 {
			bases = append(bases, bases[0]) // It may have been moved to where it was not any more.
		}
	}
	return all, nil
}

// ownedBy is a filter for entries with the owner's mark, and for some that are alike.
func (t traits) ownedBy(owner connector.Owner) string {
	return equals(t.markAttribute, ownerValue(owner))
}

// find returns the owner's accounts, of which there should be one at most, and the entries that the directory finds by that name.
func (s *session) find(ctx context.Context, owner connector.Owner, name string) (mine, named []*entry, err error) {
	filter := s.ownedBy(owner)
	if name != "" {
		filter = "(|" + filter + equals(s.nameAttribute, name) + ")"
	}
	found, err := s.people(ctx, filter)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range found {
		if e.mark.names(owner) {
			mine = append(mine, e)
		}
		if name != "" && slices.ContainsFunc(e.get(s.nameAttribute), func(value string) bool { return fold(value) == fold(name) }) {
			named = append(named, e)
		}
	}
	return mine, named, nil
}

// Observe returns the owner's account or, when it has none, the one of that name.
func (c *Connector) Observe(ctx context.Context, owner connector.Owner, name string) (connector.Observed, error) {
	const op = "observe"
	if err := checkOwner(op, owner); err != nil {
		return connector.Observed{}, err
	}
	if c.traits.checkName(op, name, c.options.Posix != nil) != nil {
		name = "" // There can be no account of that name.
	}
	var found connector.Observed
	err := c.call(ctx, op, nil, func(ctx context.Context, s *session) error {
		mine, named, err := s.find(ctx, owner, name)
		switch {
		case err != nil:
			return err
		case len(mine) > 1:
			return s.twice(mine)
		case len(mine) == 0 && len(named) == 0:
			return connector.Errorf(connector.NotFound, op, "the owner has no account, and there is none of that name")
		case len(mine) == 0:
			mine = named
		}
		if err := s.groupsOf(ctx, mine[0]); err != nil {
			return err
		}
		found = s.observed(mine[0])
		return nil
	})
	return found, err
}

// twice is the error for an owner with more than one account.
func (s *session) twice(mine []*entry) error {
	return connector.Errorf(connector.Conflict, s.op, "%q and %q bear the mark of the same person: remove the values of %s that begin with %q from one of them",
		mine[0].dn, mine[1].dn, s.markAttribute, strings.TrimSpace(markPrefix))
}
