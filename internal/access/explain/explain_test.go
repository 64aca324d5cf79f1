package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

var now = time.Date(2026, time.February, 3, 4, 5, 6, 0, time.UTC)

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func user(name, userName, directory string) v1alpha1.ScimUser {
	return v1alpha1.ScimUser{ObjectMeta: named(name), Spec: v1alpha1.ScimUserSpec{UserName: userName, Directory: directory}}
}

func claim(attribute v1alpha1.ClaimAttribute, value, owner string) v1alpha1.ScimClaim {
	return v1alpha1.ScimClaim{ObjectMeta: named(v1alpha1.ClaimName(attribute, value)), Spec: v1alpha1.ScimClaimSpec{Attribute: attribute, Value: v1alpha1.Fold(value), Owner: owner}}
}

func bindingOf(name string, labels map[string]string, target string, subjects ...rbacv1.Subject) rbacv1.ClusterRoleBinding {
	return rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: target}, Subjects: subjects,
	}
}

func ours(role, shard string) map[string]string {
	return map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: "ops", v1alpha1.LabelRole: role, v1alpha1.LabelShard: shard, v1alpha1.LabelDirectory: "okta"}
}

func subject(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
}

// small is a world of one directory, a role of it, a local role and a grant for both.
func small() world.Objects {
	directory := v1alpha1.ScimDirectory{ObjectMeta: named("okta")}
	directory.Spec.Identity = v1alpha1.Identity{Username: `"oidc:" + user.userName`, Group: `"oidc:" + role.displayName`}
	ben := user("ben-1", "ben", "okta")
	ben.Spec.Active = new(false)
	ops := v1alpha1.ScimRole{ObjectMeta: named("ops-1"), Spec: v1alpha1.ScimRoleSpec{DisplayName: "Ops", Directory: "okta", Members: []string{"ann-1", "ben-1", "cid-1", "lee-1"}}}
	local := v1alpha1.ScimRole{ObjectMeta: named("local-1"), Spec: v1alpha1.ScimRoleSpec{DisplayName: "Local", LocalMembers: []string{"lee-1"}}}
	grant := v1alpha1.ClusterAccessGrant{ObjectMeta: named("ops")}
	grant.Spec = v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{DisplayName: "Ops"}}, To: v1alpha1.GrantTarget{Name: "pods"}, Scope: v1alpha1.ScopeCluster,
	}
	return world.Objects{
		Directories: []v1alpha1.ScimDirectory{directory}, Roles: []v1alpha1.ScimRole{ops, local}, ClusterAccessGrants: []v1alpha1.ClusterAccessGrant{grant},
		Users: []v1alpha1.ScimUser{user("ann-1", "ann", "okta"), ben, user("cid-1", "cid", "okta"), user("lee-1", "lee", "entra"), user("dan-1", "oidc:ann", "")},
		Claims: []v1alpha1.ScimClaim{
			claim(v1alpha1.ClaimUserName, "ann", "ann-1"), claim(v1alpha1.ClaimUserName, "ben", "ben-1"), claim(v1alpha1.ClaimUserName, "cid", "another"),
			claim(v1alpha1.ClaimUserName, "lee", "lee-1"), claim(v1alpha1.ClaimUserName, "oidc:ann", "dan-1"), claim(v1alpha1.ClaimDisplayName, "ops", "ops-1"),
			claim(v1alpha1.ClaimDisplayName, "local", "local-1"),
		},
		ClusterRoles: []rbacv1.ClusterRole{{ObjectMeta: named("pods"), Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}}},
	}
}

func getPods() *Request { return &Request{Verb: "get", Resource: "pods"} }

