package ldap_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
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

// TestSuspendedCannotSignIn: the server takes no password of somebody who is suspended, and takes it again when they are back. A lock for wrong
// passwords, which ends by itself, is overwritten by the suspension.
func TestSuspendedCannotSignIn(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing()
	a := account("signing in")
	const password = "a person's password"
	signsIn := func(want bool) {
		t.Helper()
		conn, err := w.server.As(w.personDN(a.Name), password)
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != want {
			t.Errorf("the person signs in: %v, want %t", err, want)
		}
	}
	w.ensure(c, a)
	w.modify(w.personDN(a.Name), func(r *goldap.ModifyRequest) { r.Replace("userPassword", []string{password}) })
	signsIn(true)
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Fatalf("changed=%t, %v", changed, err)
	}
	signsIn(false)
	w.ensure(c, a)
	signsIn(true)
	w.modify(w.personDN(a.Name), func(r *goldap.ModifyRequest) { r.Replace("pwdAccountLockedTime", []string{"20200101000000Z"}) })
	if observed := w.ensure(c, a); !observed.Active {
		t.Error("a lock for wrong passwords is taken for a suspension")
	}
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Fatalf("changed=%t, %v", changed, err)
	}
	signsIn(false)
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

// TestNamesThatAreAlike: what the directory takes for one name is one.
func TestNamesThatAreAlike(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing()
	a := account("Zoë")
	w.ensure(c, a)
	for _, alike := range []string{"zoë", "ZOË", "Zoe\u0308"} {
		other := account(alike)
		other.Owner.Person, other.Existing = "somebody else", connector.Adopt
		_, _, err := c.Ensure(t.Context(), other)
		w.wantError(err, connector.Conflict, "somebody else")
	}
	a.Name = "zoë"
	if got := w.ensure(c, a); got.Name != "zoë" {
		t.Errorf("the name is %q after it was written differently", got.Name)
	}
	for call := range 2 {
		if _, changed, err := c.Ensure(t.Context(), a); err != nil || changed {
			t.Errorf("call %d after that: changed=%t, %v", call+1, changed, err)
		}
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

// TestMovedAndBack: who is suspended by being moved returns to where they were, with all that they were in.
func TestMovedAndBack(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing(func(o *ldap.Options) { move(w, o) })
	w.unit("ou=berlin,ou=people," + w.root)
	dn := "uid=berliner,ou=berlin,ou=people," + w.root
	w.add(dn, map[string][]string{"objectClass": {"inetOrgPerson"}, "uid": {"berliner"}, "cn": {"b"}, "sn": {"b"}})
	w.grant("berliner", roles[2])
	a := account("berliner")
	a.Roles, a.Existing = roles[:1], connector.Adopt
	w.ensure(c, a)
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Fatalf("changed=%t, %v", changed, err)
	}
	if got := w.dn("berliner"); got != "uid=berliner,ou=former,"+w.root {
		t.Errorf("the entry is %s", got)
	}
	if got := w.ensure(c, a); !got.Active || len(got.Roles) != 2 || w.dn("berliner") != dn {
		t.Errorf("the entry is %s: %+v", w.dn("berliner"), got)
	}
}

// TestSuspendTwoOfOne: when somebody copied a mark, both accounts are taken out of use, and nothing else is done to them.
func TestSuspendTwoOfOne(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing()
	a := account("original")
	w.ensure(c, a)
	w.foreign("copy")
	marks := w.search("(uid=original)", "description")[0].GetAttributeValues("description")
	w.modify(w.personDN("copy"), func(r *goldap.ModifyRequest) { r.Add("description", marks) })
	_, _, err := c.Ensure(t.Context(), a)
	w.wantError(err, connector.Conflict, "same person")
	_, err = c.Delete(t.Context(), a.Owner, connector.DeleteOptions{})
	w.wantError(err, connector.Conflict, "same person")
	if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || !changed {
		t.Fatalf("suspend: changed=%t, %v", changed, err)
	}
	for _, name := range []string{"original", "copy"} {
		if w.truth(unlocked)[name].Active {
			t.Errorf("%s can sign in", name)
		}
	}
}

// TestBrokenRecord: a record that somebody changed by hand is a Conflict for all but the suspension.
func TestBrokenRecord(t *testing.T) {
	for reason, change := range map[string]func(*world, *ldap.Options){"locked": func(*world, *ldap.Options) {}, "moved": move} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, ldap.GroupOfNames)
			c := w.closing(func(o *ldap.Options) { change(w, o) })
			a := account("tampered with")
			w.ensure(c, a)
			w.modify(w.personDN(a.Name), func(r *goldap.ModifyRequest) { r.Add("description", []string{"scim-operator record {}}"}) })
			_, _, err := c.Ensure(t.Context(), a)
			w.wantError(err, connector.Conflict, "cannot be read")
			_, err = c.Delete(t.Context(), a.Owner, connector.DeleteOptions{})
			w.wantError(err, connector.Conflict, "cannot be read")
			for call, want := range []bool{true, false} {
				if changed, err := c.Suspend(t.Context(), a.Owner); err != nil || changed != want {
					t.Errorf("call %d: changed=%t, %v", call+1, changed, err)
				}
			}
			active := unlocked
			if reason == "moved" {
				active = func(e *goldap.Entry) bool { return !within(e.DN, "ou=former") }
			}
			if w.truth(active)[a.Name].Active {
				t.Error("the person can sign in")
			}
		})
	}
}

