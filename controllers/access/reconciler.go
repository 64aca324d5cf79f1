package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

const (
	// refusedRetry is when a write is tried again that the API server refused for a reason that no watch of ours shows, and refusedRevocation
	// the same for one that takes access away. At first it is tried sooner, from refusedFirst on: an API server that has just started refuses
	// everybody until it has read the roles.
	refusedRetry      = 5 * time.Minute
	refusedRevocation = time.Minute
	refusedFirst      = time.Second
	// missingRetry is when a missing slice is looked for again; slices are not watched.
	missingRetry = time.Minute
	// longestSleep bounds the wait for a grant's start or end, so that a corrected clock is noticed.
	longestSleep = 24 * time.Hour
)

// Reconciler brings the bindings of one grant into the state that the plan asks for.
type Reconciler struct {
	cache  client.Reader
	live   client.Reader
	writer client.Client
	// overwriter writes what differs only in its subjects.
	overwriter *overwriter
	recorder   events.EventRecorder
	clock      clock.PassiveClock
	bindable   []string
	// bindableRoles are the names of the namespaced Roles that may be given.
	bindableRoles []string
	usernames     *usernames
	gate          Gate
	// frozen are the grants with bindings for roles that their spec may not name; nil for none.
	frozen *frozenGrants
	// memory is what is kept between passes; nil for nothing, which only costs time.
	memory *memory
	// revocations are those that wait for a pass, counters tell of them; nil for a reconciler that is not started.
	revocations *revocations
	counters    *counters
	// calm says when status may be written and spoken of what was done; nil for always. untold is what was done meanwhile.
	calm   *Calm
	untold untold
	// echoes are the writes of status whose events have not come yet.
	echoes *echo.Echoes
	// ahead is what was written and the cache may lack.
	ahead ahead
	// tracer makes the spans of passes, and causes are the traced writes that they are due to; nil for no traces.
	tracer *tracing.Tracer
	causes *tracing.Causes[reconcile.Request]
}

// scope is what one reconcile knows and found out.
type scope struct {
	key     access.GrantKey
	request reconcile.Request
	now     time.Time
	// past is what is known of the grant from earlier passes.
	past *past
	// grant is nil when there is none, or none any more; otherwise planned is what the planner knows of it.
	grant    client.Object
	planned  access.Grant
	existing []access.Binding
	state    access.State
	plan     access.Result
	desired  []access.Binding
	// stay are removals that do not take effect.
	stay []access.Removal
	// held are the names that keep their access although the plan has them no more.
	held     map[string]bool
	changes  []access.Change
	done     []access.Change
	failures []failure
	// revoked is when the last binding was written that took something away; zero for none.
	revoked time.Time
	// broken says that additions were left for another pass, because a revocation waits.
	broken bool
	// staying are the bindings that were handed over to the grant and stay for now.
	staying []staying
	// transient is an error after which the same is simply tried again; nobody need read of it in status.
	transient error
}

// Reconcile works on one grant: gather, plan, compare, write removals first, then additions, then status.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	s := &scope{
		key: access.GrantKey{Namespace: request.Namespace, Name: request.Name}, request: request, now: r.clock.Now(), past: r.memory.of(request),
	}
	taken, causes := r.revocations.take(request), r.causes.Take(request)
	defer r.revocations.seen(request, taken)
	for _, step := range []func(context.Context, *scope) error{r.readGrant, r.readBindings, r.decide} {
		if err := step(ctx, s); err != nil {
			r.revocations.again(request, taken)
			r.causes.Again(request, causes)
			return reconcile.Result{}, fmt.Errorf("grant %s: %w", s.key, err)
		}
	}
	writing, span := r.followed(ctx, s, causes)
	r.apply(writing, s)
	r.traceEnd(s, span, causes)
	r.settle(s, taken)
	if len(s.done) > 0 {
		log.FromContext(ctx).Info("changed bindings", "summary", tallyOf(s.done).String())
	}
	if s.grant == nil {
		return r.end(s)
	}
	r.untold.add(request, s.done)
	if s.transient != nil {
		return reconcile.Result{}, s.err()
	}
	if again, ok := r.postponed(s, taken); ok {
		return again, nil
	}
	r.tell(s)
	if err := r.adopt(ctx, s); err != nil {
		return reconcile.Result{}, fmt.Errorf("grant %s: %w", s.key, err)
	}
	r.report(s)
	if err := r.writeStatus(ctx, s); err != nil {
		return reconcile.Result{}, fmt.Errorf("grant %s: %w", s.key, err)
	}
	if sound, err := r.check(ctx, s); err != nil || !sound {
		return reconcile.Result{RequeueAfter: time.Millisecond, Priority: new(0)}, err
	}
	return r.next(s), s.err()
}

