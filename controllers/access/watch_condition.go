package access

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// conditionOf is spec.condition of a grant of either kind.
func conditionOf(grant client.Object) string {
	switch grant := grant.(type) {
	case *v1alpha1.ClusterAccessGrant:
		return grant.Spec.Condition
	case *v1alpha1.AccessGrant:
		return grant.Spec.Condition
	}
	return ""
}

// conditional is the effect of a change of a user on the grants whose condition says something else of the user than before. Every
// attribute may matter to a condition, so all are asked of whose roles the user is a member.
func (w *watcher) conditional(ctx context.Context, before, after *v1alpha1.ScimUser) effect {
	if before.UID == after.UID && before.Generation == after.Generation {
		return effect{}
	}
	conditions := map[access.GrantKey]*access.Condition{}
	w.eachGrant(ctx, func(grant client.Object) {
		if condition := w.usernames.condition(conditionOf(grant)); condition != nil {
			conditions[keyOf(grant)] = condition
		}
	}, client.MatchingFields{indexConditional: conditional})
	if len(conditions) == 0 {
		return effect{}
	}
	var found effect
	concerned := append(w.grantsOfMember(ctx, after), w.grantsBinding(ctx, after)...)
	slices.SortFunc(concerned, access.GrantKey.Compare)
	for _, key := range slices.Compact(concerned) {
		condition := conditions[key]
		if condition == nil {
			continue
		}
		was, failedBefore := condition.Of(&before.Spec)
		is, failsNow := condition.Of(&after.Spec)
		if was == is && (failedBefore == nil) == (failsNow == nil) {
			continue
		}
		found.grants = append(found.grants, key)
		if was && !is {
			found.priority = priorityRevoke
		}
	}
	return found
}
