package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

const (
	// startTimeout limits the wait for each process to serve.
	startTimeout = time.Minute
	// stopGrace is what a process gets to end by itself. The operator drains requests for at most 25 seconds.
	stopGrace = 30 * time.Second
	// controlPlaneGrace is short, because kube-apiserver waits for open watches and nobody needs its data any more.
	controlPlaneGrace = 5 * time.Second
	// restartDelay keeps a process that cannot start from burning a core.
	restartDelay = time.Second
	// progressFD is the end of the pipe to up.
	progressFD = 3
)

// supervisor runs everything and stops it in order. Its children die with it, also when it is killed (on Linux).
type supervisor struct {
	place        place
	options      upOptions
	progress     *os.File
	state        state
	controlPlane *controlplane.ControlPlane
	workers      []*worker
}

// worker is a process of the operator. It is started again when it ends, as it would be in a cluster.
type worker struct {
	command controlplane.Command
	process *controlplane.Process
}

// supervise starts everything, reports progress to up, and runs until it is told to stop or the control plane ends.
func supervise(ctx context.Context, p place, options upOptions) error {
	syscall.CloseOnExec(progressFD) // or the children would hold the pipe open
	s := &supervisor{place: p, options: options, progress: os.NewFile(progressFD, "progress")}
	lock, err := awaitLock(ctx, p)
	if err != nil {
		s.report(messageFailed + err.Error())
		return err
	}
	defer func() { _ = lock.Close() }() // nothing of ours runs any more when the lock is free
	defer s.stop()
	if err := s.start(ctx); err != nil {
		s.stop() // before up hears of it, so that it finds nothing running
		err = errors.Join(err, clearPlace(p))
		s.report(messageFailed + err.Error())
		return err
	}
	s.report(messageReady)
	_ = s.progress.Close()
	return s.watch(ctx)
}

// report tells up. When up is gone, nobody needs to know.
func (s *supervisor) report(message string) {
	log.Print(message)
	_, _ = fmt.Fprintln(s.progress, message)
}

func (s *supervisor) start(ctx context.Context) error {
	if err := s.cleanPlace(); err != nil {
		return err
	}
	s.state = state{Supervisor: os.Getpid(), Assets: s.options.assets}
	if err := s.state.write(s.place); err != nil {
		return err
	}
	s.report("starting etcd and kube-apiserver")
	if err := s.startControlPlane(ctx); err != nil {
		return err
	}
	s.report("installing the kinds and the roles of config/")
	token, err := s.install(ctx)
	if err != nil {
		return err
	}
	s.report(fmt.Sprintf("starting %d server(s) and a controller", s.options.replicas))
	if err := s.startOperator(ctx, token); err != nil {
		return err
	}
	if err := replaceFile(s.place.env(), []byte(environment(s.place, &s.state, token))); err != nil {
		return err
	}
	s.state.Ready = true
	return s.writeState()
}

// cleanPlace removes what an earlier run left, its logs too but for the supervisor's, which is this one's already.
func (s *supervisor) cleanPlace() error {
	if err := clearPlace(s.place); err != nil {
		return fmt.Errorf("clear the folder: %w", err)
	}
	logs, err := filepath.Glob(filepath.Join(s.place.logs(), "*.log"))
	if err != nil {
		return err
	}
	for _, file := range logs {
		if file == s.place.supervisorLog() {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("clear the logs: %w", err)
		}
	}
	if err := os.MkdirAll(s.place.data(), 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	return nil
}

func (s *supervisor) startControlPlane(ctx context.Context) error {
	var err error
	s.controlPlane, err = controlplane.Start(ctx, controlplane.Options{
		Assets: s.options.assets, Dir: s.place.data(), LogDir: s.place.logs(), Timeout: startTimeout})
	if err != nil {
		return fmt.Errorf("start the control plane: %w", err)
	}
	s.state.APIServer = s.controlPlane.Config.Host
	return controlplane.WriteKubeconfig(s.place.kubeconfig(), s.controlPlane.Config, "default")
}

// writeState stores the state with the processes as they are now.
func (s *supervisor) writeState() error {
	s.state.Processes = nil
	for _, process := range s.controlPlane.Processes {
		s.state.Processes = append(s.state.Processes, processState{Name: process.Name, PID: process.PID()})
	}
	for _, w := range s.workers {
		s.state.Processes = append(s.state.Processes, processState{Name: w.process.Name, PID: w.process.PID()})
	}
	return s.state.write(s.place)
}

// run starts a worker.
func (s *supervisor) run(command controlplane.Command) (*controlplane.Process, error) {
	process, err := controlplane.StartProcess(command)
	if err != nil {
		return nil, err
	}
	s.workers = append(s.workers, &worker{command: command, process: process})
	return process, nil
}

// watch starts workers again when they end, and returns when the context is done or the control plane is.
func (s *supervisor) watch(ctx context.Context) error {
	ended := make(chan *worker)
	await := func(w *worker) {
		select {
		case <-w.process.Done():
		case <-ctx.Done():
			return
		}
		select {
		case ended <- w:
		case <-ctx.Done():
		}
	}
	for _, w := range s.workers {
		go await(w)
	}
	etcd, apiserver := s.controlPlane.Processes[0], s.controlPlane.Processes[1]
	for {
		select {
		case <-ctx.Done():
			log.Print("stopping")
			return nil
		case <-etcd.Done():
			return endedError(etcd)
		case <-apiserver.Done():
			return endedError(apiserver)
		case w := <-ended:
			log.Printf("%s ended (%v); starting it again", w.command.Name, w.process.Err())
			if err := s.restart(ctx, w); err != nil {
				return err
			}
			go await(w)
		}
	}
}

// endedError says that a process ended that everything else needs.
func endedError(process *controlplane.Process) error {
	if process.Err() == nil {
		return fmt.Errorf("%s ended; stopping everything", process.Name)
	}
	return fmt.Errorf("%s ended, stopping everything: %w", process.Name, process.Err())
}

func (s *supervisor) restart(ctx context.Context, w *worker) error {
	timer := time.NewTimer(restartDelay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-timer.C:
	}
	process, err := controlplane.StartProcess(w.command)
	if err != nil {
		return fmt.Errorf("start %s again: %w", w.command.Name, err)
	}
	w.process = process
	return s.writeState()
}

// stop stops everything, what was started last first, and returns when it is gone. It may be called twice.
func (s *supervisor) stop() {
	for i := len(s.workers) - 1; i >= 0; i-- {
		s.workers[i].process.Stop(stopGrace)
	}
	if s.controlPlane != nil {
		s.controlPlane.Stop(controlPlaneGrace)
	}
}

// workerCommand is a process of the operator with the rights of one service account.
func (s *supervisor) workerCommand(name, kubeconfig string, args ...string) controlplane.Command {
	log.Printf("%s: scim-operator %s", name, strings.Join(args, " "))
	return controlplane.Command{Name: name, Path: s.place.bin("scim-operator"), Args: args, LogDir: s.place.logs(),
		Env: []string{"KUBECONFIG=" + kubeconfig, "POD_NAMESPACE=" + systemNamespace}}
}
