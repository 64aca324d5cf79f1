package apps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	defaultGuardCount   = 20
	defaultGuardPercent = 5
	defaultWindow       = time.Hour
	defaultHoldTimeout  = 24 * time.Hour
	// steps is the number of parts of a window in which removals are counted together.
	steps = 60
	// alone is how long nothing may have been taken for one removal to pass whatever the limit says.
	alone = 5 * time.Minute
	// ahead is how many removals are written down at once, before they take effect, so that not each of them waits for a write.
	ahead = 5
)

// guard counts the removals of one app, and holds back what comes beyond its limit. What it counted is in the AppConnection's status, written
// before the removals take effect, so that neither a crash nor another leader forgets any.
type guard struct {
	host *engines
	key  client.ObjectKey
	spec v1alpha1.AppGuard

	mu sync.Mutex
	// passes are as in the status; reserved of them have not taken effect yet.
	passes   []v1alpha1.AppPass
	reserved int
	// held are the people whose removal waits, since when, and released those whose removal passes in any case.
	held      map[string]bool
	heldSince time.Time
	released  map[string]bool
	lastPass  time.Time
}

func newGuard(host *engines, app *v1alpha1.AppConnection) *guard {
	g := &guard{
		host: host, key: client.ObjectKeyFromObject(app), spec: app.Spec.Guard,
		passes: slices.Clone(app.Status.Guard.Passes), held: map[string]bool{}, released: map[string]bool{},
	}
	if since := app.Status.Guard.HeldSince; since != nil {
		g.heldSince = since.Time
	}
	for _, pass := range g.passes {
		g.lastPass = later(g.lastPass, pass.Time.Time)
	}
	return g
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (g *guard) window() time.Duration {
	return time.Duration(or(g.spec.WindowSeconds, int32(defaultWindow/time.Second))) * time.Second
}

func (g *guard) timeout() time.Duration {
	return time.Duration(or(g.spec.HoldTimeoutSeconds, int32(defaultHoldTimeout/time.Second))) * time.Second
}

// limit is the number of removals that pass within a window, of so many accounts in use.
func (g *guard) limit(active int) int {
	percent := int32(defaultGuardPercent)
	if g.spec.Accounts.Percent != nil {
		percent = *g.spec.Accounts.Percent
	}
	return max(int(or(g.spec.Accounts.Count, defaultGuardCount)), active*int(percent)/100)
}

// hold asks the guard about what a decision takes.
func (e *engine) hold(ctx context.Context, s *subject) error {
	if !s.decision.Takes || e.leaving || e.app.Spec.Mode != v1alpha1.AppEnforce {
		e.guard.forget(s.id)
		return nil
	}
	passes, err := e.guard.admit(ctx, s.id)
	s.held = err == nil && !passes
	return err
}

// admit says whether a removal may take effect now. Once it may, it counts.
func (g *guard) admit(ctx context.Context, id string) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.spec.Mode == v1alpha1.GuardOff || g.released[id] {
		delete(g.held, id)
		return true, nil
	}
	now := g.host.options.Now()
	if g.reserved == 0 {
		if err := g.reserve(ctx, now); err != nil {
			return false, err
		}
	}
	if g.reserved == 0 {
		g.keep(id, now)
		return false, nil
	}
	g.reserved--
	g.lastPass = now
	delete(g.held, id)
	return true, nil
}

// keep notes that a removal waits.
func (g *guard) keep(id string, now time.Time) {
	if len(g.held) == 0 && g.heldSince.IsZero() {
		g.heldSince = now
	}
	if !g.held[id] {
		g.held[id] = true
		g.host.reportKey(g.key)
	}
}

// reserve writes down some removals that may take effect, if the limit has room. One by itself always may.
func (g *guard) reserve(ctx context.Context, now time.Time) error {
	passed := 0
	var recent []v1alpha1.AppPass
	for _, pass := range g.passes {
		if now.Before(pass.Time.Add(g.window())) {
			recent = append(recent, pass)
			passed += int(pass.Count)
		}
	}
	active, err := g.host.inUse(ctx, g.key)
	if err != nil {
		return err
	}
	room := min(ahead, g.limit(active)-passed)
	if room <= 0 && now.Sub(g.lastPass) >= alone {
		room = 1
	}
	if room <= 0 {
		return nil
	}
	step := g.window() / steps
	recent = addPass(recent, metav1.NewTime(now.Add(step).Truncate(max(step, time.Second))), int32(room))
	if err := g.host.storePasses(ctx, g.key, recent); err != nil {
		return fmt.Errorf("count removals: %w", err)
	}
	g.passes, g.reserved = recent, room
	return nil
}

func addPass(passes []v1alpha1.AppPass, at metav1.Time, count int32) []v1alpha1.AppPass {
	passes = slices.Clone(passes)
	if last := len(passes) - 1; last >= 0 && (passes[last].Time.Equal(&at) || last == steps) {
		passes[last].Count += count
		return passes
	}
	return append(passes, v1alpha1.AppPass{Time: &at, Count: count})
}

// forget says that nothing is to be taken from the person any more, or that it was.
func (g *guard) forget(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.released, id)
	if g.held[id] {
		delete(g.held, id)
		g.host.reportKey(g.key)
	}
	if len(g.held) == 0 {
		g.heldSince = time.Time{}
	}
}

// digestOf names a set of people.
func digestOf(held map[string]bool) string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(maps.Keys(held)), "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// decide releases what a person approved, or what was held for long enough, and says whom that concerns. heard says that the approval was
// about the set that is held.
func (g *guard) decide(approved string, now time.Time) (released []string, heard bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.held) == 0 {
		return nil, false
	}
	heard = approved != "" && approved == digestOf(g.held)
	if !heard && now.Before(g.heldSince.Add(g.timeout())) {
		return nil, false
	}
	released = slices.Sorted(maps.Keys(g.held))
	for _, id := range released {
		g.released[id] = true
	}
	g.held, g.heldSince = map[string]bool{}, time.Time{}
	return released, heard
}

// status is what people see of the guard.
func (g *guard) status() v1alpha1.AppGuardStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	status := v1alpha1.AppGuardStatus{Passes: slices.Clone(g.passes)}
	if len(g.held) == 0 {
		return status
	}
	held := int32(len(g.held)) //nolint:gosec // people of one app
	since := metav1.NewTime(g.heldSince.Truncate(time.Second))
	release := metav1.NewTime(since.Add(g.timeout()))
	status.Held, status.HeldSince, status.ReleaseTime, status.Digest = &held, &since, &release, digestOf(g.held)
	for _, id := range first(slices.Sorted(maps.Keys(g.held)), 20) {
		status.Samples = append(status.Samples, v1alpha1.AccountObjectName(g.key.Name, id))
	}
	return status
}
