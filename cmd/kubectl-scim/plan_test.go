package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

const digestB = "sha256:bbbbbbbb00000000000000000000000000000000000000000000000000000000"

// digestA names the set of heldNames.
var digestA = access.Digest(heldNames())

// heldNames are 41 Kubernetes user names, sorted.
func heldNames() []string {
	names := []string{"oidc:alice@example.com", "oidc:bob@example.com"}
	for i := range 39 {
		names = append(names, fmt.Sprintf("oidc:carol%02d@example.com", i))
	}
	return names
}

// holdNames makes a binding in which the guard holds heldNames for the directory okta, bob in a hold that was discarded.
func holdNames(t *testing.T) {
	t.Helper()
	controller := clientAs(t, "scim-operator-controller")
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scim-held", Labels: map[string]string{
			v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelDirectory: "okta", v1alpha1.LabelRole: "admins-1",
		}},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "oidc:aaron@example.com"}},
	}
	people := []access.Person{{Directory: "okta", Print: access.Print("aaron-1")}}
	for i, name := range heldNames() {
		mark := access.Mark{Kind: access.MarkUsers}
		if i == 1 {
			mark.Epoch = 1
		}
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name})
		people = append(people, access.Person{Directory: "okta", Print: access.Print(fmt.Sprintf("held-%d", i)), Mark: mark})
	}
	binding.Annotations = map[string]string{v1alpha1.AnnotationPeople: access.EncodePeople(people)}
	must(t, controller.Create(t.Context(), binding))
	t.Cleanup(func() { must(t, controller.Delete(context.WithoutCancel(t.Context()), binding)) })
}

func newPlan(name string, held int32) *v1alpha1.AccessPlan {
	p := &v1alpha1.AccessPlan{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AccessPlanSpec{Directory: "okta"}}
	p.Status = v1alpha1.AccessPlanStatus{State: v1alpha1.PlanWatching, Held: number(0), Passed: number(3), Limit: number(20)}
	if held > 0 {
		p.Status = v1alpha1.AccessPlanStatus{
			State: v1alpha1.PlanHeld, Digest: digestA, Held: number(held), Passed: number(20), Limit: number(20), Samples: heldNames()[:20],
			Epoch: number(0), DiscardedEpochs: []int32{1}, HeldSince: at(-time.Hour), ReleaseTime: at(23 * time.Hour),
		}
	}
	return p
}

func TestPlanShow(t *testing.T) {
	kube := newKube(t)
	holdNames(t)
	makeObject(t, kube, newUser("held-0", "Alice@example.com", "okta"))
	makeObject(t, kube, newUser("held-2", "carol\x1b[2J@example.com", "okta"))
	makeObject(t, kube, newPlan("okta-users", 41))
	role := newPlan("okta.admins", 0)
	role.Spec.Role = "admins-1"
	makeObject(t, kube, role)
	golden(t, "plan-show", scim(t, "plan", "show", "okta-users").want(t, 0).stdout)
	golden(t, "plan-show-role", scim(t, "plan", "show", "okta.admins").want(t, 0).stdout)
	golden(t, "plan-list", scim(t, "plan", "list").want(t, 0).stdout)
	golden(t, "plan-listwide", scim(t, "plan", "list", "-o", "wide", "--held", "--directory=okta").want(t, 0).stdout)
	golden(t, "plan-listname", scim(t, "plan", "list", "-o", "name").want(t, 0).stdout)
	scim(t, "plan", "show", "okta-users", "-o", "json").want(t, 0, `"kind": "AccessPlan"`, digestA, `"name": "oidc:carol38@example.com"`, `"user": "held-0"`)
	scim(t, "plan", "show", "nothing").want(t, 1, "there is no AccessPlan", "kubectl scim plan list")
	scim(t, "plan", "approve", "okta.admins", "--yes").want(t, 1, "holds nothing")
}

