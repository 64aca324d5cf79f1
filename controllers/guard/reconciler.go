package guard

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
)

// reconciler does for a plan what no removal waits for: it hears decisions and the clock, writes who is held, and clears away.
type reconciler struct{ gate *Gate }

// Reconcile looks at one AccessPlan.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	g := r.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	p, err := g.find(ctx, request.Name)
	if err != nil || p == nil {
		return ctrl.Result{}, err
	}
	wait, err := g.look(ctx, p)
	if isStale(err) {
		p.loaded = false // Somebody else wrote it, as a person does who decides.
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("AccessPlan %s: %w", request.Name, err)
	}
	if err := g.report(ctx, p.key.Directory); err != nil {
		return ctrl.Result{}, fmt.Errorf("ScimDirectory %s: %w", p.key.Directory, err)
	}
	return ctrl.Result{RequeueAfter: wait}, nil
}

// find gives the plan of a name, known or, after a restart, only stored. An AccessPlan that a person made under another name than the
// operator would is nobody's.
func (g *Gate) find(ctx context.Context, name string) (*plan, error) {
	object := &v1alpha1.AccessPlan{}
	err := g.cached.Get(ctx, client.ObjectKey{Name: name}, object)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading AccessPlan %s: %w", name, err)
	}
	if err == nil {
		key := access.PlanKey{Directory: object.Spec.Directory, Role: object.Spec.Role}
		if key.Name() != name {
			return nil, nil
		}
		p := g.plan(key)
		// A newer version is one that a person has decided about, or the operator's own: nobody else may write its status. It may be a write of this
		// process whose answer was lost, or one of a former leader, so what it says was counted or approved is so.
		if p.object == nil || p.object.UID != object.UID || echo.IsOlder(p.object, object) {
			p.loaded = false
		}
		return p, nil
	}
	for key, p := range g.plans {
		if key.Name() == name {
			return p, nil
		}
	}
	return nil, nil
}

// look brings a plan up to date and says when time alone changes it next; 0 for never.
func (g *Gate) look(ctx context.Context, p *plan) (time.Duration, error) {
	guard, on, err := g.guardOf(ctx, p.key.Directory)
	if err != nil {
		return 0, err
	}
	if err := g.load(ctx, p); err != nil {
		return 0, err
	}
	if !on {
		g.adopt(p, access.Answer{}, access.GrantKey{})
		return 0, g.drop(ctx, p)
	}
	complete, err := g.complete(ctx)
	if err != nil || !complete {
		return 0, err // The last grant that is looked at asks for another look.
	}
	answer, err := g.decide(ctx, p, guard, p.ledger)
	if err != nil {
		return 0, err
	}
	answer, decided, err := g.conclude(ctx, p, guard, answer)
	if err != nil {
		return 0, err
	}
	limits := access.LimitsOf(guard, p.key)
	if len(answer.Held) == 0 && len(p.candidates) == 0 && decided == nil && answer.Ledger.Quiet(g.clock.Now(), limits.Window) {
		g.adopt(p, answer, access.GrantKey{})
		return 0, g.drop(ctx, p)
	}
	if p.object != nil || len(answer.Held) > 0 || answer.Passed {
		if err := g.write(ctx, p, guard, answer, decided); err != nil {
			return 0, err
		}
	}
	g.adopt(p, answer, access.GrantKey{})
	return g.next(p, limits), nil
}

// conclude hears the clock and the last decision, and gives the answer that follows.
func (g *Gate) conclude(
	ctx context.Context, p *plan, guard v1alpha1.Guard, answer access.Answer,
) (access.Answer, *metav1.Condition, error) {
	ledger, over := answer.Ledger, false
	if since := ledger.HeldSince; !since.IsZero() && !g.clock.Now().Before(since.Add(access.LimitsOf(guard, p.key).Hold)) {
		ledger, over = ledger.Release(false), true
	}
	var decided *metav1.Condition
	// After the end of a hold, the write of status asks for another look, which hears the decision about what is left.
	if !over && p.object != nil && p.object.Generation != p.object.Status.ObservedGeneration {
		decided = &metav1.Condition{}
		if p.object.Spec.Decision != (v1alpha1.Decision{}) {
			ledger, *decided = judge(p.object.Spec.Decision, ledger, answer.Held)
			over = decided.Status == metav1.ConditionTrue
		}
	}
	if !over {
		return answer, decided, nil
	}
	maps.Copy(p.marks, answer.Held)
	next, err := g.decide(ctx, p, guard, ledger)
	next.Newcomers, next.Passed = next.Newcomers || answer.Newcomers, next.Passed || answer.Passed
	return next, decided, err
}

// judge carries a decision out, if it is about the set that waits.
func judge(decision v1alpha1.Decision, ledger access.Ledger, held map[string]access.Mark) (access.Ledger, metav1.Condition) {
	names := slices.Sorted(maps.Keys(held))
	digest := access.Digest(names)
	refused := metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDigestChanged}
	switch {
	case digest == "":
		refused.Message = "Nothing waits any more, so there is nothing to decide."
		return ledger, refused
	case decision.Digest != digest:
		refused.Message = fmt.Sprintf("The set has changed: it has %s now, and the digest %s. Look at it again before you decide.",
			people(len(names)), digest)
		return ledger, refused
	case decision.Verdict == v1alpha1.DecisionDiscard:
		next, ok := ledger.Discard()
		if !ok {
			refused.Reason = v1alpha1.ReasonTooManyDiscarded
			refused.Message = "Too many discarded sets wait already. Approve, or activate the people again at the identity provider."
			return ledger, refused
		}
		return next, metav1.Condition{
			Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDiscarded, Message: people(len(names)) + " keep their access.",
		}
	}
	return ledger.Release(true), metav1.Condition{
		Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonApproved, Message: people(len(names)) + " lose their access.",
	}
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// next is how long nothing happens in a plan unless somebody says so.
func (g *Gate) next(p *plan, limits access.Limits) time.Duration {
	now, wait := g.clock.Now(), time.Duration(0)
	for _, at := range p.ledger.Turns(limits) {
		if left := at.Sub(now); left > 0 && (wait == 0 || left < wait) {
			wait = left
		}
	}
	return wait
}

// drop deletes the AccessPlan, which has nothing left to say, unless somebody has written to it meanwhile.
func (g *Gate) drop(ctx context.Context, p *plan) error {
	if p.object != nil {
		uid, version := p.object.UID, p.object.ResourceVersion
		err := g.writer.Delete(ctx, p.object, client.Preconditions{UID: &uid, ResourceVersion: &version})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting it: %w", err)
		}
	}
	p.object, p.ledger, p.ahead, p.unknown = nil, access.Ledger{}, access.Pass{}, 0
	if len(p.candidates) == 0 {
		delete(g.plans, p.key)
	}
	return nil
}

// plansOf are the plans of a directory, in order.
func (g *Gate) plansOf(directory string) []*plan {
	var found []*plan
	for key, p := range g.plans {
		if key.Directory == directory {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *plan) int { return cmp.Compare(a.key.Name(), b.key.Name()) })
	return found
}
