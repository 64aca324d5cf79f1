package roles

import (
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// facts are what one pass found out about a role. Status is derived from them and from nothing else.
type facts struct {
	// claimOwner is the owner of the claim of the role's displayName; empty when there is no claim.
	claimOwner string
	// members is the number of different members, pushed and local; unresolved of them name no user.
	members, unresolved int
	// missingSlice is the first slice that the role names and that does not exist; empty when all are there.
	missingSlice string
	// grants is the number of grants that name the role.
	grants int
}

// desiredStatus is the status that a role with these facts has.
func desiredStatus(role *v1alpha1.ScimRole, f facts) v1alpha1.ScimRoleStatus {
	status := *role.Status.DeepCopy()
	status.ObservedGeneration = role.Generation
	if f.missingSlice == "" {
		status.Members, status.UnresolvedMembers = count(f.members), count(f.unresolved)
	}
	status.Grants = count(f.grants)
	apimeta.SetStatusCondition(&status.Conditions, readyCondition(role, f))
	return status
}

func count(n int) *int32 {
	c := int32(n) //nolint:gosec // at most 1,000 slices of 1,000 members
	return &c
}

func readyCondition(role *v1alpha1.ScimRole, f facts) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.RoleReady, ObservedGeneration: role.Generation, Status: metav1.ConditionFalse}
	switch {
	case f.claimOwner == "":
		c.Reason = v1alpha1.ReasonClaimPending
		c.Message = "The ScimClaim of this displayName has not been seen yet; until then grants to the role give nothing."
	case f.claimOwner != role.Name:
		c.Reason = v1alpha1.ReasonDisplayNameConflict
		c.Message = fmt.Sprintf("ScimRole %q holds this displayName, so grants to this role give nothing. Rename or delete one of the two.",
			f.claimOwner)
	case f.missingSlice != "":
		c.Reason = v1alpha1.ReasonSliceNotFound
		c.Message = fmt.Sprintf("ScimRoleSlice %q is gone, so some members are unknown; access stays as it is. Push the group again from "+
			"the identity provider.", f.missingSlice)
	case f.unresolved > 0:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonUnresolvedMembers
		c.Message = fmt.Sprintf("%d of %d members name no user yet; they take effect when the users arrive.", f.unresolved, f.members)
	default:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonResolved
		c.Message = "Every member is a known user."
	}
	return c
}
