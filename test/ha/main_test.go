// Package ha_test takes away from a running installation of the chart, one at a time, what may be taken away, while clients push.
package ha_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/test/release"
)

const (
	module = "../.."
	chart  = module + "/charts/scim-operator"
	image  = "scim-operator:tested"
)

// binary is set once, before the first test runs.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-ha-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "scim-operator")
	if err := release.Build(context.Background(), module, binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// check fails the test on an error, with what was being done.
func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
