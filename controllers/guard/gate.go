// Package guard holds back the effects of a burst of removals (docs/design/0003-guard.md): it counts, in AccessPlans, who loses access
// by what identity providers push, and says which removals may take effect.
package guard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// casAttempts is how often an evaluation starts over when somebody else has written the plan, as a person does who decides.
const casAttempts = 5

// Gate has the removals of all grants, decides which of them take effect, and writes the AccessPlans. One lock serialises everything,
// so that nobody is counted twice. It lives on the leader; a leader that has been replaced fails its writes, and lets through in each plan only the
// one for whom it had a reservation there, whom its successor counts.
type Gate struct {
	cached   client.Reader
	live     client.Reader
	writer   client.Client
	recorder events.EventRecorder
	clock    clock.PassiveClock
	metrics  *metrics
	census   *census
	// identity names this process, as no other was ever named.
	identity string

	mu sync.Mutex
	// seen are the grants that were looked at since the start.
	seen map[access.GrantKey]bool
	// grants says which plans a grant has removals in.
	grants map[access.GrantKey][]access.PlanKey
	plans  map[access.PlanKey]*plan
	wake   func(grants []access.GrantKey)
	// changed asks for a look at a plan, soon.
	changed func(plan string)
}

// Options are what an installer decides.
type Options struct {
	// Clock tells the time; nil means the real one.
	Clock clock.PassiveClock
}

// NewGate makes the gate of a manager. SetupWithManager adds the controller that goes with it.
func NewGate(mgr manager.Manager, options Options) (*Gate, error) {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	counters, err := newMetrics()
	if err != nil {
		return nil, err
	}
	return &Gate{
		cached: mgr.GetCache(), live: mgr.GetAPIReader(), writer: mgr.GetClient(),
		recorder: mgr.GetEventRecorder("scim-operator-guard"), clock: options.Clock, metrics: counters,
		census: newCensus(), identity: string(uuid.NewUUID()),
		seen: map[access.GrantKey]bool{}, grants: map[access.GrantKey][]access.PlanKey{}, plans: map[access.PlanKey]*plan{},
		wake: func([]access.GrantKey) {}, changed: func(string) {},
	}, nil
}

// OnRelease says what to do with grants some of whose held removals may take effect now. It must not call the gate.
func (g *Gate) OnRelease(wake func(grants []access.GrantKey)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wake = wake
}

func (g *Gate) onChange(changed func(plan string)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changed = changed
}

// Forget says that a grant is gone, and with it what it would take away.
func (g *Gate) Forget(grant access.GrantKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.register(grant, nil)
	delete(g.seen, grant)
	g.changedAll()
}

// Admit takes the removals of one grant, all of them, and gives the names that must stay with their marks, by plan. Whoever is not
// among them counts as passed in the API server before it returns: by name, or as the one for whom the AccessPlan has a reservation, whose name is
// written soon after. On an error nobody may lose access.
func (g *Gate) Admit(ctx context.Context, grant access.GrantKey, removals []access.Removal) (map[access.PlanKey]map[string]access.Mark, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.seen[grant]
	touched := g.register(grant, removals)
	g.seen[grant] = true
	if first {
		g.changedAll()
	}
	held := map[access.PlanKey]map[string]access.Mark{}
	for _, key := range touched {
		p := g.plans[key]
		if err := g.evaluate(ctx, p, grant); err != nil {
			return nil, fmt.Errorf("AccessPlan %s: %w", key.Name(), err)
		}
		held[key] = p.held
		g.changed(key.Name())
	}
	return held, nil
}

// changedAll asks for a look at every plan, because more is known than before.
func (g *Gate) changedAll() {
	for key := range g.plans {
		g.changed(key.Name())
	}
}

// register replaces the removals of a grant and names the plans that this concerns.
func (g *Gate) register(grant access.GrantKey, removals []access.Removal) []access.PlanKey {
	touched := g.grants[grant]
	for _, key := range touched {
		g.plans[key].forget(grant)
	}
	delete(g.grants, grant)
	for _, removal := range removals {
		p := g.plan(removal.Plan)
		p.remember(grant, removal)
		if !slices.Contains(g.grants[grant], p.key) {
			g.grants[grant] = append(g.grants[grant], p.key)
		}
	}
	touched = append(slices.Clone(touched), g.grants[grant]...)
	slices.SortFunc(touched, cmpKeys)
	touched = slices.Compact(touched)
	for _, key := range touched {
		g.plans[key].tidy()
	}
	return touched
}

func (g *Gate) plan(key access.PlanKey) *plan {
	if g.plans[key] == nil {
		// After a restart nobody knows who came a moment ago, so nobody is taken to have come alone for a while.
		g.plans[key] = &plan{
			key: key, candidates: map[string]*candidate{}, marks: map[string]access.Mark{}, lastNew: g.clock.Now(),
		}
	}
	return g.plans[key]
}

