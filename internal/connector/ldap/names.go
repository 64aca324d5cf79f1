package ldap

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// noAttributes asks for entries without any, after section 4.5.1.8 of RFC 4511.
const noAttributes = "1.1"

// fold makes names equal that the directory's matching rules take for equal, as far as these agree.
func fold(name string) string {
	return cases.Fold().String(norm.NFKC.String(strings.Join(strings.Fields(name), " ")))
}

// equals is a filter for entries that have the value.
func equals(attribute, value string) string {
	return "(" + attribute + "=" + ldap.EscapeFilter(value) + ")"
}

// parse is for DNs that were checked or that the server sent. What is none has no names in it, and is nobody's ancestor or equal.
func parse(dn string) *ldap.DN {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return &ldap.DN{}
	}
	return parsed
}

func sameDN(one, other string) bool {
	first, second := parse(one), parse(other)
	return len(first.RDNs) > 0 && first.EqualFold(second)
}

// below says whether the entry is at any depth below the other.
func below(dn, base string) bool {
	above := parse(base)
	return len(above.RDNs) > 0 && above.AncestorOfFold(parse(dn))
}

// parent is the DN of the entry that this one is directly below. The server's own writing is kept.
func parent(dn string) string {
	parsed := parse(dn)
	if len(parsed.RDNs) == 0 {
		return ""
	}
	return (&ldap.DN{RDNs: parsed.RDNs[1:]}).String()
}

func rdn(attribute, value string) string { return attribute + "=" + ldap.EscapeDN(value) }

// checkName refuses names that the directory could not keep, or could not tell from others.
func (t traits) checkName(op, name string, posix bool) error {
	reject := func(format string, args ...any) error {
		return connector.Errorf(connector.Rejected, op, format, args...)
	}
	switch {
	case name == "":
		return reject("the account name is empty")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return reject("the account name has a control or formatting character in it, or is not UTF-8: map the name to one that has none")
	case strings.Join(strings.Fields(name), " ") != name:
		return reject("the account name has spaces at an end or beside each other, which a directory does not tell apart: map the name to one without")
	case len(name) > t.maxName:
		return reject("the account name has %d bytes, and %d are taken: map the name to a shorter one", len(name), t.maxName)
	case strings.ContainsAny(name, t.forbidden) && t.forbidden != "":
		return reject("the account name has one of the characters %s in it, which the server refuses: map the name to one without", t.forbidden)
	case (posix || t.groups == PosixGroup) && !posixName.MatchString(name):
		return reject("the account name is not one of a POSIX account: map the name to one that begins with a letter and has letters, digits and . _ - @ only")
	}
	return nil
}

// checkOwner keeps a caller that forgot the owner from reaching everybody's accounts.
func checkOwner(op string, owner connector.Owner) error {
	for _, part := range []string{owner.App, owner.Person} {
		if part == "" || !utf8.ValidString(part) || strings.ContainsFunc(part, unicode.IsControl) {
			return connector.Errorf(connector.Rejected, op, "the owner's app and person must be given, in UTF-8 and without control characters")
		}
	}
	return nil
}

// checkRoleNames refuses what cannot even be asked for.
func checkRoleNames(op string, names []string) error {
	for _, name := range names {
		if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return connector.Errorf(connector.Rejected, op, "there can be no group named %q: correct the role mapping", name)
		}
	}
	return nil
}
