package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	// pollInterval is short because a start is waited for by people and by every test package.
	pollInterval = 50 * time.Millisecond
	// logTailBytes is how much of a log an error about a failed start carries.
	logTailBytes = 4096
)

// errPortTaken marks a process that ended because somebody else listened on its port first.
var errPortTaken = errors.New("its port was taken")

// Probe returns nil when a process serves, and otherwise what it lacks.
type Probe func(context.Context) error

// Await polls the probe until it succeeds. It returns an error with the end of the process' log when the process ends, the timeout
// passes or the context is done before that.
func Await(ctx context.Context, timeout time.Duration, process *Process, serves Probe) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		lacks := serves(ctx)
		if lacks == nil {
			return nil
		}
		select {
		case <-process.Done():
			return endedError(process)
		case <-ctx.Done():
			return fmt.Errorf("%s did not serve in %v: %w\n%s", process.Name, timeout, lacks, process.LogTail(logTailBytes))
		case <-ticker.C:
		}
	}
}

func endedError(process *Process) error {
	tail := process.LogTail(logTailBytes)
	if strings.Contains(tail, "address already in use") {
		return fmt.Errorf("%s: %w\n%s", process.Name, errPortTaken, tail)
	}
	if process.Err() == nil {
		return fmt.Errorf("%s ended before it served\n%s", process.Name, tail)
	}
	return fmt.Errorf("%s ended before it served: %w\n%s", process.Name, process.Err(), tail)
}

// FreePorts returns distinct TCP ports of 127.0.0.1 that were free a moment ago. It holds all of them before it lets go of the
// first, so that they differ.
func FreePorts(count int) (ports []int, err error) {
	var listeners []net.Listener
	defer func() {
		for _, listener := range listeners {
			err = errors.Join(err, listener.Close())
		}
	}()
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		listeners = append(listeners, listener)
		address, err := netip.ParseAddrPort(listener.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		ports = append(ports, int(address.Port()))
	}
	return ports, nil
}

func loopbackURL(port int) string {
	return "https://127.0.0.1:" + strconv.Itoa(port)
}