// evaluate decides about a plan, stores who passes, and wakes the other grants that somebody was released for.
func (g *Gate) evaluate(ctx context.Context, p *plan, grant access.GrantKey) error {
	guard, on, err := g.guardOf(ctx, p.key.Directory)
	if err != nil {
		return err
	}
	if !on {
		g.adopt(p, access.Answer{Ledger: p.ledger}, grant)
		return nil
	}
	for range casAttempts {
		if err := g.load(ctx, p); err != nil {
			return err
		}
		answer, err := g.decide(ctx, p, guard, p.ledger)
		if err != nil {
			return err
		}
		switch {
		case answer.Single.Count > 0 && p.reserves(g.identity):
			p.ahead = answer.Single // What changes a plan asks for another look, which writes it.
		case answer.Passed:
			err = g.write(ctx, p, guard, answer, nil)
			if isStale(err) {
				p.loaded = false
				continue
			}
			if err != nil {
				return err
			}
		}
		g.adopt(p, answer, grant)
		return nil
	}
	return errors.New("it is being changed again and again")
}

func isStale(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err)
}

// decide asks the pure core.
func (g *Gate) decide(ctx context.Context, p *plan, guard v1alpha1.Guard, ledger access.Ledger) (access.Answer, error) {
	active, err := g.active(ctx, p)
	if err != nil {
		return access.Answer{}, err
	}
	complete, err := g.complete(ctx)
	if err != nil {
		return access.Answer{}, err
	}
	return access.Decide(access.Question{
		Kind: p.kind(), Limits: access.LimitsOf(guard, p.key), Ledger: ledger, Candidates: p.asked(), Active: active,
		Now: g.clock.Now(), LastNew: p.lastNew, Complete: complete, Unknown: p.unknown,
	}), nil
}

// active is the number of people that the percentage is of: those who are active and those who would lose access, or the members of the
// role that have access.
func (g *Gate) active(ctx context.Context, p *plan) (int, error) {
	if p.key.Role != "" || len(p.candidates) == 0 {
		return p.size(), nil
	}
	if n, ok := g.census.with(p.key.Directory, p.prints()); ok {
		return n, nil
	}
	var users v1alpha1.ScimUserList
	byDirectory := client.MatchingFields{store.IndexDirectory: p.key.Directory}
	if err := g.cached.List(ctx, &users, byDirectory, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("listing users: %w", err)
	}
	n := len(p.candidates)
	for i := range users.Items {
		if users.Items[i].IsActive() {
			n++
		}
	}
	return n, nil // A moment after the start, when the census is not complete.
}

// complete says whether each grant has been looked at since the start.
func (g *Gate) complete(ctx context.Context) (bool, error) {
	var grants v1alpha1.ClusterAccessGrantList
	if err := g.cached.List(ctx, &grants, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing ClusterAccessGrants: %w", err)
	}
	for i := range grants.Items {
		if !g.seen[access.GrantKey{Name: grants.Items[i].Name}] {
			return false, nil
		}
	}
	var narrow v1alpha1.AccessGrantList
	if err := g.cached.List(ctx, &narrow, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing AccessGrants: %w", err)
	}
	for i := range narrow.Items {
		if !g.seen[access.GrantKey{Namespace: narrow.Items[i].Namespace, Name: narrow.Items[i].Name}] {
			return false, nil
		}
	}
	return true, nil
}

// guardOf gives the guard of a directory. Off, and of a directory that does not exist, it holds nobody.
func (g *Gate) guardOf(ctx context.Context, directory string) (guard v1alpha1.Guard, on bool, err error) {
	found := &v1alpha1.ScimDirectory{}
	key := client.ObjectKey{Name: directory}
	err = g.cached.Get(ctx, key, found)
	if apierrors.IsNotFound(err) {
		err = g.live.Get(ctx, key, found)
	}
	if apierrors.IsNotFound(err) {
		return guard, false, nil
	}
	if err != nil {
		return guard, false, fmt.Errorf("reading ScimDirectory %s: %w", directory, err)
	}
	return found.Spec.Guard, found.Spec.Guard.Mode != v1alpha1.GuardOff, nil
}

// adopt makes an answer the present state, and wakes the grants, but the one that asks, which hold somebody who was released.
func (g *Gate) adopt(p *plan, answer access.Answer, asking access.GrantKey) {
	var woken []access.GrantKey
	for name := range p.held {
		if _, still := answer.Held[name]; still || p.candidates[name] == nil {
			continue
		}
		for grant := range p.candidates[name].grants {
			if grant != asking {
				woken = append(woken, grant)
			}
		}
	}
	p.ledger, p.held = answer.Ledger, answer.Held
	maps.Copy(p.marks, answer.Held)
	if answer.Newcomers {
		p.lastNew, p.unknown = g.clock.Now(), 0
	}
	if len(woken) > 0 {
		slices.SortFunc(woken, access.GrantKey.Compare)
		g.wake(slices.Compact(woken))
	}
}

// flushDelay gathers what changes in a burst before status is written, which nobody waits for.
const flushDelay = 500 * time.Millisecond
