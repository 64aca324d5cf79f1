package access

import (
	"cmp"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// GrantKey tells grants apart. With a namespace it names an AccessGrant, without one a ClusterAccessGrant. The two kinds may bear
// the same name, so nothing of a grant is ever kept under its name alone.
type GrantKey struct {
	Namespace, Name string
}

// String is the name, for an AccessGrant after its namespace and a slash.
func (k GrantKey) String() string {
	if k.Namespace == "" {
		return k.Name
	}
	return k.Namespace + "/" + k.Name
}

// Compare orders keys: ClusterAccessGrants first, then by namespace and name.
func (k GrantKey) Compare(other GrantKey) int {
	return cmp.Or(cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name))
}

// MarshalText writes a key as String does.
func (k GrantKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *GrantKey) UnmarshalText(text []byte) error {
	namespace, name, found := strings.Cut(string(text), "/")
	if !found {
		namespace, name = "", namespace
	}
	k.Namespace, k.Name = namespace, name
	return nil
}

// GrantOf is the grant that a binding says it belongs to, by its labels; ok is false when it is none of ours.
func GrantOf(labels map[string]string) (key GrantKey, ok bool) {
	if labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy || labels[v1alpha1.LabelGrant] == "" {
		return GrantKey{}, false
	}
	return GrantKey{Namespace: labels[v1alpha1.LabelGrantNamespace], Name: labels[v1alpha1.LabelGrant]}, true
}

// Grant is one ClusterAccessGrant, or, with a namespace, one AccessGrant, whose spec is then what AccessGrant.ClusterSpec gives.
type Grant struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// UID becomes the owner reference of the bindings.
	UID  types.UID                       `json:"uid,omitempty"`
	Spec v1alpha1.ClusterAccessGrantSpec `json:"spec"`
	// Condition is spec.condition, compiled; nil when it is to be compiled by whoever needs it.
	Condition *Condition `json:"-"`
}

// Key tells the grant from all others.
func (g Grant) Key() GrantKey { return GrantKey{Namespace: g.Namespace, Name: g.Name} }

// OfCluster gives a ClusterAccessGrant as the planner knows it. The spec is shared with the object.
func OfCluster(grant *v1alpha1.ClusterAccessGrant) Grant {
	return Grant{Name: grant.Name, UID: grant.UID, Spec: grant.Spec}
}

// OfNamespace gives an AccessGrant as the planner knows it.
func OfNamespace(grant *v1alpha1.AccessGrant) Grant {
	return Grant{Namespace: grant.Namespace, Name: grant.Name, UID: grant.UID, Spec: grant.ClusterSpec()}
}

// RoleRef is what a grant gives, as it stands in its bindings.
func RoleRef(to v1alpha1.GrantTarget) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: cmp.Or(to.Kind, v1alpha1.KindClusterRole), Name: to.Name}
}
