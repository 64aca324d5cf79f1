// Command golangci-lint is golangci-lint with kube-api-linter built in. `golangci-lint custom` makes the same program, but clones
// a repository to do it; a pinned module builds the same bytes from the Go module proxy and go.sum alone.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"

	_ "sigs.k8s.io/kube-api-linter" // registers the linter "kubeapilinter"
)

// version is the golangci-lint release in go.mod. golangci-lint compares it with the version of its configuration file, and shows
// it; a program built as a nested module cannot read it off its own build information.
const version = "2.15.0"

func main() {
	info := commands.BuildInfo{GoVersion: runtime.Version(), Version: version, Commit: "hack/lint", Date: "pinned"}
	if err := commands.Execute(info); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "golangci-lint failed: %v\n", err)
		os.Exit(exitcodes.Failure)
	}
}
