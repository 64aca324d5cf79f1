// Package why says why somebody has access, and who has it.
package why

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/explain"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const whyText = `Says by which paths a person has access, from the identity over role, grant and binding to the rule that allows it: who said so, and since
when, as far as objects tell. USER is a userName, the name of a ScimUser, or a Kubernetes user name. Bindings that scim-operator did not write
count as well, and are marked.

Without --verb it shows all that the person has. With --verb and --resource it shows every path that allows this, and when there is none, which
grants could allow it and what is missing. With -n the question is about that namespace; without it, about the whole cluster and each namespace.

  kubectl scim why alice@example.com
  kubectl scim why alice@example.com --verb delete --resource pods -n prod
  kubectl scim why alice@example.com --verb get --resource deployments.apps/scale --name web -n prod
  kubectl scim why --role "Platform Admins" -o dot

It goes by RBAC, by the same rules as the API server. What other authorizers allow (Node, webhook), and groups that only the person's token
knows, it cannot see: --group adds one. -o dot prints a picture in the language of Graphviz; -o svg runs Graphviz's program dot on it.

It takes the right to list roles and bindings in the whole cluster: the ClusterRole scim-operator-auditor has it.`

// options are what a command line asks for.
type options struct {
	role      string
	groups    []string
	verb      string
	resource  string
	name      string
	namespace string
	output    *cli.Output
}

// NewCommand is `kubectl scim why`.
func NewCommand(env *cli.Env) *cobra.Command {
	o := options{output: cli.NewOutput(cli.FormatJSON, cli.FormatYAML, cli.FormatTable, cli.FormatWide, formatDOT, formatSVG)}
	cmd := &cobra.Command{
		Use:               "why USER",
		Short:             "Say why a person, or the members of a role, have access",
		Long:              whyText,
		Args:              o.args,
		ValidArgsFunction: env.Complete(0, cli.Users),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd, env, args) },
	}
	o.output.Bind(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.role, "role", "", "In the place of USER: explain what this role gives its members")
	flags.StringArrayVar(&o.groups, "group", nil, "Group that the person's token carries besides those that are known; may be repeated")
	flags.StringVar(&o.verb, "verb", "", "What the person would do, for example delete")
	flags.StringVar(&o.resource, "resource", "", "To what: a resource such as pods, pods/log or deployments.apps, or a path such as /metrics")
	flags.StringVar(&o.name, "name", "", "To which object of the resource; without it, to any")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "In which namespace; without it, everywhere")
	_ = cmd.RegisterFlagCompletionFunc("role", env.CompleteFlag(cli.Roles))
	return cmd
}

// args checks what goes together.
func (o *options) args(cmd *cobra.Command, args []string) error {
	switch {
	case o.role != "" && len(args) > 0:
		return cli.Misuse(cmd, "%q and --role exclude each other: ask about a person or about a role", args[0])
	case o.role != "" && len(o.groups) > 0:
		return cli.Misuse(cmd, "--group is about a person's token: leave it out with --role")
	case o.role == "":
		if err := cli.Args(1)(cmd, args); err != nil {
			return err
		}
	}
	switch {
	case (o.verb == "") != (o.resource == ""):
		return cli.Misuse(cmd, "--verb and --resource go together: give both, or none for all access")
	case o.verb == "" && (o.name != "" || o.namespace != ""):
		return cli.Misuse(cmd, "--name and --namespace narrow a question: give --verb and --resource, too")
	}
	return nil
}

func (o *options) run(cmd *cobra.Command, env *cli.Env, args []string) error {
	kube, err := env.Client()
	if err != nil {
		return err
	}
	var request *explain.Request
	var notes []string
	if o.verb != "" {
		resource, subresource := o.resource, ""
		if !strings.HasPrefix(resource, "/") {
			resource, subresource, _ = strings.Cut(o.resource, "/")
		}
		asked, more, err := newRequest(env, question{verb: o.verb, resource: resource, subresource: subresource, name: o.name, namespace: o.namespace})
		if err != nil {
			return cli.Misuse(cmd, "%w", err)
		}
		request, notes = &asked, more
	}
	objects, err := cli.ReadWorld(cmd.Context(), kube)
	if err != nil {
		return err
	}
	answer, err := o.answer(cmd.Context(), kube, explain.New(world.New(objects), env.Clock.Now()), request, args)
	if err != nil {
		return err
	}
	answer.Notes = append(answer.Notes, notes...)
	if picture := o.output.String(); picture == formatDOT || picture == formatSVG {
		return draw(cmd.Context(), env.Streams.Out, picture, &answer)
	}
	return o.output.Print(env.Streams.Out, shown(&answer, env.Clock.Now()))
}

// answer asks about the person or the role.
func (o *options) answer(ctx context.Context, kube client.Client, engine *explain.Engine, request *explain.Request, args []string) (explain.Answer, error) {
	if o.role != "" {
		role := engine.FindRole(o.role)
		if role == nil {
			return explain.Answer{}, fmt.Errorf("there is no ScimRole of the name or displayName %q: `kubectl get scimroles` lists them", o.role)
		}
		return engine.WhyRole(role, request), nil
	}
	identity, err := engine.Find(args[0], o.groups...)
	if err != nil {
		return explain.Answer{}, err
	}
	answer := engine.Why(identity, request)
	if len(identity.People) == 0 {
		answer.Notes = append(answer.Notes, "No ScimUser has this name, so it is taken as the name of a user whom no identity provider pushed.")
	}
	var requests []certificatesv1.CertificateSigningRequest
	err = cli.EachPage(ctx, kube, []client.ListOption{client.Limit(100)}, func(page *certificatesv1.CertificateSigningRequestList) {
		requests = append(requests, page.Items...)
	})
	switch {
	case apierrors.IsForbidden(err):
		answer.Notes = append(answer.Notes, "You may not list certificatesigningrequests, so nothing is known of client certificates.")
	case err != nil:
		return answer, fmt.Errorf("listing certificatesigningrequests: %w", err)
	}
	answer.Certificates = explain.Certificates(requests, identity.KubernetesUser)
	answer.Notes = append(answer.Notes, "Whoever holds a token of a service account has what that account has: no object ties such a token to a person.")
	return answer, nil
}
