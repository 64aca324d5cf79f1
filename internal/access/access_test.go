package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestSubjectName(t *testing.T) {
	tests := map[string]struct {
		name, reason string
		want         error
	}{
		"plain":          {name: "alice@example.com", reason: "an ordinary name is bound"},
		"prefix":         {name: "oidc:alice", reason: "a prefix other than system: is fine"},
		"system within":  {name: "oidc:system:masters", reason: "only the start of the name makes it the system's"},
		"unicode":        {name: "jürgen@例え.jp", reason: "names need not be ASCII"},
		"longest":        {name: strings.Repeat("a", 253), reason: "253 bytes are allowed"},
		"too long":       {name: strings.Repeat("a", 254), want: errNameLong, reason: "the limit is 253 bytes"},
		"empty":          {name: "", want: errNameEmpty, reason: "nobody is called nothing"},
		"system":         {name: "system:masters", want: errNameSystem, reason: "system: belongs to Kubernetes"},
		"System":         {name: "SysTem:admin", want: errNameSystem, reason: "case must not get round the rule"},
		"full width":     {name: "ＳＹＳＴＥＭ：masters", want: errNameSystem, reason: "an authenticator that normalises names would make it system:masters"},
		"long s":         {name: "\u017fystem:masters", want: errNameSystem, reason: "the long s folds to s"},
		"mixed width":    {name: "syste\uff4d:masters", want: errNameSystem, reason: "one letter of full width is enough to get past a comparison of bytes"},
		"Cyrillic":       {name: "\u0455ystem:masters", reason: "no form of normalisation makes a Cyrillic letter a Latin one, so it is somebody else's name"},
		"newline":        {name: "a\nb", want: errNameControl, reason: "control characters forge what a reviewer reads"},
		"delete":         {name: "a\x7fb", want: errNameControl, reason: "DEL is a control character"},
		"right-to-left":  {name: "a\u202eb", want: errNameControl, reason: "direction marks forge what a reviewer reads"},
		"space in front": {name: " alice", want: errNameSpace, reason: "two names that look the same are not the same"},
		"invalid UTF-8":  {name: "a\xffb", want: errNameUTF8, reason: "the API server would store another name"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := SubjectName(test.name); !errors.Is(got, test.want) {
				t.Errorf("reason: %s\nSubjectName(%q) = %v, want %v", test.reason, test.name, got, test.want)
			}
		})
	}
}

func FuzzSubjectName(f *testing.F) {
	f.Add("alice")
	f.Add("system:x")
	f.Add("ｓystem:x")
	f.Fuzz(func(t *testing.T, name string) {
		if SubjectName(name) == nil && (name == "" || len(name) > 253 || strings.HasPrefix(v1alpha1.Fold(name), "system:")) {
			t.Errorf("reason: no such name may ever be bound: %q", name)
		}
	})
}

// TestRequiredPrefix: with a prefix nobody is bound under a name that another authenticator gives out.
func TestRequiredPrefix(t *testing.T) {
	for _, test := range []struct {
		reason, expression string
		ok                 bool
	}{
		{"the directory gives the prefix", `"okta:" + user.userName`, true},
		{"an expression that needs CEL gives it too", `"okta:" + user.userName.lowerAscii()`, true},
		{"the default gives none", "", false},
		{"another prefix is not enough", `"entra:" + user.userName`, false},
		{"an identity provider could choose a userName without it", `user.userName.lowerAscii()`, false},
	} {
		username, err := CompileUsername(test.expression)
		if err != nil {
			t.Fatal(err)
		}
		user := &v1alpha1.ScimUserSpec{UserName: "Alice"}
		if name, err := username.Requiring("okta:").Of(user); (err == nil) != test.ok || (name != "") != test.ok {
			t.Errorf("%s: %q gives %q and %v", test.reason, test.expression, name, err)
		}
		if name, err := username.Requiring("").Of(user); err != nil || name == "" {
			t.Errorf("nothing is required, and %q gives %q and %v", test.expression, name, err)
		}
	}
}

