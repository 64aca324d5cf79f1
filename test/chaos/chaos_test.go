package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/chaos/fault"
)

// TestChaos learns all flows, has every write of each go wrong in every way, and every watch, and counts what came to another end. Without FULL=1 it
// takes one of STEP plans (40), and outside of make chaos those of one flow.
func TestChaos(t *testing.T) {
	began := time.Now()
	all := startShards(t)
	chosen := wanted(flows())
	references := all.learn(t, chosen)
	var plans []plan
	for _, f := range chosen {
		plans = append(plans, slices.Concat(writePlans(f, references[f.name]), watchPlans(f), storagePlans(f, references[f.name]))...)
	}
	plans = slices.DeleteFunc(plans, func(p plan) bool { return !asksFor("FAULT", p.kind) })
	t.Logf("%d flows learnt in %s: %d writes, %d plans", len(references), time.Since(began).Round(time.Second), countWrites(references), len(plans))
	sum := all.carryOut(t, every(plans, step(t)), references)
	t.Logf("%d of %d plans in %s, %d at a time: %d violations, %d plans whose write did not come about\n%s", sum.plans, len(plans),
		time.Since(began).Round(time.Second), len(all), sum.violations, sum.missed, sum.table())
}

// shards are operators that have nothing to do with each other, each with an API server of its own.
type shards []*operator

func startShards(t *testing.T) (all shards) {
	t.Helper()
	for range positive(t, "SHARDS", 1) {
		all = append(all, startOperator(t))
	}
	return all
}

// each does things with numbers up to n, one at a time on every shard.
func (all shards) each(n int, do func(o *operator, i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for _, o := range all {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(o, i)
			}
		})
	}
	workers.Wait()
}

// quiet is for how long nothing may be written when all flows have come to their ends, with FULL=1.
const quiet = 2 * time.Minute

// learn plays all flows without a fault, and removes them when all have been played.
func (all shards) learn(t *testing.T, chosen []flow) map[string]*reference {
	t.Helper()
	learnt := make([]*reference, len(chosen))
	scenes := make([]*scene, len(chosen))
	errs := make([]error, len(chosen))
	all.each(len(chosen), func(o *operator, i int) {
		learnt[i], scenes[i], errs[i] = o.learn(t.Context(), chosen[i], fmt.Sprintf("learn%02dx", i))
	})
	references := map[string]*reference{}
	for i, f := range chosen {
		if errs[i] != nil {
			t.Fatalf("%s: %v", f.name, errs[i])
		}
		references[f.name] = learnt[i]
	}
	if step(t) == 1 {
		all.assertQuiet(t)
	}
	all.each(len(scenes), func(_ *operator, i int) {
		if err := scenes[i].close(t.Context()); err != nil {
			t.Errorf("%s: %v", chosen[i].name, err)
		}
	})
	return references
}

// assertQuiet wants that nobody writes anything although there is all that the flows led to.
func (all shards) assertQuiet(t *testing.T) {
	t.Helper()
	for _, o := range all {
		for _, p := range o.parts() {
			p.proxy.Begin(nil)
		}
	}
	must(t, pause(t.Context(), quiet))
	for _, o := range all {
		for _, p := range o.parts() {
			for _, write := range p.proxy.Writes() {
				t.Errorf("%s wrote at rest: %s", p.name, write)
			}
		}
	}
	t.Logf("the flows had come to their ends, and were looked at for %s", quiet)
}

// reported is after how many plans there is a word of how far they are.
const reported = 100

// carryOut plays plans, and says of each what is wrong.
func (all shards) carryOut(t *testing.T, plans []plan, references map[string]*reference) *tally {
	t.Helper()
	sum := newTally()
	all.each(len(plans), func(o *operator, i int) {
		hit, err := o.carryOut(t.Context(), plans[i], references[plans[i].flow.name], fmt.Sprintf("run%05dx", i))
		sum.add(plans[i], hit, err)
		if err != nil {
			t.Errorf("%s, %s: %v", plans[i].flow.name, plans[i].name, err)
		}
		if done := i + 1; done%reported == 0 {
			t.Logf("%d of %d plans", done, len(plans))
		}
	})
	return sum
}

