package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/accounts"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/directory"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/doctor"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/imports"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/ownership"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/plan"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/report"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/status"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/token"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/why"
)

// The exit codes: scripts may rely on them.
const (
	exitDone    = 0
	exitFailed  = 1
	exitMisused = 2
)

const longText = `kubectl scim shows and changes what identity providers push over SCIM 2.0: the tokens of directories, who owns a user or a
role, who has what and what a grant would change, accounts in apps, removals that wait for a person's word, how far everything is,
and what is wrong.

It uses the kubeconfig as kubectl does, and has no rights but those of the person who runs it. What a command is asked for goes to
standard output, everything else to standard error. The exit code is 0 when it is done, 1 when it failed or was refused, and 2 when the
command line is wrong.`

// run runs one command until it ends or the context does, and returns the exit code.
func run(ctx context.Context, streams genericiooptions.IOStreams, args []string) int {
	return execute(ctx, cli.NewEnv(streams), args)
}

func execute(ctx context.Context, env *cli.Env, args []string) int {
	// What the client library logs is not for a person at a terminal; without a logger it complains after half a minute.
	log.SetLogger(logr.Discard())
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(env.Streams.ErrOut, "error: %v\nSee '%s --help'.\n", err, usage.Command)
		return exitMisused
	}
	if !errors.Is(err, cli.ErrReported) {
		fmt.Fprintf(env.Streams.ErrOut, "error: %v\n", cli.Explain(err))
	}
	return exitFailed
}

// newRoot is the whole tree of commands.
func newRoot(env *cli.Env) *cobra.Command {
	root := cli.Group("kubectl-scim", "Shows and changes what identity providers push over SCIM 2.0",
		token.NewCommand(env),
		directory.NewCommand(env), directory.NewSuspendCommand(env), directory.NewResumeCommand(env),
		ownership.NewDetachCommand(env), ownership.NewAdoptCommand(env),
		plan.NewCommand(env),
		accounts.NewCommand(env), accounts.NewRetryCommand(env),
		imports.NewCommand(env), report.NewCommand(env), report.NewOrphansCommand(env),
		why.NewCommand(env), why.NewWhoCanCommand(env),
		status.NewCommand(env), doctor.NewCommand(env),
		newVersionCommand(env),
	)
	root.Long = longText
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl scim"}
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetIn(env.Streams.In)
	root.SetOut(env.Streams.Out)
	root.SetErr(env.Streams.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return cli.Misuse(cmd, "%w", err) })
	env.Bind(root)
	addCompletion(root)
	return root
}
