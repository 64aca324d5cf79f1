// Package report says who has what, for access reviews, and what nobody answers for.
package report

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// The formats of a report.
const (
	formatCSV      = "csv"
	formatJSON     = "json"
	formatMarkdown = "markdown"
)

const longText = `Prints who has what, one row for each way in which somebody has it: the person and their state, the role of Kubernetes RBAC and where it
holds, the way to it (ScimRole, grant and binding, or a binding that somebody else wrote), since when, and the last change.

since is the earliest time at which the person can have had it by this way: when both the ScimUser and the binding had been made. lastChange is
when the user or role changed last over SCIM, or the grant's spec or the binding was written last. Members of groups that stand in bindings
are listed one by one. A subject that is no ScimUser and no pushed group has the state Unknown. Service accounts, and users and groups of
Kubernetes itself, are left out.

The same access gives the same bytes. At the end stands a digest, the SHA-256 of all bytes before its line, so that a report that was signed off can
be told from one that was edited:

  kubectl scim report > report.csv
  head -n -1 report.csv | sha256sum

Spreadsheets take no cell for a formula: where a name begins like one, an apostrophe stands before it. It takes the right to list all that it
is made of in the whole cluster, which the ClusterRole scim-operator-auditor gives.`

// NewCommand is `kubectl scim report`.
func NewCommand(env *cli.Env) *cobra.Command {
	var filter Filter
	output := cli.NewOutput(formatCSV, formatJSON, formatMarkdown)
	cmd := &cobra.Command{
		Use:               "report",
		Short:             "Print who has what, for an access review",
		Long:              longText,
		Args:              cli.Args(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := readWorld(cmd.Context(), env)
			if err != nil {
				return err
			}
			rows := filter.Of(Collect(w))
			if err := filter.check(w, rows); err != nil {
				return err
			}
			return render(env.Streams.Out, output.String(), rows)
		},
	}
	output.Bind(cmd)
	flags := cmd.Flags()
	flags.StringVar(&filter.User, "scim-user", "", "Only this person: a userName, or the name of a ScimUser")
	flags.StringVar(&filter.Role, "role", "", "Only by this role: a displayName, or the name of a ScimRole")
	flags.StringVarP(&filter.Namespace, "namespace", "n", "", "Only what holds in this namespace, also because it holds in the whole cluster")
	_ = cmd.RegisterFlagCompletionFunc("scim-user", env.CompleteFlag(cli.Users))
	_ = cmd.RegisterFlagCompletionFunc("role", env.CompleteFlag(cli.Roles))
	return cmd
}

func readWorld(ctx context.Context, env *cli.Env) (*world.World, error) {
	kube, err := env.Client()
	if err != nil {
		return nil, err
	}
	objects, err := cli.ReadWorld(ctx, kube)
	if err != nil {
		return nil, err
	}
	return world.New(objects), nil
}

func render(out io.Writer, format string, rows []Row) error {
	switch format {
	case formatJSON:
		return JSON(out, rows)
	case formatMarkdown:
		return Markdown(out, rows)
	}
	return CSV(out, rows)
}

// check refuses a name that nobody has: an empty report about a misspelt name would read as if the person had nothing.
func (f Filter) check(w *world.World, rows []Row) error {
	if len(rows) > 0 {
		return nil
	}
	objects := w.Objects()
	known := f.User == ""
	for i := range objects.Users {
		known = known || names(f.User, objects.Users[i].Name, objects.Users[i].Spec.UserName)
	}
	if !known {
		return fmt.Errorf("there is no ScimUser of the name or userName %q: `kubectl get scimusers` lists them", f.User)
	}
	known = f.Role == ""
	for i := range objects.Roles {
		known = known || names(f.Role, objects.Roles[i].Name, objects.Roles[i].Spec.DisplayName)
	}
	if !known {
		return fmt.Errorf("there is no ScimRole of the name or displayName %q: `kubectl get scimroles` lists them", f.Role)
	}
	return nil
}
