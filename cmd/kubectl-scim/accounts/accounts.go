// Package accounts shows accounts in apps, approves held removals of them, and has failed ones tried again.
package accounts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const longText = `Lists accounts in apps, one a line: whose each is, what has become of it, which roles it has in the app, and why it is not as it should
be. Without an APP it lists those of every app of the namespace.

--failed, --planned and --held choose accounts by what is the matter; with more than one of them, those to which any applies. --planned also
shows what would be changed, and -o wide always does, with the message of the condition Ready.

With --orphans it lists, for each app, how many accounts the last comparison found that nobody here answers for, names of the first of them,
and what to do about them.`

// selection is which accounts a person asks for.
type selection struct {
	place                          cli.Place
	user                           string
	failed, planned, held, orphans bool
}

// NewCommand is `kubectl scim accounts`.
func NewCommand(env *cli.Env) *cobra.Command {
	var s selection
	output := cli.AllFormats()
	cmd := &cobra.Command{
		Use:               "accounts [APP]",
		Short:             "List accounts in apps, and say what is wrong with them",
		Long:              longText,
		Args:              cli.ArgsBetween(0, 1),
		ValidArgsFunction: env.Complete(0, env.Apps(&s.place)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.check(cmd); err != nil {
				return err
			}
			kube, err := env.Client()
			if err != nil {
				return err
			}
			key, err := s.key(env, args)
			if err != nil {
				return err
			}
			var result cli.Result
			if s.orphans {
				result, err = s.orphanReport(cmd.Context(), env, kube, key)
			} else {
				result, err = s.list(cmd.Context(), env, kube, key)
			}
			if err != nil {
				return err
			}
			return output.Print(env.Streams.Out, result)
		},
	}
	output.Bind(cmd)
	s.place.BindAll(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.user, "scim-user", "", "Only accounts of the person of this userName or id")
	flags.BoolVar(&s.failed, "failed", false, "Only accounts that are not as they should be")
	flags.BoolVar(&s.planned, "planned", false, "Only accounts that would be changed, and how")
	flags.BoolVar(&s.held, "held", false, "Only accounts whose removal the guard holds")
	flags.BoolVar(&s.orphans, "orphans", false, "List accounts that nobody answers for instead")
	_ = cmd.RegisterFlagCompletionFunc("scim-user", env.CompleteFlag(cli.Users))
	cmd.AddCommand(newApproveCommand(env))
	return cmd
}

func (s *selection) check(cmd *cobra.Command) error {
	if err := s.place.Check(cmd); err != nil {
		return err
	}
	if cmd.Flags().Changed("scim-user") && s.user == "" {
		return cli.Misuse(cmd, "--scim-user is empty: give a userName or an id, or leave the flag out")
	}
	if !s.orphans {
		return nil
	}
	for _, name := range []string{"scim-user", "failed", "planned", "held"} {
		if cmd.Flags().Changed(name) {
			return cli.Misuse(cmd, "--orphans and --%s contradict each other, because orphans are nobody's accounts: give one of them", name)
		}
	}
	return nil
}

// key is the app that was named, if one was, and the namespace to look at.
func (s *selection) key(env *cli.Env, args []string) (client.ObjectKey, error) {
	namespace, err := s.place.Namespace(env)
	key := client.ObjectKey{Namespace: namespace}
	if len(args) > 0 {
		key.Name = args[0]
	}
	return key, err
}

func (s *selection) list(ctx context.Context, env *cli.Env, kube client.Client, key client.ObjectKey) (cli.Result, error) {
	if key.Name != "" {
		// An app that does not exist is not one without accounts.
		if _, err := cli.FindApps(ctx, kube, key); err != nil {
			return cli.Result{}, err
		}
	}
	found, err := cli.Accounts(ctx, kube, key)
	if err != nil {
		return cli.Result{}, err
	}
	found = slices.DeleteFunc(found, func(a v1alpha1.AppAccount) bool { return !s.chooses(&a) })
	slices.SortFunc(found, func(a, b v1alpha1.AppAccount) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Spec.App, b.Spec.App),
			strings.Compare(v1alpha1.Fold(a.Status.UserName), v1alpha1.Fold(b.Status.UserName)), strings.Compare(a.Name, b.Name))
	})
	if len(found) == 0 {
		env.Say("There is no AppAccount that was asked for in %s.", where(key))
	}
	return s.listed(found, env.Clock.Now()), nil
}

// where names what was looked at.
func where(key client.ObjectKey) string {
	place := "any namespace"
	if key.Namespace != "" {
		place = "namespace " + key.Namespace
	}
	if key.Name != "" {
		return "app " + key.Name + " of " + place
	}
	return place
}

func (s *selection) chooses(account *v1alpha1.AppAccount) bool {
	if s.user != "" && !cli.IsOf(account, s.user) {
		return false
	}
	if !s.failed && !s.planned && !s.held {
		return true
	}
	return s.failed && account.Status.State == v1alpha1.AccountFailed || s.planned && len(account.Status.Changes) > 0 ||
		s.held && account.Status.State == v1alpha1.AccountHeld
}

func (s *selection) listed(found []v1alpha1.AppAccount, now time.Time) cli.Result {
	list := &v1alpha1.AppAccountList{Items: found}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AppAccountList"))
	columns := []string{"App", "Username", "Account", "State", "Roles", "Reason", "+Message", "+Changes", "Changed"}
	if s.planned {
		columns[7] = "Changes"
	}
	if s.place.All {
		columns = slices.Insert(columns, 0, "Namespace")
	}
	result := cli.Result{Data: list, Table: cli.NewTable(columns...)}
	for i := range list.Items {
		a := &list.Items[i]
		a.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AppAccount"))
		ready := readyOf(a.Status.Conditions, v1alpha1.AccountReady)
		cells := []string{
			a.Spec.App, cli.Printable(cmp.Or(a.Status.UserName, a.Spec.User)), cli.Printable(a.Status.AccountName), string(cmp.Or(a.Status.State, v1alpha1.AccountPending)),
			joined(a.Status.Roles, ","), ready.Reason, cli.Printable(ready.Message), joined(a.Status.Changes, "; "), cli.Ago(a.Status.LastChangeTime, now),
		}
		if s.place.All {
			cells = slices.Insert(cells, 0, a.Namespace)
		}
		cli.AddRow(result.Table, cells...)
		result.Names = append(result.Names, "appaccount."+v1alpha1.GroupName+"/"+a.Name)
	}
	return result
}

// readyOf is the condition that sums up; one that says nothing when it is not written yet.
func readyOf(conditions []metav1.Condition, name string) metav1.Condition {
	if ready := apimeta.FindStatusCondition(conditions, name); ready != nil {
		return *ready
	}
	return metav1.Condition{Status: metav1.ConditionUnknown}
}

// joined writes names that an app chose.
func joined(names []string, separator string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = cli.Printable(name)
	}
	return strings.Join(shown, separator)
}

// flagged writes an app as a command line names it.
func flagged(app client.ObjectKey) string { return fmt.Sprintf("%s -n %s", app.Name, app.Namespace) }
