package release

import (
	"context"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

// probe keeps the pod's endpoint as its probes say, until the container ends.
func (p *Pod) probe(ctx context.Context, process *controlplane.Process) {
	container := &p.spec.Containers[0]
	if p.repeat(ctx, process, container.StartupProbe, func(ok bool) bool { return ok }) {
		state := threshold{probe: container.ReadinessProbe}
		p.repeat(ctx, process, container.ReadinessProbe, func(ok bool) bool {
			p.report(ctx, state.after(ok))
			return false
		})
	}
	for ctx.Err() == nil && !p.report(ctx, false) {
		if !pause(ctx, time.Second, nil) {
			return
		}
	}
}

// repeat asks at once and then after each period, until heard says that it is enough. It is false when the container or the context ended. A
// probe that is not stated succeeds.
func (p *Pod) repeat(ctx context.Context, process *controlplane.Process, probe *corev1.Probe, heard func(ok bool) bool) bool {
	for {
		select {
		case <-process.Done():
			return false
		case <-ctx.Done():
			return false
		default:
		}
		if heard(probe == nil || p.ask(ctx, probe) == nil) {
			return true
		}
		period := time.Second
		if probe != nil {
			period = time.Duration(probe.PeriodSeconds) * time.Second
		}
		if !pause(ctx, period, process.Done()) {
			return false
		}
	}
}

// pause waits; it is false when the container or the context ended before that. A nil channel is of no container.
func pause(ctx context.Context, d time.Duration, ended <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
		return false
	case <-ctx.Done():
		return false
	}
}

// ask makes one request of a probe.
func (p *Pod) ask(ctx context.Context, probe *corev1.Probe) error {
	get := probe.HTTPGet
	if get == nil {
		return fmt.Errorf("pod %s: a probe is no HTTP request", p.Name)
	}
	address, err := portOf(&p.spec.Containers[0], p.addresses, get.Port.String())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(probe.TimeoutSeconds)*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+get.Path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s", get.Path, response.Status)
	}
	response.Body.Close()
	return err
}

// threshold is how many answers in a row change what is believed.
type threshold struct {
	probe     *corev1.Probe
	ready     bool
	differing int32
}

// after says whether the pod is ready now.
func (s *threshold) after(ok bool) bool {
	if ok == s.ready {
		s.differing = 0
		return s.ready
	}
	s.differing++
	needed := int32(1)
	if s.probe != nil {
		needed = s.probe.SuccessThreshold
		if !ok {
			needed = s.probe.FailureThreshold
		}
	}
	if s.differing >= needed {
		s.ready, s.differing = ok, 0
	}
	return s.ready
}

// report tells Services of the pod, which takes the API server. It says whether that was possible.
func (p *Pod) report(ctx context.Context, ready bool) bool {
	if p.endpoint.Load() == ready || p.leaving.Load() {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := p.release.Deployment(ctx, p.deployment); err != nil {
		return false
	}
	p.endpoint.Store(ready)
	return true
}
