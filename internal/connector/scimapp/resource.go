package scimapp

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// user is a User as the server shows it.
type user struct {
	raw    object
	id     string
	name   string
	active bool
	// externalID is the mark, or somebody else's.
	externalID string
	owner      connector.Owner
	// broken says that the externalId begins like a mark and is none.
	broken bool
	// why says why it is not to be touched, or is empty.
	why string
}

// readUser takes a resource apart. A resource without an id is none.
func (r *run) readUser(raw object) (user, error) {
	u := user{raw: raw, id: text(raw, "id"), name: text(raw, "userName"), externalID: text(raw, "externalId"), active: isActive(raw)}
	if !isID(u.id) {
		return user{}, connector.Errorf(connector.Transient, r.op, "the server shows a user without an id: check the base URL")
	}
	u.owner, u.broken = parseMark(u.externalID)
	if r.isProtected(u.name) {
		u.why = "it is in the list of protected accounts"
	}
	return u, nil
}

// isID says whether an id can be put into a path.
func isID(id string) bool { return id != "" && id != "." && id != ".." && isText(id) }

// isActive reads a boolean, which some servers write as text. An account that says nothing can be used.
func isActive(raw object) bool {
	switch value := attribute(raw, "active").(type) {
	case bool:
		return value
	case string:
		return !strings.EqualFold(value, "false")
	}
	return true
}

// attribute is the value of that name, in whatever case the server writes it (RFC 7643 section 2.1).
func attribute(raw object, name string) any {
	if value, ok := raw[name]; ok {
		return value
	}
	for key, value := range raw {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

func text(raw object, name string) string {
	value, _ := attribute(raw, name).(string)
	return value
}

// etag is the version for If-Match, or empty where the server has none.
func etag(raw object) string {
	if tag, ok := raw[etagKey].(string); ok {
		return tag
	}
	meta, _ := attribute(raw, "meta").(object)
	return text(meta, "version")
}

// reference is a group of a user, or a member of a group.
type reference struct{ id, display, kind string }

// references reads an attribute such as groups or members, and says whether it is there.
func references(raw object, name string) (found []reference, ok bool) {
	list, ok := attribute(raw, name).([]any)
	for _, item := range list {
		entry, _ := item.(object)
		if id := text(entry, "value"); id != "" {
			found = append(found, reference{id, text(entry, "display"), text(entry, "type")})
		}
	}
	return found, ok
}

// fold makes names the same that SCIM servers take for the same: userName is no case-exact attribute.
func fold(name string) string { return cases.Fold().String(norm.NFKC.String(name)) }

// sameName says whether an account of that name is as it should be.
func (r *run) sameName(have, want string) bool {
	return have == want || r.profile.FoldsNames && fold(have) == fold(want)
}

func (r *run) isProtected(name string) bool { return containsFolded(r.c.options.Protected, name) }

func containsFolded(names []string, name string) bool {
	return slices.ContainsFunc(names, func(one string) bool { return fold(one) == fold(name) })
}

// observed is the account as the contract has it.
func (r *run) observed(u user, roles []string) connector.Observed {
	o := connector.Observed{
		ID: u.id, Name: u.name, Owner: u.owner, Active: u.active, Roles: sorted(roles), Protected: u.why != "", Attributes: map[string][]string{},
	}
	for _, a := range r.profile.Attributes {
		if values := a.read(u.raw); len(values) > 0 {
			o.Attributes[a.Name] = values
		}
	}
	return o
}
