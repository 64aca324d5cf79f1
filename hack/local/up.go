package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// superviseCommand is the subcommand of the supervisor; people have no use for it.
	superviseCommand = "supervise"
	// upTimeout limits the start of everything once the binaries are there.
	upTimeout = 3 * time.Minute
	// downTimeout is longer than the supervisor takes in the worst case: stopGrace for each child.
	downTimeout = 2 * time.Minute

	// messageReady and messageFailed start the last message of a supervisor on its progress pipe.
	messageReady  = "ready"
	messageFailed = "failed: "
)

type upOptions struct {
	replicas int
	assets   string
}

// up builds the operator, starts the supervisor and returns when everything serves. When that fails or is interrupted, nothing is
// left running.
func up(ctx context.Context, p place, options upOptions, out io.Writer) error {
	if err := prepare(ctx, p, &options, out); err != nil {
		return err
	}
	start := time.Now()
	if err := launch(ctx, p, options, out); err != nil {
		return err
	}
	s, err := readState(p)
	if err != nil {
		return err
	}
	tell(out, "up after %.1f s; SCIM base URL %s", time.Since(start).Seconds(), strings.Join(s.BaseURLs, " and "))
	tell(out, "next: source %s", relative(p.env()))
	return nil
}

// prepare makes the folders and the binaries, and refuses when a supervisor lives.
func prepare(ctx context.Context, p place, options *upOptions, out io.Writer) error {
	for _, dir := range []string{p.dir, p.logs(), p.bin("")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
	}
	running, err := isRunning(p)
	if err != nil {
		return err
	}
	if running {
		return fmt.Errorf("%w: see make status; stop it with make down", errRunning)
	}
	if err := clearPlace(p); err != nil { // a supervisor that was killed left its state, and down must never read a stale process id
		return fmt.Errorf("clear the folder: %w", err)
	}
	if options.assets == "" {
		if options.assets, err = findAssets(ctx, p); err != nil {
			return err
		}
	}
	tell(out, "building scim-operator")
	return runTool(ctx, p.root, "go", "build", "-o", p.bin("")+string(filepath.Separator), "./cmd/scim-operator", "./hack/local")
}

func findAssets(ctx context.Context, p place) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.root, "hack", "controlplane", "assets.sh"))
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find or build etcd and kube-apiserver: %w", err)
	}
	return strings.TrimSpace(string(output)), nil
}

func runTool(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, output)
	}
	return nil
}

// launch starts the supervisor in a session of its own, so that it outlives this process and its terminal, and follows its
// progress.
func launch(ctx context.Context, p place, options upOptions, out io.Writer) error {
	log, err := os.OpenFile(p.supervisorLog(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the supervisor's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	progress, childEnd, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open a pipe to the supervisor: %w", err)
	}
	defer func() { _ = progress.Close() }()
	cmd := exec.Command(p.bin("local"), superviseCommand, "--dir="+p.dir, "--assets="+options.assets,
		"--replicas="+strconv.Itoa(options.replicas))
	cmd.Dir = p.root
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{childEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = childEnd.Close()
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}

	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	if err := follow(ctx, progress, out); err != nil {
		// The child is not waited for yet, so its process id is still its own.
		return errors.Join(err, stopChild(cmd))
	}
	return cmd.Process.Release()
}

// follow prints the supervisor's progress until it says that it is ready. The pipe's end without that means that it died.
func follow(ctx context.Context, progress *os.File, out io.Writer) error {
	stop := context.AfterFunc(ctx, func() { _ = progress.SetReadDeadline(time.Now()) })
	defer stop()
	lines := bufio.NewScanner(progress)
	lines.Buffer(nil, 1<<20)
	var failure []string
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == messageReady:
			return nil
		case failure != nil:
			failure = append(failure, line)
		case strings.HasPrefix(line, messageFailed):
			failure = []string{strings.TrimPrefix(line, messageFailed)}
		default:
			tell(out, "%s", line)
		}
	}
	switch {
	case failure != nil:
		return errors.New(strings.Join(failure, "\n"))
	case ctx.Err() != nil:
		return fmt.Errorf("start: %w", context.Cause(ctx))
	default:
		return errors.New("the supervisor ended without a word; see .local/logs/supervisor.log")
	}
}

// stopChild stops a supervisor that did not become ready, and with it all its children.
func stopChild(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the supervisor: %w", err)
	}
	timer := time.AfterFunc(downTimeout, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // its exit code says nothing that its last message did not say
	return nil
}

// relative shortens a path for people where it lies below the working directory.
func relative(path string) string {
	working, err := os.Getwd()
	if err != nil {
		return path
	}
	short, err := filepath.Rel(working, path)
	if err != nil || strings.HasPrefix(short, "..") {
		return path
	}
	return short
}
