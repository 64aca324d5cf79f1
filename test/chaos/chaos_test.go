package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/chaos/fault"
)

// TestChaos learns all flows, has every write of each go wrong in every way, and every watch, and counts what came to another end. Without FULL=1 it
// takes one of STEP plans (40), and outside of make chaos those of one flow.
func TestChaos(t *testing.T) {
	o := startOperator(t)
	began := time.Now()
	references := map[string]*reference{}
	var plans []plan
	for i, f := range wanted(flows()) {
		r, err := o.learn(t.Context(), f, fmt.Sprintf("learn%02dx", i))
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		references[f.name] = r
		plans = append(plans, append(writePlans(f, r), watchPlans(f)...)...)
	}
	t.Logf("%d flows learnt in %s: %d writes, %d plans", len(references), time.Since(began).Round(time.Second), countWrites(references), len(plans))
	sum := o.carryOut(t, every(plans, step(t)), references, "run")
	t.Logf("%d of %d plans in %s: %d violations, %d plans whose write did not come about", sum.plans, len(plans),
		time.Since(began).Round(time.Second), len(sum.violations), sum.missed)
}

// wanted are the flows whose names have the text of FLOW in them.
func wanted(all []flow) []flow {
	text := os.Getenv("FLOW")
	if !asked() {
		text = usual
	}
	return slices.DeleteFunc(all, func(f flow) bool { return !strings.Contains(f.name, text) })
}

// every takes one of n.
func every(plans []plan, n int) (some []plan) {
	for i := 0; i < len(plans); i += n {
		some = append(some, plans[i])
	}
	return some
}

func countWrites(references map[string]*reference) (count int) {
	for _, r := range references {
		for _, writes := range r.writes {
			count += len(writes)
		}
	}
	return count
}

// writePlans are all faults at all writes of a flow.
func writePlans(f flow, r *reference) (plans []plan) {
	for _, part := range slices.Sorted(maps.Keys(r.writes)) {
		for _, write := range r.writes[part] {
			for _, what := range slices.Sorted(maps.Keys(faults())) {
				plans = append(plans, plan{flow: f, name: writeName(part, write, what), broken: func(o *operator, _ *scene) (func(), func() bool, error) {
					p := o.part(part)
					when, do := faults()[what](p)
					o.server.proxy.Begin(nil)
					o.controller.proxy.Begin(nil)
					p.proxy.Begin(&fault.Plan{Write: write, When: when, Do: do})
					return func() {}, p.proxy.Hit, nil
				}})
			}
		}
	}
	return plans
}

func (o *operator) part(name string) *part {
	if name == o.server.name {
		return o.server
	}
	return o.controller
}

// watchPlans show each process a present that is cut, doubled, late, or long past.
func watchPlans(f flow) (plans []plan) {
	always := func() bool { return true }
	for _, part := range []string{"controller", "server"} {
		add := func(name string, broken func(*operator, *scene) (func(), func() bool, error)) {
			plans = append(plans, plan{flow: f, name: part + "'s watches " + name, broken: broken})
		}
		add("cut", func(o *operator, _ *scene) (func(), func() bool, error) {
			o.part(part).proxy.CutWatches()
			return o.part(part).proxy.CutWatches, always, nil
		})
		add("doubled", func(o *operator, _ *scene) (func(), func() bool, error) {
			o.part(part).proxy.OnEvent(func(_ string, line []byte) [][]byte { return [][]byte{line, line} })
			return func() { o.part(part).proxy.OnEvent(nil) }, always, nil
		})
		add("late", func(o *operator, _ *scene) (func(), func() bool, error) {
			o.part(part).proxy.Hold("")
			return o.part(part).proxy.Release, always, nil
		})
		add("dropped, then expired", func(o *operator, _ *scene) (func(), func() bool, error) {
			proxy := o.part(part).proxy
			proxy.OnEvent(func(_ string, line []byte) [][]byte {
				if isBookmark(line) {
					return [][]byte{line}
				}
				return nil
			})
			return func() {
				// The next event that comes says that the watch is too old, which has everything listed anew.
				proxy.OnEvent(nil)
				proxy.CutWatches()
			}, always, nil
		})
		add("of the past, after a restart", func(o *operator, _ *scene) (func(), func() bool, error) {
			return o.restartInThePast(part)
		})
	}
	return plans
}

func isBookmark(line []byte) bool {
	var event struct{ Type string }
	return json.Unmarshal(line, &event) == nil && event.Type == "BOOKMARK"
}

// restartInThePast has a process start on an API server that has fallen behind to what was before act, and catch up when act was acknowledged.
func (o *operator) restartInThePast(name string) (func(), func() bool, error) {
	var now v1alpha1.ScimDirectoryList
	ctx := context.Background()
	if err := o.kube.List(ctx, &now); err != nil {
		return nil, nil, err
	}
	p := o.part(name)
	p.proxy.Hold(now.ResourceVersion)
	p.kill()
	return p.proxy.Release, func() bool { return true }, p.ready(ctx)
}
