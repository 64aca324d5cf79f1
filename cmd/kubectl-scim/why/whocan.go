package why

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/explain"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const whoCanText = `Lists everybody to whom RBAC allows something: people by name, with the paths by which they have it, and apart from them the users whom no
identity provider pushed, the groups and the service accounts. Groups that grants bind are expanded to the people whom the identity provider
pushed into them. Bindings that scim-operator did not write count as well.

RESOURCE is for example pods, deployments.apps or a path such as /metrics; a name after a slash asks about one object. With -n the
question is about that namespace; without it, about the whole cluster and each namespace.

  kubectl scim who-can delete pods -n prod
  kubectl scim who-can get secrets/tls -n prod -o wide
  kubectl scim who-can create pods --subresource=exec -o json

Who uses the token of a service account, who is in a group that only tokens know, and what other authorizers allow (Node, webhook), it cannot
see. It takes the right to list roles and bindings in the whole cluster: the ClusterRole scim-operator-auditor has it.`

// NewWhoCanCommand is `kubectl scim who-can`.
func NewWhoCanCommand(env *cli.Env) *cobra.Command {
	var q question
	output := cli.AllFormats()
	cmd := &cobra.Command{
		Use:               "who-can VERB RESOURCE[/NAME]",
		Short:             "List everybody who can do something, people by name",
		Long:              whoCanText,
		Args:              cli.Args(2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.verb, q.resource = args[0], args[1]
			if !strings.HasPrefix(q.resource, "/") {
				q.resource, q.name, _ = strings.Cut(args[1], "/")
			}
			kube, err := env.Client()
			if err != nil {
				return err
			}
			request, notes, err := newRequest(env, q)
			if err != nil {
				return cli.Misuse(cmd, "%w", err)
			}
			objects, err := cli.ReadWorld(cmd.Context(), kube)
			if err != nil {
				return err
			}
			now := env.Clock.Now()
			holders := explain.New(world.New(objects), now).WhoCan(request)
			holders.Notes = append(holders.Notes, notes...)
			return output.Print(env.Streams.Out, listed(&holders, now))
		},
	}
	output.Bind(cmd)
	cmd.Flags().StringVar(&q.subresource, "subresource", "", "Subresource, for example exec or log")
	cmd.Flags().StringVarP(&q.namespace, "namespace", "n", "", "In which namespace; without it, everywhere")
	return cmd
}

// listed is who can, in all forms.
func listed(holders *explain.Holders, now time.Time) cli.Result {
	table := cli.NewTable("Who", "Where", "Role", "Via", "Grant", "Binding", "Subject", "Gives", "Managed", "+Since", "+Held", "+Rules")
	result := cli.Result{Data: holders, Table: table, Text: func(out io.Writer) { writeHolders(out, holders, now) }}
	for _, all := range [][]explain.Holder{holders.People, holders.Others} {
		for i := range all {
			name := holderName(&all[i])
			result.Names = append(result.Names, name)
			for k := range all[i].Paths {
				addPath(table, &all[i].Paths[k], name)
			}
		}
	}
	return result
}

func holderName(holder *explain.Holder) string {
	if holder.Subject != nil {
		return subjectText(holder.Subject)
	}
	return cli.Printable(holder.KubernetesUser)
}

// writeHolders is the form that people read: one line for each way that somebody has it.
func writeHolders(out io.Writer, holders *explain.Holders, now time.Time) {
	fmt.Fprintf(out, "Who can %s:\n", cli.Printable(holders.Request.String()))
	lines := printers.GetNewTabWriter(out)
	for i := range holders.People {
		person := &holders.People[i]
		for k, path := range collapse(person.Paths) {
			name := ""
			if k == 0 {
				name = cli.Printable(person.KubernetesUser)
				if behind := person.People[0]; !behind.Counts() {
					name = personText(&behind)
				}
			}
			fmt.Fprintf(lines, "  %s\t%s\n", name, pathText(&path, now))
		}
	}
	if len(holders.People) == 0 {
		fmt.Fprintln(lines, "  nobody whom scim-operator knows")
	}
	if len(holders.Others) > 0 {
		fmt.Fprintln(lines, "\nOthers, of whom it knows no more:")
	}
	for i := range holders.Others {
		for k, path := range collapse(holders.Others[i].Paths) {
			name := ""
			if k == 0 {
				name = holderName(&holders.Others[i])
			}
			fmt.Fprintf(lines, "  %s\t%s\n", name, pathText(&path, now))
		}
	}
	_ = lines.Flush()
	for i, note := range holders.Notes {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "Note: %s\n", cli.Printable(note))
	}
}

// pathText is a path on one line.
func pathText(path *group, now time.Time) string {
	var parts []string
	for i := range path.Members {
		member := &path.Members[i]
		parts = append(parts, fmt.Sprintf("role %s (%s)", cli.Printable(member.DisplayName), member.Via))
	}
	if path.Grant != nil {
		text := "grant " + grantName(path.Grant)
		if path.Grant.ExpiresAt != nil {
			text += " (expires " + cli.Ago(path.Grant.ExpiresAt, now) + ")"
		}
		parts = append(parts, text)
	}
	binding := path.Binding.Kind + " " + path.Binding.Name
	if len(path.namespaces) > 0 {
		binding += " in " + some(path.namespaces)
	}
	if !path.Binding.Managed {
		binding += " (not managed)"
	}
	if path.Binding.Held != nil {
		binding += " (held by the guard: " + path.Binding.Held.AccessPlan + ")"
	}
	return strings.Join(append(parts, binding, targetName(&path.Target)), " > ")
}
