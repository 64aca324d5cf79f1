// Package directory shows what an identity provider's form asks for, and switches directories off and on.
package directory

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// NewCommand is `kubectl scim directory`.
func NewCommand(env *cli.Env) *cobra.Command {
	return cli.Group("directory", "Show directories, and switch them off and on",
		newStatusCommand(env), NewSuspendCommand(env), NewResumeCommand(env))
}

// NewSuspendCommand is `kubectl scim suspend`, which is quickly typed when it is needed.
func NewSuspendCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "suspend DIRECTORY",
		Short: "Refuse every request of an identity provider, and change nothing else",
		Long: `Sets spec.suspend of a directory: every request is answered 403 with a text that says so. Nothing is deleted and no access changes. It
is what to do first when an identity provider may be in the wrong hands.`,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, cli.Directories),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed, err := setSuspend(cmd.Context(), env, args[0], true)
			if err != nil {
				return err
			}
			if !changed {
				env.Say("Directory %s was suspended already.", args[0])
				return nil
			}
			env.Say("Directory %s is suspended: every request is refused with 403, nothing is deleted and no access changes.", args[0])
			env.Say("`kubectl scim resume %s` lets the identity provider in again.", args[0])
			return nil
		},
	}
}

// NewResumeCommand is `kubectl scim resume`.
func NewResumeCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:               "resume DIRECTORY",
		Short:             "Let a suspended identity provider in again",
		Long:              `Takes spec.suspend of a directory back: the identity provider's next request is served. In Okta, repeat what failed meanwhile under Tasks.`,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, cli.Directories),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed, err := setSuspend(cmd.Context(), env, args[0], false)
			if err != nil {
				return err
			}
			if !changed {
				env.Say("Directory %s was not suspended.", args[0])
				return nil
			}
			env.Say("Directory %s serves again. Repeat in the identity provider what failed meanwhile.", args[0])
			return nil
		},
	}
}

func setSuspend(ctx context.Context, env *cli.Env, name string, suspend bool) (changed bool, err error) {
	kube, err := env.Client()
	if err != nil {
		return false, err
	}
	directory, err := cli.FindDirectory(ctx, kube, name)
	if err != nil {
		return false, err
	}
	err = cli.Change(ctx, kube, directory, func() ([]cli.Operation, error) {
		if changed = directory.Spec.Suspend != suspend; !changed {
			return nil, nil
		}
		return append(cli.EnsureSpec(directory), suspendOperation(directory, suspend)), nil
	})
	if err != nil {
		return false, fmt.Errorf("changing ScimDirectory %s: %w", name, err)
	}
	return changed, nil
}

func suspendOperation(directory *v1alpha1.ScimDirectory, suspend bool) cli.Operation {
	if !suspend && directory.Spec.Suspend {
		return cli.Operation{Op: "remove", Path: "/spec/suspend"}
	}
	return cli.Operation{Op: "add", Path: "/spec/suspend", Value: suspend}
}
