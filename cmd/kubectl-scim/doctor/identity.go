package doctor

import (
	"context"
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access"
)

const identityCheck = "identity"

// identity checks that the user name in bindings is the one that the API server makes of a person's sign-in.
func (e *examination) identity(ctx context.Context, directories []v1alpha1.ScimDirectory) []Finding {
	findings := e.conflicts(ctx)
	review := &authenticationv1.SelfSubjectReview{}
	if err := e.kube.Create(ctx, review); err != nil {
		return append(findings, unknown(identityCheck, err))
	}
	caller := review.Status.UserInfo.Username
	user, err := e.caller(ctx, caller)
	if err != nil {
		return append(findings, warn(identityCheck, fmt.Sprintf("the API server knows you as %q, and no ScimUser was found for that: %v", caller, err),
			"Run this as a person whom the identity provider pushed, or name yourself with --scim-user."))
	}
	return append(findings, compare(caller, user, directoryOf(user, directories)))
}

// caller finds the ScimUser of the person who asks: the one that was named, or else the one whose userName the API server's name ends in.
func (e *examination) caller(ctx context.Context, name string) (*v1alpha1.ScimUser, error) {
	if e.user != "" {
		return cli.FindUser(ctx, e.kube, e.user)
	}
	var last error
	for _, candidate := range candidates(name) {
		user, err := cli.FindUser(ctx, e.kube, candidate)
		if err == nil {
			return user, nil
		}
		last = err
	}
	return nil, last
}

// candidates are the userNames that may be behind a name of the API server: the name itself, and what follows a prefix, such as oidc: or
// https://issuer.example.com#.
func candidates(name string) []string {
	all := []string{name}
	for i, r := range name {
		if strings.ContainsRune(":#/", r) && i+1 < len(name) {
			all = append(all, name[i+1:])
		}
	}
	return all
}

func directoryOf(user *v1alpha1.ScimUser, directories []v1alpha1.ScimDirectory) *v1alpha1.ScimDirectory {
	for i := range directories {
		if directories[i].Name == user.Spec.Directory {
			return &directories[i]
		}
	}
	return nil
}

// compare says whether a person's name in bindings is the one that the API server knows the person by. A local user has no directory.
func compare(caller string, user *v1alpha1.ScimUser, directory *v1alpha1.ScimDirectory) Finding {
	expression, where := "", "the ScimUser's spec.userName"
	if directory != nil {
		expression, where = directory.Spec.Identity.Username, "spec.identity.username of directory "+directory.Name
	}
	bound, err := boundName(expression, user)
	switch {
	case err != nil:
		return fail(identityCheck, fmt.Sprintf("ScimUser %s gets no access: %v", user.Name, err), "Correct "+where+".")
	case bound == caller:
		return pass(identityCheck, "bindings name ScimUser %s as the API server knows you: %q", user.Name, caller)
	case !samePerson(caller, user):
		return warn(identityCheck, fmt.Sprintf("you are signed in as %q, which does not look like ScimUser %s (%s); bindings name that one %q", caller, user.Name, user.Spec.UserName, bound),
			fmt.Sprintf("Run this with that person's kubeconfig. `kubectl auth can-i --list --as=%s` says what bindings give.", bound))
	}
	return fail(identityCheck, fmt.Sprintf("bindings name ScimUser %s %q, but the API server knows you as %q, so what the bindings give is not yours", user.Name, bound, caller),
		mend(caller, user, where))
}

// boundName is the name that bindings have for a user, by the directory's expression.
func boundName(expression string, user *v1alpha1.ScimUser) (string, error) {
	compiled, err := access.CompileUsername(expression)
	if err != nil {
		return "", err
	}
	name, err := compiled.Of(&user.Spec)
	if err != nil {
		return "", err
	}
	return name, access.SubjectName(name)
}

// samePerson says whether the API server's name has the userName or an e-mail address in it.
func samePerson(caller string, user *v1alpha1.ScimUser) bool {
	folded := v1alpha1.Fold(caller)
	if strings.HasSuffix(folded, v1alpha1.Fold(user.Spec.UserName)) {
		return true
	}
	for _, email := range user.Spec.Emails {
		if email.Value != "" && strings.HasSuffix(folded, v1alpha1.Fold(email.Value)) {
			return true
		}
	}
	return false
}

// mend proposes the expression that gives the API server's name, where it is a prefix and the userName.
func mend(caller string, user *v1alpha1.ScimUser, where string) string {
	if prefix, ok := strings.CutSuffix(caller, user.Spec.UserName); ok && user.Spec.Directory != "" {
		if prefix == "" {
			return "Set " + where + " to user.userName."
		}
		return fmt.Sprintf("Set %s to '%q + user.userName', as --oidc-username-prefix (or the claim mapping) of the API server has it.", where, prefix)
	}
	return "Make " + where + " give the name that the API server makes of the sign-in: compare its --oidc-username-claim and --oidc-username-prefix. Case matters."
}

// conflicts finds users that count for nothing because another one has the userName.
func (e *examination) conflicts(ctx context.Context) []Finding {
	var users v1alpha1.ScimUserList
	err := e.kube.List(ctx, &users, client.MatchingFields{"status.state": string(v1alpha1.UserConflict)}, client.Limit(1))
	switch {
	case err != nil:
		return []Finding{unknown("users", err)}
	case len(users.Items) > 0:
		return []Finding{warn("users", fmt.Sprintf("ScimUser %s, for one, has a userName that another one holds, so it gets no access", users.Items[0].Name),
			"`kubectl get scimusers --field-selector status.state=Conflict` lists them: rename or delete one of each two.")}
	}
	return []Finding{pass("users", "every userName is one person's")}
}
