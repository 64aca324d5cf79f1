package accounts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
)

var owner = connector.Owner{App: "app", Person: "ada-1"}

// spec gives members of Team an account, with the role readers of the app.
func spec(change ...func(*v1alpha1.AppConnectionSpec)) *v1alpha1.AppConnectionSpec {
	s := &v1alpha1.AppConnectionSpec{
		Roles:        []v1alpha1.RoleSelector{{DisplayName: "team"}},
		RoleMappings: []v1alpha1.AppRoleMapping{{From: v1alpha1.RoleSelector{DisplayName: "Team"}, To: []string{"readers"}}},
		Mode:         v1alpha1.AppEnforce,
	}
	for _, c := range change {
		c(s)
	}
	return s
}

// ada is an active person in some roles.
func ada(roles ...string) accounts.Person {
	p := accounts.Person{ID: "ada-1", Spec: &v1alpha1.ScimUserSpec{UserName: "Ada@example.com"}, Active: true, Visible: true}
	for _, name := range roles {
		p.Roles = append(p.Roles, accounts.Role{ID: strings.ToLower(name) + "-1", DisplayName: name, Directory: "okta", Labels: map[string]string{"kind": name}})
	}
	return p
}

func compiled(t *testing.T, s *v1alpha1.AppConnectionSpec) *accounts.Rules {
	t.Helper()
	rules, err := accounts.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestWhoGetsAnAccount: a role that is named, a person who counts, a directory that consents, and a condition that holds.
func TestWhoGetsAnAccount(t *testing.T) {
	condition := func(text string) func(*v1alpha1.AppConnectionSpec) {
		return func(s *v1alpha1.AppConnectionSpec) { s.Condition = text }
	}
	selector := func(by v1alpha1.RoleSelector) func(*v1alpha1.AppConnectionSpec) {
		return func(s *v1alpha1.AppConnectionSpec) { s.Roles = []v1alpha1.RoleSelector{by} }
	}
	inactive, hidden := ada("Team"), ada("Team")
	inactive.Active, hidden.Visible = false, false
	for _, c := range []struct {
		reason string
		spec   *v1alpha1.AppConnectionSpec
		person accounts.Person
		want   bool
	}{
		{"a member, whatever the case of the name", spec(), ada("Team"), true},
		{"a member of another role", spec(), ada("Others"), false},
		{"nobody's member", spec(), ada(), false},
		{"somebody inactive", spec(), inactive, false},
		{"somebody whose directory does not consent", spec(), hidden, false},
		{"a role by its object's name", spec(selector(v1alpha1.RoleSelector{Name: "team-1"})), ada("Team"), true},
		{"a role of another directory", spec(selector(v1alpha1.RoleSelector{DisplayName: "Team", Directory: "entra"})), ada("Team"), false},
		{"a role by label", spec(selector(v1alpha1.RoleSelector{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"kind": "Team"}}})), ada("Team"), true},
		{"another label", spec(selector(v1alpha1.RoleSelector{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"kind": "x"}}})), ada("Team"), false},
		{"a condition that holds", spec(condition(`user.userName.endsWith("@example.com")`)), ada("Team"), true},
		{"a condition that does not", spec(condition(`user.userName == "x"`)), ada("Team"), false},
		{"a condition that fails lets nobody in", spec(condition(`user.title == "boss"`)), ada("Team"), false},
	} {
		got, err := compiled(t, c.spec).Want(c.person)
		if err != nil || (len(got.Through) > 0) != c.want {
			t.Errorf("%s: got %+v, %v; want an account: %t", c.reason, got, err, c.want)
		}
	}
}