// wanted are the flows that FLOW asks for; outside of make chaos the usual one.
func wanted(all []flow) []flow {
	return slices.DeleteFunc(all, func(f flow) bool {
		if !asked() {
			return f.name != usual
		}
		return !asksFor("FLOW", f.name)
	})
}

// asksFor says whether a name has the text in it that an environment variable has, or one of several that commas separate, and none of those that
// begin with a minus.
func asksFor(variable, name string) bool {
	var wanted, unwanted []string
	for text := range strings.SplitSeq(os.Getenv(variable), ",") {
		if not, found := strings.CutPrefix(text, "-"); found {
			unwanted = append(unwanted, not)
			continue
		}
		wanted = append(wanted, text)
	}
	isIn := func(text string) bool { return strings.Contains(name, text) }
	return (len(wanted) == 0 || slices.ContainsFunc(wanted, isIn)) && !slices.ContainsFunc(unwanted, isIn)
}

// every takes one of n.
func every[T any](plans []T, n int) (some []T) {
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
				plans = append(plans, plan{flow: f, name: writeName(part, write, what), kind: what, broken: func(o *operator, _ *scene) (breakage, error) {
					p := o.part(part)
					when, do := faults()[what](p)
					o.arm(part, &fault.Plan{Write: write, When: when, Do: do})
					return breakage{hit: p.proxy.Hit}, nil
				}})
			}
			plans = append(plans, latePlan(f, part, write))
		}
	}
	return plans
}

// latePlan keeps a write back, kills its process, and has it arrive when the next process has done everything.
func latePlan(f flow, part string, write fault.Write) plan {
	return plan{flow: f, name: writeName(part, write, "late"), kind: "late", broken: func(o *operator, _ *scene) (breakage, error) {
		p := o.part(part)
		o.arm(part, &fault.Plan{Write: write, Late: true, Do: fault.Cut(p.kill)})
		// A status says what was seen, and nobody has access by it. It may be wrong until it is written again.
		return breakage{hit: p.proxy.Hit, late: func() { p.proxy.Deliver() }, strict: !f.back && !strings.HasSuffix(write.Resource, "/status")}, nil
	}}
}

// arm has the proxy of one process carry out a plan.
func (o *operator) arm(part string, p *fault.Plan) {
	o.part(part).proxy.Begin(p)
}

func (o *operator) part(name string) *part {
	if name == o.server.name {
		return o.server
	}
	return o.controller
}

// watchPlans show each process a present that is cut, doubled, late, or long past.
func watchPlans(f flow) (plans []plan) {
	for _, part := range []string{"controller", "server"} {
		add := func(name string, broken func(*operator, *scene) (breakage, error)) {
			if part == f.waits {
				return
			}
			plans = append(plans, plan{flow: f, name: part + "'s watches " + name, kind: "watches " + name, broken: broken})
		}
		add("cut", func(o *operator, _ *scene) (breakage, error) {
			o.part(part).proxy.CutWatches()
			return breakage{after: o.part(part).proxy.CutWatches}, nil
		})
		add("doubled", func(o *operator, _ *scene) (breakage, error) {
			o.part(part).proxy.OnEvent(func(_ string, line []byte) [][]byte { return [][]byte{line, line} })
			return breakage{after: func() { o.part(part).proxy.OnEvent(nil) }}, nil
		})
		add("late", func(o *operator, _ *scene) (breakage, error) {
			o.part(part).proxy.Hold("")
			return breakage{after: o.part(part).proxy.Release}, nil
		})
		add("dropped, then expired", func(o *operator, _ *scene) (breakage, error) {
			proxy := o.part(part).proxy
			proxy.OnEvent(func(_ string, line []byte) [][]byte {
				if isBookmark(line) {
					return [][]byte{line}
				}
				return nil
			})
			return breakage{after: func() {
				proxy.OnEvent(nil)
				proxy.Expire()
			}}, nil
		})
		add("of the past, after a restart", func(o *operator, _ *scene) (breakage, error) {
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
func (o *operator) restartInThePast(name string) (breakage, error) {
	var now v1alpha1.ScimDirectoryList
	ctx := context.Background()
	if err := o.kube.List(ctx, &now); err != nil {
		return breakage{}, err
	}
	p := o.part(name)
	p.proxy.Hold(now.ResourceVersion)
	p.kill()
	return breakage{after: p.proxy.Release}, p.ready(ctx)
}
