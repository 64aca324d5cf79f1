package postgres

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// TestMarkSurvives: whatever the owner, the roles and the comment, what is written is read, and only the owner's comments begin like the
// owner's.
func TestMarkSurvives(t *testing.T) {
	text := rapid.StringN(1, 20, -1).Filter(utf8.ValidString)
	rapid.Check(t, func(t *rapid.T) {
		written := mark{App: text.Draw(t, "app"), Person: text.Draw(t, "person"), Roles: rapid.SliceOf(text).Draw(t, "roles"), Salt: rapid.String().Draw(t, "salt")}
		own := rapid.String().Draw(t, "own")
		comment := written.comment(own)
		read, kept, broken := parseMark(comment)
		if written.Roles == nil {
			written.Roles = []string{}
		}
		if diff := cmp.Diff(written, read); diff != "" || kept != own || broken {
			t.Fatalf("got own %q, broken=%t (-written +read):\n%s", kept, broken, diff)
		}
		other := connector.Owner{App: text.Draw(t, "other app"), Person: text.Draw(t, "other person")}
		if strings.HasPrefix(comment, ownerPrefix(other)) != (other == written.owner()) {
			t.Fatalf("%q begins %q of another owner", comment, ownerPrefix(other))
		}
	})
}

// TestHashedNames: they fit, they begin like the name, they are text, and one name has one of them.
func TestHashedNames(t *testing.T) {
	l := limits{maxBytes: 63, unicode: true, longNames: HashLong}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zé李🎓]{20,100}`).Draw(t, "name")
		got, err := roleName("test", name, l)
		switch {
		case err != nil:
			t.Fatal(err)
		case len(name) <= 63 && got != name:
			t.Fatalf("%q fits and became %q", name, got)
		case len(got) > 63 || !utf8.ValidString(got):
			t.Fatalf("%q became %q", name, got)
		}
		if cut, _, long := strings.Cut(got, "~"); long && !strings.HasPrefix(name, cut) {
			t.Fatalf("%q became %q", name, got)
		}
	})
}

// TestNamesInAnotherEncoding: what only some clients would read as it was written is refused.
func TestNamesInAnotherEncoding(t *testing.T) {
	for name, want := range map[string]connector.Kind{"jose": "", "josé": connector.Rejected} {
		_, err := roleName("test", name, limits{maxBytes: 63})
		if got := connector.KindOf(err); got != want {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// TestKinds: codes of appendix A of PostgreSQL's manual, and what to do about them.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		reason, code, constraint string
		connecting               bool
		want                     connector.Kind
	}{
		{"connection failure", "08006", "", false, connector.Transient},
		{"server is starting", "57P03", "", true, connector.Transient},
		{"server is stopping", "57P01", "", false, connector.Transient},
		{"too many connections", "53300", "", true, connector.Transient},
		{"disk full", "53100", "", false, connector.Transient},
		{"statement timeout", "57014", "", false, connector.Transient},
		{"lock timeout", "55P03", "", false, connector.Transient},
		{"deadlock", "40P01", "", false, connector.Transient},
		{"read only, as on a standby that is about to take over", "25006", "", false, connector.Transient},
		{"tuple concurrently updated", "XX000", "", false, connector.Transient},
		{"the same role given twice at once", "23505", "pg_auth_members_role_member_index", false, connector.Transient},
		{"the same name taken twice at once", "23505", "pg_authid_rolname_index", false, connector.Conflict},
		{"the role exists", "42710", "", false, connector.Conflict},
		{"wrong password", "28P01", "", true, connector.Denied},
		{"not in pg_hba.conf", "28000", "", true, connector.Denied},
		{"no such database", "3D000", "", true, connector.Denied},
		{"database may not be entered", "42501", "", true, connector.Denied},
		{"no privilege", "42501", "", false, connector.Rejected},
		{"something depends on it", "2BP01", "", false, connector.Rejected},
		{"reserved name", "42939", "", false, connector.Rejected},
		{"circular membership", "0LP01", "", false, connector.Rejected},
		{"no code at all", "", "", false, connector.Rejected},
	} {
		if got := kindOf(&pgconn.PgError{Code: c.code, ConstraintName: c.constraint}, c.connecting); got != c.want {
			t.Errorf("%s (%s): got %s, want %s", c.reason, c.code, got, c.want)
		}
	}
}

// TestPlanTakesBeforeItGives: LOGIN and roles go first, and LOGIN comes last.
func TestPlanTakesBeforeItGives(t *testing.T) {
	owner := connector.Owner{App: "app", Person: "p"}
	is := role{name: "old", login: true, roles: []string{"gone", "given by hand"}, mark: mark{App: "app", Person: "p", Roles: []string{"gone"}}}
	out := connector.Account{Owner: owner, Name: "new", Roles: []string{"come"}, Revoke: []string{"gone", "given by hand"}}
	in := out
	in.Active = true
	comment := `scim-operator {"app":"app","person":"p","roles":["come"]}`
	for _, c := range []struct {
		reason string
		is     role
		want   wanted
		steps  []statement
	}{
		{"a person leaves", is, wanted{Account: out, name: "new"}, []statement{
			{`ALTER ROLE %I RENAME TO %I`, []string{"old", "new"}},
			{`ALTER ROLE %I NOLOGIN`, []string{"new"}},
			{`REVOKE %I FROM %I`, []string{"gone", "new"}},
			{`GRANT %I TO %I`, []string{"come", "new"}},
			{`COMMENT ON ROLE %I IS %L`, []string{"new", comment}},
		}},
		{"a person returns", role{name: "new", mark: is.mark, roles: is.roles}, wanted{Account: in, name: "new"}, []statement{
			{`REVOKE %I FROM %I`, []string{"gone", "new"}},
			{`GRANT %I TO %I`, []string{"come", "new"}},
			{`COMMENT ON ROLE %I IS %L`, []string{"new", comment}},
			{`ALTER ROLE %I LOGIN`, []string{"new"}},
		}},
	} {
		if diff := cmp.Diff(c.steps, plan(c.want, &c.is), cmp.AllowUnexported(statement{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}