func TestMissing(t *testing.T) {
	cases := []struct {
		reason, user string
		change       func(*world.Objects)
		want         Reason
		message      string
	}{
		{"a member whom no binding names waits for the operator", "ann-1", nil, ReasonNotWritten, "no binding says so yet"},
		{"whoever is suspended is told so", "ben", nil, ReasonNoEffect, "suspended"},
		{"whose userName another one holds, too", "cid-1", nil, ReasonNoEffect, "another ScimUser holds the userName"},
		{"what one directory pushes gives the users of another nothing", "lee-1", func(o *world.Objects) {
			o.Directories = append(o.Directories, v1alpha1.ScimDirectory{ObjectMeta: named("entra")})
		}, ReasonNoEffect, "directory okta pushed the membership"},
		{"whom nobody knows is no member", "zoe", nil, ReasonNotAMember, "not a member of ops-1 (Ops)"},
		{"an end that has passed is the reason", "ann-1", func(o *world.Objects) {
			o.ClusterAccessGrants[0].Spec.Validity = &v1alpha1.Validity{ExpiresAt: &metav1.Time{Time: now}}
		}, ReasonExpired, "2026-02-03T04:05:06Z"},
		{"a start that is to come as well", "ann-1", func(o *world.Objects) {
			o.ClusterAccessGrants[0].Spec.Validity = &v1alpha1.Validity{NotBefore: &metav1.Time{Time: now.Add(time.Second)}}
		}, ReasonNotYetValid, "starts at"},
		{"what the grant says about itself is passed on", "ann-1", func(o *world.Objects) {
			o.ClusterAccessGrants[0].Status.Conditions = []metav1.Condition{{Type: v1alpha1.GrantReady, Status: metav1.ConditionFalse, Reason: "RoleNotAllowed", Message: "Ask."}}
		}, ReasonGrantNotReady, "(RoleNotAllowed): Ask."},
	}
	for _, tc := range cases {
		objects := small()
		if tc.change != nil {
			tc.change(&objects)
		}
		engine := New(world.New(objects), now)
		identity, err := engine.Find(tc.user)
		if err != nil {
			t.Fatal(err)
		}
		answer := engine.Why(identity, getPods())
		if *answer.Allowed || len(answer.Missing) != 1 || answer.Missing[0].Reason != tc.want || !strings.Contains(answer.Missing[0].Message, tc.message) {
			t.Errorf("reason: %s; got %+v", tc.reason, answer.Missing)
		}
	}
}

