package directory

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// view is one directory as `directory status` shows it.
type view struct {
	Name            string             `json:"name"`
	Provider        v1alpha1.Provider  `json:"provider"`
	URL             string             `json:"url,omitempty"`
	Suspended       bool               `json:"suspended"`
	Form            form               `json:"form"`
	Users           *int32             `json:"users,omitempty"`
	SuspendedUsers  *int32             `json:"suspendedUsers,omitempty"`
	Roles           *int32             `json:"roles,omitempty"`
	Credentials     []string           `json:"credentials"`
	LastRequestTime *metav1.Time       `json:"lastRequestTime,omitempty"`
	Conditions      []metav1.Condition `json:"conditions,omitempty"`
}

func newStatusCommand(env *cli.Env) *cobra.Command {
	output := cli.AllFormats()
	cmd := &cobra.Command{
		Use:   "status [DIRECTORY]",
		Short: "Show what the identity provider's form asks for, and how the directory fares",
		Long: `Shows the values that the identity provider's form asks for (in Okta: base URL, unique identifier field and authentication), how many people
and roles came through the directory, when the identity provider was last heard, and the conditions. Without a name it shows every
directory.`,
		Args:              cli.ArgsBetween(0, 1),
		ValidArgsFunction: env.Complete(0, cli.Directories),
		RunE: func(cmd *cobra.Command, args []string) error {
			kube, err := env.Client()
			if err != nil {
				return err
			}
			directories, err := cli.FindDirectories(cmd.Context(), kube, args)
			if err != nil {
				return err
			}
			return output.Print(env.Streams.Out, shown(directories, len(args) == 1, env.Clock.Now()))
		},
	}
	output.Bind(cmd)
	return cmd
}

// shown is the result: for one directory that was named an object, else a list.
func shown(directories []v1alpha1.ScimDirectory, single bool, now time.Time) cli.Result {
	result := cli.Result{Table: cli.NewTable("Name", "Provider", "URL", "Users", "Suspended", "Roles", "Last-Request", "Ready", "Reason", "+Message")}
	views := []view{}
	for i := range directories {
		d := &directories[i]
		views = append(views, viewOf(d))
		result.Names = append(result.Names, "scimdirectory."+v1alpha1.GroupName+"/"+d.Name)
		ready := cmp.Or(apimeta.FindStatusCondition(d.Status.Conditions, v1alpha1.DirectoryReady), &metav1.Condition{Status: metav1.ConditionUnknown})
		cli.AddRow(result.Table, d.Name, string(d.Spec.Provider), d.Status.URL, cli.Count(d.Status.Users), cli.Count(d.Status.SuspendedUsers),
			cli.Count(d.Status.Roles), cli.Ago(d.Status.LastRequestTime, now), string(ready.Status), ready.Reason, ready.Message)
	}
	result.Data = views
	if single {
		result.Data = views[0]
	}
	result.Text = func(out io.Writer) {
		for i := range views {
			if i > 0 {
				fmt.Fprintln(out)
			}
			views[i].write(out, now)
		}
		if len(views) == 0 {
			fmt.Fprintln(out, "There is no ScimDirectory yet.")
		}
	}
	return result
}

func viewOf(d *v1alpha1.ScimDirectory) view {
	v := view{
		Name: d.Name, Provider: d.Spec.Provider, URL: d.Status.URL, Suspended: d.Spec.Suspend, Form: formOf(d),
		Users: d.Status.Users, SuspendedUsers: d.Status.SuspendedUsers, Roles: d.Status.Roles,
		Credentials: []string{}, LastRequestTime: d.Status.LastRequestTime, Conditions: d.Status.Conditions,
	}
	for i := range d.Spec.Credentials {
		v.Credentials = append(v.Credentials, d.Spec.Credentials[i].Name)
	}
	return v
}

// write is the form that people read.
func (v *view) write(out io.Writer, now time.Time) {
	lines := printers.GetNewTabWriter(out)
	fmt.Fprintf(lines, "Directory:\t%s\n", v.Name)
	fmt.Fprintf(lines, "Provider:\t%s\n", v.Provider)
	if v.Suspended {
		fmt.Fprintf(lines, "Suspended:\tyes: every request is refused with 403 (`kubectl scim resume %s`)\n", v.Name)
	}
	fmt.Fprintf(lines, "Users:\t%s (%s suspended)\n", cmp.Or(cli.Count(v.Users), "?"), cmp.Or(cli.Count(v.SuspendedUsers), "?"))
	fmt.Fprintf(lines, "Roles:\t%s\n", cmp.Or(cli.Count(v.Roles), "?"))
	fmt.Fprintf(lines, "Credentials:\t%s\n", cmp.Or(strings.Join(v.Credentials, ", "), "none"))
	fmt.Fprintf(lines, "Last request:\t%s\n", cmp.Or(cli.Ago(v.LastRequestTime, now), "never"))
	_ = lines.Flush()

	fmt.Fprintf(out, "\nEnter in %s:\n", v.Form.Where)
	lines = printers.GetNewTabWriter(out)
	for _, f := range v.Form.Fields {
		fmt.Fprintf(lines, "  %s:\t%s\n", f.Name, f.Value)
	}
	_ = lines.Flush()

	fmt.Fprintln(out, "\nConditions:")
	lines = printers.GetNewTabWriter(out)
	for i := range v.Conditions {
		c := &v.Conditions[i]
		fmt.Fprintf(lines, "  %s\t%s\t%s\t%s\t%s\n", c.Type, c.Status, c.Reason, cli.Ago(&c.LastTransitionTime, now), c.Message)
	}
	_ = lines.Flush()
	if len(v.Conditions) == 0 {
		fmt.Fprintln(out, "  none yet: is the controller running?")
	}
}
