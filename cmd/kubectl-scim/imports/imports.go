// Package imports writes grants for bindings that exist.
package imports

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const longText = `Reads the ClusterRoleBindings and RoleBindings that somebody else than the operator wrote, and prints grants that give the same people the
same: a ClusterAccessGrant for a ClusterRoleBinding, an AccessGrant for a RoleBinding. It writes nothing. Review what it prints, then apply it:

  kubectl scim import bindings > grants.yaml
  kubectl apply -f grants.yaml

Users are named by userName, unless those of a binding are exactly the members of a role of two or more, which is then named in their place.
A group that an identity provider pushed becomes a role, whose members are bound one by one, so that a revocation takes effect at once.
Whatever cannot be translated is a comment that says why. What belongs to Kubernetes itself is passed over and counted.

With --adopt the grants may take the bindings over: they say existing: Adopt, and the commands that hand the bindings over stand at the end, as
comments, to be run when the grants are Ready. The operator deletes a binding only when its grant gives everybody in it what it gave.`

// NewCommand is `kubectl scim import`.
func NewCommand(env *cli.Env) *cobra.Command {
	return cli.Group("import", "Write grants for what exists", newBindingsCommand(env))
}

func newBindingsCommand(env *cli.Env) *cobra.Command {
	var options Options
	var all bool
	cmd := &cobra.Command{
		Use:               "bindings",
		Short:             "Print grants for existing bindings",
		Long:              longText,
		Args:              cli.Args(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all && options.Namespace != "" {
				return cli.Misuse(cmd, "--namespace and --all-namespaces contradict each other: give one of the two")
			}
			kube, err := env.Client()
			if err != nil {
				return err
			}
			objects, err := cli.ReadWorld(cmd.Context(), kube)
			if err != nil {
				return err
			}
			found := Translate(world.New(objects), options)
			text, err := Render(found)
			if err != nil {
				return err
			}
			env.Say("%s", summary(found))
			_, err = env.Streams.Out.Write(text)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&options.Namespace, "namespace", "n", "", "Only the RoleBindings of this namespace")
	flags.BoolVarP(&all, "all-namespaces", "A", false, "The ClusterRoleBindings, and the RoleBindings of all namespaces, as without -n")
	flags.BoolVar(&options.Adopt, "adopt", false, "Write grants that may take the bindings over, and the commands that hand these over")
	return cmd
}

// summary says on one line what was made of what.
func summary(r Result) string {
	grants, translated, notes := 0, 0, 0
	for _, p := range r.Proposals {
		grants += len(p.Grants)
		notes += len(p.Untranslated)
		if len(p.Grants) > 0 {
			translated++
		}
	}
	text := fmt.Sprintf("%s for %s of %d.", cli.Plural(grants, "grant"), cli.Plural(translated, "binding"), len(r.Proposals))
	if notes > 0 {
		text += fmt.Sprintf(" %s could not be translated: look for %q.", cli.Plural(notes, "thing"), strings.TrimSpace(untranslatedMark))
	}
	return text + fmt.Sprintf(" Passed over: %s of Kubernetes or the operator, %s that the operator manages already, %s of Kubernetes.",
		cli.Plural(r.Skipped.System, "binding"), cli.Plural(r.Skipped.Managed, "binding"), cli.Plural(r.Skipped.SystemSubjects, "subject"))
}
