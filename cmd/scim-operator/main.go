// Command scim-operator turns what an identity provider pushes over SCIM 2.0 into Kubernetes objects, and these into access. Its
// subcommands are the parts that run apart from each other.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
