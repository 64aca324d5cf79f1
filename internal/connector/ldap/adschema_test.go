package ldap_test

import (
	"slices"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/ldap"
)

// adSchema is what slapd has to know to take entries that look like those of Active Directory. That does not make it one: it generates no
// objectGUID, lets no membership follow a rename, and checks no password. It shows that the requests can be taken, and what becomes of a
// mark that has room for one value only.
var adSchema = []string{
	`attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )`,
	`attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )`,
	`attributetype ( 1.2.840.113556.1.2.226 NAME 'adminDescription' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )`,
	`attributetype ( 1.2.840.113556.1.4.90 NAME 'unicodePwd' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )`,
	`attributetype ( 1.2.840.113556.1.4.150 NAME 'adminCount' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )`,
	`objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP top STRUCTURAL MUST ( cn $ sAMAccountName )
  MAY ( sn $ givenName $ displayName $ mail $ title $ userAccountControl $ adminDescription $ unicodePwd $ adminCount ) )`,
	`objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( member $ adminCount ) )`,
}

// adWorld has two groups of Active Directory's class, one of them of administrators.
func adWorld(t *testing.T) (*world, connector.Connector) {
	w := newWorld(t, ldap.GroupOfNames)
	for name, attributes := range map[string]map[string][]string{
		"team": {"objectClass": {"group"}, "cn": {"team"}}, "Domain Admins": {"objectClass": {"group"}, "cn": {"Domain Admins"}, "adminCount": {"1"}},
	} {
		w.add(w.groupDN(name), attributes)
	}
	return w, w.closing(func(o *ldap.Options) { o.Profile, o.GroupKind = ldap.ActiveDirectory, ldap.ADGroup })
}

func (w *world) control(name string) string {
	w.Helper()
	found := w.search("(sAMAccountName="+goldap.EscapeFilter(name)+")", "userAccountControl")
	if len(found) != 1 {
		w.Fatalf("there are %d accounts %q", len(found), name)
	}
	return found[0].GetAttributeValue("userAccountControl")
}

// TestCallerKeepsTheRecord: where the mark has room for the owner only, what was given is what the caller says, and it is told what that is
// afterwards.
func TestCallerKeepsTheRecord(t *testing.T) {
	w, c := adWorld(t)
	if capabilities, err := c.Capabilities(t.Context()); err != nil || capabilities.KeepsRecord {
		t.Fatalf("got %+v, %v", capabilities, err)
	}
	a := account("ada")
	a.Roles, a.Attributes = []string{"team"}, map[string][]string{"title": {"countess"}}
	first := w.ensure(c, a)
	if diff := cmp.Diff(connector.Record{Roles: []string{"team"}, Attributes: []string{"title"}}, first.Record); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	a.Record = first.Record
	if _, changed, err := c.Ensure(t.Context(), a); err != nil || changed {
		t.Errorf("again: changed=%t, %v", changed, err)
	}
	a.Roles, a.Revoke, a.Attributes = nil, []string{"team"}, nil
	forgotten := a
	forgotten.Record = connector.Record{}
	if _, changed, err := c.Ensure(t.Context(), forgotten); err != nil || changed || len(w.members("team")) != 1 {
		t.Errorf("what nobody gave is taken: changed=%t, %v", changed, err)
	}
	last, changed, err := c.Ensure(t.Context(), a)
	if err != nil || !changed || len(last.Roles)+len(last.Attributes)+len(last.Record.Roles)+len(last.Record.Attributes) > 0 {
		t.Errorf("got %+v, changed=%t, %v", last, changed, err)
	}
}

// TestAccountControl: one bit of the number says who may sign in, and the others stay.
func TestAccountControl(t *testing.T) {
	w, c := adWorld(t)
	a := account("ada")
	w.ensure(c, a)
	w.modify(w.search("(sAMAccountName=ada)")[0].DN, func(r *goldap.ModifyRequest) { r.Replace("userAccountControl", []string{"66048"}) })
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed || w.control("ada") != "66050" {
		t.Errorf("changed=%t, %v: userAccountControl is %s", changed, err, w.control("ada"))
	}
	a.Name = "ada.king"
	if got := w.ensure(c, a); !got.Active || got.Name != a.Name || w.control(a.Name) != "66048" {
		t.Errorf("got %+v with userAccountControl %s", got, w.control(a.Name))
	}
	if changed, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{}); err != nil || !changed {
		t.Errorf("changed=%t, %v", changed, err)
	}
}

// TestAdministratorsOfADomain: whom the server protects is not touched, and what makes somebody one of them is not given.
func TestAdministratorsOfADomain(t *testing.T) {
	w, c := adWorld(t)
	w.add("cn=root,ou=people,"+w.root, map[string][]string{"objectClass": {"user"}, "cn": {"root"}, "sAMAccountName": {"root"}, "adminCount": {"1"}})
	a := account("root")
	a.Existing = connector.Adopt
	_, _, err := c.Ensure(t.Context(), a)
	w.wantError(err, connector.Protected, "administrators")
	a = account("ambitious")
	a.Roles = []string{"Domain Admins"}
	_, _, err = c.Ensure(t.Context(), a)
	w.wantError(err, connector.Protected, "administrators")
	w.modify(w.groupDN("Domain Admins"), func(r *goldap.ModifyRequest) { r.Add("member", []string{w.groupDN("team")}) })
	a.Roles = []string{"team"}
	_, _, err = c.Ensure(t.Context(), a)
	w.wantError(err, connector.Protected, "leads to")
}

// TestOnlyValueIsTaken: an account is not adopted when somebody else's value is where the mark would be.
func TestOnlyValueIsTaken(t *testing.T) {
	w, c := adWorld(t)
	w.add("cn=ada,ou=people,"+w.root, map[string][]string{"objectClass": {"user"}, "cn": {"ada"}, "sAMAccountName": {"ada"}, "adminDescription": {"mine"}})
	a := account("ada")
	a.Existing = connector.Adopt
	_, _, err := c.Ensure(t.Context(), a)
	w.wantError(err, connector.Conflict, "adminDescription")
	w.modify("cn=ada,ou=people,"+w.root, func(r *goldap.ModifyRequest) { r.Delete("adminDescription", nil) })
	if got := w.ensure(c, a); got.Owner != a.Owner {
		t.Errorf("got %+v", got)
	}
	other := a
	other.Owner.Person = "somebody else"
	_, _, err = c.Ensure(t.Context(), other)
	w.wantError(err, connector.Conflict, "somebody else")
	if values := w.search("(cn=ada)", "adminDescription")[0].GetAttributeValues("adminDescription"); !slices.Equal(values, []string{`scim-operator owner {"app":"app of package ldap","person":"ada"}`}) {
		t.Errorf("the mark is %q", values)
	}
}
