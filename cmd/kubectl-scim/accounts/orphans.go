package accounts

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const (
	unmanagedText = "  What to do: close those that nobody needs, in the app. The operator takes over what belongs to people who should have an account\n" +
		"  when spec.existing.policy is Adopt; until then it leaves all of them alone.\n"
	strayText = "  What to do: take them out of use in the app. The operator made them, and the AppAccounts that said whose they are were removed since;\n" +
		"  it touches none of them by itself. Somebody who should have an account again gets theirs back.\n"
)

// view is what the last comparison of one app found.
type view struct {
	Namespace string `json:"namespace"`
	App       string `json:"app"`
	// ComparedAt is absent when the app never listed its accounts to the end.
	ComparedAt *metav1.Time           `json:"comparedAt,omitempty"`
	Ready      metav1.ConditionStatus `json:"ready"`
	Reason     string                 `json:"reason,omitempty"`

	v1alpha1.OrphanReport
}

func (s *selection) orphanReport(ctx context.Context, env *cli.Env, kube client.Client, key client.ObjectKey) (cli.Result, error) {
	apps, err := cli.FindApps(ctx, kube, key)
	if err != nil {
		return cli.Result{}, err
	}
	slices.SortFunc(apps, func(a, b v1alpha1.AppConnection) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	now := env.Clock.Now()
	columns := []string{"App", "Unmanaged", "Stray", "Compared", "+Unmanaged-Samples", "+Stray-Samples"}
	if s.place.All {
		columns = slices.Insert(columns, 0, "Namespace")
	}
	views := []view{}
	result := cli.Result{Table: cli.NewTable(columns...)}
	for i := range apps {
		v := viewOf(&apps[i])
		views = append(views, v)
		cells := []string{
			v.App, cli.Count(v.Unmanaged), cli.Count(v.Stray), cli.Ago(v.ComparedAt, now), joined(v.UnmanagedSamples, ","), joined(v.StraySamples, ","),
		}
		if s.place.All {
			cells = slices.Insert(cells, 0, v.Namespace)
		}
		cli.AddRow(result.Table, cells...)
		result.Names = append(result.Names, appResource(v.App))
	}
	result.Data = views
	result.Text = func(out io.Writer) {
		for i := range views {
			if i > 0 {
				fmt.Fprintln(out)
			}
			views[i].write(out, now)
		}
		if len(views) == 0 {
			fmt.Fprintf(out, "There is no AppConnection in %s.\n", where(key))
		}
	}
	return result, nil
}

func appResource(name string) string { return "appconnection." + v1alpha1.GroupName + "/" + name }

func viewOf(app *v1alpha1.AppConnection) view {
	ready := readyOf(app.Status.Conditions, v1alpha1.AppReady)
	return view{
		Namespace: app.Namespace, App: app.Name, ComparedAt: app.Status.LastSyncTime, Ready: ready.Status, Reason: ready.Reason, OrphanReport: app.Status.Orphans,
	}
}

// write is the form that people read.
func (v *view) write(out io.Writer, now time.Time) {
	name := "App " + v.App + " of namespace " + v.Namespace
	if v.ComparedAt == nil {
		fmt.Fprintf(out, "%s was never compared to the end, so nothing is known of accounts that nobody answers for (Ready: %s %s).\n", name, v.Ready, v.Reason)
		fmt.Fprintf(out, "  What to do: look at its condition Ready, and have it compared with `kubectl scim retry %s -n %s`.\n", v.App, v.Namespace)
		return
	}
	fmt.Fprintf(out, "%s, compared %s:\n", name, cli.Ago(v.ComparedAt, now))
	if known(v.Unmanaged) == 0 && known(v.Stray) == 0 {
		fmt.Fprintln(out, "  Every account that is in use is somebody's.")
		return
	}
	writeOrphans(out, known(v.Unmanaged), "without the mark of any connection, made by hand or before the operator came:", v.UnmanagedSamples, unmanagedText)
	writeOrphans(out, known(v.Stray), "with this connection's mark, of people who have no AppAccount:", v.StraySamples, strayText)
}

func known(n *int32) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

func writeOrphans(out io.Writer, n int, what string, samples []string, remedy string) {
	if n == 0 {
		return
	}
	fmt.Fprintf(out, "  %s %s\n", cli.Plural(n, "active account"), what)
	for _, sample := range samples {
		fmt.Fprintf(out, "    %s\n", cli.Printable(sample))
	}
	if more := n - len(samples); more > 0 {
		fmt.Fprintf(out, "    and %d more\n", more)
	}
	fmt.Fprint(out, remedy)
}
