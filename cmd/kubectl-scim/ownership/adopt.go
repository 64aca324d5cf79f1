package ownership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const adoptText = `Answers a push that waits for a person's word, because the directory's spec.matching says Review.

For a local user or role, it lets one directory take it over with its next push, roles and access included. For a user of the directory
whose userName comes with another externalId, --external-id says that the newcomer is the same person, or may inherit that person's
access. Repeat the task at the identity provider afterwards (in Okta: Tasks > Retry).

Objects of another directory are never taken over: detach them first.`

// NewAdoptCommand is `kubectl scim adopt`.
func NewAdoptCommand(env *cli.Env) *cobra.Command {
	var directory, externalID string
	adoptOf := func(k kind) *cobra.Command {
		cmd := k.leaf(env, "Let a directory take over a "+k.word, func(cmd *cobra.Command, name string) error {
			if directory == "" {
				return cli.Misuse(cmd, "--directory is missing: name the directory that may take over the %s", k.word)
			}
			return adopt(cmd.Context(), env, k, name, wish{directory, externalID})
		})
		cmd.Long = adoptText
		cmd.Flags().StringVar(&directory, "directory", "", "Directory that may take over (required)")
		_ = cmd.RegisterFlagCompletionFunc("directory", env.CompleteFlag(cli.Directories))
		return cmd
	}
	user := adoptOf(userKind())
	user.Flags().StringVar(&externalID, "external-id", "", "The new externalId that the user of this directory may get")
	group := cli.Group("adopt", "Let a directory take over a local user or role, or a recycled userName", user, adoptOf(roleKind()))
	group.Long = adoptText
	return group
}

// wish is what the person asked for.
type wish struct{ directory, externalID string }

// approval is the annotation that says so, and what it is about in words. Without a key nothing is to be done, and said is why.
type approval struct{ key, value, said string }

func adopt(ctx context.Context, env *cli.Env, k kind, name string, w wish) error {
	kube, err := env.Client()
	if err != nil {
		return err
	}
	directory, err := cli.FindDirectory(ctx, kube, w.directory)
	if err != nil {
		return err
	}
	s, err := k.find(ctx, kube, name)
	if err != nil {
		return err
	}
	var approved approval
	err = cli.Change(ctx, kube, s.object, func() (operations []cli.Operation, err error) {
		approved, err = decide(s, directory, w)
		if err != nil || approved.key == "" || s.object.GetAnnotations()[approved.key] == approved.value {
			return nil, err
		}
		return cli.Annotate(s.object, approved.key, approved.value), nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	env.Say("%s: %s", s, approved.said)
	return nil
}

// decide says which approval a wish needs, or why it cannot be.
func decide(s subject, directory *v1alpha1.ScimDirectory, w wish) (approval, error) {
	switch owner := s.directory(); {
	case owner == "" && w.externalID != "":
		return approval{}, errors.New("it is local, and has no externalId of a directory to be replaced: leave --external-id out")
	case owner == "":
		return takeover(s, directory)
	case owner != directory.Name:
		return approval{}, fmt.Errorf("it belongs to directory %s, and no directory takes over what is another's: run `kubectl scim detach` first", owner)
	case s.user == nil:
		return approval{said: "it belongs to directory " + owner + " already."}, nil
	}
	return recycled(s, directory, w)
}

func takeover(s subject, directory *v1alpha1.ScimDirectory) (approval, error) {
	policy, fieldName := directory.Spec.Matching.ExistingRoles, "existingRoles"
	if s.user != nil {
		policy, fieldName = directory.Spec.Matching.ExistingUsers, "existingUsers"
	}
	switch cmp.Or(policy, v1alpha1.MatchReview) {
	case v1alpha1.MatchReject:
		return approval{}, fmt.Errorf("spec.matching.%s of directory %s is Reject, so an approval would be ignored: set it to Review first", fieldName, directory.Name)
	case v1alpha1.MatchLink:
		return approval{said: fmt.Sprintf("spec.matching.%s of directory %s is Link, so its next push takes over without an approval.", fieldName, directory.Name)}, nil
	}
	return approval{v1alpha1.AnnotationApprovedTakeover, directory.Name,
		"directory " + directory.Name + " may take it over with its next push. Repeat the task at the identity provider."}, nil
}

func recycled(s subject, directory *v1alpha1.ScimDirectory, w wish) (approval, error) {
	policy := cmp.Or(directory.Spec.Matching.RecycledUsers, v1alpha1.MatchReview)
	switch {
	case w.externalID == "":
		return approval{}, missingExternalID(s, directory.Name)
	case w.externalID == s.user.Spec.ExternalID:
		return approval{said: "it has the externalId " + w.externalID + " already."}, nil
	case policy == v1alpha1.MatchReject:
		return approval{}, fmt.Errorf("spec.matching.recycledUsers of directory %s is Reject, so an approval would be ignored: set it to Review first", directory.Name)
	case policy == v1alpha1.MatchLink:
		return approval{said: fmt.Sprintf("spec.matching.recycledUsers of directory %s is Link, so its next push takes effect without an approval.", directory.Name)}, nil
	}
	return approval{v1alpha1.AnnotationApprovedExternalID, w.externalID,
		fmt.Sprintf("directory %s may change its externalId from %q to %q, and the newcomer inherits its access. Repeat the task at the identity provider.",
			directory.Name, s.user.Spec.ExternalID, w.externalID)}, nil
}

// plainWord is what every shell takes as it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_][-A-Za-z0-9._@:/+=]*$`)

// word writes an externalId, which comes from outside, so that it can be pasted, or says how to.
func word(externalID string) string {
	if plainWord.MatchString(externalID) {
		return externalID
	}
	return "with that value in quotes that your shell leaves alone"
}

// missingExternalID names the externalId that waits, so that the person decides about exactly that one.
func missingExternalID(s subject, directory string) error {
	asking, externalID, _ := strings.Cut(s.object.GetAnnotations()[v1alpha1.AnnotationReviewRequested], " ")
	if asking == directory && externalID != "" {
		return fmt.Errorf("a push wants to change its externalId from %q to %q. If that is the same person, or somebody who may inherit the access, add --external-id %s",
			s.user.Spec.ExternalID, externalID, word(externalID))
	}
	return fmt.Errorf("it belongs to directory %s already, and no push waits for a word about it. To approve another externalId, add --external-id", directory)
}
