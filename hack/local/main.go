// Command local runs the operator on this machine against a real etcd and kube-apiserver, without a cluster:
//
//	go run ./hack/local up [--replicas=N]   starts everything in the background and returns when it serves
//	go run ./hack/local status              says what is running
//	go run ./hack/local demo                shows an identity provider's session and what comes of it
//	go run ./hack/local down                stops everything
//
// All of it lives in the folder .local of the module: logs, the kubeconfig, the file env to be sourced. The server and the
// controller run under their own service accounts with the rights of config/rbac and no others, so a right that is missing there
// shows here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

const usage = "usage: local up|down|demo|status [--replicas=N] [--dir=.local]"

// tell prints a line for people. When their terminal is gone, there is nobody to report that to.
func tell(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...)
}

// run executes one subcommand.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	replicas := flags.Int("replicas", 1, "number of server processes, 1 to 8")
	dir := flags.String("dir", "", "folder for everything that is written; default is .local in the module root")
	assets := flags.String("assets", "", "folder with etcd, kube-apiserver and kubectl; default is what hack/controlplane/assets.sh finds or builds")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; %s", flags.Arg(0), usage)
	}
	if *replicas < 1 || *replicas > 8 {
		return fmt.Errorf("--replicas=%d: want 1 to 8", *replicas)
	}
	place, err := findPlace(*dir)
	if err != nil {
		return err
	}
	options := upOptions{replicas: *replicas, assets: *assets}
	switch args[0] {
	case "up":
		return up(ctx, place, options, stdout)
	case "down":
		return down(ctx, place, stdout)
	case "status":
		return status(place, stdout)
	case "demo":
		return demo(ctx, place, options, stdout)
	case superviseCommand:
		return supervise(ctx, place, options)
	default:
		return fmt.Errorf("unknown subcommand %q; %s", args[0], usage)
	}
}
