package ldap

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// TestMarkSurvives: whatever the owner and the record, what is written is read, beside values that somebody else wrote, and only the owner's
// mark names the owner.
func TestMarkSurvives(t *testing.T) {
	text := rapid.StringN(1, 20, -1).Filter(utf8.ValidString)
	rapid.Check(t, func(t *rapid.T) {
		owner := connector.Owner{App: text.Draw(t, "app"), Person: text.Draw(t, "person")}
		written := record{
			Roles: rapid.SliceOf(text).Draw(t, "roles"), Attributes: rapid.SliceOf(text).Draw(t, "attributes"),
			Busy: rapid.String().Draw(t, "busy"), Owed: rapid.SliceOf(text).Draw(t, "owed"), Home: rapid.String().Draw(t, "home"),
		}
		own := rapid.String().Filter(func(s string) bool { return !strings.HasPrefix(s, "scim-operator") }).Draw(t, "own")
		read := parseMark([]string{own, written.value(), ownerValue(owner), claim})
		if read.broken || read.owner != owner || !read.record.same(written) || !read.names(owner) {
			t.Fatalf("got %+v", read)
		}
		other := connector.Owner{App: text.Draw(t, "other app"), Person: text.Draw(t, "other person")}
		if read.names(other) != (other == owner) {
			t.Fatalf("%q names another owner %v", ownerValue(owner), other)
		}
	})
}

// TestBrokenMarks: what begins like a mark and is none makes the entry nobody's to change, but it still is its owner's to suspend.
func TestBrokenMarks(t *testing.T) {
	owner := connector.Owner{App: "app", Person: "p"}
	own, other := ownerValue(owner), ownerValue(connector.Owner{App: "app", Person: "q"})
	for _, c := range []struct {
		reason        string
		values        []string
		broken, names bool
	}{
		{"none", []string{"made by hand", "about scim-operator"}, false, false},
		{"whole", []string{claim, own, record{}.value()}, false, true},
		{"two owners", []string{claim, own, other}, true, true},
		{"two records", []string{own, record{}.value(), record{Busy: "x"}.value()}, true, true},
		{"a record that cannot be read", []string{own, recordPrefix + "{"}, true, true},
		{"an owner that cannot be read", []string{ownerPrefix + `{"app":"app"}`}, true, false},
		{"a record of nobody", []string{record{}.value()}, true, false},
		{"something else", []string{"scim-operator"}, true, false},
	} {
		m := parseMark(c.values)
		if m.broken != c.broken || m.names(owner) != c.names || m.broken && !m.owner.IsZero() {
			t.Errorf("%s: got %+v", c.reason, m)
		}
	}
}

