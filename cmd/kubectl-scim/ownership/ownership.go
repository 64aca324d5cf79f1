// Package ownership changes who owns a user or a role: a directory, or the people who work with the cluster.
package ownership

import (
	"context"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// kind is what users and roles have in common for these commands.
type kind struct {
	// word is the kind on the command line, title in messages.
	word, title string
	complete    cli.Completion
	find        func(ctx context.Context, kube client.Client, name string) (subject, error)
}

// subject is a user or a role.
type subject struct {
	object client.Object
	title  string
	// directory and title read the object anew: it may have changed since.
	directory func() string
	// shown is the name that people know it by.
	shown string
	// user is set for users.
	user *v1alpha1.ScimUser
}

func userKind() kind {
	return kind{word: "user", title: "ScimUser", complete: cli.Users, find: func(ctx context.Context, kube client.Client, name string) (subject, error) {
		user, err := cli.FindUser(ctx, kube, name)
		return subject{object: user, title: "ScimUser", directory: func() string { return user.Spec.Directory }, shown: user.Spec.UserName, user: user}, err
	}}
}

func roleKind() kind {
	return kind{word: "role", title: "ScimRole", complete: cli.Roles, find: func(ctx context.Context, kube client.Client, name string) (subject, error) {
		role, err := cli.FindRole(ctx, kube, name)
		return subject{object: role, title: "ScimRole", directory: func() string { return role.Spec.Directory }, shown: role.Spec.DisplayName}, err
	}}
}

// String names the subject in messages.
func (s subject) String() string { return s.title + " " + s.object.GetName() + " (" + s.shown + ")" }

// leaf makes the command of one kind.
func (k kind) leaf(env *cli.Env, short string, run func(cmd *cobra.Command, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:               k.word + " NAME",
		Short:             short,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, k.complete),
		RunE:              func(cmd *cobra.Command, args []string) error { return run(cmd, args[0]) },
	}
}
