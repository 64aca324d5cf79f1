package users

import (
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// setSignIn sets the condition SignIn, or takes it away from a user whose directory names no domains. Whatever it says, the user counts: an
// identity provider whose push is refused stops pushing.
func setSignIn(status *v1alpha1.ScimUserStatus, user *v1alpha1.ScimUser, domains []string) {
	if len(domains) == 0 {
		apimeta.RemoveStatusCondition(&status.Conditions, v1alpha1.UserSignIn)
		return
	}
	c := metav1.Condition{
		Type: v1alpha1.UserSignIn, ObservedGeneration: user.Generation, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDomainListed,
		Message: "The domain of the userName is in spec.signInDomains of the ScimDirectory.",
	}
	if !inDomains(user.Spec.UserName, domains) {
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonDomainNotListed
		c.Message = "The domain of the userName is not in spec.signInDomains of the ScimDirectory, so the person probably cannot sign in. " +
			"Roles and access are given all the same. Correct the userName at the identity provider, or add the domain."
	}
	apimeta.SetStatusCondition(&status.Conditions, c)
}

// inDomains says whether what follows the last @ of a name is one of the domains, without regard to case.
func inDomains(userName string, domains []string) bool {
	at := strings.LastIndexByte(userName, '@')
	return at >= 0 && slices.ContainsFunc(domains, func(domain string) bool { return strings.EqualFold(domain, userName[at+1:]) })
}
