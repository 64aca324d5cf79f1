package ldap

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// of are the options of a profile, and what it stands for then.
func of(t *testing.T, profile Profile) (*session, traits) {
	t.Helper()
	options := Options{Profile: profile, UsersBase: "ou=people,dc=example,dc=com", GroupsBase: "ou=groups,dc=example,dc=com"}
	found, err := options.traits()
	if err != nil {
		t.Fatal(err)
	}
	return &session{traits: found, options: options, op: "test"}, found
}

// person is an entry as a server shows it.
func person(s *session, dn string, attributes map[string][]string) *entry {
	return s.entry(ldap.NewEntry(dn, attributes))
}

// TestSuspensionByProfile: what each kind of server is told to keep somebody from signing in, and to let them in again.
func TestSuspensionByProfile(t *testing.T) {
	for _, c := range []struct {
		reason            string
		profile           Profile
		attributes        map[string][]string
		active            bool
		suspend, resuming []change
	}{
		{
			"OpenLDAP locks", OpenLDAP, map[string][]string{"uid": {"a"}}, true,
			[]change{replaced("pwdAccountLockedTime", "000001010000Z")}, nil,
		},
		{
			"OpenLDAP unlocks what was locked", OpenLDAP, map[string][]string{"uid": {"a"}, "pwdAccountLockedTime": {"000001010000Z"}}, false,
			nil, []change{deleted("pwdAccountLockedTime", "000001010000Z")},
		},
		{
			"a lock for wrong passwords is no suspension", OpenLDAP, map[string][]string{"uid": {"a"}, "pwdAccountLockedTime": {"20260101000000Z"}}, true,
			[]change{replaced("pwdAccountLockedTime", "000001010000Z")}, nil,
		},
		{
			"389 Directory Server locks", Directory389, map[string][]string{"uid": {"a"}}, true,
			[]change{replaced("nsAccountLock", "true")}, nil,
		},
		{
			"389 Directory Server unlocks", Directory389, map[string][]string{"uid": {"a"}, "nsaccountlock": {"TRUE"}}, false,
			nil, []change{deleted("nsAccountLock", "TRUE")},
		},
		{
			"Active Directory sets one bit and keeps the others", ActiveDirectory, map[string][]string{"sAMAccountName": {"a"}, "userAccountControl": {"66048"}}, true,
			[]change{deleted("userAccountControl", "66048"), added("userAccountControl", "66050")}, nil,
		},
		{
			"Active Directory clears one bit and keeps the others", ActiveDirectory, map[string][]string{"sAMAccountName": {"a"}, "userAccountControl": {"66050"}}, false,
			nil, []change{deleted("userAccountControl", "66050"), added("userAccountControl", "66048")},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s, found := of(t, c.profile)
			e := person(s, "cn=a,ou=people,dc=example,dc=com", c.attributes)
			if e.active != c.active {
				t.Fatalf("got active=%t, want %t", e.active, c.active)
			}
			got := found.resuming(e)
			want := c.resuming
			if c.active {
				got, want = found.suspending(e), c.suspend
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAdditionByProfile: the entry that is made on each kind of server, with a mark that it has room for.
func TestAdditionByProfile(t *testing.T) {
	owner := connector.Owner{App: "app", Person: "p"}
	own := `scim-operator owner {"app":"app","person":"p"}`
	for _, c := range []struct {
		profile Profile
		dn      string
		want    map[string][]string
	}{
		{Directory389, "uid=a\\,b,ou=people,dc=example,dc=com", map[string][]string{
			"objectClass": {"inetOrgPerson"}, "uid": {"a,b"}, "cn": {"a,b"}, "sn": {"a,b"}, "mail": {"a@example.com"},
			"businessCategory": {"scim-operator account", own, `scim-operator record {"roles":["team"],"attributes":["cn","mail","sn"]}`},
		}},
		{ActiveDirectory, "cn=a\\,b,ou=people,dc=example,dc=com", map[string][]string{
			"objectClass": {"user"}, "sAMAccountName": {"a,b"}, "cn": {"a,b"}, "mail": {"a@example.com"},
			"adminDescription": {own}, "userAccountControl": {"512"},
		}},
	} {
		t.Run(string(c.profile), func(t *testing.T) {
			s, found := of(t, c.profile)
			w := wanted{Account: connector.Account{Owner: owner, Name: "a,b", Active: true, Attributes: map[string][]string{"mail": {"a@example.com", ""}}}}
			w.Roles, w.given = []string{"team"}, []group{{dn: "cn=team", name: "team"}}
			e := &entry{dn: rdn(found.rdnAttribute, "a,b") + ",ou=people,dc=example,dc=com", name: "a,b", active: true}
			p := found.plan(w, e, nil)
			request := s.addition(w, e, p, p.after)
			got := map[string][]string{}
			for _, attribute := range request.Attributes {
				got[attribute.Type] = attribute.Vals
			}
			password := first(got["unicodePwd"])
			delete(got, "unicodePwd")
			if diff := cmp.Diff(c.want, got); diff != "" || request.DN != c.dn {
				t.Errorf("DN %s (-want +got):\n%s", request.DN, diff)
			}
			if (c.profile == ActiveDirectory) != (len(password) > 80 && password[:2] == "\"\x00") {
				t.Errorf("the account is made with a password of %d bytes", len(password))
			}
			if found.keepsRecord() != found.capabilities("").KeepsRecord || found.keepsRecord() != (c.profile == Directory389) {
				t.Errorf("it keeps the record: %t", found.keepsRecord())
			}
		})
	}
}

// TestRenamingByProfile: what is sent for a new name, and that memberships follow by themselves in Active Directory only.
func TestRenamingByProfile(t *testing.T) {
	owner := connector.Owner{App: "app", Person: "p"}
	team := group{dn: "cn=team,ou=groups,dc=example,dc=com", name: "team"}
	w := wanted{Account: connector.Account{Owner: owner, Name: "new", Active: true}}
	mark := []string{claim, ownerValue(owner), record{Roles: []string{"team"}}.value()}
	for _, c := range []struct {
		reason     string
		profile    Profile
		dn         string
		attributes map[string][]string
		rdn        string
		naming     []change
		owed       []group
	}{
		{"named by uid", Directory389, "uid=Old,ou=people", map[string][]string{"uid": {"old"}, "businessCategory": mark}, "uid=new", nil, []group{team}},
		{
			"named by something else", Directory389, "cn=Old Name,ou=people", map[string][]string{"uid": {"old"}, "businessCategory": mark},
			"", []change{deleted("uid", "old"), added("uid", "new")}, nil,
		},
		{
			"Active Directory", ActiveDirectory, "CN=old,OU=people", map[string][]string{"sAMAccountName": {"old"}, "adminDescription": mark[1:2]},
			"cn=new", []change{deleted("sAMAccountName", "old"), added("sAMAccountName", "new")}, nil,
		},
		{
			"Active Directory, named by what people are called", ActiveDirectory, "CN=Old Name,OU=people",
			map[string][]string{"sAMAccountName": {"old"}, "adminDescription": mark[1:2]},
			"", []change{deleted("sAMAccountName", "old"), added("sAMAccountName", "new")}, nil,
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s, found := of(t, c.profile)
			e := person(s, c.dn, c.attributes)
			e.groups = []group{team}
			p := found.plan(w, e, nil)
			if diff := cmp.Diff(c.naming, p.naming); diff != "" || p.rdn != c.rdn {
				t.Errorf("RDN %q (-want +got):\n%s", p.rdn, diff)
			}
			if diff := cmp.Diff(c.owed, p.owed, cmp.AllowUnexported(group{})); diff != "" {
				t.Errorf("owed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanTakesBeforeItGives: what is taken is in the first request, and what lets people in is in the last.
func TestPlanTakesBeforeItGives(t *testing.T) {
	s, found := of(t, OpenLDAP)
	owner := connector.Owner{App: "app", Person: "p"}
	gone, hand, come := group{"cn=gone", "gone"}, group{"cn=hand", "hand"}, group{"cn=come", "come"}
	is := map[string][]string{
		"uid": {"p"}, "cn": {"p"}, "sn": {"p"}, "description": {claim, ownerValue(owner), record{Roles: []string{"gone"}, Attributes: []string{"cn", "sn"}}.value()},
	}
	out := wanted{Account: connector.Account{Owner: owner, Name: "p", Roles: []string{"come"}, Revoke: []string{"gone", "hand"}}, given: []group{come}}
	e := person(s, "uid=p,ou=people", is)
	e.groups = []group{gone, hand}
	p := found.plan(out, e, nil)
	if len(p.suspend) != 1 || len(p.resume) != 0 || !p.isLong() {
		t.Errorf("a person leaves: %+v", p)
	}
	if diff := cmp.Diff([][]group{{gone}, {come}}, [][]group{p.take, p.give}, cmp.AllowUnexported(group{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := []record{{Roles: []string{"come", "gone"}, Attributes: []string{"cn", "sn"}}, {Roles: []string{"come"}, Attributes: []string{"cn", "sn"}}}
	if diff := cmp.Diff(want, []record{p.during, p.after}); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	out.Active = true
	is["pwdAccountLockedTime"] = []string{lockedForGood}
	e = person(s, "uid=p,ou=people", is)
	if p := found.plan(out, e, nil); len(p.suspend) != 0 || len(p.resume) != 1 {
		t.Errorf("a person returns: %+v", p)
	}
}

// TestOptions: what cannot work is refused before anything is connected to, without the password.
func TestOptions(t *testing.T) {
	good := func() Options {
		return Options{URL: "ldaps://h", BindDN: "cn=a", Password: "canary", UsersBase: "ou=people,dc=x", GroupsBase: "ou=groups,dc=x"}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for reason, change := range map[string]func(*Options){
		"no URL":                               func(o *Options) { o.URL = "" },
		"a password without a name":            func(o *Options) { o.BindDN = "" },
		"a name without a password":            func(o *Options) { o.Password = "" },
		"nobody":                               func(o *Options) { o.BindDN, o.Password = "", "" },
		"no users base":                        func(o *Options) { o.UsersBase = "" },
		"no groups base":                       func(o *Options) { o.GroupsBase = "" },
		"a base that is none":                  func(o *Options) { o.UsersBase = "people" },
		"an unknown profile":                   func(o *Options) { o.Profile = "X.500" },
		"an unknown kind of group":             func(o *Options) { o.GroupKind = "team" },
		"an unknown suspension":                func(o *Options) { o.Suspension.Method = "Ask" },
		"an attribute without a name":          func(o *Options) { o.Suspension.Method = Attribute },
		"an attribute without a value":         func(o *Options) { o.Suspension = Suspension{Method: Attribute, Attribute: "l"} },
		"a move to nowhere":                    func(o *Options) { o.Suspension.Method = Move },
		"a move to where people are":           func(o *Options) { o.Suspension = Suspension{Method: Move, Base: "OU=People, dc=x"} },
		"a move to what has people in it":      func(o *Options) { o.Suspension = Suspension{Method: Move, Base: "dc=x"} },
		"a mark with one value, where DNs go":  func(o *Options) { o.MarkAttribute, o.MarkSingleValued = "displayName", true },
		"passwords as attributes":              func(o *Options) { o.Attributes = []string{"userPassword"} },
		"the mark as an attribute":             func(o *Options) { o.Attributes = []string{"Description"} },
		"numbers of the system":                func(o *Options) { o.Posix = &Posix{FirstUID: 0, LastUID: 5000, GID: 1} },
		"a range that ends before it begins":   func(o *Options) { o.Posix = &Posix{FirstUID: 5000, LastUID: 4000, GID: 1} },
		"POSIX people who belong to no group":  func(o *Options) { o.Posix = &Posix{FirstUID: 5000, LastUID: 6000} },
		"a bind DN that is none":               func(o *Options) { o.BindDN = "admin" },
		"TLS is left out by an unknown scheme": func(o *Options) { o.URL = "ldap+plain://h" },
	} {
		o := good()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s is accepted", reason)
		} else if containsCanary(err) {
			t.Errorf("%s: the password is in the error: %v", reason, err)
		}
	}
}

func containsCanary(err error) bool { return tells(err.Error(), []string{"canary"}) }
