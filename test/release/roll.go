package release

import (
	"context"
	"errors"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Scale starts pods until there are as many as a Deployment states, and waits until all are ready.
func (r *Release) Scale(ctx context.Context, name string) error {
	deployment, err := r.Deployment(ctx, name)
	if err != nil {
		return err
	}
	for len(r.Pods(name)) < int(*deployment.Spec.Replicas) {
		if _, err := r.StartPod(ctx, name); err != nil {
			return err
		}
	}
	for _, pod := range r.Pods(name) {
		if err := pod.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Roll replaces all pods of a Deployment by those of its present template, as a rolling update does: within its bounds of surge and
// unavailability, and without waiting for pods that are leaving.
func (r *Release) Roll(ctx context.Context, name string) error {
	deployment, err := r.Deployment(ctx, name)
	if err != nil {
		return err
	}
	surge, unavailable, err := bounds(deployment)
	if err != nil {
		return err
	}
	replicas := int(*deployment.Spec.Replicas)
	old := r.Pods(name)
	var group sync.WaitGroup
	var failures failures
	defer group.Wait()
	var fresh []*Pod
	for len(old) > 0 || len(fresh) < replicas {
		for len(fresh) < replicas && len(old)+len(fresh) < replicas+surge {
			pod, err := r.StartPod(ctx, name)
			if err != nil {
				return err
			}
			fresh = append(fresh, pod)
		}
		// What may be missing goes at once; for more, a new one has to be ready.
		available := countReady(old) + countReady(fresh)
		if available <= replicas-unavailable || len(old) == 0 {
			if err := awaitAll(ctx, fresh); err != nil {
				return err
			}
			available = countReady(old) + countReady(fresh)
		}
		for len(old) > 0 && (available > replicas-unavailable || !old[0].Ready()) {
			leaving := old[0]
			if leaving.Ready() {
				available--
			}
			old = old[1:]
			leaving.leaving.Store(true)
			group.Go(func() { failures.add(leaving.Terminate(ctx)) })
		}
	}
	group.Wait()
	return errors.Join(failures.all...)
}

// bounds are how many pods may be more, and fewer, than a Deployment states.
func bounds(deployment *appsv1.Deployment) (surge, unavailable int, err error) {
	rolling := deployment.Spec.Strategy.RollingUpdate
	if rolling == nil || deployment.Spec.MinReadySeconds > 0 {
		return 0, 0, fmt.Errorf("the strategy of Deployment %s is one that nobody here knows", deployment.Name)
	}
	replicas := int(*deployment.Spec.Replicas)
	if surge, err = intstr.GetScaledValueFromIntOrPercent(rolling.MaxSurge, replicas, true); err != nil {
		return 0, 0, err
	}
	if unavailable, err = intstr.GetScaledValueFromIntOrPercent(rolling.MaxUnavailable, replicas, false); err != nil {
		return 0, 0, err
	}
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable, nil
}

func countReady(pods []*Pod) int {
	n := 0
	for _, pod := range pods {
		if pod.Ready() {
			n++
		}
	}
	return n
}

func awaitAll(ctx context.Context, pods []*Pod) error {
	for _, pod := range pods {
		if err := pod.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// failures collects errors of several goroutines.
type failures struct {
	mu  sync.Mutex
	all []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, err)
}
