// Package status shows how far the operator is with what there is to do.
package status

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const longText = `Shows how far the operator is: directories, users, roles and grants, the bindings that are in effect, and the accounts of each app; what
the guard holds; and what failed, by kind and reason, with at most five objects of each and what they say.

DONE are objects whose status is about their present spec (status.observedGeneration is metadata.generation) and that are as they should be,
or as somebody wants them, as with spec.mode Plan or spec.suspend. WAITING are those whose status is about an earlier spec or says that there
is work, and accounts that are still to be worked on. FAILED say by their condition Ready that they are not as they should be. HELD are
accounts whose removal waits for a person's word.

  WHAT                        TOTAL   DONE   WAITING   FAILED   HELD
  directories                 1       1      0         0        -
  users                       3       1      1         1        -
  roles                       1       1      0         0        -
  grants                      1       1      0         0        -
  accounts default/wiki       1       0      1         0        -

  Bindings in effect: 14

  Failures:
    ScimUser UserNameConflict: 1
      bob-2 (bob@example.com): ScimUser "bob-1" holds this userName, so this user gets no access. Rename or delete one of the two.

  2 objects left to do; not as it should be: 1 object.

With --watch it goes on until nothing waits, or until it is interrupted; what waits in a suspended app, or for a person's word, is not waited
for. On a terminal it draws progress bars, over and over in the same place:

  users                     [##################------] 2264/3003  waiting 738  failed 1  233.5/s, 3s left

Elsewhere it writes a line whenever something has changed:

  2026-02-03T04:05:06Z directories 1/1, users 2/3, roles 1/1, grants 1/1, accounts default/wiki 1/1, bindings 14, failed 1

Rates, and the time that remains, come from the snapshots of the last 30 seconds. Each snapshot lists all objects, page by page; after one
that took long, nothing is asked for at least five times as long.

It needs the right to list the operator's kinds in the whole cluster, and no other: the ClusterRole scim-operator-viewer has it, and with it
Kubernetes' own view, where a ClusterRoleBinding gives one of them. The exit code is 1 when something failed, and with --watch also when it
is interrupted; what waits or is held is no failure.`

// leastInterval is how often everything may be read.
const leastInterval = time.Second

// follower is one run of the command.
type follower struct {
	env      *cli.Env
	kube     client.Client
	output   *cli.Output
	watch    bool
	interval time.Duration
}

// NewCommand is `kubectl scim status`.
func NewCommand(env *cli.Env) *cobra.Command {
	f := follower{env: env, output: cli.NewOutput(cli.FormatJSON, cli.FormatYAML)}
	cmd := &cobra.Command{
		Use:               "status",
		Short:             "Show what is syncing, what waits, what is held and what failed",
		Long:              longText,
		Args:              cli.Args(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			var err error
			if f.kube, err = env.Client(); err != nil {
				return err
			}
			if f.watch {
				return f.follow(cmd.Context())
			}
			return f.once(cmd.Context())
		},
	}
	f.output.Bind(cmd)
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "Go on until nothing waits any more")
	cmd.Flags().DurationVar(&f.interval, "interval", 2*time.Second, "With --watch: how often to look, at least 1s")
	return cmd
}

func (f *follower) check(cmd *cobra.Command) error {
	switch {
	case f.watch && f.output.String() != "":
		return cli.Misuse(cmd, "--watch and --output=%s contradict each other: give one of them", f.output)
	case !f.watch && cmd.Flags().Changed("interval"):
		return cli.Misuse(cmd, "--interval is about --watch: give that, too")
	case f.interval < leastInterval:
		return cli.Misuse(cmd, "--interval=%s is too short: give %s or more", f.interval, leastInterval)
	}
	return nil
}

// take reads everything, and sums it up as of when the reading began.
func (f *follower) take(ctx context.Context) (Snapshot, error) {
	now := f.env.Clock.Now()
	found, err := read(ctx, f.kube)
	if err != nil {
		return Snapshot{Time: metav1.NewTime(now)}, err
	}
	return snapshotOf(found, now), nil
}

func (f *follower) once(ctx context.Context) error {
	s, err := f.take(ctx)
	if err != nil {
		return err
	}
	if err := f.output.Print(f.env.Streams.Out, cli.Result{Data: s, Text: s.write}); err != nil {
		return err
	}
	return judged(&s)
}

// follow shows one snapshot after the other, and in the end what is to be said of the last.
func (f *follower) follow(ctx context.Context) error {
	out := f.env.Streams.Out
	w := watcher{interval: f.interval, take: f.take, pause: pause, now: f.env.Clock.Now, show: newDisplay(out)}
	s, err := w.run(ctx)
	if ctx.Err() != nil {
		f.env.Say("Interrupted before everything was done.")
		return cli.ErrReported
	}
	if err != nil {
		return err
	}
	s.writeDetails(out)
	fmt.Fprintf(out, "\n%s\n", s.verdict())
	return judged(&s)
}

// judged makes the command fail when something has failed, as doctor does. What waits, or is held, is no failure.
func judged(s *Snapshot) error {
	if len(s.Failures) > 0 {
		return cli.ErrReported
	}
	return nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	timer := clock.RealClock{}.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}