// end forgets a grant that is gone, unless something that it gave could not be taken away. No event would ask for that again.
func (r *Reconciler) end(s *scope) (reconcile.Result, error) {
	r.untold.take(s.request)
	if s.isRefused() && s.err() == nil {
		again := reconcile.Result{RequeueAfter: s.refusedWait(), Priority: new(priorityRevoke)}
		s.countRefusal()
		return again, nil
	}
	r.memory.forget(s.request)
	return reconcile.Result{}, s.err()
}

// postponed says whether there is to be another pass before status is written, and when, unless it comes when no revocation is under
// way any more. Nobody waits for status, and revocations may.
func (r *Reconciler) postponed(s *scope, taken []*revocation) (reconcile.Result, bool) {
	switch {
	case s.broken:
		return reconcile.Result{RequeueAfter: time.Millisecond, Priority: new(priorityRevoke)}, true
	case r.calm != nil && len(s.failures) == 0 && (len(taken) > 0 || !r.calm.is()):
		r.calm.postpone(s.request)
		return reconcile.Result{}, true
	case r.calm == nil && !s.revoked.IsZero() && len(s.failures) == 0:
		return reconcile.Result{RequeueAfter: settling, Priority: new(0)}, true
	}
	return reconcile.Result{}, false
}

// readGrant reads the grant; one that is being deleted counts as deleted, so that what it gave goes at once. As everything that the
// grant gave goes with it, the cache's word that there is none is not enough.
func (r *Reconciler) readGrant(ctx context.Context, s *scope) error {
	grant, key := newGrant(s.key), objectKey(s.key)
	err := r.cache.Get(ctx, key, grant)
	if apierrors.IsNotFound(err) {
		err = r.live.Get(ctx, key, grant)
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the grant: %w", err)
	}
	if grant.GetDeletionTimestamp() == nil {
		grant = echo.Newest(r.echoes, grant).DeepCopyObject().(client.Object)
		s.grant, s.planned = grant, planned(grant)
	}
	return nil
}

// decide plans and compares. When somebody would lose access while the caches lack objects that the plan asked for, it looks at
// these live and plans again.
func (r *Reconciler) decide(ctx context.Context, s *scope) error {
	if s.grant == nil {
		r.gate.Forget(s.key)
		r.frozen.set(s.key, nil)
		s.changes = access.Diff(s.existing, nil)
		return nil
	}
	s.planned.Condition = r.usernames.condition(s.spec().Condition)
	r.freeze(s)
	g := r.gatherer(s)
	if err := s.planWith(ctx, g); err != nil {
		return err
	}
	if doubtful, namespaces := doubts(s, g.absent); doubtful != nil {
		g.doubtful, g.doubtfulNamespaces = doubtful, namespaces
		if err := s.planWith(ctx, g); err != nil {
			return err
		}
	}
	return r.guard(ctx, s, g)
}

// freeze notes what a frozen grant depends on besides its spec.
func (r *Reconciler) freeze(s *scope) {
	if !isFrozen(s.planned) {
		r.frozen.set(s.key, nil)
		return
	}
	r.frozen.set(s.key, boundRoleLabels(s.existing))
}

