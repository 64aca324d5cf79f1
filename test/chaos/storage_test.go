package chaos_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/chaos/fault"
)

// stillness is for how long the API server or etcd stands still: longer than a client of a scene waits for an answer, so that it sends the
// request again while the first one is under way.
const stillness = 20 * time.Second

// storageFault gives what happens at a write, and sends what came of it when all is as before.
type storageFault func(o *operator, over chan<- error) *fault.Plan

// storageFaults are what can happen to the API server and its etcd while a write is under way.
func storageFaults() map[string]storageFault {
	kill := func(when fault.When, which int) storageFault {
		return func(o *operator, over chan<- error) *fault.Plan {
			return &fault.Plan{When: when, Do: fault.Cut(func() {
				o.plane.Kill(which)
				go func() { over <- o.plane.Restart(context.Background(), which) }()
			})}
		}
	}
	still := func(which int) storageFault {
		return func(o *operator, over chan<- error) *fault.Plan {
			return &fault.Plan{When: fault.Before, Meanwhile: func() {
				process := o.plane.Processes[which]
				err := process.Pause()
				time.AfterFunc(stillness, func() { over <- errors.Join(err, process.Resume()) })
			}}
		}
	}
	return map[string]storageFault{
		"API server killed before": kill(fault.Before, controlplane.APIServer),
		"API server killed after":  kill(fault.After, controlplane.APIServer),
		"API server stands still":  still(controlplane.APIServer),
		"etcd killed before":       kill(fault.Before, controlplane.Etcd),
		"etcd killed after":        kill(fault.After, controlplane.Etcd),
		"etcd stands still":        still(controlplane.Etcd),
	}
}

// storagePlans have all of that happen at one write of each process, the one in the middle.
func storagePlans(f flow, r *reference) (plans []plan) {
	for _, part := range slices.Sorted(maps.Keys(r.writes)) {
		writes := r.writes[part]
		if len(writes) == 0 {
			continue
		}
		write := writes[len(writes)/2]
		for _, what := range slices.Sorted(maps.Keys(storageFaults())) {
			plans = append(plans, plan{flow: f, name: writeName(part, write, what), kind: what, broken: func(o *operator, _ *scene) (breakage, error) {
				over := make(chan error, 1)
				p := storageFaults()[what](o, over)
				p.Write = write
				o.arm(part, p)
				proxy := o.part(part).proxy
				return breakage{hit: proxy.Hit, whole: func(ctx context.Context) error { return o.awaitStorage(ctx, proxy, over) }}, nil
			}})
		}
	}
	return plans
}

// awaitStorage waits until the API server and etcd have gone away and come back. When nobody has written what they were to go away at by the time
// that everything is written, they stay.
func (o *operator) awaitStorage(ctx context.Context, proxy *fault.Proxy, over <-chan error) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, certain, true, func(context.Context) (bool, error) { return proxy.Hit(), nil })
	if err != nil {
		proxy.Disarm()
	}
	if !proxy.Hit() {
		return nil
	}
	return errors.Join(<-over, o.plane.AwaitServing(ctx))
}
