package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const createText = `Makes a token of 32 random bytes for a directory and prints it, once. The directory keeps only its SHA-256, so nobody can read the token
from the cluster. It is valid when the command returns.

Standard output is the token and nothing else:

  kubectl scim token create okta --name 2026-q4 > token.txt

Tokens that the directory has already stay as they are. To replace one without a refused request, use 'kubectl scim token rotate'.`

// request is what a new credential is to be like.
type request struct {
	name      string
	access    string
	expiresIn cli.Duration
	notBefore string
	secret    string
}

func (r *request) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&r.name, "name", "", "Name of the credential; without it, a name made of today's date")
	flags.StringVar(&r.access, "access", "", "ReadWrite or ReadOnly")
	flags.Var(&r.expiresIn, "expires-in", "How long the token is valid, for example 90d or 12h; without it, until it is revoked")
	flags.StringVar(&r.notBefore, "not-before", "", "Time from which the token is valid, as in 2026-01-31T08:00:00Z; without it, from now on")
	flags.StringVar(&r.secret, "secret", "", "Keep the token in a new Secret of this name in the operator's namespace, in the place of its hash")
	_ = cmd.RegisterFlagCompletionFunc("access", cobra.FixedCompletions(
		[]string{string(v1alpha1.AccessReadWrite), string(v1alpha1.AccessReadOnly)}, cobra.ShellCompDirectiveNoFileComp))
}

func newCreateCommand(env *cli.Env) *cobra.Command {
	r := &request{}
	cmd := &cobra.Command{
		Use:               "create DIRECTORY",
		Short:             "Make a token and print it once",
		Long:              createText,
		Args:              cli.Args(1),
		ValidArgsFunction: env.Complete(0, cli.Directories),
		RunE: func(cmd *cobra.Command, args []string) error {
			template, err := r.credential(cmd, env.Clock.Now())
			if err != nil {
				return err
			}
			return create(cmd.Context(), env, args[0], template, r.secret)
		},
	}
	r.bind(cmd)
	return cmd
}

// credential is what the flags describe, without the token.
func (r *request) credential(cmd *cobra.Command, now time.Time) (v1alpha1.Credential, error) {
	c := v1alpha1.Credential{Name: r.name, Access: v1alpha1.CredentialAccess(r.access)}
	if !slices.Contains([]v1alpha1.CredentialAccess{"", v1alpha1.AccessReadWrite, v1alpha1.AccessReadOnly}, c.Access) {
		return c, cli.Misuse(cmd, "--access=%s: it is ReadWrite or ReadOnly", r.access)
	}
	start := now
	if r.notBefore != "" {
		at, err := time.Parse(time.RFC3339, r.notBefore)
		if err != nil {
			return c, cli.Misuse(cmd, "--not-before=%s: write the time as in 2026-01-31T08:00:00Z", r.notBefore)
		}
		start, c.NotBefore = at, &metav1.Time{Time: at}
	}
	if r.expiresIn != 0 {
		// Whole seconds are what the API server stores.
		c.ExpiresAt = &metav1.Time{Time: start.Add(time.Duration(r.expiresIn)).Truncate(time.Second)}
	}
	return c, nil
}

func create(ctx context.Context, env *cli.Env, name string, template v1alpha1.Credential, secret string) error {
	kube, err := env.Client()
	if err != nil {
		return err
	}
	if _, err := cli.FindDirectory(ctx, kube, name); err != nil {
		return err
	}
	token, hash, err := newToken(env.Random)
	if err != nil {
		return err
	}
	undo, err := keep(ctx, env, kube, &template, token, hash, secret)
	if err != nil {
		return err
	}
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}}
	err = cli.Change(ctx, kube, directory, func() ([]cli.Operation, error) {
		added, err := named(directory.Spec.Credentials, template, env.Clock.Now())
		if err := errors.Join(err, room(len(directory.Spec.Credentials))); err != nil {
			return nil, err
		}
		template.Name = added.Name
		return addition(directory, added), nil
	})
	if err != nil {
		undo()
		return fmt.Errorf("adding a credential to ScimDirectory %s: %w", name, err)
	}
	env.Say("Credential %s of directory %s is made%s. This is the only time that its token is shown.", template.Name, name, validity(&template))
	return show(env, token)
}

// keep puts the token where the credential finds it: its hash into the credential, or the token into a Secret of its own. undo takes
// that Secret back.
func keep(ctx context.Context, env *cli.Env, kube client.Client, c *v1alpha1.Credential, token, hash, secret string) (undo func(), err error) {
	if secret == "" {
		c.TokenSHA256 = hash
		return func() {}, nil
	}
	object := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace, Name: secret},
		Type:       corev1.SecretTypeOpaque, StringData: map[string]string{"token": token},
	}
	if err := kube.Create(ctx, object); err != nil {
		return nil, fmt.Errorf("making Secret %s in namespace %s (--namespace names another): %w", secret, env.Namespace, err)
	}
	c.TokenSecretRef = v1alpha1.SecretKeyRef{Name: secret, Key: "token"}
	return func() {
		if err := kube.Delete(context.WithoutCancel(ctx), object); err != nil {
			env.Say("Secret %s in namespace %s is left behind: %v. Delete it.", secret, env.Namespace, err)
		}
	}, nil
}

// show prints a token alone, so that it can be piped.
func show(env *cli.Env, token string) error {
	if _, err := fmt.Fprintln(env.Streams.Out, token); err != nil {
		return fmt.Errorf("the token could not be shown and is lost: revoke it and make another: %w", err)
	}
	return nil
}

// named gives a new credential a name that is free, or says why it cannot have the one that was asked for.
func named(existing []v1alpha1.Credential, c v1alpha1.Credential, now time.Time) (v1alpha1.Credential, error) {
	taken := func(name string) bool {
		return slices.ContainsFunc(existing, func(other v1alpha1.Credential) bool { return other.Name == name })
	}
	if c.Name != "" {
		if taken(c.Name) {
			return c, fmt.Errorf("there is a credential %s already: choose another --name", c.Name)
		}
		return c, nil
	}
	base := now.UTC().Format("2006-01-02")
	c.Name = base
	for i := 2; taken(c.Name); i++ {
		c.Name = fmt.Sprintf("%s-%d", base, i)
	}
	return c, nil
}

// room says whether a directory that keeps so many credentials takes another one.
func room(kept int) error {
	if kept < maxCredentials {
		return nil
	}
	return fmt.Errorf("there are %d credentials already, which is as many as a directory takes: remove one with `kubectl scim token revoke`", kept)
}

// addition adds a credential after those that are there.
func addition(directory *v1alpha1.ScimDirectory, c v1alpha1.Credential) []cli.Operation {
	if len(directory.Spec.Credentials) == 0 {
		return append(cli.EnsureSpec(directory), cli.Operation{Op: "add", Path: "/spec/credentials", Value: []v1alpha1.Credential{c}})
	}
	return []cli.Operation{{Op: "add", Path: "/spec/credentials/-", Value: c}}
}

// validity says in words when a credential is valid and what it is for.
func validity(c *v1alpha1.Credential) string {
	var text strings.Builder
	fmt.Fprintf(&text, " (%s", cmp.Or(c.Access, v1alpha1.AccessReadWrite))
	if c.NotBefore != nil {
		fmt.Fprintf(&text, ", from %s", cli.Time(c.NotBefore))
	}
	if c.ExpiresAt != nil {
		fmt.Fprintf(&text, ", until %s", cli.Time(c.ExpiresAt))
	}
	return text.String() + ")"
}
