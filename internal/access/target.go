package access

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// bindable is what the installer lets the operator give.
func bindable(state State) map[rbacv1.RoleRef]bool {
	all := map[rbacv1.RoleRef]bool{}
	for _, name := range state.Bindable {
		all[RoleRef(v1alpha1.GrantTarget{Kind: v1alpha1.KindClusterRole, Name: name})] = true
	}
	for _, name := range state.BindableRoles {
		all[RoleRef(v1alpha1.GrantTarget{Kind: v1alpha1.KindRole, Name: name})] = true
	}
	return all
}

// target says whether a grant may give what it names, and whether that exists. Namespaces without the Role that is given leave the
// outcome's namespaces. The API refuses a Role for the whole cluster; should one come all the same, it does not exist.
func (p *planner) target(spec v1alpha1.ClusterAccessGrantSpec, outcome *Outcome) {
	ref := RoleRef(spec.To)
	outcome.TargetNotAllowed = !p.bindable[ref]
	if ref.Kind != v1alpha1.KindRole {
		outcome.TargetNotFound = !p.clusterRole[ref.Name]
		return
	}
	outcome.TargetNotFound = spec.Scope != v1alpha1.ScopeNamespaces
	has := map[string]bool{}
	for _, namespace := range p.state.Namespaces {
		has[namespace.Name] = slices.Contains(namespace.Roles, ref.Name)
	}
	outcome.Namespaces = slices.DeleteFunc(outcome.Namespaces, func(namespace string) bool {
		if !has[namespace] {
			outcome.TargetNotFoundIn = append(outcome.TargetNotFoundIn, namespace)
		}
		return !has[namespace]
	})
}
