//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Enabled says whether this build can fail on purpose.
const Enabled = true

// Variable is the environment variable that arms one failpoint.
const Variable = "SCIM_OPERATOR_FAILPOINT"

// plan is the failpoint that the environment arms; the zero value arms none.
type plan struct {
	point Point
	when  When
	nth   int
}

// armed is read once: the environment of a process does not change under it. A value that cannot be understood stops the
// process, since a crash test that cannot crash would pass for the wrong reason.
var armed = sync.OnceValue(func() plan {
	p, err := parse(os.Getenv(Variable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return p
})

type counter struct {
	mu   sync.Mutex
	hits map[Point]map[When]int
}

// hits is process-wide state, which this build alone has: a failpoint is a property of the process.
var hits = counter{hits: map[Point]map[When]int{}}

// Hit counts one side of a write, and kills the process when the environment asks for it here.
func Hit(point Point, when When) {
	n := hits.add(point, when)
	if p := armed(); p.point == point && p.when == when && p.nth == n {
		// SIGKILL cannot be handled, so no deferred function hides what a power cut would leave behind.
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// Count returns how often one side of a write was hit since the process started.
func Count(point Point, when When) int {
	hits.mu.Lock()
	defer hits.mu.Unlock()
	return hits.hits[point][when]
}

func (c *counter) add(point Point, when When) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hits[point] == nil {
		c.hits[point] = map[When]int{}
	}
	c.hits[point][when]++
	return c.hits[point][when]
}

func parse(value string) (plan, error) {
	if value == "" {
		return plan{}, nil
	}
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 || !slices.Contains(Names(), Point(parts[0])) ||
		(When(parts[1]) != Before && When(parts[1]) != After) {
		return plan{}, fmt.Errorf("%s=%q: want <name>:<before|after>[:<n>]", Variable, value)
	}
	p := plan{point: Point(parts[0]), when: When(parts[1]), nth: 1}
	if len(parts) == 3 {
		n, err := strconv.Atoi(parts[2])
		if err != nil || n < 1 {
			return plan{}, fmt.Errorf("%s=%q: n must be a positive number", Variable, value)
		}
		p.nth = n
	}
	return p, nil
}
