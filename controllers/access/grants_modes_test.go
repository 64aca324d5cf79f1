package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestCondition: who the condition is true of follows what the identity provider says, and a condition that is no expression takes nothing.
func TestCondition(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	user := w.user("cond-1", "cond@example.com")
	other := w.user("cond-2", "second@cond.example.com")
	w.role("cond-role-1", "Conditional", "cond-1", "cond-2")
	grant := grantFor("cond", "Conditional", "view")
	grant.Spec.Condition = `user.active && has(user.enterprise.department) && user.enterprise.department == "payments"`
	edit(w, other, func(u *v1alpha1.ScimUser) { u.Spec.Enterprise = &v1alpha1.EnterpriseUser{Department: "payments"} })
	w.create(grant)
	w.eventuallySays(grant, "SubjectsRefused: 1 user left out: cond-1 (the condition fails for this user: it has no enterprise)",
		"a condition that reads what somebody lacks leaves that person out, and says so")
	w.eventuallyCan("second@cond.example.com", "default", true, "of whom it is true gets access")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Enterprise = &v1alpha1.EnterpriseUser{Department: "payments"} })
	w.eventuallyCan("cond@example.com", "default", true, "who joins the department joins")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Enterprise.Department = "sales" })
	w.eventuallyCan("cond@example.com", "default", false, "who leaves it leaves")
	w.eventuallyReady("cond", v1alpha1.ReasonEnforced, "somebody of whom it is not true is no mistake")
	w.atRest("cond")

	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) { g.Spec.Condition = "user." })
	w.eventuallySays(grant, "ConditionInvalid: Nobody gains access, because spec.condition cannot be used", "nonsense is reported")
	if !w.can("second@cond.example.com", "default") {
		t.Error("reason: a mistake in the condition takes nothing from anybody")
	}
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Enterprise.Department = "payments" })
	edit(w, other, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("second@cond.example.com", "default", false, "but a push still does")
	if w.can("cond@example.com", "default") {
		t.Error("reason: and nobody gains")
	}
	w.atRest("cond")
}

// TestGroupSubjects: a group as the subject, and the way from single users to it.
func TestGroupSubjects(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "grp"}}
	directory.Spec.Identity.Group = `"oidc:" + role.displayName`
	w.create(directory)
	w.pushed("grp", "grp-1", "grp@example.com")
	w.user("grp-local", "local@grp.example.com")
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "grp-role-1"}}
	role.Spec = v1alpha1.ScimRoleSpec{DisplayName: "Grp", Directory: "grp", Members: []string{"grp-1"}, LocalMembers: []string{"grp-local"}}
	w.create(role, claimOf(v1alpha1.ClaimDisplayName, "Grp", "grp-role-1"))
	grant := grantFor("grp", "Grp", "view")
	w.create(grant)
	w.eventuallyReady("grp", v1alpha1.ReasonEnforced, "by default members are subjects")
	immediate := func() *metav1.Condition {
		return apimeta.FindStatusCondition(grant.Status.Conditions, v1alpha1.GrantRevocationImmediate)
	}
	w.ready(grant)
	if got := immediate(); got == nil || got.Status != metav1.ConditionTrue {
		t.Errorf("reason: a revocation then takes effect at once, and status says so; got %v", got)
	}
	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) { g.Spec.Subjects = v1alpha1.SubjectsGroup })
	w.eventually("the group takes the place of those whom the identity provider put into it", func() (bool, string) {
		var got []string
		for _, binding := range w.bindings("grp") {
			for _, subject := range binding.Subjects {
				got = append(got, subject.Kind+" "+subject.Name)
			}
		}
		text := strings.Join(got, ",")
		return text == "Group oidc:Grp,User local@grp.example.com" || text == "User local@grp.example.com,Group oidc:Grp", text
	})
	w.eventually("and status says that revocation waits for tokens", func() (bool, string) {
		w.ready(grant)
		got := immediate()
		return got != nil && got.Status == metav1.ConditionFalse && got.Reason == v1alpha1.ReasonGroupSubjects && *grant.Status.Users == 2, fmt.Sprint(got)
	})
	w.atRest("grp")
	edit(w, directory, func(d *v1alpha1.ScimDirectory) { d.Spec.Identity.Group = `"system:" + role.displayName` })
	w.eventuallySays(grant, "SubjectsRefused: 1 group left out: grp-role-1 (the Kubernetes group name has the prefix system:", "no group is the system's")
	for _, binding := range w.bindings("grp") {
		if binding.Subjects[0].Kind == rbacv1.GroupKind {
			t.Errorf("reason: what is refused is bound no more; got %v", binding.Subjects)
		}
	}
}

