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

	// apiserver, serves and timeout are how to start the last of them again.
	apiserver Command
	serves    Probe
	timeout   time.Duration
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

	etcd := Command{Name: "etcd", Path: filepath.Join(options.Assets, "etcd"), LogDir: options.LogDir,
		Args: slices.Concat(files.etcdArgs(etcdURL, peerURL), options.EtcdArgs)}
	if err := controlPlane.start(ctx, options.Timeout, etcd, files.etcdServes(etcdURL)); err != nil {
		return controlPlane, err
	}
	controlPlane.apiserver = Command{Name: "kube-apiserver", Path: filepath.Join(options.Assets, "kube-apiserver"), LogDir: options.LogDir,
		Args: slices.Concat(files.apiserverArgs(etcdURL, ports[2]), options.APIServerArgs)}
	controlPlane.serves, controlPlane.timeout = apiserverServes(config), options.Timeout
	if err := controlPlane.start(ctx, options.Timeout, controlPlane.apiserver, controlPlane.serves); err != nil {
		return controlPlane, err
	}
	return controlPlane, aggregateClusterRoles(ctx, config)
}

// start starts a process and waits until it serves. The process is part of the control plane even when the wait fails, so that
// Stop stops it.
func (c *ControlPlane) start(ctx context.Context, timeout time.Duration, command Command, serves Probe) error {
	process, err := StartProcess(command)
	if err != nil {
		return err
	}
	c.Processes = append(c.Processes, process)
	return Await(ctx, timeout, process, serves)
}

// KillAPIServer ends kube-apiserver as a crash does. etcd goes on, and has what was written.
func (c *ControlPlane) KillAPIServer() { c.Processes[len(c.Processes)-1].Stop(0) }

// RestartAPIServer starts kube-apiserver again, which was killed, at the same address, and returns when it serves.
func (c *ControlPlane) RestartAPIServer(ctx context.Context) error {
	c.Processes = c.Processes[:len(c.Processes)-1]
	return c.start(ctx, c.timeout, c.apiserver, c.serves)
}

// Stop stops the processes, the one that was started last first, and returns when they are gone. Each gets the grace period
// before it is killed; zero kills at once, which suits a control plane whose data nobody will read again.
func (c *ControlPlane) Stop(grace time.Duration) {
	for i := len(c.Processes) - 1; i >= 0; i-- {
		c.Processes[i].Stop(grace)
	}
}
