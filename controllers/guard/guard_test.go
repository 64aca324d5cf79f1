package guard_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	core "github.com/scim-operator/scim-operator/internal/access"
)

func number(n int32) *int32 { return &n }

// few is a guard that holds the sixth of a burst.
func few() v1alpha1.Guard {
	return v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 5, Percent: number(0)}}
}

// burst deactivates the first twenty of thirty people of a directory, of whom five pass.
func (o *operator) burst(directory string) (ids []string, plan *v1alpha1.AccessPlan) {
	o.t.Helper()
	o.directory(directory, few())
	ids = o.crew(directory, 30)
	o.active(false, ids[:20]...)
	return ids, o.plan("a burst takes effect up to the limit, the rest is held", directory+"-users", v1alpha1.PlanHeld, 15, 5)
}

// TestABurstIsHeld follows a burst from the first deactivation to the approval, over a restart.
func TestABurstIsHeld(t *testing.T) {
	o := start(t)
	ids, plan := o.burst("burst")
	kept := o.settle("15 of 20 keep their access", "burst-grant", 25)
	o.isTold(plan)
	heldID := slices.DeleteFunc(slices.Clone(ids[:20]), func(id string) bool { return !slices.Contains(kept, id) })[0]
	o.state("who is held can be seen", heldID, v1alpha1.UserHeld)

	o.clock.SetTime(o.clock.Now().Add(core.Aloneness))
	o.active(false, ids[29])
	o.bound("who leaves alone loses access at once", "burst-grant", without(kept, ids[29])...)
	plan = o.plan("and is counted", "burst-users", v1alpha1.PlanHeld, 15, 6)
	o.active(true, heldID)
	changed := o.plan("who is active again waits no longer", "burst-users", v1alpha1.PlanHeld, 14, 6)
	o.decide("burst-users", plan.Status.Digest, v1alpha1.DecisionApprove, v1alpha1.ReasonDigestChanged)
	o.bound("the approval of another set does nothing", "burst-grant", without(kept, ids[29])...)

	o.restart()
	o.active(false, ids[27], ids[28])
	again := o.plan("a restart forgets nobody, and who comes in the next moment waits too", "burst-users", v1alpha1.PlanHeld, 16, 6)
	if !again.Status.HeldSince.Equal(changed.Status.HeldSince) {
		t.Error("reason: a restart begins no new hold")
	}
	o.decide("burst-users", changed.Status.Digest, v1alpha1.DecisionApprove, v1alpha1.ReasonDigestChanged)
	o.decide("burst-users", again.Status.Digest, v1alpha1.DecisionApprove, v1alpha1.ReasonApproved)
	o.bound("an approved set loses its access, and nobody else does", "burst-grant", append(slices.Clone(ids[20:27]), heldID)...)
	o.plan("then nothing is held", "burst-users", v1alpha1.PlanWatching, 0, 6)
	o.state("and that can be seen", ids[27], v1alpha1.UserSuspended)
	o.tripped("burst", metav1.ConditionFalse)

	o.later("burst-users", 2*time.Hour)
	o.plan("the window is over", "burst-users", v1alpha1.PlanWatching, 0, 0)
	o.later("burst-users", 25*time.Hour)
	o.eventually("a plan that has nothing to say is deleted", func() string {
		err := o.Get(t.Context(), client.ObjectKey{Name: "burst-users"}, &v1alpha1.AccessPlan{})
		if !apierrors.IsNotFound(err) {
			return fmt.Sprint("it is there: ", err)
		}
		return ""
	})
}

// TestALostAnswer loses the answer to the write that says that a set was approved. Nobody decides about it again.
func TestALostAnswer(t *testing.T) {
	o := start(t)
	ids, plan := o.burst("lost")
	o.deaf.Store(true)
	o.decide("lost-users", plan.Status.Digest, v1alpha1.DecisionApprove, v1alpha1.ReasonApproved)
	o.bound("who was approved loses access", "lost-grant", ids[20:]...)
	if o.deaf.Load() {
		t.Error("no answer was lost")
	}
}