func TestFind(t *testing.T) {
	engine := New(world.New(small()), now)
	cases := []struct {
		reason, text string
		want         []string
		err          string
	}{
		{"by the name of the object", "dan-1", []string{"ann-1", "dan-1"}, ""},
		{"by userName, whatever the case", "ANN", []string{"ann-1", "dan-1"}, ""},
		{"by the Kubernetes user name", "oidc:ben", []string{"ben-1"}, ""},
		{"by a userName that is claimed for another", "cid", []string{"cid-1"}, ""},
		{"by a userName that is another's Kubernetes user name, where the two are one person there", "oidc:ann", []string{"ann-1", "dan-1"}, ""},
		{"nobody is nobody", "zoe", []string{}, ""},
	}
	for _, tc := range cases {
		identity, err := engine.Find(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		found := []string{}
		for _, person := range identity.People {
			found = append(found, person.ScimUser)
		}
		if diff := cmp.Diff(tc.want, found); diff != "" {
			t.Errorf("reason: %s; %q finds\n%s", tc.reason, tc.text, diff)
		}
	}
	objects := small()
	objects.Users = append(objects.Users, user("eve-1", "oidc:ben", ""))
	objects.Users[len(objects.Users)-1].Spec.Directory = "okta"
	objects.Claims = append(objects.Claims, claim(v1alpha1.ClaimUserName, "oidc:ben", "eve-1"))
	if _, err := New(world.New(objects), now).Find("oidc:ben"); err == nil || !strings.Contains(err.Error(), "eve-1") {
		t.Errorf("reason: where a text names two people, it is not guessed; got %v", err)
	}
}

func TestHeld(t *testing.T) {
	objects := small()
	release := metav1.NewTime(now.Add(time.Hour))
	plan := func(name, role string) v1alpha1.AccessPlan {
		p := v1alpha1.AccessPlan{ObjectMeta: named(name), Spec: v1alpha1.AccessPlanSpec{Directory: "okta", Role: role}}
		p.Status.ReleaseTime = &release
		return p
	}
	objects.AccessPlans = []v1alpha1.AccessPlan{plan("okta-users", ""), plan("okta.ops-1", "ops-1")}
	ledger := access.ReadLedger(&objects.AccessPlans[0])
	bound := bindingOf("scim-ops", ours("ops-1", "0"), "pods", subject("oidc:ann"), subject("oidc:ben"))
	bound.Annotations = map[string]string{v1alpha1.AnnotationPeople: access.EncodePeople([]access.Person{
		{Directory: "okta", Print: access.Print("ann-1")},
		{Directory: "okta", Print: access.Print("ben-1"), Mark: access.Mark{Kind: access.MarkUsers, Epoch: ledger.Epoch}},
	})}
	objects.ClusterRoleBindings = []rbacv1.ClusterRoleBinding{bound}
	engine := New(world.New(objects), now)
	for name, want := range map[string]*Held{"ann": nil, "ben": {AccessPlan: "okta-users", ReleaseTime: &release}} {
		identity, err := engine.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		answer := engine.Why(identity, getPods())
		if len(answer.Paths) != 1 || len(answer.Paths[0].Members) != 1 {
			t.Fatalf("reason: %s has access by the role's binding; got %+v", name, answer.Paths)
		}
		if diff := cmp.Diff(want, answer.Paths[0].Binding.Held); diff != "" {
			t.Errorf("reason: whoever the guard holds is told by which plan, and nobody else\n%s", diff)
		}
	}
	people := engine.WhoCan(*getPods()).People
	if len(people) != 2 || people[1].Paths[0].Binding.Held == nil || !people[1].People[0].Suspended {
		t.Errorf("reason: who-can shows those who are held; got %+v", people)
	}
}

func TestOnlyTheRightMembershipExplainsABinding(t *testing.T) {
	objects := small()
	objects.Directories = append(objects.Directories, v1alpha1.ScimDirectory{ObjectMeta: named("entra"), Spec: v1alpha1.ScimDirectorySpec{DefaultRoles: []string{"local-1"}}})
	objects.ClusterRoleBindings = []rbacv1.ClusterRoleBinding{
		bindingOf("a", ours("local-1", access.LocalShard), "pods", subject("lee")), bindingOf("b", ours("local-1", access.DefaultShard+".1"), "pods", subject("lee")),
		bindingOf("c", ours("ops-1", "0"), "pods", subject("lee")), bindingOf("d", nil, "pods", subject("lee")), bindingOf("e", ours("gone", "0"), "gone", subject("lee")),
	}
	engine := New(world.New(objects), now)
	identity, err := engine.Find("lee")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]world.Via{}
	for _, path := range engine.Why(identity, nil).Paths {
		vias := []world.Via{}
		for _, member := range path.Members {
			vias = append(vias, member.Via)
		}
		got[path.Binding.Name] = vias
	}
	want := map[string][]world.Via{"a": {world.ViaLocal}, "b": {world.ViaDefault}, "c": {world.ViaPushed}, "d": {}, "e": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reason: a binding is explained by the memberships of its part of its role\n%s", diff)
	}
}

func TestWriter(t *testing.T) {
	early, late := metav1.NewTime(now.Add(-time.Hour)), metav1.NewTime(now)
	meta := &metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "status", Subresource: "status", Time: &late, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)},
		{Manager: "first", Time: &early, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:members":{}}}`)},
		{Manager: "second", Time: &late, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:localMembers":{}}}`)},
		{Manager: "labels", Time: &late, FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{}}`)},
	}}
	cases := []struct {
		reason, want string
		path         []string
	}{
		{"of several it is the last", "second", []string{"spec"}},
		{"a field has its own writer", "first", []string{"spec", "members"}},
		{"nobody wrote what is not there", "", []string{"spec", "slices"}},
	}
	for _, tc := range cases {
		if got, _ := lastWriter(meta, tc.path...); got != tc.want {
			t.Errorf("reason: %s; %v was written by %q, want %q", tc.reason, tc.path, got, tc.want)
		}
	}
}
