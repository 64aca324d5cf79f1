package cli

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/internal/access/world"
)

// Limits are the names of what the operator may give.
type Limits struct{ ClusterRoles, Roles []string }

// LimitsOf finds what the installer lets the operator give: the names under the verb bind in the controller's own ClusterRole, which its
// labels tell from all others. known is false when there is none, as when the operator runs outside of the cluster. The controller's
// flags may name less.
func LimitsOf(objects world.Objects) (limits Limits, known bool) {
	for i := range objects.ClusterRoles {
		role := &objects.ClusterRoles[i]
		if role.Labels["app.kubernetes.io/name"] != "scim-operator" || role.Labels["app.kubernetes.io/component"] != "controller" {
			continue
		}
		known = true
		for _, rule := range role.Rules {
			if !slices.Contains(rule.Verbs, "bind") || !slices.Contains(rule.APIGroups, rbacv1.GroupName) {
				continue
			}
			if slices.Contains(rule.Resources, "clusterroles") {
				limits.ClusterRoles = append(limits.ClusterRoles, rule.ResourceNames...)
			}
			if slices.Contains(rule.Resources, "roles") {
				limits.Roles = append(limits.Roles, rule.ResourceNames...)
			}
		}
	}
	slices.Sort(limits.ClusterRoles)
	slices.Sort(limits.Roles)
	return limits, known
}