func (r *Reconciler) gatherer(s *scope) *gatherer {
	return &gatherer{
		reader:        reader{cache: r.cache, live: r.live},
		usernames:     r.usernames,
		grant:         s.planned,
		generation:    s.grant.GetGeneration(),
		bindable:      r.bindable,
		bindableRoles: r.bindableRoles,
		existing:      s.existing,
		memory:        r.memory,
		past:          s.past,
	}
}

func (s *scope) planWith(ctx context.Context, g *gatherer) error {
	state, err := g.gather(ctx, s.now)
	if err != nil {
		return err
	}
	s.state, s.plan = state, access.Plan(state)
	g.keep()
	s.desired = s.plan.Bindings
	if len(s.plan.Held) > 0 {
		bearers, err := g.bearers(ctx, namesIn(s.existing, s.plan.Held))
		if err != nil {
			return err
		}
		names := make(map[string]bool, len(bearers))
		for name := range bearers {
			names[name] = true
		}
		s.desired = append(s.desired, access.Keep(s.existing, s.plan.Held, names)...)
	}
	s.changes = access.Diff(s.existing, s.desired)
	s.past.share(s.existing, s.desired)
	return nil
}

// doubts names the bindings that would lose somebody, and the namespaces that the plan knows nothing of; the map is nil when there
// is nothing to look at live.
func doubts(s *scope, absent int) (bindings map[string]bool, namespaces []string) {
	known := map[string]bool{"": true}
	for _, namespace := range s.state.Namespaces {
		known[namespace.Name] = true
	}
	for _, change := range s.changes {
		if !change.TakesAway() {
			continue
		}
		if bindings == nil {
			bindings = map[string]bool{}
		}
		bindings[change.Name] = true
		if s.spec().Scope == v1alpha1.ScopeNamespaces && !known[change.Namespace] {
			known[change.Namespace] = true
			namespaces = append(namespaces, change.Namespace)
		}
	}
	if absent == 0 && len(namespaces) == 0 {
		return nil, nil
	}
	return bindings, namespaces
}

func (s *scope) outcome() access.Outcome { return s.plan.Outcomes[0] }

func (s *scope) spec() *v1alpha1.ClusterAccessGrantSpec { return &s.planned.Spec }

// wait is how long nothing will happen unless a watch says so; 0 for ever.
func (s *scope) wait() time.Duration {
	var wait time.Duration
	if next := s.outcome().Next; !next.IsZero() {
		wait = min(max(next.Sub(s.now), time.Millisecond), longestSleep)
	}
	if s.isRefused() {
		wait = sooner(wait, s.refusedWait())
	}
	if len(s.outcome().RolesIncomplete) > 0 {
		wait = sooner(wait, missingRetry)
	}
	return wait
}

// isRefused says whether something could not be written or deleted.
func (s *scope) isRefused() bool {
	return len(s.failures) > 0 || slices.ContainsFunc(s.staying, func(b staying) bool { return b.refused != nil })
}

// keepsAccess says whether somebody has access still because a write was refused.
func (s *scope) keepsAccess() bool {
	return slices.ContainsFunc(s.failures, func(f failure) bool { return f.change.TakesAway() })
}

// refusedWait is when to try again what was refused, twice as long each time.
func (s *scope) refusedWait() time.Duration {
	longest := refusedRetry
	if s.keepsAccess() {
		longest = refusedRevocation
	}
	return min(longest, refusedFirst<<min(s.past.refusals, 10))
}

// countRefusal counts the passes in a row in which something was refused, of which this is one or is none.
func (s *scope) countRefusal() {
	if !s.isRefused() {
		s.past.refusals = 0
		return
	}
	s.past.refusals++
}

func sooner(wait, limit time.Duration) time.Duration {
	if wait == 0 {
		return limit
	}
	return min(wait, limit)
}

// err is not nil when the same should be tried again soon, with growing pauses.
func (s *scope) err() error {
	errs := []error{s.transient}
	for _, failed := range s.failures {
		if !failed.final {
			errs = append(errs, failed.err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("grant %s: %w", s.key, err)
	}
	return nil
}
