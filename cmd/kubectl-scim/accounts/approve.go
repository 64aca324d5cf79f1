package accounts

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const approveText = `Lets exactly the held removals of accounts take effect that the digest names (status.guard.digest of the AppConnection). When the set has
changed since, the approval is refused and nothing happens: look again. Without --digest the command shows the set and asks for the digest;
with --yes it approves what it has just read.

To keep the accounts instead, give the people back what they lost: at the identity provider, or by spec.roles of the AppConnection.`

// approval is one person's word about the held removals of one app.
type approval struct {
	env    *cli.Env
	kube   client.Client
	choice cli.Choice
	app    *v1alpha1.AppConnection
}

func newApproveCommand(env *cli.Env) *cobra.Command {
	var place cli.Place
	a := approval{env: env}
	cmd := &cobra.Command{
		Use:               "approve APP",
		Short:             "Let the held removals of an app's accounts take effect",
		Long:              approveText,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, env.Apps(&place)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.choice.Check(cmd); err != nil {
				return err
			}
			namespace, err := place.Namespace(env)
			if err != nil {
				return err
			}
			return a.run(cmd.Context(), client.ObjectKey{Namespace: namespace, Name: args[0]})
		},
	}
	a.choice.Bind(cmd)
	place.Bind(cmd)
	return cmd
}

func (a *approval) run(ctx context.Context, key client.ObjectKey) error {
	var err error
	if a.kube, err = a.env.Client(); err != nil {
		return err
	}
	if a.app, err = cli.FindApp(ctx, a.kube, key); err != nil {
		return err
	}
	set := a.heldSet(ctx)
	digest, err := a.choice.Seen(a.env, set)
	if err != nil {
		return err
	}
	seen := slices.Clone(a.app.Status.Guard.Samples)
	err = cli.Change(ctx, a.kube, a.app, func() ([]cli.Operation, error) {
		if a.app.Status.Guard.Digest != digest {
			return nil, set.Changed(digest)
		}
		if a.app.Annotations[v1alpha1.AnnotationApproveRemovals] == digest {
			return nil, nil
		}
		return cli.Annotate(a.app, v1alpha1.AnnotationApproveRemovals, digest), nil
	})
	if err != nil {
		return fmt.Errorf("AppConnection %s: %w", key.Name, err)
	}
	if a.choice.Wait == 0 {
		a.env.Say("The approval of AppConnection %s is written. `kubectl scim accounts %s --held` says what is still held.", key.Name, flagged(key))
		return nil
	}
	return a.await(ctx, digest, seen)
}

// heldSet is what the guard of the app holds, as the person is asked about it.
func (a *approval) heldSet(ctx context.Context) cli.HeldSet {
	key := client.ObjectKeyFromObject(a.app)
	return cli.HeldSet{
		Verb: "approve", Look: "kubectl scim accounts " + flagged(key) + " --held",
		Digest:  func() string { return a.app.Status.Guard.Digest },
		Show:    func() { a.show(ctx) },
		Nothing: fmt.Errorf("the guard of AppConnection %s holds nothing, so there is nothing to approve", key.Name),
	}
}

// show shows the set to whoever approves it: everybody, or those of whom status has a sample.
func (a *approval) show(ctx context.Context) {
	names := map[string]v1alpha1.AppAccount{}
	all, err := cli.Accounts(ctx, a.kube, client.ObjectKeyFromObject(a.app))
	for i := range all {
		if all[i].Status.State == v1alpha1.AccountHeld {
			names[all[i].Name] = all[i]
		}
	}
	guard := a.app.Status.Guard
	held := slices.Clone(guard.Samples)
	for name := range names {
		if !slices.Contains(guard.Samples, name) {
			held = append(held, name)
		}
	}
	slices.Sort(held)
	a.write(a.env.Streams.ErrOut, held, names)
	if err != nil {
		a.env.Say("Note: not everybody can be listed: %v", err)
	}
}

