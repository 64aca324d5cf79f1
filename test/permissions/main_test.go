// Package permissions_test shows that the rights which the chart gives the operator suffice and are no more than it takes: it runs what the
// chart installs through everything that the operator does, and holds every verb of every rule against the audit log of the API server.
package permissions_test

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
	dir, err := os.MkdirTemp("", "scim-operator-permissions-")
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
