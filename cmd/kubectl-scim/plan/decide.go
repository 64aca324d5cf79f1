package plan

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// decision is what the person asks for.
type decision struct {
	verdict v1alpha1.PlanDecision
	choice  cli.Choice
	reason  string
}

func newApproveCommand(env *cli.Env) *cobra.Command {
	return newDecideCommand(env, v1alpha1.DecisionApprove, "Let the removals of a plan take effect",
		`Lets exactly the held removals take effect that the digest names. When the set has changed since, the approval is refused and nothing
happens: look again. Without --digest the command shows the plan and asks for the digest; with --yes it approves what it has just read.`)
}

func newDiscardCommand(env *cli.Env) *cobra.Command {
	return newDecideCommand(env, v1alpha1.DecisionDiscard, "Keep the access of those whom a plan holds",
		`Keeps the access of exactly those whom the digest names: they keep it until the identity provider takes them back, or until somebody
approves after all. When the set has changed since, the word is refused and nothing happens. Without --digest the command shows the plan and
asks for the digest; with --yes it discards what it has just read.`)
}

func newDecideCommand(env *cli.Env, verdict v1alpha1.PlanDecision, short, long string) *cobra.Command {
	d := decision{verdict: verdict}
	cmd := &cobra.Command{
		Use:               strings.ToLower(string(verdict)) + " NAME",
		Short:             short,
		Long:              long,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, cli.Plans),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := d.choice.Check(cmd); err != nil {
				return err
			}
			return d.run(cmd.Context(), env, args[0])
		},
	}
	d.choice.Bind(cmd)
	cmd.Flags().StringVar(&d.reason, "reason", "", "Why, for whoever reads it next year")
	return cmd
}

func (d decision) run(ctx context.Context, env *cli.Env, name string) error {
	kube, err := env.Client()
	if err != nil {
		return err
	}
	plan, err := cli.FindPlan(ctx, kube, name)
	if err != nil {
		return err
	}
	set := d.heldSet(ctx, env, kube, plan)
	digest, err := d.choice.Seen(env, set)
	if err != nil {
		return err
	}
	if err := d.write(ctx, kube, plan, digest, set); err != nil {
		return err
	}
	if d.choice.Wait == 0 {
		env.Say("The decision about plan %s is written. `kubectl scim plan show %s` says what became of it.", name, name)
		return nil
	}
	return d.await(ctx, env, kube, plan)
}

// heldSet is what a plan holds, as the person is asked about it.
func (d decision) heldSet(ctx context.Context, env *cli.Env, kube client.Client, plan *v1alpha1.AccessPlan) cli.HeldSet {
	return cli.HeldSet{
		Verb: strings.ToLower(string(d.verdict)), Look: "kubectl scim plan show " + plan.Name,
		Digest: func() string { return plan.Status.Digest },
		Show: func() {
			held, incomplete := heldPeople(ctx, kube, plan)
			write(env.Streams.ErrOut, plan, held, env.Clock.Now())
			if incomplete != nil {
				env.Say("Note: %v", incomplete)
			}
		},
		Nothing: fmt.Errorf("plan %s holds nothing, so there is nothing to decide", plan.Name),
	}
}

// write writes the decision. One that stands there already is taken out first, because the controller hears each once.
func (d decision) write(ctx context.Context, kube client.Client, plan *v1alpha1.AccessPlan, digest string, set cli.HeldSet) error {
	wanted := v1alpha1.Decision{Digest: digest, Verdict: d.verdict, Reason: d.reason}
	check := func() error {
		if plan.Status.Digest != digest {
			return set.Changed(digest)
		}
		return nil
	}
	err := cli.Change(ctx, kube, plan, func() ([]cli.Operation, error) {
		if plan.Spec.Decision != wanted {
			return nil, check()
		}
		return []cli.Operation{{Op: "remove", Path: "/spec/decision"}}, check()
	})
	if err != nil {
		return fmt.Errorf("plan %s: %w", plan.Name, err)
	}
	err = cli.Change(ctx, kube, plan, func() ([]cli.Operation, error) {
		return []cli.Operation{{Op: "add", Path: "/spec/decision", Value: wanted}}, check()
	})
	if err != nil {
		return fmt.Errorf("plan %s: %w", plan.Name, err)
	}
	return nil
}

// await waits until the controller has said what became of the decision.
func (d decision) await(ctx context.Context, env *cli.Env, kube client.Client, plan *v1alpha1.AccessPlan) error {
	written := plan.Generation
	var answer *metav1.Condition
	err := wait.PollUntilContextTimeout(ctx, cli.PollEvery, d.choice.Wait, true, func(ctx context.Context) (bool, error) {
		err := kube.Get(ctx, client.ObjectKeyFromObject(plan), plan)
		if apierrors.IsNotFound(err) {
			return true, nil // A plan that has nothing left to hold is removed.
		}
		answer = answered(plan, written)
		return answer != nil, err
	})
	switch {
	case wait.Interrupted(err) && ctx.Err() == nil:
		return fmt.Errorf("the controller has not answered within %s. The decision is written and takes effect when it runs again; `kubectl scim plan show %s` says what became of it",
			d.choice.Wait, plan.Name)
	case err != nil:
		return fmt.Errorf("waiting for the controller's answer about plan %s: %w", plan.Name, err)
	case answer == nil:
		env.Say("Plan %s is gone: it holds nothing any more.", plan.Name)
		return nil
	case answer.Status != metav1.ConditionTrue:
		return fmt.Errorf("plan %s: refused (%s): %s", plan.Name, answer.Reason, answer.Message)
	}
	env.Say("Plan %s: %s (%s)", plan.Name, answer.Message, answer.Reason)
	return nil
}

// answered is the controller's word about the spec of that generation, nil before it is there.
func answered(plan *v1alpha1.AccessPlan, generation int64) *metav1.Condition {
	c := apimeta.FindStatusCondition(plan.Status.Conditions, v1alpha1.PlanDecided)
	if c == nil || c.Status == metav1.ConditionUnknown || c.ObservedGeneration < generation {
		return nil
	}
	return c
}
