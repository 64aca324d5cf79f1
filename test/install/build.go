package install

import (
	"context"
	"fmt"
	"os/exec"
)

// Build builds a program of cmd, for example scim-operator, to a path, with more flags of go build.
func Build(ctx context.Context, program, path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	command := exec.CommandContext(ctx, "go", append(args, "github.com/scim-operator/scim-operator/cmd/"+program)...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", program, err, output)
	}
	return nil
}
