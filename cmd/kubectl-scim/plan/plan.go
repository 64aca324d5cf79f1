// Package plan shows what grants would change, shows the removals of access that the guard holds, and writes a person's word on them.
package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// NewCommand is `kubectl scim plan`.
func NewCommand(env *cli.Env) *cobra.Command {
	cmd := cli.Group("plan", "Show what a grant would change, and removals of access that wait for a person's word",
		newListCommand(env), newShowCommand(env), newApproveCommand(env), newDiscardCommand(env))
	var files []string
	output := cli.NewOutput(cli.FormatJSON)
	help := cmd.RunE
	cmd.Use, cmd.Long = "plan -f FILE", previewText
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(files) == 0 {
			return help(cmd, args)
		}
		return previewFiles(cmd, env, files, output)
	}
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "File with grants, - for standard input; may be repeated")
	output.Bind(cmd)
	return cmd
}

func newListCommand(env *cli.Env) *cobra.Command {
	var directory string
	var held bool
	output := cli.AllFormats()
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List access plans",
		Long: `Lists access plans: the removals of access that the guard has counted within the window of each directory and role, and how many of them
wait for a person's word.`,
		Args:              cli.Args(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kube, err := env.Client()
			if err != nil {
				return err
			}
			plans := &v1alpha1.AccessPlanList{}
			if err := kube.List(cmd.Context(), plans); err != nil {
				return err
			}
			plans.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccessPlanList"))
			plans.Items = slices.DeleteFunc(plans.Items, func(p v1alpha1.AccessPlan) bool {
				return (directory != "" && p.Spec.Directory != directory) || (held && p.Status.Digest == "")
			})
			return output.Print(env.Streams.Out, listed(plans, env.Clock.Now()))
		},
	}
	output.Bind(cmd)
	cmd.Flags().StringVar(&directory, "directory", "", "Only plans of this directory")
	cmd.Flags().BoolVar(&held, "held", false, "Only plans that hold something")
	_ = cmd.RegisterFlagCompletionFunc("directory", env.CompleteFlag(cli.Directories))
	return cmd
}

func listed(plans *v1alpha1.AccessPlanList, now time.Time) cli.Result {
	table := cli.NewTable("Name", "Directory", "Role", "State", "Held", "Passed", "Limit", "Held-Since", "Release", "+Digest")
	result := cli.Result{Data: plans, Table: table}
	for i := range plans.Items {
		p := &plans.Items[i]
		p.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccessPlan"))
		s := &p.Status
		cli.AddRow(table, p.Name, p.Spec.Directory, p.Spec.Role, string(s.State), cli.Count(s.Held), cli.Count(s.Passed), cli.Count(s.Limit),
			cli.Ago(s.HeldSince, now), cli.Time(s.ReleaseTime), s.Digest)
		result.Names = append(result.Names, resourceName(p))
	}
	return result
}

func resourceName(p *v1alpha1.AccessPlan) string {
	return "accessplan." + v1alpha1.GroupName + "/" + p.Name
}

func newShowCommand(env *cli.Env) *cobra.Command {
	output := cli.AllFormats()
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show what a plan holds: how many, who, since when, until when",
		Long: `Shows one access plan: how many people would lose access, who they are, since when they are held, when they lose it without anybody's word,
and the digest that names exactly this set. Everybody is listed, also where status.samples has only the first: json and yaml are the
AccessPlan with a list of its own, people. This takes the right to list bindings; userName, that to list ScimUsers. When not everybody can be
listed, the exit code is 1.`,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, cli.Plans),
		RunE: func(cmd *cobra.Command, args []string) error {
			kube, err := env.Client()
			if err != nil {
				return err
			}
			plan, err := cli.FindPlan(cmd.Context(), kube, args[0])
			if err != nil {
				return err
			}
			held, incomplete := heldPeople(cmd.Context(), kube, plan)
			now := env.Clock.Now()
			result := listed(&v1alpha1.AccessPlanList{Items: []v1alpha1.AccessPlan{*plan}}, now)
			result.Data = newShown(plan, held)
			result.Text = func(out io.Writer) { write(out, plan, held, now) }
			return errors.Join(output.Print(env.Streams.Out, result), incomplete)
		},
	}
	output.Bind(cmd)
	return cmd
}

// write is the form that people read.
func write(out io.Writer, p *v1alpha1.AccessPlan, held []person, now time.Time) {
	s := &p.Status
	lines := printers.GetNewTabWriter(out)
	fmt.Fprintf(lines, "Plan:\t%s\n", p.Name)
	fmt.Fprintf(lines, "Directory:\t%s\n", p.Spec.Directory)
	fmt.Fprintf(lines, "Watches:\t%s\n", watched(p))
	fmt.Fprintf(lines, "State:\t%s\n", cmp.Or(string(s.State), "unknown"))
	fmt.Fprintf(lines, "Held:\t%s\n", cmp.Or(cli.Count(s.Held), "0"))
	fmt.Fprintf(lines, "Passed:\t%s of %s within the window\n", cmp.Or(cli.Count(s.Passed), "0"), cmp.Or(cli.Count(s.Limit), "?"))
	if s.HeldSince != nil {
		fmt.Fprintf(lines, "Held since:\t%s (%s)\n", cli.Time(s.HeldSince), cli.Ago(s.HeldSince, now))
	}
	if s.ReleaseTime != nil {
		fmt.Fprintf(lines, "Takes effect:\t%s (%s), unless somebody decides before\n", cli.Time(s.ReleaseTime), cli.Ago(s.ReleaseTime, now))
	}
	if s.Digest != "" {
		fmt.Fprintf(lines, "Digest:\t%s\n", s.Digest)
	}
	if decided := apimeta.FindStatusCondition(s.Conditions, v1alpha1.PlanDecided); decided != nil {
		fmt.Fprintf(lines, "Last decision:\t%s: %s\n", decided.Reason, decided.Message)
	}
	_ = lines.Flush()
	writePeople(out, s, held)
}

func watched(p *v1alpha1.AccessPlan) string {
	if p.Spec.Role != "" {
		return "members of role " + p.Spec.Role
	}
	return "users of the directory"
}

func writePeople(out io.Writer, s *v1alpha1.AccessPlanStatus, held []person) {
	if len(held) == 0 {
		return
	}
	fmt.Fprintln(out, "Who keeps access until then:")
	lines := printers.GetNewTabWriter(out)
	for _, p := range held {
		fmt.Fprintf(lines, "  %s\t%s\t%s\n", cli.Printable(p.Name), cli.Printable(p.UserName), p.note())
	}
	_ = lines.Flush()
	if s.Held != nil && int(*s.Held) > len(held) {
		fmt.Fprintf(out, "  and %d more\n", int(*s.Held)-len(held))
	}
}
