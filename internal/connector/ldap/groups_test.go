package ldap_test

import (
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/ldap"
)

// members are what the group has, in the order of their text.
func (w *world) members(role string) []string {
	w.Helper()
	found := w.search("(cn="+goldap.EscapeFilter(role)+")", "member", "memberUid")
	if len(found) != 1 {
		w.Fatalf("there are %d groups %q", len(found), role)
	}
	return slices.Sorted(slices.Values(slices.Concat(found[0].GetAttributeValues("member"), found[0].GetAttributeValues("memberUid"))))
}

// version changes with every write to the entry.
func (w *world) version(dn string) string {
	w.Helper()
	found, err := w.admin.Search(&goldap.SearchRequest{BaseDN: dn, Filter: "(objectClass=*)", Attributes: []string{"entryCSN"}})
	if err != nil || len(found.Entries) != 1 {
		w.Fatalf("%s: %v", dn, err)
	}
	return found.Entries[0].GetAttributeValue("entryCSN")
}

// TestLastMember: a group that must have a member gets a placeholder when its last one leaves, and no other member is touched.
func TestLastMember(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	for name, placeholder := range map[string]string{"the group itself": "", "somebody": "cn=nobody," + w.root} {
		t.Run(name, func(t *testing.T) {
			c := w.closing(func(o *ldap.Options) { o.Placeholder = placeholder })
			role := "left by all but " + name
			w.group(role)
			if placeholder == "" {
				placeholder = w.groupDN(role)
			}
			first, second := account("first of "+name), account("second of "+name)
			first.Roles, second.Roles = []string{role}, []string{role}
			w.ensure(c, first)
			w.ensure(c, second)
			w.modify(w.groupDN(role), func(r *goldap.ModifyRequest) { r.Delete("member", []string{w.groupDN(role)}) })
			first.Roles, first.Revoke = nil, []string{role}
			w.ensure(c, first)
			if got := w.members(role); len(got) != 1 || got[0] != w.dn(second.Name) {
				t.Errorf("got members %q, want the second person", got)
			}
			if _, err := c.Delete(t.Context(), second.Owner, connector.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := w.members(role); len(got) != 1 || got[0] != placeholder {
				t.Errorf("got members %q, want %q", got, placeholder)
			}
		})
	}
}

// TestStrangersStay: others' memberships outlive everything, and a group that has nothing to lose or to gain is not written.
func TestStrangersStay(t *testing.T) {
	for _, kind := range []ldap.GroupKind{ldap.GroupOfNames, ldap.PosixGroup} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, kind)
			c := w.closing()
			w.foreign("stranger", roles...)
			attribute := map[ldap.GroupKind]string{ldap.PosixGroup: "memberUid", ldap.GroupOfNames: "member"}[kind]
			elsewhere := map[ldap.GroupKind]string{ldap.PosixGroup: "gone-by-now", ldap.GroupOfNames: "uid=gone,dc=elsewhere"}[kind]
			w.modify(w.groupDN(roles[0]), func(r *goldap.ModifyRequest) { r.Add(attribute, []string{elsewhere}) })
			before := [][]string{w.members(roles[0]), w.members(roles[1])}
			a := account("passing")
			a.Roles = roles[:2]
			w.ensure(c, a)
			versions := []string{w.version(w.groupDN(roles[0])), w.version(w.groupDN(roles[2]))}
			w.ensure(c, a)
			a.Attributes = map[string][]string{"title": {"passenger"}}
			w.ensure(c, a)
			if diff := cmp.Diff(versions, []string{w.version(w.groupDN(roles[0])), w.version(w.groupDN(roles[2]))}); diff != "" {
				t.Errorf("groups were written (-before +after):\n%s", diff)
			}
			a.Name = "passing-by"
			w.ensure(c, a)
			if _, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, [][]string{w.members(roles[0]), w.members(roles[1])}); diff != "" {
				t.Errorf("members (-before +after):\n%s", diff)
			}
		})
	}
}

// TestRenamingTakesAllAlong: after a rename every membership names the new name, whoever gave it, and none the old one, which somebody else can
// get without any right.
func TestRenamingTakesAllAlong(t *testing.T) {
	for _, kind := range []ldap.GroupKind{ldap.GroupOfNames, ldap.PosixGroup} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, kind)
			c := w.closing()
			a := account("maiden")
			a.Roles = roles[:1]
			w.ensure(c, a)
			w.grant(a.Name, roles[1])
			a.Name = "married"
			if got := w.ensure(c, a); !slices.Equal(got.Roles, slices.Sorted(slices.Values(roles[:2]))) {
				t.Errorf("after the rename the roles are %q", got.Roles)
			}
			heir := account("maiden")
			heir.Owner.Person = "somebody else"
			if got := w.ensure(c, heir); len(got.Roles) > 0 {
				t.Errorf("who got the old name got the roles %q", got.Roles)
			}
			a.Roles, a.Revoke = nil, roles
			if got := w.ensure(c, a); !slices.Equal(got.Roles, roles[1:2]) {
				t.Errorf("the roles are %q, want the one that was given by hand", got.Roles)
			}
		})
	}
}

// TestGroupThatVanished: a group that is not there is not given, and one that is owed no more is no obstacle to suspending.
func TestGroupThatVanished(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing()
	w.group("short-lived")
	a := account("member")
	a.Roles = []string{"short-lived"}
	w.ensure(c, a)
	if err := w.admin.Del(goldap.NewDelRequest(w.groupDN("short-lived"), nil)); err != nil {
		t.Fatal(err)
	}
	before := w.truth(unlocked)
	_, _, err := c.Ensure(t.Context(), a)
	w.wantError(err, connector.Rejected, `"short-lived"`)
	if diff := cmp.Diff(before, w.truth(unlocked)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Errorf("changed=%t, %v", changed, err)
	}
	w.ensure(c, account("member"))
	w.group("short-lived")
	if observed, err := c.Observe(t.Context(), a.Owner, ""); err != nil || len(observed.Roles) > 0 {
		t.Errorf("got %+v, %v", observed, err)
	}
}

// TestRolesThatLeadTooFar: a group is not given that is protected, or that is a member of one that is, at any depth.
func TestRolesThatLeadTooFar(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	for _, name := range []string{"admins", "leads", "staff", "one", "other"} {
		w.group(name)
	}
	nest := func(inner, outer string) {
		w.modify(w.groupDN(outer), func(r *goldap.ModifyRequest) { r.Add("member", []string{w.groupDN(inner)}) })
	}
	nest("leads", "admins")
	nest("staff", "leads")
	nest("one", "other")
	nest("other", "one")
	c := w.closing(func(o *ldap.Options) { o.Protected = []string{strings.ToUpper(w.groupDN("admins"))} })
	for _, name := range []string{"admins", "leads", "staff"} {
		a := account("ambitious")
		a.Roles = []string{name}
		_, _, err := c.Ensure(t.Context(), a)
		w.wantError(err, connector.Protected, "admins")
	}
	a := account("going round")
	a.Roles = []string{"one"}
	w.ensure(c, a)
}
