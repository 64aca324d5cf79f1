package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// errRunning means that a supervisor holds the lock.
var errRunning = errors.New("already running")

// takeLock takes the lock or returns errRunning. The kernel gives the lock back when the process ends, however it ends, so a
// lock that is held is proof that its supervisor lives, where a process id in a file is not: ids are used again.
func takeLock(p place) (*os.File, error) {
	file, err := os.OpenFile(p.lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close() // what went wrong is the lock
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errRunning
	}
	return nil, fmt.Errorf("take the lock: %w", err)
}

// awaitLock takes the lock. It tries for a moment, because a status command holds the lock while it looks.
func awaitLock(ctx context.Context, p place) (lock *os.File, err error) {
	err = poll(ctx, 2*time.Second, func(context.Context) error {
		var err error
		lock, err = takeLock(p)
		return err
	})
	return lock, err
}

// isRunning reports whether a supervisor lives.
func isRunning(p place) (bool, error) {
	if _, err := os.Stat(p.lock()); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	file, err := takeLock(p)
	if errors.Is(err, errRunning) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, file.Close()
}

// awaitStopped returns when no supervisor lives.
func awaitStopped(ctx context.Context, p place, timeout time.Duration) error {
	return poll(ctx, timeout, func(context.Context) error {
		running, err := isRunning(p)
		if err == nil && running {
			err = errors.New("the supervisor is still running")
		}
		return err
	})
}

// poll calls probe until it returns nil, and returns its last error when the timeout passes before that.
func poll(ctx context.Context, timeout time.Duration, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", timeout, err)
		case <-ticker.C:
		}
	}
}
