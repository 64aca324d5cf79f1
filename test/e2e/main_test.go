// Package e2e_test pushes at the real operator as Okta does: two server processes and one controller process, over HTTPS, against
// a real API server. Nothing is simulated but Okta.
//
// REPEAT lowers the number of repetitions of the tests of consistency while one works on them; SCALE=1 runs the test of scale with
// 20,000 members in the place of 2,500.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

// binaries are what TestMain builds once for all tests.
type binaries struct {
	dir string
	// operator is the binary as it ships, failing the same with failpoints.
	operator, failing string
}

// built is set once, before the first test runs.
var built binaries

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = binaries{dir: dir, operator: filepath.Join(dir, "scim-operator"), failing: filepath.Join(dir, "scim-operator-failpoints")}
	for path, tags := range map[string]string{built.operator: "", built.failing: "failpoints"} {
		if err := build(context.Background(), path, tags); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	defer stopShared()
	return apiserver.Main(m)
}

// build compiles the operator.
func build(ctx context.Context, path, tags string) error {
	return buildCommand(ctx, path, tags, "scim-operator")
}

// buildCommand compiles a folder of cmd.
func buildCommand(ctx context.Context, path, tags, name string) error {
	command := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-o", path, "github.com/scim-operator/scim-operator/cmd/"+name)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, output)
	}
	return nil
}
