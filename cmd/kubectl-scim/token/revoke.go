package token

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// recentUse is how lately a credential must have been used for a warning: an identity provider that pushes nothing for a day is rare.
const recentUse = 24 * time.Hour

func newRevokeCommand(env *cli.Env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke DIRECTORY NAME",
		Short: "Remove a credential: its token is refused from then on",
		Long: `Removes a credential from a directory. Requests with its token are refused within seconds. When it is the last that is valid, or was
used within the last day, the command asks first. A Secret that held the token is left: delete it yourself.`,
		Args: cli.Args(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return env.Complete(1, cli.Credentials)(cmd, args, begun)
			}
			return env.Complete(0, cli.Directories)(cmd, args, begun)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return revoke(cmd.Context(), env, args[0], args[1], yes)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "Do not ask")
	return cmd
}

func revoke(ctx context.Context, env *cli.Env, name, credential string, yes bool) error {
	kube, err := env.Client()
	if err != nil {
		return err
	}
	directory, err := cli.FindDirectory(ctx, kube, name)
	if err != nil {
		return err
	}
	position, err := find(directory, credential)
	if err != nil {
		return err
	}
	secret := viewOf(directory, position, env.Clock.Now()).Secret
	if warnings := warningsOf(directory, position, env.Clock.Now()); len(warnings) > 0 {
		for _, warning := range warnings {
			env.Say("Warning: %s", warning)
		}
		if err := env.Confirm(yes, "Revoke credential "+credential+" of directory "+name+"?"); err != nil {
			return err
		}
	}
	err = cli.Change(ctx, kube, directory, func() ([]cli.Operation, error) {
		position, err := find(directory, credential)
		return []cli.Operation{{Op: "remove", Path: cli.Pointer("spec", "credentials", strconv.Itoa(position))}}, err
	})
	if err != nil {
		return fmt.Errorf("removing credential %s from ScimDirectory %s: %w", credential, name, err)
	}
	env.Say("Credential %s of directory %s is revoked.", credential, name)
	if secret != "" {
		env.Say("Secret %s in namespace %s still holds the token: delete it if nothing else uses it.", secret, env.Namespace)
	}
	return nil
}

func find(directory *v1alpha1.ScimDirectory, credential string) (int, error) {
	for i := range directory.Spec.Credentials {
		if directory.Spec.Credentials[i].Name == credential {
			return i, nil
		}
	}
	return 0, fmt.Errorf("ScimDirectory %s has no credential %q: `kubectl scim token list %s` lists them", directory.Name, credential, directory.Name)
}

// warningsOf says what would go wrong if a credential went.
func warningsOf(directory *v1alpha1.ScimDirectory, position int, now time.Time) []string {
	c := &directory.Spec.Credentials[position]
	if stateOf(c, now) == stateExpired {
		return nil
	}
	var warnings []string
	if used := lastUsed(directory, c.Name); recent(used, now) {
		warnings = append(warnings, fmt.Sprintf("credential %s was used %s, so somebody still works with it.", c.Name, cli.Ago(used, now)))
	}
	for i := range directory.Spec.Credentials {
		if i != position && directory.Spec.Credentials[i].ValidAt(now) {
			return warnings
		}
	}
	return append(warnings, fmt.Sprintf("no other credential of directory %s is valid, so every request will be refused with 401.", directory.Name))
}

func recent(used *metav1.Time, now time.Time) bool {
	return used != nil && now.Sub(used.Time) < recentUse
}
