package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is a child process whose output goes to a log file.
type Process struct {
	// Name is how messages call it; its log file is Name.log.
	Name string
	// LogFile is the path of its log.
	LogFile string

	logStart int64
	process  *os.Process
	done     chan struct{}
	err      error
}

// Command says how to start a Process.
type Command struct {
	Name   string
	Path   string
	Args   []string
	Env    []string // in addition to the environment of this process
	Alone  bool     // without the environment of this process
	Dir    string
	LogDir string
}

// StartProcess starts a child and appends what it prints to its log. It does not wait until the child serves.
func StartProcess(command Command) (*Process, error) {
	p := &Process{Name: command.Name, LogFile: filepath.Join(command.LogDir, command.Name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.Name, err)
	}
	defer func() { _ = log.Close() }()
	info, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.Name, err)
	}
	p.logStart = info.Size()

	cmd := exec.Command(command.Path, command.Args...)
	cmd.Env = append(os.Environ(), command.Env...)
	if command.Alone {
		cmd.Env = append([]string{}, command.Env...)
	}
	cmd.Dir = command.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()

	started := make(chan error, 1)
	go p.run(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	return p, nil
}

// run keeps its thread until the child is gone, because the kernel takes the end of the thread that started a child for the
// death of the parent.
func (p *Process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err != nil {
		started <- err
		return
	}
	p.process = cmd.Process
	started <- nil
	p.err = cmd.Wait()
	close(p.done)
}

// PID is the process id.
func (p *Process) PID() int { return p.process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended. It is valid once Done is closed; nil means exit code 0.
func (p *Process) Err() error { return p.err }

// Stop asks the process to end, kills it when it has not ended after the grace period, and returns when it is gone. A grace
// period of zero kills at once. Stopping a process that has ended does nothing.
func (p *Process) Stop(grace time.Duration) {
	if grace > 0 && p.signal(syscall.SIGTERM) {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.done:
			return
		case <-timer.C:
		}
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Pause stops the process from running, without ending it, as a node without memory or processor time does; Resume lets it go on.
func (p *Process) Pause() error { return p.process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.process.Signal(syscall.SIGCONT) }

// signal reports whether the process was there to receive the signal.
func (p *Process) signal(signal syscall.Signal) bool {
	return p.process.Signal(signal) == nil
}

// LogTail returns at most the last limit bytes of what the process logged, for a message about a failed start.
func (p *Process) LogTail(limit int64) string {
	file, err := os.Open(p.LogFile)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err.Error()
	}
	tail := make([]byte, min(limit, info.Size()-p.logStart))
	if _, err := file.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return err.Error()
	}
	return string(tail)
}
