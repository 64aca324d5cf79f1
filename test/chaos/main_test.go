// Package chaos_test breaks the operator in as many places as it writes: for each flow it learns what is written, and then has one write after
// the other go wrong, kills the process at it, shows it a past or a mangled present, and wants the same end each time. `make chaos` takes
// a sample, `make chaos FULL=1` everything.
package chaos_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/test/install"
)

// built is set once, before the first test runs.
var built struct {
	operator string
}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built.operator = filepath.Join(dir, "scim-operator")
	if err := install.Build(context.Background(), "scim-operator", built.operator); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stopApp()
	return m.Run()
}

// defaultStep is which part of the plans make chaos carries out where nobody says otherwise: one of so many.
const defaultStep = 40

// asked says that this is make chaos. With all other tests one flow has to do.
func asked() bool { return os.Getenv("CHAOS") != "" }

// usual is that one flow.
const usual = "user deactivated"

// step is one for all plans.
func step(t *testing.T) int {
	t.Helper()
	if os.Getenv("FULL") == "1" {
		return 1
	}
	return positive(t, "STEP", defaultStep)
}

// positive is the number in an environment variable.
func positive(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no positive number", name, text)
	}
	return n
}