// TestWhatAnAccountLooksLike: names, attributes and roles are what the expressions and mappings say.
func TestWhatAnAccountLooksLike(t *testing.T) {
	person := ada("Team", "Admins")
	person.Spec.Emails = []v1alpha1.MultiValue{{Value: "ada@work.example.com"}}
	person.Spec.Extensions = map[string]apiextensionsv1.JSON{
		"urn:ietf:params:scim:schemas:extension:strongdm:2.0:User": {Raw: []byte(`{"identityAliases":["postgres,ada_db","ldap , alovelace","broken"]}`)},
	}
	s := spec(func(s *v1alpha1.AppConnectionSpec) {
		s.Account = v1alpha1.AccountTemplate{Name: `aliases["postgres"][0]`, Attributes: map[string]v1alpha1.AttributeExpression{
			"mail": `user.emails[0].value`, "alias": `aliases["ldap"]`, "groups": `roles`, "title": `user.title`, "empty": `""`,
		}}
		s.RoleMappings = append(s.RoleMappings, v1alpha1.AppRoleMapping{From: v1alpha1.RoleSelector{DisplayName: "admins"}, To: []string{"writers", "readers"}})
	})
	got, err := compiled(t, s).Want(person)
	want := accounts.Wanted{
		Through: []string{"team-1"}, Name: "ada_db", Roles: []string{"readers", "writers"},
		Attributes: map[string][]string{"mail": {"ada@work.example.com"}, "alias": {"alovelace"}, "groups": {"Team", "Admins"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestNoName: a person without a name has no account, the error says why, and nothing of the person is in it.
func TestNoName(t *testing.T) {
	for reason, expression := range map[string]string{
		"reads what is not there": `user.title`, "is empty": `""`, "gives several": `["a", "b"]`, "gives a number": `7`,
		"reads an alias that is not there": `aliases["postgres"][0]`, "costs too much": `[1,2,3,4,5,6,7,8,9].map(a, [1,2,3,4,5,6,7,8,9].map(b, [1,2,3,4,5,6,7,8,9].map(c, [1,2,3,4,5,6,7,8,9].map(d, [1,2,3,4,5,6,7,8,9].map(e, user.userName)))))[0]`,
	} {
		rules := compiled(t, spec(func(s *v1alpha1.AppConnectionSpec) { s.Account.Name = expression }))
		d, err := rules.Decide(accounts.Facts{Person: ada("Team"), Owner: owner})
		if err == nil || d.Action != accounts.ActNothing || len(d.Wanted.Through) == 0 {
			t.Errorf("%s: got %+v, %v", reason, d, err)
			continue
		}
		if strings.Contains(err.Error(), "Ada") || !strings.Contains(err.Error(), "spec.account.name") {
			t.Errorf("%s: the error should name the field and no person: %v", reason, err)
		}
	}
}

// TestCompile: an error names the field.
func TestCompile(t *testing.T) {
	for want, change := range map[string]func(*v1alpha1.AppConnectionSpec){
		"spec.condition":    func(s *v1alpha1.AppConnectionSpec) { s.Condition = "user." },
		"spec.account.name": func(s *v1alpha1.AppConnectionSpec) { s.Account.Name = "person.name" },
		`spec.account.attributes["mail"]`: func(s *v1alpha1.AppConnectionSpec) {
			s.Account.Attributes = map[string]v1alpha1.AttributeExpression{"mail": "("}
		},
		"spec.existing.condition": func(s *v1alpha1.AppConnectionSpec) { s.Existing.Condition = "account.name ==" },
		"spec.roles[0]": func(s *v1alpha1.AppConnectionSpec) {
			s.Roles[0] = v1alpha1.RoleSelector{Selector: &metav1.LabelSelector{}}
		},
		"spec.roleMappings[0].from": func(s *v1alpha1.AppConnectionSpec) {
			s.RoleMappings[0].From = v1alpha1.RoleSelector{Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}}
		},
	} {
		if _, err := accounts.Compile(spec(change)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want it to begin with %s", err, want)
		}
	}
}

// TestDecide: what is done about an account, for each policy and each reason to take it.
func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	old := metav1.NewTime(now.Add(-15 * 24 * time.Hour))
	active := &v1alpha1.AppAccountStatus{State: v1alpha1.AccountActive, AccountID: "7", Roles: []string{"readers"}}
	suspended := &v1alpha1.AppAccountStatus{State: v1alpha1.AccountSuspended, AccountID: "7", SuspendedAt: &old}
	policy := func(p v1alpha1.DeprovisioningPolicy) func(*v1alpha1.AppConnectionSpec) {
		return func(s *v1alpha1.AppConnectionSpec) { s.Deprovisioning.Policy = p }
	}
	gone, inactive := accounts.Person{ID: "ada-1"}, ada("Team")
	inactive.Active = false
	for _, c := range []struct {
		reason  string
		spec    *v1alpha1.AppConnectionSpec
		person  accounts.Person
		known   *v1alpha1.AppAccountStatus
		leaving bool
		action  accounts.Action
		takes   bool
	}{
		{"nobody's account that never was", spec(), ada(), nil, false, accounts.ActNothing, false},
		{"a new member", spec(), ada("Team"), nil, false, accounts.ActEnsure, false},
		{"a member who has the account", spec(), ada("Team"), active, false, accounts.ActEnsure, false},
		{"a member who loses a role of the app", spec(func(s *v1alpha1.AppConnectionSpec) { s.RoleMappings = nil }), ada("Team"), active, false, accounts.ActEnsure, true},
		{"somebody who left", spec(), ada(), active, false, accounts.ActSuspend, true},
		{"somebody who is deactivated", spec(), inactive, active, false, accounts.ActSuspend, true},
		{"somebody who is gone", spec(), gone, active, false, accounts.ActSuspend, true},
		{"somebody suspended loses nothing more", spec(), gone, suspended, false, accounts.ActSuspend, false},
		{"who left only loses the roles", spec(policy(v1alpha1.DeprovisionRemoveRoles)), ada(), active, false, accounts.ActEnsure, true},
		{"who is deactivated is suspended whatever the policy", spec(policy(v1alpha1.DeprovisionRemoveRoles)), inactive, active, false, accounts.ActSuspend, true},
		{"deletion begins with suspension", spec(policy(v1alpha1.DeprovisionDelete)), gone, active, false, accounts.ActSuspend, true},
		{"and comes after a while", spec(policy(v1alpha1.DeprovisionDelete)), gone, suspended, false, accounts.ActDelete, false},
		{"who comes back is not deleted", spec(policy(v1alpha1.DeprovisionDelete)), ada("Team"), suspended, false, accounts.ActEnsure, false},
		{"an AppConnection that goes takes members' accounts", spec(), ada("Team"), active, true, accounts.ActSuspend, true},
	} {
		d, err := compiled(t, c.spec).Decide(accounts.Facts{Person: c.person, Known: c.known, Owner: owner, Leaving: c.leaving, Now: now})
		if err != nil || d.Action != c.action || d.Takes != c.takes {
			t.Errorf("%s: got %s, takes %t, %v; want %s, takes %t", c.reason, d.Action, d.Takes, err, c.action, c.takes)
		}
		if again, _ := compiled(t, c.spec).Decide(accounts.Facts{Person: c.person, Known: c.known, Owner: owner, Leaving: c.leaving, Now: now}); again.Input != d.Input {
			t.Errorf("%s: the same decision has another digest", c.reason)
		}
	}
}

// TestInput: whatever the account is made of changes the digest, and what it is not made of does not.
func TestInput(t *testing.T) {
	input := func(person accounts.Person, known *v1alpha1.AppAccountStatus, change ...func(*v1alpha1.AppConnectionSpec)) string {
		d, err := compiled(t, spec(change...)).Decide(accounts.Facts{Person: person, Known: known, Owner: owner})
		if err != nil {
			t.Fatal(err)
		}
		return d.Input
	}
	plain := input(ada("Team"), nil)
	renamed := ada("Team")
	renamed.Spec.UserName = "ada.lovelace@example.com"
	for reason, other := range map[string]string{
		"a name": input(renamed, nil),
		"a role": input(ada("Team"), nil, func(s *v1alpha1.AppConnectionSpec) { s.RoleMappings = nil }),
		"an attribute": input(ada("Team"), nil, func(s *v1alpha1.AppConnectionSpec) {
			s.Account.Attributes = map[string]v1alpha1.AttributeExpression{"a": `"b"`}
		}),
		"the mode": input(ada("Team"), nil, func(s *v1alpha1.AppConnectionSpec) { s.Mode = v1alpha1.AppPlan }),
		"a reason to it": input(ada("Team", "Second"), nil, func(s *v1alpha1.AppConnectionSpec) {
			s.Roles = append(s.Roles, v1alpha1.RoleSelector{Name: "second-1"})
		}),
	} {
		if other == plain {
			t.Errorf("%s changes nothing", reason)
		}
	}
	boss := ada("Team", "Elsewhere")
	boss.Spec.Title = "boss"
	if input(boss, nil) != plain || input(ada("Team"), &v1alpha1.AppAccountStatus{Roles: []string{"readers", "old"}}) != plain {
		t.Error("what the account is not made of changes the digest")
	}
}

// TestDifferences: what Enforce would do, in words, without values of attributes.
func TestDifferences(t *testing.T) {
	want := connector.Account{Owner: owner, Name: "ada", Active: true, Roles: []string{"a", "b"}, Revoke: []string{"c"}, Attributes: map[string][]string{"mail": {"x", "y"}}}
	for _, c := range []struct {
		reason string
		found  connector.Observed
		exists bool
		want   []string
	}{
		{"nothing is there", connector.Observed{}, false, []string{`make the account "ada"`, `give the role "a"`, `give the role "b"`}},
		{"all is well", connector.Observed{Name: "ada", Owner: owner, Active: true, Roles: []string{"a", "b", "others"}, Attributes: map[string][]string{"mail": {"y", "x"}}}, true, nil},
		{
			"everything differs", connector.Observed{Name: "eve", Owner: owner, Roles: []string{"a", "c"}, Attributes: map[string][]string{"mail": {"secret"}}}, true,
			[]string{`rename the account from "eve" to "ada"`, "resume the account", `give the role "b"`, `take the role "c"`, "change the attribute mail"},
		},
		{"somebody made it before", connector.Observed{Name: "ada", Active: true, Roles: []string{"a", "b"}}, true, []string{`adopt the account "ada"`}},
	} {
		if diff := cmp.Diff(c.want, accounts.Differences(want, c.found, c.exists), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

// TestMayAdopt: an account becomes a person's only where the AppConnection says so, and its condition holds.
func TestMayAdopt(t *testing.T) {
	found := connector.Observed{Name: "ada", Active: true, Attributes: map[string][]string{"mail": {"Ada@example.com"}}}
	existing := func(policy v1alpha1.ExistingAccounts, condition string) *accounts.Rules {
		return compiled(t, spec(func(s *v1alpha1.AppConnectionSpec) {
			s.Existing = v1alpha1.ExistingPolicy{Policy: policy, Condition: condition}
		}))
	}
	for _, c := range []struct {
		reason string
		rules  *accounts.Rules
		want   bool
	}{
		{"nothing is said", compiled(t, spec()), false},
		{"refuse", existing(v1alpha1.ExistingAccountsRefuse, ""), false},
		{"ignore", existing(v1alpha1.ExistingAccountsIgnore, ""), false},
		{"adopt", existing(v1alpha1.ExistingAccountsAdopt, ""), true},
		{"a condition that holds", existing(v1alpha1.ExistingAccountsAdopt, `account.attributes.mail[0] == user.userName`), true},
		{"one that does not", existing(v1alpha1.ExistingAccountsAdopt, `!account.active`), false},
		{"one that fails", existing(v1alpha1.ExistingAccountsAdopt, `account.attributes.phone[0] == "1"`), false},
	} {
		if got := c.rules.MayAdopt(ada("Team"), found); got != c.want {
			t.Errorf("%s: got %t, want %t", c.reason, got, c.want)
		}
	}
}
