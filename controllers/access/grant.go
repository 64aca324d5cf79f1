package access

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// The two kinds of grants are worked on in the same way. A request without a namespace is for a ClusterAccessGrant.
const (
	clusterGrantKind = "ClusterAccessGrant"
	grantKind        = "AccessGrant"
)

// kindOf is the kind of the grant of a key.
func kindOf(key access.GrantKey) string {
	if key.Namespace == "" {
		return clusterGrantKind
	}
	return grantKind
}

// newGrant is an empty object of the kind of a key.
func newGrant(key access.GrantKey) client.Object {
	if key.Namespace == "" {
		return &v1alpha1.ClusterAccessGrant{}
	}
	return &v1alpha1.AccessGrant{}
}

// planned is a grant as the planner knows it; of anything else it is the zero value, which gives nothing.
func planned(object client.Object) access.Grant {
	switch grant := object.(type) {
	case *v1alpha1.ClusterAccessGrant:
		return access.OfCluster(grant)
	case *v1alpha1.AccessGrant:
		return access.OfNamespace(grant)
	}
	return access.Grant{}
}

// statusOf is the status of a grant, to be read or changed.
func statusOf(grant client.Object) *v1alpha1.GrantStatus {
	if narrow, ok := grant.(*v1alpha1.AccessGrant); ok {
		return &narrow.Status
	}
	return &grant.(*v1alpha1.ClusterAccessGrant).Status
}

func keyOf(grant client.Object) access.GrantKey {
	return access.GrantKey{Namespace: grant.GetNamespace(), Name: grant.GetName()}
}

func objectKey(key access.GrantKey) client.ObjectKey {
	return client.ObjectKey{Namespace: key.Namespace, Name: key.Name}
}

func requestFor(key access.GrantKey) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: key.Namespace, Name: key.Name}}
}
