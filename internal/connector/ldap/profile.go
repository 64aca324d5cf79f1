package ldap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Profile is what kind of server it is.
type Profile string

const (
	// OpenLDAP is slapd 2.4 and later. It is the zero value's meaning.
	OpenLDAP Profile = "OpenLDAP"
	// Directory389 is 389 Directory Server, and Red Hat's products that are made of it.
	Directory389 Profile = "389ds"
	// ActiveDirectory is Microsoft's, and Samba's.
	ActiveDirectory Profile = "ActiveDirectory"
)

// SuspendMethod says how a person is kept from signing in.
type SuspendMethod string

const (
	// PPolicyLock writes 000001010000Z into pwdAccountLockedTime, after draft-behera-ldap-password-policy: locked until an administrator
	// unlocks it. It needs the overlay ppolicy and a policy with pwdLockout TRUE, or the server ignores it. It is what OpenLDAP does
	// unless told otherwise.
	PPolicyLock SuspendMethod = "PPolicyLock"
	// Attribute writes a value that the applications look for. 389 Directory Server and Active Directory have one of their own.
	Attribute SuspendMethod = "Attribute"
	// Move moves the entry below another one, where nobody who signs in is looked for.
	Move SuspendMethod = "Move"
)

// Suspension is how a person is kept from signing in.
type Suspension struct {
	Method SuspendMethod
	// Attribute, Suspended and Active are for the method Attribute: Suspended is the value of somebody who may not sign in, and Active
	// the one of somebody who may. When Active is empty, the attribute is removed.
	Attribute, Suspended, Active string
	// Bit is for the method Attribute, in the place of values: the attribute is a number, and the bit is set in it.
	Bit int64
	// Base is for the method Move: the DN of the entry below which suspended people are.
	Base string
}

// GroupKind says what a role is.
type GroupKind string

const (
	// GroupOfNames has people's DNs as values of member, and never none of them, which 389 Directory Server does not insist on.
	GroupOfNames GroupKind = "groupOfNames"
	// PosixGroup has people's names as values of memberUid.
	PosixGroup GroupKind = "posixGroup"
	// ADGroup has people's DNs as values of member, and the server keeps these true when people are renamed.
	ADGroup GroupKind = "group"
)

// traits are what a profile stands for. All that differs between servers is here, as data.
type traits struct {
	// nameAttribute has what a person signs in with, and rdnAttribute is what entries are named by.
	nameAttribute, rdnAttribute string
	usersBase                   string
	idAttribute                 string
	idBinary                    bool
	classes                     []string
	accounts                    string // a filter
	// attributes are those that people may have, but for the ones that options add.
	attributes []string
	// required are those that the schema wants, and that are the name when nobody gives them.
	required []string
	groups   GroupKind
	// needsMember says that a group is never without one.
	needsMember bool
	// linksFollow says that memberships name an entry by its new DN when it is renamed, and are gone when it is removed.
	linksFollow   bool
	suspension    Suspension
	markAttribute string
	// markSingle says that the attribute of the mark has room for one value.
	markSingle bool
	// assertion says that requests may depend on a filter, after RFC 4528.
	assertion bool
	maxName   int
	forbidden string // characters that no name may have
	// protected is an attribute that people and groups have whom the server itself protects.
	protected string
	// randomPassword says that an account must be made with a password, or may be used without any.
	randomPassword bool
}

var inetOrgPerson = []string{
	"carLicense", "cn", "departmentNumber", "displayName", "employeeNumber", "employeeType", "facsimileTelephoneNumber", "givenName",
	"homePhone", "initials", "l", "labeledURI", "mail", "mobile", "o", "ou", "pager", "postalAddress", "postalCode", "preferredLanguage",
	"roomNumber", "sn", "st", "street", "telephoneNumber", "title",
}

var profiles = map[Profile]traits{
	OpenLDAP: {
		nameAttribute: "uid", rdnAttribute: "uid", idAttribute: "entryUUID",
		classes:  []string{"inetOrgPerson"},
		accounts: "(uid=*)", attributes: inetOrgPerson, required: []string{"cn", "sn"},
		groups: GroupOfNames, needsMember: true,
		suspension:    Suspension{Method: PPolicyLock},
		markAttribute: "description",
		assertion:     true,
		maxName:       256,
	},
	Directory389: {
		nameAttribute: "uid", rdnAttribute: "uid", idAttribute: "nsUniqueId",
		classes:  []string{"inetOrgPerson"},
		accounts: "(uid=*)", attributes: inetOrgPerson, required: []string{"cn", "sn"},
		groups:     GroupOfNames,
		suspension: Suspension{Method: Attribute, Attribute: "nsAccountLock", Suspended: "true"},
		// Its usual rules of access let people write their own description.
		markAttribute: "businessCategory",
		maxName:       256,
	},
	ActiveDirectory: {
		nameAttribute: "sAMAccountName", rdnAttribute: "cn", idAttribute: "objectGUID", idBinary: true,
		classes:  []string{"user"},
		accounts: "(&(objectCategory=person)(objectClass=user)(sAMAccountName=*))",
		attributes: []string{
			"c", "co", "company", "department", "displayName", "division", "employeeID", "employeeNumber", "facsimileTelephoneNumber", "givenName",
			"info", "initials", "l", "mail", "mobile", "physicalDeliveryOfficeName", "postalCode", "sn", "st", "streetAddress", "telephoneNumber",
			"title", "userPrincipalName",
		},
		groups: ADGroup, linksFollow: true,
		suspension:    Suspension{Method: Attribute, Attribute: "userAccountControl", Bit: accountDisable, Active: normalAccount},
		markAttribute: "adminDescription", markSingle: true,
		maxName: 20, forbidden: `"/\[]:;|=,+*?<>@`,
		protected: "adminCount", randomPassword: true,
	},
}