// answerDecisions does what the controller does about the decision on one plan, once: it hears it, and says what became of it.
func answerDecisions(t *testing.T, kube client.Client, name string, answer metav1.Condition) (decided chan v1alpha1.Decision) {
	t.Helper()
	decided = make(chan v1alpha1.Decision, 1)
	var plan v1alpha1.AccessPlan
	key := client.ObjectKey{Name: name}
	must(t, kube.Get(t.Context(), key, &plan))
	before, controller := plan.Generation, writerOf(t, kube, &plan)
	go func() {
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			var plan v1alpha1.AccessPlan
			if err := kube.Get(ctx, key, &plan); err != nil || plan.Generation == before || plan.Spec.Decision.Digest == "" {
				return false, err
			}
			answer.Type, answer.ObservedGeneration, answer.LastTransitionTime = "Decided", plan.Generation, *at(0)
			plan.Status.Conditions = []metav1.Condition{answer}
			decided <- plan.Spec.Decision
			return true, controller.Status().Update(ctx, &plan)
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("nobody decided about plan %s: %v", name, err)
		}
	}()
	return decided
}

func TestPlanDecide(t *testing.T) {
	kube := newKube(t)
	holdNames(t)
	yes := metav1.Condition{Status: metav1.ConditionTrue, Reason: "Approved", Message: "41 people lose access."}
	no := metav1.Condition{Status: metav1.ConditionFalse, Reason: "DigestChanged", Message: "The set is another one by now."}
	cases := []struct {
		reason string
		input  string
		args   []string
		answer *metav1.Condition
		code   int
		want   []string
	}{
		{"nobody said which set", "", []string{"approve"}, nil, 1, []string{"41", "oidc:alice@example.com", "--digest"}},
		{"what was typed is no digest", "yes\n", []string{"approve"}, nil, 1, []string{"is no digest"}},
		{"what was looked at is another set", "", []string{"approve", "--digest=" + digestB}, nil, 1, []string{"has changed since", "kubectl scim plan show"}},
		{"a flag that is no digest", "", []string{"approve", "--digest=abc"}, nil, 2, []string{"is no digest"}},
		{"a person types eight digits", digestA[7:15] + "\n", []string{"approve", "--reason=meant"}, &yes, 0, []string{"41 people lose access", "Approved"}},
		{"a script gives the digest", "", []string{"approve", "--digest=" + digestA}, &yes, 0, []string{"Approved"}},
		{"a script says yes to what there is, and the log has the counts", "", []string{"approve", "--yes"}, &yes, 0, []string{"41", digestA}},
		{"the set changed while the decision was on its way", "", []string{"approve", "--yes"}, &no, 1, []string{"refused (DigestChanged)", "another one by now"}},
		{"a discard is told in the same way", "", []string{"discard", "--yes"}, &yes, 0, []string{"41 people"}},
	}
	for i, tc := range cases {
		name := fmt.Sprintf("decide-%d", i)
		makeObject(t, kube, newPlan(name, 41))
		var decided chan v1alpha1.Decision
		if tc.answer != nil {
			decided = answerDecisions(t, kube, name, *tc.answer)
		}
		t.Log(tc.reason)
		scimWith(t, tc.input, append([]string{"plan", tc.args[0], name}, tc.args[1:]...)...).want(t, tc.code, tc.want...)
		if tc.answer == nil {
			var plan v1alpha1.AccessPlan
			must(t, kube.Get(t.Context(), client.ObjectKey{Name: name}, &plan))
			if plan.Spec.Decision.Digest != "" {
				t.Errorf("%s: a decision was written all the same", tc.reason)
			}
			continue
		}
		if got := <-decided; got.Digest != digestA || !strings.EqualFold(string(got.Verdict), tc.args[0]) {
			t.Errorf("%s: the decision is %+v", tc.reason, got)
		}
	}
	makeObject(t, kube, newPlan("unheard", 41))
	scim(t, "plan", "approve", "unheard", "--yes", "--wait=1ms").want(t, 1, "has not answered")
	scim(t, "plan", "approve", "unheard", "--yes", "--wait=0").want(t, 0, "is written")
}
