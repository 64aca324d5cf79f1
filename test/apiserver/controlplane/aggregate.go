package controlplane

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// aggregateClusterRoles gives each aggregated ClusterRole the rules of those that it selects. In a full cluster a controller of
// kube-controller-manager does so; without it view, edit and admin allow nothing. Some of the aggregated roles are themselves
// selected by others, hence the repetition until nothing changes.
func aggregateClusterRoles(ctx context.Context, config *rest.Config) error {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("aggregate cluster roles: %w", err)
	}
	for {
		roles, err := clients.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("aggregate cluster roles: %w", err)
		}
		changed := 0
		for i := range roles.Items {
			role := &roles.Items[i]
			rules, err := aggregatedRules(role, roles.Items)
			if err != nil {
				return err
			}
			if len(rules) == len(role.Rules) {
				continue
			}
			role.Rules = rules
			if _, err := clients.RbacV1().ClusterRoles().Update(ctx, role, metav1.UpdateOptions{}); err != nil {
				return fmt.Errorf("aggregate cluster role %s: %w", role.Name, err)
			}
			changed++
		}
		if changed == 0 {
			return nil
		}
	}
}

// aggregatedRules are the rules that a ClusterRole should have, given all others. Rules are only ever added here, so their number
// tells whether anything changed.
func aggregatedRules(role *rbacv1.ClusterRole, all []rbacv1.ClusterRole) ([]rbacv1.PolicyRule, error) {
	if role.AggregationRule == nil {
		return role.Rules, nil
	}
	var rules []rbacv1.PolicyRule
	for i := range all {
		for j := range role.AggregationRule.ClusterRoleSelectors {
			selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[j])
			if err != nil {
				return nil, fmt.Errorf("aggregation rule of cluster role %s: %w", role.Name, err)
			}
			if all[i].Name != role.Name && selector.Matches(labels.Set(all[i].Labels)) {
				rules = append(rules, all[i].Rules...)
				break
			}
		}
	}
	return rules, nil
}