// TestWhoLeavesAloneDoesNotWait has one person lose access although the plan cannot be written, and nobody after that one. A process that takes over
// counts whom it cannot know of.
func TestWhoLeavesAloneDoesNotWait(t *testing.T) {
	o := start(t)
	o.directory("alone", few())
	ids := o.crew("alone", 12)
	o.active(false, ids[0])
	first := o.plan("the first is counted before anything else", "alone-users", v1alpha1.PlanWatching, 0, 1)
	if first.Status.ReservedBy == "" {
		t.Error("reason: the next one need not wait")
	}
	o.bound("the first loses access", "alone-grant", ids[1:]...)

	o.mute.Store(true)
	o.active(false, ids[1])
	o.bound("the next one loses access although that cannot be written", "alone-grant", ids[2:]...)
	o.active(false, ids[2])
	before := o.lost.Load()
	o.eventually("the controllers try", func() string {
		if n := o.lost.Load() - before; n < 10 {
			return fmt.Sprintf("%d writes were lost", n)
		}
		return ""
	})
	o.bound("the third one waits until the second is counted", "alone-grant", ids[2:]...)

	o.stop()
	o.mute.Store(false)
	o.run(o.Scheme())
	o.bound("the third one waits no longer", "alone-grant", ids[3:]...)
	again := o.plan("a new process counts the second, of whom it knows nothing", "alone-users", v1alpha1.PlanWatching, 0, 3)
	if people := again.Status.Passes[0].People; people != core.Print(ids[0]+"@example.com")+core.Print(ids[2]+"@example.com") {
		t.Errorf("reason: two of three have names; got %q", people)
	}
	if again.Status.ReservedBy == first.Status.ReservedBy {
		t.Error("reason: the reservation is that of the new process")
	}
	o.active(false, ids[3])
	o.bound("the next one loses access", "alone-grant", ids[4:]...)
	o.plan("and is counted afterwards", "alone-users", v1alpha1.PlanWatching, 0, 4)
}

func without(ids []string, gone ...string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(gone, id) })
}

// isTold wants a hold to be seen by everybody who should look.
func (o *operator) isTold(plan *v1alpha1.AccessPlan) {
	o.t.Helper()
	names := o.waiting(plan)
	if core.Digest(names) != plan.Status.Digest || len(names) != int(*plan.Status.Held) {
		o.t.Errorf("reason: who waits can be listed from the bindings alone; %d names, digest %s, want %s", len(names), core.Digest(names), plan.Status.Digest)
	}
	if diff := cmp.Diff(names[:min(20, len(names))], plan.Status.Samples); diff != "" {
		o.t.Errorf("reason: status shows the first of them\n%s", diff)
	}
	o.tripped(plan.Spec.Directory, metav1.ConditionTrue)
	o.eventually("one event tells of the hold", func() string {
		var all eventsv1.EventList
		must(o.t, o.List(o.t.Context(), &all))
		n := 0
		for _, e := range all.Items {
			if e.Regarding.Name == plan.Spec.Directory && e.Reason == "RemovalsHeld" && e.Type == "Warning" {
				n++
			}
		}
		if n != 1 {
			return fmt.Sprintf("%d events", n)
		}
		return ""
	})
	want := fmt.Sprintf("directory=%s held=%d", plan.Spec.Directory, *plan.Status.Held)
	if got := gauges(o); !slices.Contains(got, want) {
		o.t.Errorf("reason: the metric is what an alert is made of; got %v, want %s", got, want)
	}
}

func gauges(o *operator) (all []string) {
	families, err := ctrlmetrics.Registry.Gather()
	must(o.t, err)
	for _, family := range families {
		if family.GetName() != "scim_operator_guard_held" {
			continue
		}
		for _, metric := range family.GetMetric() {
			all = append(all, fmt.Sprintf("directory=%s held=%.0f", metric.GetLabel()[0].GetValue(), metric.GetGauge().GetValue()))
		}
	}
	return all
}

func (o *operator) state(reason, id string, want v1alpha1.UserState) {
	o.t.Helper()
	o.eventually(reason, func() string {
		user := &v1alpha1.ScimUser{}
		must(o.t, o.Get(o.t.Context(), client.ObjectKey{Name: id}, user))
		if user.Status.State != want || (user.Status.RevokedAt != nil) != (want == v1alpha1.UserSuspended) {
			return fmt.Sprintf("%s %s", id, user.Status.State)
		}
		return ""
	})
}

func (o *operator) tripped(directory string, want metav1.ConditionStatus) {
	o.t.Helper()
	o.eventually("the directory says whether something waits", func() string {
		object := &v1alpha1.ScimDirectory{}
		must(o.t, o.Get(o.t.Context(), client.ObjectKey{Name: directory}, object))
		found := apimeta.FindStatusCondition(object.Status.Conditions, v1alpha1.DirectoryGuardTripped)
		if found == nil || found.Status != want {
			return fmt.Sprint(found)
		}
		return ""
	})
}

