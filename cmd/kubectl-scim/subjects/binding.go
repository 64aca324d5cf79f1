package subjects

import (
	"cmp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// The kinds of bindings.
const (
	KindClusterRoleBinding = "ClusterRoleBinding"
	KindRoleBinding        = "RoleBinding"
)

// The labels by which the bindings of Kubernetes and those of the operator's own installation are known.
const (
	labelBootstrapping = "kubernetes.io/bootstrapping"
	labelApp           = "app.kubernetes.io/name"
	appName            = "scim-operator"
)

// Binding is a ClusterRoleBinding or a RoleBinding of the cluster. Nothing of it may be changed.
type Binding struct {
	*metav1.ObjectMeta

	// Kind is one of the kinds of bindings.
	Kind     string
	RoleRef  rbacv1.RoleRef
	Subjects []rbacv1.Subject
}

// Origin says whose a binding is.
type Origin string

// The origins of bindings.
const (
	// Foreign is that of a binding that somebody else than the operator wrote.
	Foreign Origin = "Foreign"
	// FromGrant is that of one that the operator derived from a grant.
	FromGrant Origin = "Grant"
	// HandedOver is that of a foreign one that a person has labelled for a grant.
	HandedOver Origin = "HandedOver"
	// OfKubernetes is that of one that comes with Kubernetes.
	OfKubernetes Origin = "Kubernetes"
	// OfOperator is that of one that the operator needs to work.
	OfOperator Origin = "Operator"
)

// Bindings are all bindings of a world: ClusterRoleBindings first, each kind sorted by namespace and name.
func Bindings(w *world.World) []Binding {
	objects := w.Objects()
	all := make([]Binding, 0, len(objects.ClusterRoleBindings)+len(objects.RoleBindings))
	for i := range objects.ClusterRoleBindings {
		b := &objects.ClusterRoleBindings[i]
		all = append(all, Binding{ObjectMeta: &b.ObjectMeta, Kind: KindClusterRoleBinding, RoleRef: b.RoleRef, Subjects: b.Subjects})
	}
	for i := range objects.RoleBindings {
		b := &objects.RoleBindings[i]
		all = append(all, Binding{ObjectMeta: &b.ObjectMeta, Kind: KindRoleBinding, RoleRef: b.RoleRef, Subjects: b.Subjects})
	}
	slices.SortFunc(all, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Origin says whose the binding is.
func (b Binding) Origin() Origin {
	_, bootstrapping := b.Labels[labelBootstrapping]
	switch {
	case bootstrapping, strings.HasPrefix(b.Name, "system:"):
		return OfKubernetes
	case b.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy && b.Labels[v1alpha1.LabelGrant] != "":
		return FromGrant
	case b.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy && b.Labels[v1alpha1.LabelAdoptedBy] != "":
		return HandedOver
	case b.Labels[labelApp] == appName:
		return OfOperator
	}
	return Foreign
}

// String is the kind and the name, after the namespace and a slash if there is one, as a terminal may show it.
func (b Binding) String() string { return b.Kind + " " + cli.Printable(b.Path()) }

// Path is the name, after the namespace and a slash if there is one.
func (b Binding) Path() string {
	if b.Namespace == "" {
		return b.Name
	}
	return b.Namespace + "/" + b.Name
}

// Gives is the kind and the name of the role of Kubernetes RBAC that the binding gives.
func (b Binding) Gives() string { return b.RoleRef.Kind + "/" + b.RoleRef.Name }

// GrantName is the grant that the binding was derived from, in the form namespace/name for an AccessGrant; empty for the bindings of
// others.
func (b Binding) GrantName() string {
	if b.Origin() != FromGrant {
		return ""
	}
	if namespace := b.Labels[v1alpha1.LabelGrantNamespace]; namespace != "" {
		return namespace + "/" + b.Labels[v1alpha1.LabelGrant]
	}
	return b.Labels[v1alpha1.LabelGrant]
}
