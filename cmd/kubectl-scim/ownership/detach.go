package ownership

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const detachText = `Makes a user or role that came through a directory a local one: it can then be edited and deleted like any other, and the identity
provider no longer sees it. Use it for what the identity provider left behind, such as a group that was unlinked with "Leave the group in
the target app". Memberships, grants and the object's name stay.

Take the user or group out of the application at the identity provider first. A later push of the same name meets a local object, and is
answered as the directory's spec.matching says.`

// NewDetachCommand is `kubectl scim detach`.
func NewDetachCommand(env *cli.Env) *cobra.Command {
	var yes bool
	detachOf := func(k kind) *cobra.Command {
		cmd := k.leaf(env, "Make a "+k.word+" of a directory local", func(cmd *cobra.Command, name string) error {
			return detach(cmd.Context(), env, k, name, yes)
		})
		cmd.Long = detachText
		cmd.Flags().BoolVarP(&yes, "yes", "y", false, "Do not ask")
		return cmd
	}
	group := cli.Group("detach", "Free a user or role from its directory, so that it can be edited or deleted", detachOf(userKind()), detachOf(roleKind()))
	group.Long = detachText
	return group
}

func detach(ctx context.Context, env *cli.Env, k kind, name string, yes bool) error {
	kube, err := env.Client()
	if err != nil {
		return err
	}
	s, err := k.find(ctx, kube, name)
	if err != nil {
		return err
	}
	from := s.directory()
	if from == "" {
		env.Say("%s is local already: no directory owns it.", s)
		return nil
	}
	if s.user != nil && renamed(s.user) {
		env.Say("Warning: the expression of directory %s no longer makes the Kubernetes user name: bindings will name %q in the place of %q.",
			from, s.user.Spec.UserName, s.user.Status.KubernetesUser)
		if err := env.Confirm(yes, "Detach "+s.String()+"?"); err != nil {
			return err
		}
	}
	err = cli.Change(ctx, kube, s.object, func() ([]cli.Operation, error) { return detachment(s, from) })
	if err != nil {
		return fmt.Errorf("detaching %s from directory %s: %w", s, from, err)
	}
	env.Say("%s is local now: directory %s no longer sees or changes it.", s, from)
	return nil
}

// renamed says whether a user appears under another name in Kubernetes once the directory's expression no longer applies.
func renamed(user *v1alpha1.ScimUser) bool {
	return user.Status.KubernetesUser != "" && user.Status.KubernetesUser != user.Spec.UserName
}

// detachment is what changes about the object. Other marks of the operator are not a person's to take off.
func detachment(s subject, from string) ([]cli.Operation, error) {
	switch now := s.directory(); now {
	case "":
		return nil, nil
	case from:
	default:
		return nil, fmt.Errorf("it belongs to directory %s meanwhile: look again", now)
	}
	operations := []cli.Operation{{Op: "remove", Path: "/spec/directory"}}
	return append(operations, cli.Unset("labels", s.object.GetLabels(), v1alpha1.LabelDirectory)...), nil
}
