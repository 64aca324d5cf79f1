package users

import (
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// facts are what one pass found out about a user. Status is derived from them and from nothing else.
type facts struct {
	// claimOwner is the owner of the claim of the user's name; empty when there is no claim.
	claimOwner string
	// kubernetesUser is the name that bindings use for the user; empty when usernameErr says why there is none.
	kubernetesUser string
	usernameErr    error
	// roles is the number of roles that list the user.
	roles int
	// accounts is the number of accounts in apps that the user may use.
	accounts int
	// bound says whether one of our bindings still names kubernetesUser.
	bound bool
	// held says whether one does because the guard keeps the user there.
	held bool
	// signInDomains are those of the user's directory.
	signInDomains []string

	now metav1.Time
}

// desiredStatus is the status that a user with these facts has. It changes nothing that is right already, so that equal facts
// give equal status.
func desiredStatus(user *v1alpha1.ScimUser, f facts) v1alpha1.ScimUserStatus {
	status := *user.Status.DeepCopy()
	status.ObservedGeneration = user.Generation
	status.State = state(user, f)
	status.KubernetesUser = f.kubernetesUser
	roles := int32(f.roles) //nolint:gosec // a cluster holds far fewer than two thousand million roles
	status.Roles = &roles
	status.Accounts = accounts(f.accounts)
	status.RevokedAt = revokedAt(user, f)
	apimeta.SetStatusCondition(&status.Conditions, readyCondition(user, f, status.State))
	setSignIn(&status, user, f.signInDomains)
	return status
}

func state(user *v1alpha1.ScimUser, f facts) v1alpha1.UserState {
	switch {
	case f.claimOwner == "":
		return v1alpha1.UserPending
	case f.claimOwner != user.Name:
		return v1alpha1.UserConflict
	case !user.IsActive() && f.held:
		return v1alpha1.UserHeld
	case !user.IsActive():
		return v1alpha1.UserSuspended
	default:
		return v1alpha1.UserActive
	}
}

// revokedAt is set once, at the first pass that finds a suspended user in none of our bindings, and cleared as soon as the user is
// active, or is found in a binding again.
func revokedAt(user *v1alpha1.ScimUser, f facts) *metav1.Time {
	if user.IsActive() || f.bound {
		return nil
	}
	if user.Status.RevokedAt != nil {
		return user.Status.RevokedAt
	}
	now := f.now.Rfc3339Copy()
	return &now
}

func readyCondition(user *v1alpha1.ScimUser, f facts, state v1alpha1.UserState) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.UserReady, ObservedGeneration: user.Generation}
	switch {
	case state == v1alpha1.UserPending:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonClaimPending
		c.Message = "The ScimClaim of this userName has not been seen yet; until then the user gets no access."
	case state == v1alpha1.UserConflict:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonUserNameConflict
		c.Message = fmt.Sprintf("ScimUser %q holds this userName, so this user gets no access. Rename or delete one of the two.", f.claimOwner)
	case f.usernameErr != nil:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonUsernameRefused
		c.Message = fmt.Sprintf("The Kubernetes user name is refused, so this user gets no access: %v. Mend userName, or "+
			"spec.identity.username of the ScimDirectory.", f.usernameErr)
	case state == v1alpha1.UserHeld:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonHeld
		c.Message = "The user is not active, and bindings still name it: the guard holds the removal back (kubectl get accessplans), or the " +
			"user is a break-glass identity, or the last subject of a protected grant."
	case state == v1alpha1.UserSuspended:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonSuspended
		c.Message = "The user is not active and is a subject nowhere."
	default:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonActive
		c.Message = "The user is active: grants to its roles take effect."
	}
	return c
}

// accounts is absent for somebody who has none, as it is where there are no apps.
func accounts(n int) *int32 {
	if n == 0 {
		return nil
	}
	count := int32(n) //nolint:gosec // a person has few accounts
	return &count
}
