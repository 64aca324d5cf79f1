package release_test

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