// TestDiscardAndTime: what is discarded waits without an end, what is only held takes effect after holdTimeoutSeconds.
func TestDiscardAndTime(t *testing.T) {
	o := start(t)
	settings := few()
	settings.HoldTimeoutSeconds = 7200
	o.directory("slow", settings)
	ids := o.crew("slow", 30)
	o.active(false, ids[:9]...)
	plan := o.plan("4 of 9 are held", "slow-users", v1alpha1.PlanHeld, 4, 5)
	if got := plan.Status.ReleaseTime.Sub(plan.Status.HeldSince.Time); got != 2*time.Hour {
		t.Errorf("reason: the hold ends when the directory says; after %s", got)
	}
	o.decide("slow-users", plan.Status.Digest, v1alpha1.DecisionDiscard, v1alpha1.ReasonDiscarded)
	discarded := o.plan("a discarded set waits", "slow-users", v1alpha1.PlanDiscarded, 4, 5)
	if discarded.Status.ReleaseTime != nil {
		t.Error("reason: without an end")
	}
	o.later("slow-users", 90*time.Minute)
	o.plan("the window is over", "slow-users", v1alpha1.PlanDiscarded, 4, 0)
	o.active(false, ids[9:17]...)
	o.plan("the next burst is held for itself", "slow-users", v1alpha1.PlanHeld, 7, 5)
	o.settle("10 of 17 lost their access", "slow-grant", 20)
	o.restart()
	o.later("slow-users", 119*time.Minute)
	o.plan("a restart keeps both, until the end", "slow-users", v1alpha1.PlanHeld, 7, 0)
	o.later("slow-users", 2*time.Minute)
	o.plan("time releases what was held, and not what was discarded", "slow-users", v1alpha1.PlanDiscarded, 4, 0)
	o.settle("what was released takes effect", "slow-grant", 17)
	last := o.plan("and only that", "slow-users", v1alpha1.PlanDiscarded, 4, 0)
	o.decide("slow-users", last.Status.Digest, v1alpha1.DecisionApprove, v1alpha1.ReasonApproved)
	o.bound("who was discarded can be approved later", "slow-grant", ids[17:]...)
}

// TestRoles: the unlinking of a large group is held, that of a small one is not, and what a person changes never is.
func TestRoles(t *testing.T) {
	o := start(t)
	o.directory("roles", v1alpha1.Guard{})
	ids := o.crew("roles", 40)
	o.role("roles", "roles-small", ids[:5]...)
	o.grant("roles-small-grant", "roles-small", "")
	o.bound("five have it", "roles-small-grant", ids[:5]...)
	must(t, o.Delete(t.Context(), &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "roles-small"}}))
	o.bound("a small role may go", "roles-small-grant")
	must(t, o.Delete(t.Context(), &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "roles-crew"}}))
	plan := o.plan("a large role that goes is held as a whole", "roles.roles-crew", v1alpha1.PlanHeld, 40, 0)
	if got := len(o.subjects("roles-grant")); got != 40 {
		t.Fatalf("reason: nobody lost access; %d of 40 are bound", got)
	}
	if names := o.waiting(plan); core.Digest(names) != plan.Status.Digest {
		t.Errorf("reason: members that wait can be listed from the bindings alone; %d names", len(names))
	}
	o.active(false, ids[0])
	o.bound("who is deactivated meanwhile is out", "roles-grant", ids[1:]...)
	o.plan("and is counted as a person, not as a member", "roles.roles-crew", v1alpha1.PlanHeld, 39, 0)
	o.role("roles", "roles-crew-2", ids[1:3]...)
	edit(o, &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: "roles-grant"}}, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Roles = append(g.Spec.Roles, v1alpha1.RoleSelector{DisplayName: "roles-crew-2"})
	})
	o.plan("who has the same by another role loses nothing", "roles.roles-crew", v1alpha1.PlanHeld, 37, 0)
	edit(o, &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: "roles-grant"}}, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Roles = g.Spec.Roles[1:]
	})
	o.bound("what a person takes out of a grant goes at once", "roles-grant", ids[1:3]...)
	o.plan("and nothing is held", "roles.roles-crew", v1alpha1.PlanWatching, 0, 0)
	o.tripped("roles", metav1.ConditionFalse)
}

