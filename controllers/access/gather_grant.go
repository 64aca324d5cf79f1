package access

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// namedUsers finds the people whom the grant itself names.
func (g *gatherer) namedUsers(ctx context.Context) error {
	lookLive := g.isDoubtful("", access.DirectShard)
	for _, selector := range g.grant.Spec.Users {
		id := selector.Name
		if id == "" {
			owner, err := g.claimOwner(ctx, v1alpha1.ClaimUserName, selector.UserName, lookLive)
			if err != nil {
				return err
			}
			id = owner
		}
		user := &v1alpha1.ScimUser{}
		found, err := g.get(ctx, id, user, lookLive)
		if err != nil {
			return err
		}
		if !found || user.DeletionTimestamp != nil {
			continue
		}
		named, err := g.user(ctx, user, lookLive)
		if err != nil {
			return err
		}
		// Of somebody inactive, too, the planner must know that the grant names a person who exists.
		named.UserName, named.Directory = user.Spec.UserName, user.Spec.Directory
		g.state.Users[id] = named
	}
	return nil
}

// labelledRoles finds the roles that a selector matches. Whether they count is looked up; the planner matches once more.
func (g *gatherer) labelledRoles(ctx context.Context, by v1alpha1.RoleSelector) ([]*v1alpha1.ScimRole, error) {
	selector, err := metav1.LabelSelectorAsSelector(by.Selector)
	if err != nil || selector.Empty() {
		return nil, nil //nolint:nilerr // the planner says that such a selector finds nothing
	}
	var list v1alpha1.ScimRoleList
	if err := g.cache.List(ctx, &list, client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing roles by label: %w", err)
	}
	var found []*v1alpha1.ScimRole
	for i := range list.Items {
		if by.Directory == "" || by.Directory == list.Items[i].Spec.Directory {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// boundRoles finds the roles that bindings of the grant stand for and that spec.roles did not lead to. A cache that lacks a labelled role
// must not take its access away, so such a role is looked at live in the second pass.
func (g *gatherer) boundRoles(ctx context.Context) error {
	done := map[string]bool{"": true}
	for _, role := range g.state.Roles {
		done[access.RoleLabel(role.ID)] = true
	}
	for _, binding := range g.existing {
		label := binding.Labels[v1alpha1.LabelRole]
		if done[label] {
			continue
		}
		done[label] = true
		role, err := g.roleLabelled(ctx, label)
		if err != nil {
			return err
		}
		if role == nil {
			continue
		}
		counts, err := g.roleCounts(ctx, role)
		if err != nil {
			return err
		}
		if err := g.addRole(ctx, role, counts); err != nil {
			return err
		}
	}
	return nil
}

// roleLabelled finds the role that the label of a binding stands for: its name, or a hash of a name that is too long for a label.
func (g *gatherer) roleLabelled(ctx context.Context, label string) (*v1alpha1.ScimRole, error) {
	var list v1alpha1.ScimRoleList
	if err := g.cache.List(ctx, &list, client.MatchingFields{indexRoleLabel: label}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing roles by label value: %w", err)
	}
	if len(list.Items) > 0 {
		return &list.Items[0], nil
	}
	role := &v1alpha1.ScimRole{}
	found, err := g.get(ctx, label, role, g.lookLive())
	if err != nil || !found {
		return nil, err
	}
	return role, nil
}

// ownNamespace is the one namespace of an AccessGrant.
func (g *gatherer) ownNamespace(ctx context.Context) error {
	namespace := metadata("Namespace", "")
	found, err := g.get(ctx, g.grant.Namespace, namespace, g.lookLive())
	if found {
		g.addNamespace(namespace)
	}
	return err
}

// targetRoles finds out in which namespaces the Role exists that the grant gives. Without any Role that may be given none is watched, and
// none need be known.
func (g *gatherer) targetRoles(ctx context.Context) error {
	to := g.grant.Spec.To
	if to.Kind != v1alpha1.KindRole || !slices.Contains(g.bindableRoles, to.Name) {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(metadata("RoleList", rbacGroup).GroupVersionKind())
	if err := g.cache.List(ctx, list, client.MatchingFields{indexRoleName: to.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing Roles by name: %w", err)
	}
	has := make(map[string]bool, len(list.Items))
	for i := range list.Items {
		has[list.Items[i].Namespace] = true
	}
	asked := map[string]bool{"": true}
	for _, binding := range g.existing {
		namespace := binding.Namespace
		if has[namespace] || asked[namespace] {
			continue
		}
		asked[namespace] = true
		found, err := g.getIn(ctx, namespace, to.Name, metadata("Role", rbacGroup), g.lookLive())
		if err != nil {
			return err
		}
		has[namespace] = found
	}
	for i := range g.state.Namespaces {
		if has[g.state.Namespaces[i].Name] {
			g.state.Namespaces[i].Roles = []string{to.Name}
		}
	}
	return nil
}
