package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/rest"
)

// attempts is how often a start is tried. A free port can be taken by somebody else between choosing it and listening on it.
const attempts = 3

// Options say how to start a control plane.
type Options struct {
	// Assets is the directory with the binaries etcd and kube-apiserver.
	Assets string
	// Dir is an existing directory for data, certificates and, unless LogDir is set, logs. It must be empty or come from a
	// failed start.
	Dir string
	// LogDir is an existing directory for etcd.log and kube-apiserver.log.
	LogDir string
	// Timeout limits each of the waits for a process to serve.
	Timeout time.Duration
	// EtcdArgs and APIServerArgs are flags in addition to those that every control plane here has, such as --audit-log-path.
	EtcdArgs, APIServerArgs []string
}

// ControlPlane is a running etcd and kube-apiserver.
type ControlPlane struct {
	// Config is the configuration of an administrator (group system:masters).
	Config *rest.Config
	// Processes are etcd and kube-apiserver, in the order in which they were started.
	Processes []*Process

	// starts are how each of them was started, and timeout is how long one may take until it serves.
	starts  []start
	timeout time.Duration
}

// Which of the Processes is which.
const (
	Etcd = iota
	APIServer
)

// start is how a process is started, and how to see that it serves.
type start struct {
	command Command
	serves  Probe
}

// Start starts etcd and kube-apiserver and returns when the API is ready and the roles view, edit and admin have their rules. On
// an error nothing is left running, and the error holds the end of the log of the process that failed.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	if options.LogDir == "" {
		options.LogDir = options.Dir
	}
	if err := CheckAssets(options.Assets); err != nil {
		return nil, err
	}
	files, err := writeFiles(options.Dir)
	if err != nil {
		return nil, err
	}
	var failures []error
	for range attempts {
		controlPlane, err := startOnce(ctx, options, files)
		if err == nil {
			return controlPlane, nil
		}
		failures = append(failures, err)
		if !errors.Is(err, errPortTaken) || ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failures...)
}

// CheckAssets returns an error that names what is missing unless the directory holds the binaries etcd, kube-apiserver and
// kubectl.
func CheckAssets(dir string) error {
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("control plane binaries: %w", err)
		}
		if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return fmt.Errorf("control plane binaries: %s is not an executable file", filepath.Join(dir, name))
		}
	}
	return nil
}

func startOnce(ctx context.Context, options Options, files *files) (controlPlane *ControlPlane, err error) {
	controlPlane = &ControlPlane{}
	defer func() {
		if err != nil {
			controlPlane.Stop(0)
			controlPlane = nil
		}
	}()
	if err := os.RemoveAll(files.etcdDir()); err != nil {
		return controlPlane, fmt.Errorf("clear the data of a failed start: %w", err)
	}
	ports, err := FreePorts(3)
	if err != nil {
		return controlPlane, err
	}
	etcdURL, peerURL := loopbackURL(ports[0]), loopbackURL(ports[1])
	config := files.adminConfig(loopbackURL(ports[2]))
	controlPlane.Config = config

	controlPlane.timeout = options.Timeout
	controlPlane.starts = []start{{serves: files.etcdServes(etcdURL), command: Command{
		Name: "etcd", Path: filepath.Join(options.Assets, "etcd"), LogDir: options.LogDir,
		Args: slices.Concat(files.etcdArgs(etcdURL, peerURL), options.EtcdArgs),
	}}, {serves: apiserverServes(config), command: Command{
		Name: "kube-apiserver", Path: filepath.Join(options.Assets, "kube-apiserver"), LogDir: options.LogDir,
		Args: slices.Concat(files.apiserverArgs(etcdURL, ports[2]), options.APIServerArgs),
	}}}
	for range controlPlane.starts {
		controlPlane.Processes = append(controlPlane.Processes, nil)
		if err := controlPlane.Restart(ctx, len(controlPlane.Processes)-1); err != nil {
			return controlPlane, err
		}
	}
	return controlPlane, aggregateClusterRoles(ctx, config)
}

// Kill ends Etcd or the APIServer as a crash does. What was written is there when it is started again.
func (c *ControlPlane) Kill(which int) { c.Processes[which].Stop(0) }

// Restart starts Etcd or the APIServer, for the first time or after it was killed, at the same address and with what it had, and returns when
// AwaitServing does. The
// process is part of the control plane even when the wait fails, so that Stop stops it.
func (c *ControlPlane) Restart(ctx context.Context, which int) error {
	process, err := StartProcess(c.starts[which].command)
	if err != nil {
		return err
	}
	c.Processes[which] = process
	return c.AwaitServing(ctx)
}

// AwaitServing waits until all processes serve. An API server whose etcd was away needs a while to find it again.
func (c *ControlPlane) AwaitServing(ctx context.Context) error {
	for i, process := range c.Processes {
		if err := Await(ctx, c.timeout, process, c.starts[i].serves); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops the processes, the one that was started last first, and returns when they are gone. Each gets the grace period
// before it is killed; zero kills at once, which suits a control plane whose data nobody will read again.
func (c *ControlPlane) Stop(grace time.Duration) {
	for _, process := range slices.Backward(c.Processes) {
		if process != nil { // nil is one that could not be started
			process.Stop(grace)
		}
	}
}
