package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const (
	// defaultWait is how long the controller's answer is waited for. It takes well under a second unless the controller is down.
	defaultWait = time.Minute
	// pollEvery is how often the plan is read meanwhile.
	pollEvery = 250 * time.Millisecond
	// leastDigest is the number of hexadecimal digits by which a person may name a digest.
	leastDigest = 8
	// digestPrefix stands before the digits.
	digestPrefix = "sha256:"
)

// decision is what the person asks for.
type decision struct {
	verdict v1alpha1.PlanDecision
	digest  string
	reason  string
	yes     bool
	wait    time.Duration
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
			if d.digest != "" {
				if _, err := digits(d.digest); err != nil {
					return cli.Misuse(cmd, "--digest=%s: %w", d.digest, err)
				}
			}
			return d.run(cmd.Context(), env, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.digest, "digest", "", "Digest of the set that you looked at, or its first 8 digits or more")
	flags.StringVar(&d.reason, "reason", "", "Why, for whoever reads it next year")
	flags.BoolVarP(&d.yes, "yes", "y", false, "Without --digest: decide about the set as it is now, without asking")
	flags.DurationVar(&d.wait, "wait", defaultWait, "How long to wait for the controller's answer; 0 to not wait")
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
	digest, err := d.seen(ctx, env, kube, plan)
	if err != nil {
		return err
	}
	if err := d.write(ctx, kube, plan, digest); err != nil {
		return err
	}
	if d.wait == 0 {
		env.Say("The decision about plan %s is written. `kubectl scim plan show %s` says what became of it.", name, name)
		return nil
	}
	return d.await(ctx, env, kube, plan)
}

// seen is the digest of the set that the person decides about.
func (d decision) seen(ctx context.Context, env *cli.Env, kube client.Client, plan *v1alpha1.AccessPlan) (string, error) {
	if plan.Status.Digest == "" {
		return "", nothing(plan.Name)
	}
	named := d.digest
	if named == "" {
		held, incomplete := heldPeople(ctx, kube, plan)
		write(env.Streams.ErrOut, plan, held, env.Clock.Now())
		if incomplete != nil {
			env.Say("Note: %v", incomplete)
		}
		if plan.Status.Digest == "" {
			return "", nothing(plan.Name)
		}
		if d.yes {
			return plan.Status.Digest, nil
		}
		var err error
		named, err = env.Ask(fmt.Sprintf("To %s exactly this set, type its digest (8 digits will do): ", strings.ToLower(string(d.verdict))))
		if err != nil {
			return "", err
		}
		if named == "" {
			return "", errors.New("nothing was decided, because no digest was typed: give --digest, or --yes")
		}
	}
	given, err := digits(named)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(strings.TrimPrefix(plan.Status.Digest, digestPrefix), given) {
		return "", changed(plan.Name, named, plan.Status.Digest)
	}
	return plan.Status.Digest, nil
}

func nothing(plan string) error {
	return fmt.Errorf("plan %s holds nothing, so there is nothing to decide", plan)
}

// digits are the hexadecimal digits of a digest that a person gave.
func digits(text string) (string, error) {
	given := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), digestPrefix))
	if len(given) < leastDigest || len(given) > 64 || strings.Trim(given, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is no digest: give sha256: and 64 hexadecimal digits, or the first %d of these or more", text, leastDigest)
	}
	return given, nil
}

func changed(plan, seen, now string) error {
	return fmt.Errorf("the set has changed since: you named %s, and it is %s now. Nothing was decided: look again with `kubectl scim plan show %s`", seen, now, plan)
}

// write writes the decision. One that stands there already is taken out first, because the controller hears each once.
func (d decision) write(ctx context.Context, kube client.Client, plan *v1alpha1.AccessPlan, digest string) error {
	wanted := v1alpha1.Decision{Digest: digest, Verdict: d.verdict, Reason: d.reason}
	check := func() error {
		if plan.Status.Digest != digest {
			return changed(plan.Name, digest, plan.Status.Digest)
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
	err := wait.PollUntilContextTimeout(ctx, pollEvery, d.wait, true, func(ctx context.Context) (bool, error) {
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
			d.wait, plan.Name)
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
