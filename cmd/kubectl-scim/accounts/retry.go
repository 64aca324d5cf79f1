package accounts

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const retryText = `Has the operator try again what failed, without waiting for its own next attempt. It does so by itself, too: after a while that grows with
each attempt, when data change, and with each comparison of the app.

APP tries all failed accounts of an app again, connects anew to one that could not be used, and has the whole app compared. APP.USER tries
one account again, whatever its state; USER is the id of the ScimUser or the userName. --failed does what APP does for each app of the
namespace, or for the one that is named, that has failed accounts.`

// retry is what the person asks for.
type retry struct {
	env    *cli.Env
	kube   client.Client
	place  cli.Place
	failed bool
}

// NewRetryCommand is `kubectl scim retry`.
func NewRetryCommand(env *cli.Env) *cobra.Command {
	r := retry{env: env}
	cmd := &cobra.Command{
		Use:               "retry APP[.USER] | --failed [APP]",
		Short:             "Have failed accounts in apps tried again now",
		Long:              retryText,
		Args:              cli.ArgsBetween(0, 1),
		ValidArgsFunction: env.Complete(0, env.AppsAndFailed(&r.place)),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, user, named := strings.Cut(strings.Join(args, ""), ".")
			if err := r.check(cmd, app, user, named); err != nil {
				return err
			}
			namespace, err := r.place.Namespace(env)
			if err != nil {
				return err
			}
			if r.kube, err = env.Client(); err != nil {
				return err
			}
			key := client.ObjectKey{Namespace: namespace, Name: app}
			switch {
			case r.failed:
				return r.retryFailed(cmd.Context(), key)
			case named:
				return r.retryAccount(cmd.Context(), key, user)
			}
			return r.retryApp(cmd.Context(), key)
		},
		DisableFlagsInUseLine: true,
	}
	r.place.BindAll(cmd)
	cmd.Flags().BoolVar(&r.failed, "failed", false, "Retry every app that has failed accounts")
	return cmd
}

func (r *retry) check(cmd *cobra.Command, app, user string, named bool) error {
	if err := r.place.Check(cmd); err != nil {
		return err
	}
	switch {
	case app == "" && !r.failed:
		return cli.Misuse(cmd, "nothing says what to retry: name an APP or APP.USER, or give --failed")
	case named && r.failed:
		return cli.Misuse(cmd, "--failed is about whole apps: leave it out to retry the account of %q, or name the app alone", user)
	case named && (user == "" || app == ""):
		return cli.Misuse(cmd, "APP.USER is the name of an app, a dot, and an id or a userName: one of them is missing")
	case r.place.All && !r.failed:
		return cli.Misuse(cmd, "--all-namespaces goes with --failed: name the one namespace with --namespace")
	}
	return nil
}

// ask annotates an object so that the operator tries it again. The time makes each request another one.
func (r *retry) ask(ctx context.Context, object client.Object) error {
	return cli.Change(ctx, r.kube, object, func() ([]cli.Operation, error) {
		return cli.Annotate(object, v1alpha1.AnnotationRetry, r.env.Clock.Now().UTC().Format(time.RFC3339Nano)), nil
	})
}

func (r *retry) retryApp(ctx context.Context, key client.ObjectKey) error {
	app, err := cli.FindApp(ctx, r.kube, key)
	if err != nil {
		return err
	}
	if err := r.ask(ctx, app); err != nil {
		return fmt.Errorf("AppConnection %s: %w", key.Name, err)
	}
	r.env.Say("AppConnection %s: its failed accounts are tried again, and the whole app is compared.%s", key.Name, caveat(app))
	r.env.Say("`kubectl scim accounts %s --failed` lists what still fails, and why.", flagged(key))
	return nil
}

// caveat says what keeps an app from being changed however often it is tried.
func caveat(app *v1alpha1.AppConnection) string {
	switch {
	case app.Spec.Suspend:
		return " But spec.suspend is true: this waits until that is taken back."
	case app.Spec.Mode != v1alpha1.AppEnforce:
		return fmt.Sprintf(" As spec.mode is %s, nothing is changed in the app.", app.Spec.Mode)
	}
	return ""
}

func (r *retry) retryAccount(ctx context.Context, key client.ObjectKey, user string) error {
	app, err := cli.FindApp(ctx, r.kube, key)
	if err != nil {
		return err
	}
	account, err := cli.FindAccount(ctx, r.kube, key, user)
	if err != nil {
		return err
	}
	was := readyOf(account.Status.Conditions, v1alpha1.AccountReady)
	if err := r.ask(ctx, account); err != nil {
		return fmt.Errorf("AppAccount %s: %w", account.Name, err)
	}
	r.env.Say("AppAccount %s (%s) is tried again.%s", account.Name, cli.Printable(account.Status.UserName), caveat(app))
	if account.Status.State == v1alpha1.AccountFailed {
		r.env.Say("It failed with %s: %s", cmp.Or(was.Reason, "no reason"), cli.Printable(was.Message))
	}
	if was.Reason == v1alpha1.ReasonAppUnavailable {
		r.env.Say("The whole app cannot be used: `kubectl scim retry %s` has the operator connect anew.", flagged(key))
	}
	r.env.Say("`kubectl scim accounts %s --scim-user %s` says what becomes of it.", flagged(key), account.Spec.User)
	return nil
}

// retryFailed asks once for each app, however many of its accounts failed.
func (r *retry) retryFailed(ctx context.Context, key client.ObjectKey) error {
	if key.Name != "" {
		if _, err := cli.FindApps(ctx, r.kube, key); err != nil {
			return err
		}
	}
	all, err := cli.Accounts(ctx, r.kube, key)
	if err != nil {
		return err
	}
	failed := map[client.ObjectKey]int{}
	for i := range all {
		if all[i].Status.State == v1alpha1.AccountFailed {
			failed[client.ObjectKey{Namespace: all[i].Namespace, Name: all[i].Spec.App}]++
		}
	}
	if len(failed) == 0 {
		r.env.Say("No account has failed in %s, so there is nothing to retry.", where(key))
		return nil
	}
	apps := slices.SortedFunc(maps.Keys(failed), func(a, b client.ObjectKey) int { return strings.Compare(a.String(), b.String()) })
	for _, app := range apps {
		r.env.Say("%s of AppConnection %s in namespace %s:", cli.Plural(failed[app], "failed account"), app.Name, app.Namespace)
		if err := r.retryApp(ctx, app); err != nil {
			return err
		}
	}
	return nil
}