// TestExempt: break-glass identities and the last subject of a protected grant stay, and names that were given to somebody else go.
func TestExempt(t *testing.T) {
	o := start(t)
	settings := few()
	settings.BreakGlass = []string{"exempt-u000"}
	o.directory("exempt", settings)
	ids := o.crew("exempt", 12)
	o.role("exempt", "exempt-root", ids[1], ids[2])
	o.grant("exempt-root-grant", "exempt-root", v1alpha1.ProtectLastSubject)
	o.bound("two have it", "exempt-root-grant", ids[1], ids[2])

	o.active(false, ids[0], ids[2], ids[1]) // so that it is the same one who is last, whether they are seen together or not
	o.bound("break-glass stays", "exempt-grant", append([]string{ids[0]}, ids[3:]...)...)
	o.bound("and the last subject of a protected grant does", "exempt-root-grant", ids[1])
	o.state("which can be seen", ids[0], v1alpha1.UserHeld)
	must(t, o.Delete(t.Context(), &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "exempt-root"}}))
	must(t, o.Delete(t.Context(), &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: ids[0]}}))
	o.active(false, ids[3:]...)
	plan := o.plan("neither is counted", "exempt-users", v1alpha1.PlanHeld, 6, 5)
	if got := o.settle("six and the break-glass identity are bound", "exempt-grant", 7); !slices.Contains(got, ids[0]) {
		t.Errorf("reason: not even the deletion of a break-glass identity unbinds it; got %v", got)
	}
	o.bound("nor does the deletion of the role unbind the last subject", "exempt-root-grant", ids[1])

	recycled := strings.TrimSuffix(plan.Status.Samples[0], "@example.com")
	must(t, o.Delete(t.Context(), &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: recycled}}))
	must(t, o.Create(t.Context(), &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: "exempt-newcomer"},
		Spec:       v1alpha1.ScimUserSpec{UserName: recycled + "@example.com", Directory: "exempt"},
	}))
	o.plan("a name that somebody else bears now is not kept", "exempt-users", v1alpha1.PlanHeld, 5, 5)
	o.eventually("nobody inherits access", func() string {
		if got := o.subjects("exempt-grant"); slices.Contains(got, recycled) || len(got) != 6 {
			return fmt.Sprint(got)
		}
		return ""
	})
	edit(o, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "exempt"}}, func(d *v1alpha1.ScimDirectory) {
		d.Spec.Guard.Mode = v1alpha1.GuardOff
	})
	o.bound("a guard that is off holds nobody but break-glass", "exempt-grant", ids[0])
	o.eventually("and has no plan", func() string {
		if err := o.Get(t.Context(), client.ObjectKeyFromObject(plan), plan); !apierrors.IsNotFound(err) {
			return fmt.Sprint(err)
		}
		return ""
	})
	edit(o, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "exempt"}}, func(d *v1alpha1.ScimDirectory) {
		d.Spec.Guard.BreakGlass = nil
	})
	o.bound("who is taken off the list is unbound", "exempt-grant")
	edit(o, &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: "exempt-root-grant"}}, func(g *v1alpha1.ClusterAccessGrant) {
		g.Spec.Protection = ""
	})
	o.bound("and so is the last subject of a grant that is protected no longer", "exempt-root-grant")
}

// TestATamperedBinding: a subject that somebody wrote into a binding, in the form of a component of Kubernetes, is never held.
func TestATamperedBinding(t *testing.T) {
	o := start(t)
	o.directory("tamper", v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 1, Percent: number(0)}})
	ids := o.crew("tamper", 12)
	o.active(false, ids[:4]...)
	o.plan("three are held", "tamper-users", v1alpha1.PlanHeld, 3, 1)
	kept := o.settle("one of twelve lost access", "tamper-grant", 11)
	var all rbacv1.ClusterRoleBindingList
	must(t, o.List(t.Context(), &all, client.MatchingLabels{v1alpha1.LabelGrant: "tamper-grant"}))
	edit(o, &all.Items[0], func(b *rbacv1.ClusterRoleBinding) {
		b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: "system:admin@example.com"})
	})
	o.bound("what may never be bound goes at once, and the others stay held", "tamper-grant", kept...)
	o.plan("the set is the same", "tamper-users", v1alpha1.PlanHeld, 3, 1)
}