func TestUsername(t *testing.T) {
	user := &v1alpha1.ScimUserSpec{
		UserName:   "Alice@Example.com",
		ExternalID: "00u1",
		Emails:     []v1alpha1.MultiValue{{Value: "a@example.com", Type: "work"}},
		Enterprise: &v1alpha1.EnterpriseUser{Department: "Ops"},
		Extensions: map[string]apiextensionsv1.JSON{"urn:x": {Raw: []byte(`{"uid":"al"}`)}},
	}
	tests := map[string]struct {
		expression, want, reason string
		compileFails, evalFails  bool
	}{
		"default":      {expression: "", want: "Alice@Example.com", reason: "without an expression the userName is the name"},
		"prefix":       {expression: `"oidc:" + user.userName`, want: "oidc:Alice@Example.com", reason: "the usual form"},
		"single quote": {expression: `'o"' + user.userName`, want: `o"Alice@Example.com`, reason: "both quotes are CEL"},
		"escape":       {expression: `"a\"b" + user.userName`, want: `a"bAlice@Example.com`, reason: "escapes are left to CEL"},
		"lower case":   {expression: `user.userName.lowerAscii()`, want: "alice@example.com", reason: "string functions are there"},
		"e-mail": {
			expression: `user.emails.filter(e, e.type == "work")[0].value`, want: "a@example.com", reason: "macros over attributes work",
		},
		"enterprise":   {expression: `user.enterprise.department`, want: "Ops", reason: "the enterprise extension is there"},
		"extension":    {expression: `user.extensions["urn:x"].uid`, want: "al", reason: "any extension is there"},
		"absent":       {expression: `user.title`, evalFails: true, reason: "an absent attribute refuses this user, not all"},
		"number":       {expression: `1`, compileFails: true, reason: "a name is a string"},
		"not a string": {expression: `user.emails`, evalFails: true, reason: "what is no string at run time is refused"},
		"nonsense":     {expression: `user.`, compileFails: true, reason: "a directory learns that its expression is wrong"},
		"unknown name": {expression: `userName`, compileFails: true, reason: "there is no other variable than user"},
		"too dear": {
			expression: `["a","b","c","d","e","f","g","h"].map(a, ["a","b","c","d","e","f","g","h"].map(b, ` +
				`["a","b","c","d","e","f","g","h"].map(c, ["a","b","c","d","e","f","g","h"].map(d, ` +
				`["a","b","c","d","e","f","g","h"].map(e, user.userName + a + b + c + d + e)))))[0][0][0][0][0]`,
			evalFails: true, reason: "an expression cannot take the controller's CPU",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			compiled, err := CompileUsername(test.expression)
			if (err != nil) != test.compileFails {
				t.Fatalf("reason: %s\ncompile error %v, want error %v", test.reason, err, test.compileFails)
			}
			if test.compileFails {
				return
			}
			got, err := compiled.Of(user)
			if (err != nil) != test.evalFails || got != test.want {
				t.Errorf("reason: %s\ngot %q, %v; want %q, error %v", test.reason, got, err, test.want, test.evalFails)
			}
		})
	}
}

func TestBindingNamesAndLabelsAreValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		role := rapid.StringMatching(`[a-z0-9]([-.a-z0-9]{0,200}[a-z0-9])?`).Draw(t, "role")
		if errs := validation.IsValidLabelValue(RoleLabel(role)); len(errs) > 0 {
			t.Fatalf("reason: the API server must take the label of any role, %q: %v", role, errs)
		}
		name := BindingName(GrantKey{Name: strings.Repeat("g", 63)}, role, "0", v1alpha1.GrantTarget{Name: "view"})
		if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
			t.Fatalf("reason: the API server must take the name, %q: %v", name, errs)
		}
	})
}

func TestBindingNameIsStable(t *testing.T) {
	const want = "scim-platform-view-hriptbvwkh"
	if got := BindingName(GrantKey{Name: "platform-view"}, "platform-team-1", "0", v1alpha1.GrantTarget{Name: "view"}); got != want {
		t.Errorf("reason: another name after an upgrade would revoke and grant everything anew; got %s, want %s", got, want)
	}
}

func TestDiffRecreatesForAnotherRoleRef(t *testing.T) {
	want := Binding{Key: Key{Name: "b"}, RoleRef: rbacv1.RoleRef{Name: "view"}, Subjects: userSubjects([]string{"a", "b"})}
	old := want
	old.RoleRef.Name = "edit"
	changes := Diff([]Binding{old}, []Binding{want})
	if len(changes) != 1 || changes[0].Action != Recreate || !changes[0].TakesAway() {
		t.Errorf("reason: the API server lets nobody change a roleRef; got %v", changes)
	}
}

