// Package traces_test has the real operator send its traces to a receiver of OTLP, while people and groups are pushed at it and PostgreSQL is an
// app of theirs. The processes run under the accounts and policies that are shipped.
package traces_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/collector"
	"github.com/scim-operator/scim-operator/test/install"
)

// patience is how long anything that must happen may take on a busy machine.
const patience = 5 * time.Minute

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-traces-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := install.Build(context.Background(), "scim-operator", filepath.Join(dir, "scim-operator")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.dir = dir
	return apiserver.Main(m)
}

func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// eventually polls until look returns nil, and fails with its last error when that takes too long.
func eventually(t *testing.T, what string, look func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = look(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v (last: %v)", what, err, last)
	}
}

func startCollector(t *testing.T) *collector.Collector {
	t.Helper()
	c, err := collector.Start(t.Context())
	check(t, "start the collector", err)
	t.Cleanup(c.Stop)
	return c
}
