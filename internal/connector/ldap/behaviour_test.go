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
	for name, value := range map[string]string{"uidNumber": "0", "gidNumber": "0", "gecos": "a:b", "homeDirectory": "/\nroot::0:0"} {
		a := account("ambitious")
		a.Attributes = map[string][]string{name: {value}}
		_, _, err := c.Ensure(t.Context(), a)
		w.wantError(err, connector.Rejected, name)
	}
}

// TestOutOfUseIsNotAdopted: an account that somebody else locked stays locked.
func TestOutOfUseIsNotAdopted(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing()
	w.foreign("retired")
	w.modify(w.personDN("retired"), func(r *goldap.ModifyRequest) { r.Replace("pwdAccountLockedTime", []string{"000001010000Z"}) })
	before := w.truth(unlocked)
	a := account("retired")
	a.Existing = connector.Adopt
	_, _, err := c.Ensure(t.Context(), a)
	w.wantError(err, connector.Conflict, "out of use")
	if diff := cmp.Diff(before, w.truth(unlocked)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestProtectedByDN: a DN that is protected is nobody's, whether there is an entry of that name or not.
func TestProtectedByDN(t *testing.T) {
	w := newWorld(t, ldap.GroupOfNames)
	c := w.closing(func(o *ldap.Options) { o.Protected = []string{"UID=not here, OU=people," + w.root} })
	_, _, err := c.Ensure(t.Context(), account("not here"))
	w.wantError(err, connector.Protected, "not here")
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
