package cli

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// listsOf are the kinds that say who may do what, and where they go.
func listsOf(kube client.Reader, found *world.Objects) []KindList {
	return []KindList{
		{"scimusers", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.Users, func(l *v1alpha1.ScimUserList) []v1alpha1.ScimUser { return l.Items })
		}},
		{"scimroles", func(ctx context.Context) error {
			return collect(ctx, kube, SmallPage, &found.Roles, func(l *v1alpha1.ScimRoleList) []v1alpha1.ScimRole { return l.Items })
		}},
		{"scimroleslices", func(ctx context.Context) error {
			return collect(ctx, kube, SmallPage, &found.Slices, func(l *v1alpha1.ScimRoleSliceList) []v1alpha1.ScimRoleSlice { return l.Items })
		}},
		{"scimclaims", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.Claims, func(l *v1alpha1.ScimClaimList) []v1alpha1.ScimClaim { return l.Items })
		}},
		{"scimdirectories", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.Directories, func(l *v1alpha1.ScimDirectoryList) []v1alpha1.ScimDirectory { return l.Items })
		}},
		{"clusteraccessgrants", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.ClusterAccessGrants, func(l *v1alpha1.ClusterAccessGrantList) []v1alpha1.ClusterAccessGrant { return l.Items })
		}},
		{"accessgrants", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.AccessGrants, func(l *v1alpha1.AccessGrantList) []v1alpha1.AccessGrant { return l.Items })
		}},
		{"accessplans", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.AccessPlans, func(l *v1alpha1.AccessPlanList) []v1alpha1.AccessPlan { return l.Items })
		}},
		{"namespaces", func(ctx context.Context) error { return readNamespaces(ctx, kube, &found.Namespaces) }},
		{"clusterroles", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.ClusterRoles, func(l *rbacv1.ClusterRoleList) []rbacv1.ClusterRole { return l.Items })
		}},
		{"roles", func(ctx context.Context) error {
			return collect(ctx, kube, LargePage, &found.RBACRoles, func(l *rbacv1.RoleList) []rbacv1.Role { return l.Items })
		}},
		{"clusterrolebindings", func(ctx context.Context) error {
			return collect(ctx, kube, SmallPage, &found.ClusterRoleBindings, func(l *rbacv1.ClusterRoleBindingList) []rbacv1.ClusterRoleBinding { return l.Items })
		}},
		{"rolebindings", func(ctx context.Context) error {
			return collect(ctx, kube, SmallPage, &found.RoleBindings, func(l *rbacv1.RoleBindingList) []rbacv1.RoleBinding { return l.Items })
		}},
	}
}

// ReadWorld reads all objects that say who may do what, each once, page by page. It takes the right to list all these kinds in the whole
// cluster; the error of somebody who lacks it names every kind that is missing.
func ReadWorld(ctx context.Context, kube client.Reader) (world.Objects, error) {
	var found world.Objects
	err := ReadKinds(ctx, listsOf(kube, &found), ", and without that the answer would be wrong", "scim-operator-auditor")
	if err != nil {
		return world.Objects{}, err
	}
	return found, nil
}

// collect lists a kind page by page.
func collect[T, I any, L interface {
	*T
	client.ObjectList
}](ctx context.Context, kube client.Reader, page int64, into *[]I, items func(L) []I) error {
	return EachPage(ctx, kube, []client.ListOption{client.Limit(page)}, func(list L) { *into = append(*into, items(list)...) })
}

// readNamespaces reads the metadata of all namespaces.
func readNamespaces(ctx context.Context, kube client.Reader, into *[]metav1.PartialObjectMetadata) error {
	for next := ""; ; {
		page := &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"})
		if err := kube.List(ctx, page, client.Limit(LargePage), client.Continue(next)); err != nil {
			return err
		}
		*into = append(*into, page.Items...)
		if next = page.Continue; next == "" {
			return nil
		}
	}
}
