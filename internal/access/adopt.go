package access

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// labelBootstrapping marks the bindings that come with Kubernetes.
const labelBootstrapping = "kubernetes.io/bootstrapping"

// AdoptedBy is the name of the grant to which a person has handed over a binding that somebody else wrote, by the binding's name and
// labels; empty when nobody has. A binding of a grant, and one that comes with Kubernetes, is never handed over, whatever its labels say.
func AdoptedBy(name string, labels map[string]string) string {
	_, bootstrapping := labels[labelBootstrapping]
	if labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy || labels[v1alpha1.LabelGrant] != "" || bootstrapping ||
		strings.HasPrefix(name, "system:") {
		return ""
	}
	return labels[v1alpha1.LabelAdoptedBy]
}

// Uncovered gives the subjects of a binding to whom none of the others gives the same role in the same place, sorted, each once. While it is
// empty, the binding can be deleted without anybody losing anything. A group is covered only by the same group: who is in it, the API
// server learns from tokens, so that its members' names prove nothing.
func Uncovered(binding Binding, others []Binding) []rbacv1.Subject {
	given := map[rbacv1.Subject]bool{}
	for _, other := range others {
		if other.Namespace != binding.Namespace || other.RoleRef != binding.RoleRef || other.Key == binding.Key {
			continue
		}
		for _, subject := range other.Subjects {
			given[bare(subject)] = true
		}
	}
	var uncovered []rbacv1.Subject
	for _, subject := range binding.Subjects {
		if !given[bare(subject)] {
			uncovered = append(uncovered, subject)
		}
	}
	slices.SortFunc(uncovered, compareSubjects)
	return slices.Compact(uncovered)
}

// bare is a subject by what the RBAC authorizer compares: the namespace means nothing but for service accounts.
func bare(subject rbacv1.Subject) rbacv1.Subject {
	if subject.Kind != rbacv1.ServiceAccountKind {
		subject.Namespace = ""
	}
	subject.APIGroup = ""
	return subject
}
