package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// down stops the supervisor, which stops its children in order, and returns when all are gone. With nothing running it does
// nothing, successfully.
func down(ctx context.Context, p place, out io.Writer) error {
	running, err := isRunning(p)
	if err != nil {
		return err
	}
	if !running {
		tell(out, "nothing is running")
		if _, err := os.Stat(p.dir); err != nil {
			return nil
		}
		return clearPlace(p)
	}
	start := time.Now()
	s, err := readState(p)
	if err != nil {
		return fmt.Errorf("a supervisor is running but has not said who it is; try again in a moment: %w", err)
	}
	// The lock is held and only its holder writes the state, so the process id is that of a living supervisor.
	if err := syscall.Kill(s.Supervisor, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the supervisor (process %d): %w", s.Supervisor, err)
	}
	if err := awaitStopped(ctx, p, downTimeout); err != nil {
		return err
	}
	if err := clearPlace(p); err != nil {
		return err
	}
	if alive := living(s.Processes); len(alive) > 0 {
		return fmt.Errorf("the supervisor is gone but these are not: %v", alive)
	}
	tell(out, "down after %.1f s; logs are in %s", time.Since(start).Seconds(), relative(p.logs()))
	return nil
}

// living are those of the processes that still exist. The supervisor has waited for each, so an id that exists is a real leftover or,
// very rarely, a stranger that was given the id since.
func living(processes []processState) []processState {
	var alive []processState
	for _, process := range processes {
		if err := syscall.Kill(process.PID, 0); !errors.Is(err, syscall.ESRCH) {
			alive = append(alive, process)
		}
	}
	return alive
}

// status says what is running.
func status(p place, out io.Writer) error {
	running, err := isRunning(p)
	if err != nil {
		return err
	}
	if !running {
		tell(out, "nothing is running")
		return nil
	}
	s, err := readState(p)
	if err != nil {
		return err
	}
	tell(out, "supervisor      process %d, ready: %v", s.Supervisor, s.Ready)
	for _, process := range s.Processes {
		tell(out, "%-15s process %d", process.Name, process.PID)
	}
	tell(out, "API server      %s", s.APIServer)
	for _, url := range s.BaseURLs {
		tell(out, "SCIM base URL   %s", url)
	}
	tell(out, "logs            %s", relative(p.logs()))
	tell(out, "environment     source %s", relative(p.env()))
	return nil
}
