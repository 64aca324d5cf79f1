package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/install"
)

const (
	// patience is how long a pod may take to become ready on a busy machine.
	patience = 5 * time.Minute
	// removalLag is how long a pod still gets connections after it was told to end. In a cluster the two take different ways, and nobody
	// waits for the slower.
	removalLag = time.Second
)

// Pod is a process of a Deployment and what a kubelet knows of it.
type Pod struct {
	// Name is that of the pod and of its log.
	Name       string
	release    *Release
	deployment string
	labels     map[string]string
	spec       corev1.PodSpec
	addresses  map[int32]string
	command    controlplane.Command
	volumes    []volume

	mu      sync.Mutex
	process *controlplane.Process

	// endpoint says whether Services forward to the pod; leaving, that it was told to end.
	endpoint, leaving atomic.Bool
	stopProbing       context.CancelFunc
}

// StartPod starts one more pod of a Deployment, and does not wait until it is ready.
func (r *Release) StartPod(ctx context.Context, deployment string) (*Pod, error) {
	stated, err := r.Deployment(ctx, deployment)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.started++
	pod := &Pod{Name: fmt.Sprintf("%s-%d", deployment, r.started), release: r, deployment: deployment}
	r.mu.Unlock()
	if err := pod.prepare(ctx, stated); err != nil {
		return nil, fmt.Errorf("pod %s: %w", pod.Name, err)
	}
	if err := pod.Restart(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.pods = append(r.pods, pod)
	r.mu.Unlock()
	return pod, nil
}

// prepare makes a command of what the Deployment states.
func (p *Pod) prepare(ctx context.Context, deployment *appsv1.Deployment) error {
	p.labels, p.spec = deployment.Spec.Template.Labels, deployment.Spec.Template.Spec
	if len(p.spec.Containers) != 1 || len(p.spec.InitContainers) > 0 {
		return errors.New("a pod here has one container and no other")
	}
	container := &p.spec.Containers[0]
	binary, ok := p.release.options.Images[container.Image]
	if !ok {
		return fmt.Errorf("no binary stands for the image %s", container.Image)
	}
	dir := filepath.Join(p.release.options.Dir, p.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var err error
	var mounts map[string]string
	if p.volumes, mounts, err = p.release.mount(ctx, &p.spec, container, dir); err != nil {
		return err
	}
	if p.addresses, err = listen(container); err != nil {
		return err
	}
	args, err := arguments(container, p.addresses, mounts)
	if err != nil {
		return err
	}
	env, err := environment(container, p.Name)
	if err != nil {
		return err
	}
	kubeconfig, err := p.signIn(ctx, dir)
	if err != nil {
		return err
	}
	p.command = controlplane.Command{
		Name: p.Name, Path: binary, Args: args, Env: append(env, "KUBECONFIG="+kubeconfig), Alone: true, Dir: dir, LogDir: p.release.options.Dir,
	}
	return nil
}

// signIn writes a kubeconfig with a token of the pod's ServiceAccount. It stands for the files that a cluster mounts into every pod.
func (p *Pod) signIn(ctx context.Context, dir string) (string, error) {
	if mounted := p.spec.AutomountServiceAccountToken; mounted != nil && !*mounted {
		return "", errors.New("the pod gets no token of its account")
	}
	config, err := install.TokenConfigAt(ctx, p.release.options.Config, p.release.Kube, Namespace, p.spec.ServiceAccountName)
	if err != nil {
		return "", err
	}
	if route := p.release.options.Route; route != nil {
		config.Host = "https://" + route(p.Name)
	}
	path := filepath.Join(dir, "kubeconfig")
	return path, controlplane.WriteKubeconfig(path, config, "")
}

// Restart starts the container, the first time or again after it ended, under the same name and addresses, as a kubelet does.
func (p *Pod) Restart(ctx context.Context) error {
	if p.stopProbing != nil {
		p.stopProbing()
	}
	process, err := controlplane.StartProcess(p.command)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.process = process
	p.mu.Unlock()
	probing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.stopProbing = cancel
	go p.probe(probing, process)
	return nil
}

// Process is the container as it runs now.
func (p *Pod) Process() *controlplane.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process
}

// Address is that of a port, by its name.
func (p *Pod) Address(port string) (string, error) {
	return portOf(&p.spec.Containers[0], p.addresses, port)
}

// Ready says whether Services forward to the pod.
func (p *Pod) Ready() bool { return p.endpoint.Load() && !p.leaving.Load() }

// AwaitReady waits until the pod is ready, and gives up when it ends.
func (p *Pod) AwaitReady(ctx context.Context) error {
	process := p.Process()
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		select {
		case <-process.Done():
			return false, fmt.Errorf("it ended: %w", process.Err())
		default:
			return p.Ready(), nil
		}
	})
	if err != nil {
		return fmt.Errorf("pod %s is not ready: %w\n%s", p.Name, err, process.LogTail(8000))
	}
	return nil
}

// CheckReady asks the container itself what its readiness probe would hear now.
func (p *Pod) CheckReady(ctx context.Context) error {
	return p.ask(ctx, p.spec.Containers[0].ReadinessProbe)
}

// AwaitUnready waits until Services forward to the pod no more.
func (p *Pod) AwaitUnready(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(context.Context) (bool, error) { return !p.Ready(), nil })
	if err != nil {
		return fmt.Errorf("pod %s is still ready: %w", p.Name, err)
	}
	return nil
}

// Kill ends the container as a crash does.
func (p *Pod) Kill() { p.Process().Stop(0) }

// Pause stops the container from running, without ending it, as a node without memory or processor time does; Resume lets it go on.
func (p *Pod) Pause() error { return p.Process().Pause() }

// Resume lets a paused container go on.
func (p *Pod) Resume() error { return p.Process().Resume() }

// Terminate deletes the pod: Services hear of it, its hook runs, it is asked to end, and killed when it has not within its grace period.
// It says so when it came to that.
func (p *Pod) Terminate(ctx context.Context) error {
	p.leaving.Store(true)
	removal := time.AfterFunc(removalLag, func() { p.endpoint.Store(false) })
	defer removal.Stop()
	begun := time.Now()
	if err := p.preStop(ctx); err != nil {
		return err
	}
	grace := time.Duration(*p.spec.TerminationGracePeriodSeconds)*time.Second - time.Since(begun)
	process := p.Process()
	process.Stop(grace)
	p.stopProbing()
	p.endpoint.Store(false)
	if err := process.Err(); err != nil {
		return fmt.Errorf("pod %s did not end in good order: %w\n%s", p.Name, err, process.LogTail(4000))
	}
	return nil
}

// preStop knows the one hook that an image without a shell can have.
func (p *Pod) preStop(ctx context.Context) error {
	lifecycle := p.spec.Containers[0].Lifecycle
	if lifecycle == nil || lifecycle.PreStop == nil {
		return nil
	}
	if lifecycle.PreStop.Sleep == nil {
		return fmt.Errorf("pod %s has a preStop hook that nobody here knows", p.Name)
	}
	timer := time.NewTimer(time.Duration(lifecycle.PreStop.Sleep.Seconds) * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