func (a *approval) write(out io.Writer, held []string, names map[string]v1alpha1.AppAccount) {
	guard, now := &a.app.Status.Guard, a.env.Clock.Now()
	lines := printers.GetNewTabWriter(out)
	fmt.Fprintf(lines, "App:\t%s\n", a.app.Name)
	fmt.Fprintf(lines, "Held:\t%s\n", cli.Count(guard.Held))
	fmt.Fprintf(lines, "Held since:\t%s (%s)\n", cli.Time(guard.HeldSince), cli.Ago(guard.HeldSince, now))
	fmt.Fprintf(lines, "Takes effect:\t%s (%s), unless the people come back before\n", cli.Time(guard.ReleaseTime), cli.Ago(guard.ReleaseTime, now))
	fmt.Fprintf(lines, "Digest:\t%s\n", guard.Digest)
	fmt.Fprintln(lines, "Who keeps the account until then:")
	for _, name := range held {
		account := names[name]
		fmt.Fprintf(lines, "  %s\t%s\t%s\n", name, cli.Printable(account.Status.UserName), cli.Printable(account.Status.AccountName))
	}
	_ = lines.Flush()
	if more := known(guard.Held) - len(held); more > 0 {
		fmt.Fprintf(out, "  and %d more\n", more)
	}
}

// await waits until the controller has heard the approval, and its status says what is held since.
func (a *approval) await(ctx context.Context, digest string, seen []string) error {
	key := client.ObjectKeyFromObject(a.app)
	gone := false
	err := wait.PollUntilContextTimeout(ctx, cli.PollEvery, a.choice.Wait, true, func(ctx context.Context) (bool, error) {
		err := a.kube.Get(ctx, key, a.app)
		if gone = apierrors.IsNotFound(err); gone {
			return true, nil
		}
		return err == nil && a.app.Annotations[v1alpha1.AnnotationApproveRemovals] != digest && a.app.Status.Guard.Digest != digest, err
	})
	switch {
	case wait.Interrupted(err) && ctx.Err() == nil:
		return a.unanswered(digest)
	case err != nil:
		return fmt.Errorf("waiting for the controller's answer about AppConnection %s: %w", key.Name, err)
	case gone:
		a.env.Say("AppConnection %s is gone, and its guard holds nothing any more.", key.Name)
		return nil
	}
	return a.answered(digest, seen)
}

// unanswered says why nothing was heard, as far as the AppConnection tells.
func (a *approval) unanswered(digest string) error {
	switch {
	case a.app.Annotations[v1alpha1.AnnotationApproveRemovals] != digest:
		return fmt.Errorf("the controller has heard the approval, and the status of AppConnection %s still names the same set after %s: look again with `kubectl scim accounts %s --held`",
			a.app.Name, a.choice.Wait, flagged(client.ObjectKeyFromObject(a.app)))
	case a.app.Spec.Suspend:
		return fmt.Errorf("the approval is written, and waits because spec.suspend of AppConnection %s is true: it takes effect when that is taken back, if the set is still the same", a.app.Name)
	}
	return fmt.Errorf("the controller has not answered within %s. The approval is written and takes effect when it runs again, if the set is still the same; status.guard of AppConnection %s says what became of it",
		a.choice.Wait, a.app.Name)
}

// answered tells an approval that took effect from one that was dropped: then some of those who were held are held still, in another set.
func (a *approval) answered(digest string, seen []string) error {
	guard := &a.app.Status.Guard
	key := client.ObjectKeyFromObject(a.app)
	if guard.Digest == "" {
		a.env.Say("AppConnection %s holds nothing any more: the removals take effect. `kubectl scim accounts %s` says what has become of each account.", key.Name, flagged(key))
		return nil
	}
	still := slices.ContainsFunc(guard.Samples, func(name string) bool { return slices.Contains(seen, name) })
	if still {
		return fmt.Errorf("AppConnection %s: the set changed before the controller heard the approval: it was %s, and is %s now. Nothing was approved: look again with `kubectl scim accounts %s --held`",
			key.Name, digest, guard.Digest, flagged(key))
	}
	a.env.Say("AppConnection %s: the removals take effect. %s held since then: `kubectl scim accounts %s --held` lists them.",
		key.Name, others(known(guard.Held)), flagged(key))
	return nil
}

func others(n int) string {
	if n == 1 {
		return "1 other is"
	}
	return fmt.Sprintf("%d others are", n)
}