func TestDiffSeesWhatIsMissingAndExtra(t *testing.T) {
	want := Binding{Key: Key{Name: "b"}, Subjects: userSubjects([]string{"new", "same"})}
	old := Binding{Key: Key{Name: "b"}, Subjects: userSubjects([]string{"old", "same"})}
	old.Subjects = append(old.Subjects, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "same"})
	got := Diff([]Binding{old}, []Binding{want})[0]
	if diff := cmp.Diff(userSubjects([]string{"new"}), got.Missing); diff != "" {
		t.Errorf("reason: the new name gains\n%s", diff)
	}
	extra := []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "same"}, userSubjects([]string{"old"})[0]}
	if diff := cmp.Diff(extra, got.Extra); diff != "" {
		t.Errorf("reason: the old name and the foreign group lose\n%s", diff)
	}
}

func TestDiffRepairsLabelsAndOwner(t *testing.T) {
	want := Binding{Key: Key{Name: "b"}, Owner: "1", Labels: bindingLabels(GrantKey{Name: "g"}, Role{ID: "r"}, "0", "s"), Subjects: userSubjects([]string{"a"})}
	more := want
	more.Labels = bindingLabels(GrantKey{Name: "g"}, Role{ID: "r"}, "0", "s")
	more.Labels["argocd"] = "x"
	if got := Diff([]Binding{more}, []Binding{want}); len(got) != 0 {
		t.Errorf("reason: other people's labels on our bindings are theirs; got %v", got)
	}
	wrong := want
	wrong.Labels = bindingLabels(GrantKey{Name: "g"}, Role{ID: "r"}, "1", "s")
	owner := want
	owner.Owner = "2"
	for _, old := range []Binding{wrong, owner} {
		if got := Diff([]Binding{old}, []Binding{want}); len(got) != 1 || got[0].TakesAway() {
			t.Errorf("reason: our own labels and owner are repaired, and that takes nothing from anybody; got %v", got)
		}
	}
}

func TestKeepNeverShrinksByGuess(t *testing.T) {
	held := Binding{Key: Key{Name: "held"}, Subjects: userSubjects([]string{"active", "suspended"})}
	foreign := rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "active"}
	held.Subjects = append(held.Subjects, foreign)
	other := Binding{Key: Key{Name: "other"}, Subjects: userSubjects([]string{"active"})}
	empty := Binding{Key: Key{Name: "empty"}, Subjects: userSubjects([]string{"suspended"})}
	got := Keep([]Binding{held, other, empty}, []Key{held.Key, empty.Key}, map[string]bool{"active": true})
	want := []Binding{{Key: held.Key, Subjects: userSubjects([]string{"active"}), People: []Person{{}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reason: what is held stays for users with access, and for nobody else\n%s", diff)
	}
}

func TestPlanCutsOverfullShards(t *testing.T) {
	state := largeState(MaxSubjects*2 + 1)
	state.Roles[0].Shards = []Shard{{Members: state.Roles[0].Local}}
	state.Roles[0].Local = nil
	result := Plan(state)
	if len(result.Bindings) != 3 || result.Outcomes[0].Users != MaxSubjects*2+1 {
		t.Errorf("reason: even what the API forbids makes no binding above %d subjects; got %d bindings, %d users",
			MaxSubjects, len(result.Bindings), result.Outcomes[0].Users)
	}
}

// largeState has one grant and one role of n local members.
func largeState(n int) State {
	state := State{
		Now: time.Unix(0, 0), Users: map[string]User{}, Bindable: []string{"view"}, ClusterRoles: []string{"view"},
		Grants: []Grant{{Name: "g", Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{Name: "r"}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
		}}},
		Roles: []Role{{ID: "r", DisplayName: "R", Counts: true}},
	}
	for i := range n {
		id := fmt.Sprintf("user-%06d", i)
		state.Roles[0].Local = append(state.Roles[0].Local, id)
		state.Users[id] = User{Name: id + "@example.com", Active: true, Counts: true}
	}
	return state
}

func BenchmarkPlan20000(b *testing.B) {
	state := largeState(20_000)
	for b.Loop() {
		result := Plan(state)
		if len(Diff(result.Bindings, result.Bindings)) != 0 {
			b.Fatal("not at rest")
		}
	}
}

// userSubjects are subjects of people about whom nothing else matters.
func userSubjects(names []string) []rbacv1.Subject {
	var members []member
	for _, name := range names {
		members = append(members, member{name: name, id: name})
	}
	subjects, _ := subjectsOf(members)
	return subjects
}
