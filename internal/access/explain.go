package access

import rbacv1 "k8s.io/api/rbac/v1"

// Explanation says why somebody has access: which grant and which role said so, and what it gives.
type Explanation struct {
	Grant GrantKey `json:"grant"`
	// Role is the name of the ScimRole; empty when the grant itself names the user.
	Role string `json:"role,omitempty"`
	// Target is what is given.
	Target rbacv1.RoleRef `json:"target"`
	// Namespace is empty when the access is cluster-wide.
	Namespace string `json:"namespace,omitempty"`
	Binding   string `json:"binding"`
}

// Explain lists everything that the plan gives to a Kubernetes user, in the order of the bindings.
func (r Result) Explain(kubernetesUser string) []Explanation {
	var all []Explanation
	for _, binding := range r.Bindings {
		if !names(binding, kubernetesUser) {
			continue
		}
		all = append(all, Explanation{
			Grant: binding.Grant, Role: binding.Role, Target: binding.RoleRef, Namespace: binding.Namespace, Binding: binding.Name,
		})
	}
	return all
}

func names(binding Binding, kubernetesUser string) bool {
	for _, subject := range binding.Subjects {
		if subject.Kind == rbacv1.UserKind && subject.Name == kubernetesUser {
			return true
		}
	}
	return false
}