// Values of Active Directory's userAccountControl.
const (
	accountDisable = 2
	normalAccount  = "512"
)

// traits are the profile's, with what the options change.
func (o Options) traits() (traits, error) {
	if o.Profile == "" {
		o.Profile = OpenLDAP
	}
	t, ok := profiles[o.Profile]
	if !ok {
		return t, fmt.Errorf("profile %q is not known: use %s, %s or %s", o.Profile, OpenLDAP, Directory389, ActiveDirectory)
	}
	t.usersBase = o.UsersBase
	if o.GroupKind != "" {
		t.groups = o.GroupKind
	}
	if !slices.Contains([]GroupKind{GroupOfNames, PosixGroup, ADGroup}, t.groups) {
		return t, fmt.Errorf("groups of kind %q are not known: use %s, %s or %s", t.groups, GroupOfNames, PosixGroup, ADGroup)
	}
	t.needsMember = t.needsMember && t.groups == GroupOfNames
	t.linksFollow = t.linksFollow && t.groups != PosixGroup
	if o.MarkAttribute != "" {
		t.markAttribute, t.markSingle = o.MarkAttribute, o.MarkSingleValued
	}
	if t.markSingle && !t.linksFollow {
		return t, fmt.Errorf("the mark needs an attribute with several values where memberships do not follow an entry that is renamed: choose one, such as description")
	}
	if err := t.suspend(o.Suspension); err != nil {
		return t, err
	}
	t.attributes = slices.DeleteFunc(slices.Clone(t.attributes), t.isTaken)
	t.attributes = slices.Concat(t.attributes, o.Attributes)
	t.classes = slices.Concat(t.classes, o.ObjectClasses)
	if o.Posix != nil {
		t.classes = append(t.classes, "posixAccount")
		t.attributes = slices.Concat(t.attributes, posixAttributes)
	}
	t.attributes = sorted(t.attributes)
	return t, t.checkAttributes()
}

// suspend takes the suspension that the options ask for, and checks it.
func (t *traits) suspend(s Suspension) error {
	if s.Method != "" {
		t.suspension = s
	}
	s = t.suspension
	switch s.Method {
	case PPolicyLock:
		t.suspension.Attribute, t.suspension.Suspended, t.suspension.Active = lockAttribute, lockedForGood, ""
	case Attribute:
		if s.Attribute == "" || s.Bit == 0 && (s.Suspended == "" || s.Suspended == s.Active) {
			return fmt.Errorf("suspension by attribute needs the attribute's name, and the value of people who are suspended")
		}
	case Move:
		if s.Base == "" {
			return fmt.Errorf("suspension by moving needs the DN of the entry to move people below")
		}
	default:
		return fmt.Errorf("suspension by %q is not known: use %s, %s or %s", s.Method, PPolicyLock, Attribute, Move)
	}
	return nil
}

// isTaken says that an attribute is not for the mapping.
func (t traits) isTaken(name string) bool {
	return slices.ContainsFunc([]string{
		t.nameAttribute, t.markAttribute, t.suspension.Attribute, "objectClass", "userPassword", "unicodePwd", "member", "memberUid", "memberOf",
	}, func(taken string) bool { return strings.EqualFold(name, taken) })
}

// checkAttributes keeps the options away from what is not the mapping's business.
func (t traits) checkAttributes() error {
	if i := slices.IndexFunc(t.attributes, t.isTaken); i >= 0 {
		return fmt.Errorf("attribute %s cannot be mapped: remove it from the options, or choose another one for the mark or the suspension", t.attributes[i])
	}
	return nil
}

// reads are the attributes that have to be asked for.
func (t traits) reads() []string {
	return slices.Concat(t.attributes, []string{
		t.nameAttribute, t.idAttribute, t.markAttribute, "objectClass", "uidNumber",
	}, nonEmpty(t.suspension.Attribute, t.protected))
}

func nonEmpty(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// keepsRecord says whether the record has room in the mark.
func (t traits) keepsRecord() bool { return !t.markSingle }

func (t traits) capabilities(version string) connector.Capabilities {
	return connector.Capabilities{
		Version: version, MaxNameBytes: t.maxName, Attributes: slices.Clone(t.attributes), KeepsRecord: t.keepsRecord(),
	}
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