// TestAdoptedOnce: of two owners who adopt one account at the same time, one gets it.
func TestAdoptedOnce(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	connectors := []connector.Connector{w.closing(), w.closing()}
	for round := range 10 {
		name := fmt.Sprintf("wanted by two %d", round)
		w.foreign(name)
		var errs [2]error
		var all sync.WaitGroup
		for i, c := range connectors {
			all.Go(func() {
				a := account(name)
				a.Owner.Person, a.Existing, a.Roles = fmt.Sprintf("%s, %d", name, i), connector.Adopt, roles[i:i+1]
				_, _, errs[i] = c.Ensure(t.Context(), a)
			})
		}
		all.Wait()
		winner := slices.Index(errs[:], nil)
		if winner < 0 || errs[1-winner] == nil {
			t.Fatalf("got %v, want one winner", errs)
		}
		w.wantError(errs[1-winner], connector.Conflict, "somebody else")
		if got := w.truth(unlocked)[name].Roles; !slices.Equal(got, roles[winner:winner+1]) {
			t.Errorf("the account has the roles %q, want those of the winner", got)
		}
	}
}

// TestNumbersDiffer: people who are made at the same time get numbers of their own, and when there are none left that is said.
func TestNumbersDiffer(t *testing.T) {
	w := newWorld(t, ldap.PosixGroup)
	change := func(o *ldap.Options) { posix(w, o); o.Posix.LastUID = o.Posix.FirstUID + 9 }
	connectors := []connector.Connector{w.closing(change), w.closing(change)}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, _, err := connectors[i%2].Ensure(t.Context(), account(fmt.Sprintf("p%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	numbers := map[string]string{}
	for _, e := range w.search("(uidNumber=*)", "uid", "uidNumber", "homeDirectory", "gidNumber") {
		number := e.GetAttributeValue("uidNumber")
		if numbers[number] != "" {
			t.Errorf("%s and %s have the number %s", numbers[number], e.DN, number)
		}
		numbers[number] = e.DN
		if e.GetAttributeValue("homeDirectory") != "/home/"+e.GetAttributeValue("uid") || e.GetAttributeValue("gidNumber") != "100" {
			t.Errorf("got %+v", e.Attributes)
		}
	}
	if len(numbers) != 8 {
		t.Errorf("%d people have numbers, want 8", len(numbers))
	}
	var last error
	for i := 8; i < 11 && last == nil; i++ {
		_, _, last = connectors[0].Ensure(t.Context(), account(fmt.Sprintf("p%d", i)))
	}
	w.wantError(last, connector.Rejected, "widen the range")
}

// TestSystemAccountsAreProtected: neither root nor an account of a program is touched, or made.
func TestSystemAccountsAreProtected(t *testing.T) {
	w := newWorld(t, ldap.PosixGroup)
	c := w.closing(func(o *ldap.Options) { posix(w, o) })
	w.add(w.personDN("daemon"), map[string][]string{
		"objectClass": {"inetOrgPerson", "posixAccount"}, "uid": {"daemon"}, "cn": {"d"}, "sn": {"d"}, "uidNumber": {"2"}, "gidNumber": {"2"}, "homeDirectory": {"/"},
	})
	for _, name := range []string{"daemon", "root"} {
		a := account(name)
		a.Existing = connector.Adopt
		_, _, err := c.Ensure(t.Context(), a)
		w.wantError(err, connector.Protected, "root")
	}
	a := account("ambitious")
	a.Attributes = map[string][]string{"uidNumber": {"0"}}
	_, _, err := c.Ensure(t.Context(), a)
	w.wantError(err, connector.Rejected, "uidNumber")
}

// TestSecretsStayOut: an attribute's value that the server refuses is in no error.
func TestSecretsStayOut(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing()
	const canary = "yellow-canary"
	for name, value := range map[string]string{"mail": canary + "é", "telephoneNumber": canary + "*_", "title": strings.Repeat(canary, 10_000), "no such attribute": canary} {
		a := account("with " + name)
		a.Attributes = map[string][]string{name: {value}}
		_, _, err := c.Ensure(t.Context(), a)
		if connector.KindOf(err) != connector.Rejected || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
