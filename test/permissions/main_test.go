// Package permissions_test shows that the rights which the chart gives the operator suffice and are no more than it takes: it runs what the
// chart installs through everything that the operator does, and holds every verb of every rule against the audit log of the API server.
package permissions_test

import (
	"os"
	"testing"

	"github.com/scim-operator/scim-operator/test/release"
)

const (
	module = "../.."
	chart  = module + "/charts/scim-operator"
	image  = "scim-operator:tested"
)

// binary is set once, before the first test runs.
var binary string

func TestMain(m *testing.M) { os.Exit(release.Main(m, module, &binary)) }

// check fails the test on an error, with what was being done.
func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
