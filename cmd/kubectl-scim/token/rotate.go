package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const rotateText = `Makes a new token, prints it once, and gives the old ones of the same access an end. Both are valid meanwhile, so no request is
refused: put the new token into the identity provider before the overlap is over.

  kubectl scim token rotate okta --overlap 24h > token.txt

'kubectl scim token list' shows when the old one was last used, and 'kubectl scim token revoke' ends it earlier. Credentials that are
past their end already are removed.`

// defaultOverlap leaves a day to change the token in the identity provider.
const defaultOverlap = 24 * time.Hour

func newRotateCommand(env *cli.Env) *cobra.Command {
	r, overlap, old := &request{}, cli.Duration(defaultOverlap), []string{}
	cmd := &cobra.Command{
		Use:               "rotate DIRECTORY",
		Short:             "Make a new token, and let the old one run out",
		Long:              rotateText,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, cli.Directories),
		RunE: func(cmd *cobra.Command, args []string) error {
			template, err := r.credential(cmd, env.Clock.Now())
			if err != nil {
				return err
			}
			if template.NotBefore != nil && template.NotBefore.Sub(env.Clock.Now()) > time.Duration(overlap) {
				return cli.Misuse(cmd, "--not-before is after the end of --overlap: no token would be valid between the two")
			}
			return rotate(cmd.Context(), env, args[0], rotation{template: template, secret: r.secret, overlap: time.Duration(overlap), old: old})
		},
	}
	r.bind(cmd)
	cmd.Flags().Var(&overlap, "overlap", "How long the old tokens stay valid")
	cmd.Flags().StringSliceVar(&old, "old", nil, "Names of the credentials to let run out; without it, all that are valid and have the same access as the new one")
	_ = cmd.RegisterFlagCompletionFunc("old", env.CompleteFlag(func(ctx context.Context, kube client.Client, args []string) ([]string, error) {
		if len(args) == 0 {
			return nil, nil
		}
		return cli.Credentials(ctx, kube, args)
	}))
	return cmd
}

// rotation is what is to be done.
type rotation struct {
	template v1alpha1.Credential
	secret   string
	overlap  time.Duration
	// old are the names to retire; none means those of the same access.
	old []string
}

// rotated is what a rotation does to a list of credentials.
type rotated struct {
	added      v1alpha1.Credential
	operations []cli.Operation
	// retired are the credentials that get an end, removed those that are past theirs.
	retired, removed []string
	end              metav1.Time
}

func rotate(ctx context.Context, env *cli.Env, name string, what rotation) error {
	kube, err := env.Client()
	if err != nil {
		return err
	}
	directory, err := cli.FindDirectory(ctx, kube, name)
	if err != nil {
		return err
	}
	// A mistake should be found before a Secret is made.
	if _, err := what.plan(directory.Spec.Credentials, env.Clock.Now()); err != nil {
		return fmt.Errorf("ScimDirectory %s: %w", name, err)
	}
	token, hash, err := newToken(env.Random)
	if err != nil {
		return err
	}
	undo, err := keep(ctx, env, kube, &what.template, token, hash, what.secret)
	if err != nil {
		return err
	}
	var done rotated
	err = cli.Change(ctx, kube, directory, func() (operations []cli.Operation, err error) {
		done, err = what.plan(directory.Spec.Credentials, env.Clock.Now())
		return done.operations, err
	})
	if err != nil {
		undo()
		return fmt.Errorf("changing the credentials of ScimDirectory %s: %w", name, err)
	}
	env.Say("Credential %s of directory %s is made%s. This is the only time that its token is shown.", done.added.Name, name, validity(&done.added))
	env.Say("The old credential %s is valid until %s: put the new token into the identity provider before.", strings.Join(done.retired, ", "), cli.Time(&done.end))
	if len(done.removed) > 0 {
		env.Say("Removed, because they were past their end: %s.", strings.Join(done.removed, ", "))
	}
	return show(env, token)
}

// plan decides what a rotation does to the credentials that are there now. It is pure.
func (r rotation) plan(existing []v1alpha1.Credential, now time.Time) (rotated, error) {
	var done rotated
	retire, err := r.chosen(existing, now)
	if err != nil {
		return done, err
	}
	done.end = metav1.Time{Time: now.Add(r.overlap).Truncate(time.Second)}
	added, err := named(existing, r.template, now)
	if err != nil {
		return done, err
	}
	// From the last to the first, so that what is removed moves nothing that is still to be changed.
	for _, i := range slices.Backward(retire) {
		c := &existing[i]
		done.retired = append([]string{c.Name}, done.retired...)
		// The /Me of the identity provider stays the same person.
		added.UserID = cmp.Or(added.UserID, c.UserID)
		added.Access = cmp.Or(added.Access, c.Access)
	}
	for i := range slices.Backward(existing) {
		c, path := &existing[i], cli.Pointer("spec", "credentials", strconv.Itoa(i))
		switch {
		case stateOf(c, now) == stateExpired:
			done.removed = append([]string{c.Name}, done.removed...)
			done.operations = append(done.operations, cli.Operation{Op: "remove", Path: path})
		case !slices.Contains(retire, i):
		case c.ExpiresAt == nil || c.ExpiresAt.After(done.end.Time):
			done.operations = append(done.operations, cli.Operation{Op: "add", Path: path + "/expiresAt", Value: done.end})
		}
	}
	if err := room(len(existing) - len(done.removed)); err != nil {
		return done, err
	}
	done.added = added
	done.operations = append(done.operations, cli.Operation{Op: "add", Path: "/spec/credentials/-", Value: added})
	return done, nil
}

// chosen are the positions of the credentials to retire.
func (r rotation) chosen(existing []v1alpha1.Credential, now time.Time) ([]int, error) {
	access := cmp.Or(r.template.Access, v1alpha1.AccessReadWrite)
	var positions []int
	for i := range existing {
		c := &existing[i]
		switch {
		case slices.Contains(r.old, c.Name) && stateOf(c, now) == stateExpired:
			return nil, fmt.Errorf("credential %s is past its end already: leave it out of --old", c.Name)
		case len(r.old) > 0 && !slices.Contains(r.old, c.Name):
		case len(r.old) == 0 && (!c.ValidAt(now) || cmp.Or(c.Access, v1alpha1.AccessReadWrite) != access):
		default:
			positions = append(positions, i)
		}
	}
	for _, name := range r.old {
		if !slices.ContainsFunc(existing, func(c v1alpha1.Credential) bool { return c.Name == name }) {
			return nil, fmt.Errorf("there is no credential %s: `kubectl scim token list` lists them", name)
		}
	}
	if len(positions) == 0 {
		return nil, errors.New("no " + string(access) + " credential is valid, so there is nothing to rotate: make one with `kubectl scim token create`")
	}
	return positions, nil
}