// TestEscaping: whatever a name is, it stays one value of a DN, and one of a filter.
func TestEscaping(t *testing.T) {
	check := func(fatalf func(string, ...any), name string) {
		parsed, err := ldap.ParseDN(rdn("uid", name) + ",ou=people")
		if err != nil || len(parsed.RDNs) != 2 || len(parsed.RDNs[0].Attributes) != 1 || parsed.RDNs[0].Attributes[0].Value != name {
			fatalf("DN %q of name %q is parsed as %v, %v", rdn("uid", name), name, parsed, err)
		}
		filter, err := ldap.CompileFilter(equals("uid", name))
		if err != nil || len(filter.Children) != 2 || filter.Tag != ldap.FilterEqualityMatch || filter.Children[1].Data.String() != name {
			fatalf("filter %q of name %q is %v, %v", equals("uid", name), name, filter, err)
		}
	}
	for _, name := range []string{`*)(uid=*`, `a\00b`, " leading", "trailing ", "#hash", `x,ou=admins`, `x+uid=root`, `"quoted"`, `a=b;c<d>e\`, "né", "*"} {
		check(t.Errorf, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t.Fatalf, rapid.String().Filter(func(s string) bool { return s != "" && utf8.ValidString(s) && !strings.ContainsRune(s, 0) }).Draw(t, "name"))
	})
}

// TestNames: what a directory would not keep, or not tell from another name, is refused.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		profile Profile
		posix   bool
		name    string
		taken   bool
	}{
		{OpenLDAP, false, "person@example.com", true},
		{OpenLDAP, false, "two words", true},
		{OpenLDAP, false, "žofia-李-🎓", true},
		{OpenLDAP, false, " space", false},
		{OpenLDAP, false, "two  spaces", false},
		{OpenLDAP, false, "zero\u200bwidth", false},
		{OpenLDAP, false, "new\nline", false},
		{OpenLDAP, false, strings.Repeat("n", 256), true},
		{OpenLDAP, false, strings.Repeat("n", 257), false},
		{OpenLDAP, true, "person.one-2@example.com", true},
		{OpenLDAP, true, "../etc", false},
		{OpenLDAP, true, "-rf", false},
		{OpenLDAP, true, "a:b", false},
		{OpenLDAP, true, "žofia", false},
		{OpenLDAP, true, "0", false},
		{ActiveDirectory, false, "person.one", true},
		{ActiveDirectory, false, "person@example.com", false},
		{ActiveDirectory, false, strings.Repeat("n", 21), false},
	} {
		if err := profiles[c.profile].checkName("test", c.name, c.posix); (err == nil) != c.taken {
			t.Errorf("%s, posix=%t, %q: got %v, want taken=%t", c.profile, c.posix, c.name, err, c.taken)
		}
	}
}

// TestKinds: codes of appendix A of RFC 4511, and what to do about them.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		reason    string
		code      uint16
		searching bool
		want      connector.Kind
	}{
		{"busy", ldap.LDAPResultBusy, false, connector.Transient},
		{"unavailable", ldap.LDAPResultUnavailable, false, connector.Transient},
		{"time limit", ldap.LDAPResultTimeLimitExceeded, true, connector.Transient},
		{"the network", ldap.ErrorNetwork, false, connector.Transient},
		{"a failing database", ldap.LDAPResultOther, false, connector.Transient},
		{"wrong password", ldap.LDAPResultInvalidCredentials, true, connector.Denied},
		{"TLS is wanted", ldap.LDAPResultConfidentialityRequired, true, connector.Denied},
		{"a replica", ldap.LDAPResultReferral, false, connector.Denied},
		{"nothing may be searched", ldap.LDAPResultInsufficientAccessRights, true, connector.Denied},
		{"this may not be written", ldap.LDAPResultInsufficientAccessRights, false, connector.Rejected},
		{"the entry exists", ldap.LDAPResultEntryAlreadyExists, false, connector.Conflict},
		{"a control is not known", ldap.LDAPResultUnavailableCriticalExtension, true, connector.Unsupported},
		{"constraint", ldap.LDAPResultConstraintViolation, false, connector.Rejected},
		{"undefined attribute", ldap.LDAPResultUndefinedAttributeType, false, connector.Rejected},
		{"schema", ldap.LDAPResultObjectClassViolation, false, connector.Rejected},
		{"syntax", ldap.LDAPResultInvalidAttributeSyntax, false, connector.Rejected},
		{"unwilling", ldap.LDAPResultUnwillingToPerform, false, connector.Rejected},
		{"size limit", ldap.LDAPResultSizeLimitExceeded, true, connector.Rejected},
	} {
		if got := kindOf(c.code, c.searching); got != c.want {
			t.Errorf("%s: got %s, want %s", c.reason, got, c.want)
		}
	}
}

// TestPlaces: URLs that lead anywhere else than they say, or nowhere, are refused.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		url, network, address string
	}{
		{"ldap://ldap.example.com", "tcp", "ldap.example.com:389"},
		{"ldaps://ldap.example.com", "tcp", "ldap.example.com:636"},
		{"ldaps://[::1]:1636/", "tcp", "[::1]:1636"},
		{"ldapi://%2Frun%2Fslapd%2Fldapi", "unix", "/run/slapd/ldapi"},
		{"http://ldap.example.com", "", ""},
		{"ldap.example.com:389", "", ""},
		{"ldap://", "", ""},
		{"ldap://user:password@ldap.example.com", "", ""},
		{"ldap://ldap.example.com/dc=example", "", ""},
		{"ldapi://relative", "", ""},
	} {
		at, err := Options{URL: c.url}.place()
		if at.network != c.network || at.address != c.address || (err == nil) != (c.network != "") {
			t.Errorf("%s: got %+v, %v", c.url, at, err)
		}
	}
}

// TestNumbers: a person's numbers are in the range, and are the same each time.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Int64Range(systemUIDs, 1<<31-1).Draw(t, "first")
		p := Posix{FirstUID: first, LastUID: rapid.Int64Range(first, 1<<31-1).Draw(t, "last"), GID: 1}
		if _, err := p.withDefaults(); err != nil {
			t.Fatal(err)
		}
		owner := connector.Owner{App: "app", Person: rapid.String().Draw(t, "person")}
		try := rapid.IntRange(0, maxProbes).Draw(t, "try")
		got := p.candidate(owner, try)
		if got < p.FirstUID || got > p.LastUID || got != p.candidate(owner, try) {
			t.Fatalf("got %d of %d to %d", got, p.FirstUID, p.LastUID)
		}
	})
}

// TestErrorsKeepValues: what the server says is passed on, unless it repeats a value.
func TestErrorsKeepValues(t *testing.T) {
	said := func(text string) error {
		return &ldap.Error{ResultCode: ldap.LDAPResultConstraintViolation, Err: errText(text)}
	}
	values := []string{"", "Canary"}
	if err := failure("test", said("mail: value #0 is too long"), false, values); !strings.Contains(err.Error(), "value #0 is too long") {
		t.Errorf("got %v", err)
	}
	if err := failure("test", said("another entry has mail=canary@example.com"), false, values); strings.Contains(err.Error(), "canary") || connector.KindOf(err) != connector.Rejected {
		t.Errorf("got %v", err)
	}
}

type errText string

func (e errText) Error() string { return string(e) }