// TestPlanMode: an edit waits and stands in status; what a push takes away goes.
func TestPlanMode(t *testing.T) {
	w := newWorld(t)
	w.needs("view", "edit")
	user := w.user("mode-1", "one@mode.example.com")
	w.user("mode-2", "two@mode.example.com")
	first := w.role("mode-role-1", "Mode One", "mode-1", "mode-2")
	w.user("mode-3", "three@mode.example.com")
	w.role("mode-role-2", "Mode Two", "mode-3")
	grant := grantFor("mode", "Mode One", "view")
	grant.Spec.Mode = v1alpha1.ModePlan
	w.create(grant)
	w.eventuallySays(grant, "Planned: Enforcing the grant would change 1 binding: 2 subjects would gain, 0 subjects would lose.", "a new grant shows whom it would give")
	if len(w.bindings("mode")) != 0 {
		t.Fatal("reason: and gives nothing")
	}
	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) { g.Spec.Mode = v1alpha1.ModeEnforce })
	w.eventuallyCan("two@mode.example.com", "default", true, "until it is enforced")
	w.eventually("then there is no plan any more", func() (bool, string) {
		text := w.ready(grant)
		return strings.HasPrefix(text, "Enforced") && grant.Status.Plan == nil, text
	})
	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Mode, g.Spec.To.Name, g.Spec.Roles = v1alpha1.ModePlan, "edit", []v1alpha1.RoleSelector{{DisplayName: "Mode Two"}}
	})
	w.eventuallySays(grant, "Planned: Enforcing the grant would change 2 bindings: 1 subject would gain, 2 subjects would lose.", "an edit stands in status")
	want := &v1alpha1.GrantPlan{
		Bindings: new(int32(2)), Gained: new(int32(1)), Lost: new(int32(2)), Changes: []v1alpha1.PlannedChange{
			{Role: "mode-role-1", Target: "ClusterRole/view", Gained: new(int32(0)), Lost: new(int32(2)), LostNames: []string{"one@mode.example.com", "two@mode.example.com"}},
			{Role: "mode-role-2", Target: "ClusterRole/edit", Gained: new(int32(1)), Lost: new(int32(0)), GainedNames: []string{"three@mode.example.com"}},
		},
	}
	if diff := cmp.Diff(want, grant.Status.Plan); diff != "" {
		t.Errorf("reason: it says who gains and loses, and by which role\n%s", diff)
	}
	if !w.can("one@mode.example.com", "default") || w.can("three@mode.example.com", "default") {
		t.Error("reason: an edit waits")
	}
	w.atRest("mode")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventuallyCan("one@mode.example.com", "default", false, "who is deactivated loses access all the same")
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
	edit(w, first, func(r *v1alpha1.ScimRole) { r.Spec.Members = []string{"mode-1"} })
	w.eventuallyCan("two@mode.example.com", "default", false, "and who leaves a role that the edit has dropped")
	w.eventuallySays(grant, "1 subject would gain, 0 subjects would lose", "the plan follows")
	if w.can("one@mode.example.com", "default") {
		t.Error("reason: who comes back gains nothing before it is enforced")
	}
	w.atRest("mode")
	edit(w, grant, func(g *v1alpha1.ClusterAccessGrant) { g.Spec.Mode = v1alpha1.ModeEnforce })
	w.eventuallyReady("mode", v1alpha1.ReasonEnforced, "then the edit takes effect")
	var bound rbacv1.ClusterRoleBindingList
	if err := w.admin.List(w.ctx, &bound, client.MatchingLabels{v1alpha1.LabelGrant: "mode"}); err != nil || len(bound.Items) != 1 ||
		bound.Items[0].RoleRef.Name != "edit" {
		t.Errorf("reason: and only it; got %v, %v", bound.Items, err)
	}
}
