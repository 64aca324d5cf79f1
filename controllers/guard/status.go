package guard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// maxSamples is the number of names that status shows, from the API.
const maxSamples = 20

// write stores an answer at the resourceVersion that was last seen, so that no other writer's word is lost. A decision that was heard is
// given with what became of it; an empty condition says that there was none in it.
func (g *Gate) write(ctx context.Context, p *plan, guard v1alpha1.Guard, answer access.Answer, decided *metav1.Condition) error {
	if p.object == nil {
		if err := g.create(ctx, p); err != nil {
			return err
		}
	}
	next := p.object.DeepCopy()
	if decided != nil || next.Status.State == "" && next.Spec.Decision == (v1alpha1.Decision{}) {
		next.Status.ObservedGeneration = next.Generation
	}
	g.setStatus(next, p, access.LimitsOf(guard, p.key), answer, decided)
	if apiequality.Semantic.DeepEqual(next.Status, p.object.Status) {
		p.ahead = access.Pass{}
		return nil
	}
	before := p.object.Status
	if err := g.writer.Status().Update(ctx, next, client.FieldOwner(v1alpha1.ManagedBy)); err != nil {
		return fmt.Errorf("writing its status: %w", err)
	}
	p.object, p.ahead = next, access.Pass{}
	g.speak(ctx, p, &before, answer, decided)
	return nil
}

func (g *Gate) setStatus(
	object *v1alpha1.AccessPlan, p *plan, limits access.Limits, answer access.Answer, decided *metav1.Condition,
) {
	status, names := &object.Status, slices.Sorted(maps.Keys(answer.Held))
	answer.Ledger.Write(status)
	status.Digest = access.Digest(names)
	status.Held, status.Passed, status.Limit = number(len(names)), number(answer.Ledger.Passed()), number(answer.Ledger.Limit(limits))
	status.Samples = slices.Clone(names[:min(len(names), maxSamples)])
	status.ReleaseTime = nil
	if status.HeldSince != nil {
		status.ReleaseTime = &metav1.Time{Time: status.HeldSince.Add(limits.Hold)}
	}
	status.State = state(p, answer)
	if p.unknown == 0 || answer.Newcomers {
		status.ReservedBy = ""
		if answer.Ledger.Room(limits) > 0 {
			status.ReservedBy = g.identity
		}
	}
	now := metav1.NewTime(g.clock.Now())
	holds := condition(len(names), status)
	holds.Type, holds.ObservedGeneration, holds.LastTransitionTime = v1alpha1.PlanHolds, object.Generation, now
	apimeta.SetStatusCondition(&status.Conditions, holds)
	if decided != nil && decided.Reason != "" {
		verdict := *decided
		verdict.Type, verdict.ObservedGeneration, verdict.LastTransitionTime = v1alpha1.PlanDecided, object.Generation, now
		apimeta.SetStatusCondition(&status.Conditions, verdict)
	}
}

func state(p *plan, answer access.Answer) v1alpha1.PlanState {
	switch {
	case !answer.Ledger.HeldSince.IsZero():
		return v1alpha1.PlanHeld
	case len(answer.Held) > 0:
		return v1alpha1.PlanDiscarded
	case p.releasing(answer.Held):
		return v1alpha1.PlanReleased
	}
	return v1alpha1.PlanWatching
}

func condition(held int, status *v1alpha1.AccessPlanStatus) metav1.Condition {
	switch {
	case status.ReleaseTime != nil:
		return metav1.Condition{
			Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonLimitExceeded,
			Message: fmt.Sprintf("%s keep their access until somebody approves, or until %s. See who: kubectl scim plan show. If it is a "+
				"mistake, activate them again at the identity provider.", people(held), status.ReleaseTime.UTC().Format("2006-01-02 15:04:05 MST")),
		}
	case held > 0:
		return metav1.Condition{
			Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDiscarded,
			Message: people(held) + " keep their access until the identity provider activates them again, or somebody approves.",
		}
	}
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonWithinLimit, Message: "Nothing waits."}
}

func number(n int) *int32 {
	value := int32(n) //nolint:gosec // etcd holds far fewer than two thousand million objects
	return &value
}

// speak tells of what a write has changed: once of each hold, and of its end by a decision or by time.
func (g *Gate) speak(
	ctx context.Context, p *plan, before *v1alpha1.AccessPlanStatus, answer access.Answer, decided *metav1.Condition,
) {
	after := &p.object.Status
	g.metrics.passed(p.key.Directory, max(0, answer.Ledger.Passed()-access.ReadLedger(&v1alpha1.AccessPlan{Status: *before}).Passed()))
	kind, reason, note := "", "", ""
	switch {
	case before.HeldSince == nil && after.HeldSince != nil:
		kind, reason = corev1.EventTypeWarning, "RemovalsHeld"
		note = "More people would lose access than the guard lets pass. AccessPlan " + p.object.Name + " holds the others."
	case decided != nil && decided.Status == metav1.ConditionTrue:
		kind, reason = corev1.EventTypeNormal, "Removals"+decided.Reason
		note = "AccessPlan " + p.object.Name + ": " + decided.Message
	case before.HeldSince != nil && after.HeldSince == nil && after.State == v1alpha1.PlanReleased:
		kind, reason = corev1.EventTypeWarning, "HoldTimedOut"
		note = "The hold of AccessPlan " + p.object.Name + " has lasted for holdTimeoutSeconds: its removals take effect."
	default:
		return
	}
	directory := &v1alpha1.ScimDirectory{}
	if err := g.cached.Get(ctx, client.ObjectKey{Name: p.key.Directory}, directory); err == nil {
		g.recorder.Eventf(directory, p.object, kind, reason, "Guard", "%s", note)
	}
}

// report says in the directory's condition GuardTripped, and in the metric, whether something waits. The condition is absent until that
// happens for the first time, and names the plans without numbers, so that a burst does not rewrite it.
func (g *Gate) report(ctx context.Context, name string) error {
	var waiting []string
	held := 0
	for _, p := range g.plansOf(name) {
		if len(p.held) > 0 {
			waiting = append(waiting, p.key.Name())
			held += len(p.held)
		}
	}
	complete, err := g.complete(ctx)
	if err != nil || !complete {
		return err
	}
	g.metrics.held(name, held)
	directory := &v1alpha1.ScimDirectory{}
	if err := g.cached.Get(ctx, client.ObjectKey{Name: name}, directory); err != nil {
		return client.IgnoreNotFound(err)
	}
	tripped := metav1.Condition{
		Type: v1alpha1.DirectoryGuardTripped, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNothingHeld,
		Message: "No removal waits.", ObservedGeneration: directory.Generation, LastTransitionTime: metav1.NewTime(g.clock.Now()),
	}
	if len(waiting) > 0 {
		tripped.Status, tripped.Reason = metav1.ConditionTrue, v1alpha1.ReasonRemovalsHeld
		tripped.Message = "Removals wait in AccessPlan " + strings.Join(waiting[:min(len(waiting), 10)], ", ") +
			". Look at them with kubectl scim plan show, and approve or discard."
	} else if apimeta.FindStatusCondition(directory.Status.Conditions, tripped.Type) == nil {
		return nil
	}
	changed := directory.DeepCopy()
	if !apimeta.SetStatusCondition(&changed.Status.Conditions, tripped) {
		return nil
	}
	// The list of conditions is replaced as a whole, and another controller writes to it, too.
	patch := client.MergeFromWithOptions(directory, client.MergeFromWithOptimisticLock{})
	return client.IgnoreNotFound(g.writer.Status().Patch(ctx, changed, patch, client.FieldOwner(v1alpha1.ManagedBy)))
}
