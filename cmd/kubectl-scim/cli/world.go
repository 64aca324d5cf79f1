package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const (
	// smallPage and largePage keep an answer at a few megabytes: a full slice or binding has up to 250 kB, a user one or two.
	smallPage = 50
	largePage = 500
	// parallelLists is how many kinds are read at once.
	parallelLists = 4
)

// kindList reads all objects of a kind.
type kindList struct {
	resource string
	read     func(context.Context) error
}

// listsOf are the kinds that say who may do what, and where they go.
func listsOf(kube client.Reader, found *world.Objects) []kindList {
	return []kindList{
		{"scimusers", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.Users, func(l *v1alpha1.ScimUserList) []v1alpha1.ScimUser { return l.Items })
		}},
		{"scimroles", func(ctx context.Context) error {
			return collect(ctx, kube, smallPage, &found.Roles, func(l *v1alpha1.ScimRoleList) []v1alpha1.ScimRole { return l.Items })
		}},
		{"scimroleslices", func(ctx context.Context) error {
			return collect(ctx, kube, smallPage, &found.Slices, func(l *v1alpha1.ScimRoleSliceList) []v1alpha1.ScimRoleSlice { return l.Items })
		}},
		{"scimclaims", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.Claims, func(l *v1alpha1.ScimClaimList) []v1alpha1.ScimClaim { return l.Items })
		}},
		{"scimdirectories", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.Directories, func(l *v1alpha1.ScimDirectoryList) []v1alpha1.ScimDirectory { return l.Items })
		}},
		{"clusteraccessgrants", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.ClusterAccessGrants, func(l *v1alpha1.ClusterAccessGrantList) []v1alpha1.ClusterAccessGrant { return l.Items })
		}},
		{"accessgrants", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.AccessGrants, func(l *v1alpha1.AccessGrantList) []v1alpha1.AccessGrant { return l.Items })
		}},
		{"accessplans", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.AccessPlans, func(l *v1alpha1.AccessPlanList) []v1alpha1.AccessPlan { return l.Items })
		}},
		{"namespaces", func(ctx context.Context) error { return readNamespaces(ctx, kube, &found.Namespaces) }},
		{"clusterroles", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.ClusterRoles, func(l *rbacv1.ClusterRoleList) []rbacv1.ClusterRole { return l.Items })
		}},
		{"roles", func(ctx context.Context) error {
			return collect(ctx, kube, largePage, &found.RBACRoles, func(l *rbacv1.RoleList) []rbacv1.Role { return l.Items })
		}},
		{"clusterrolebindings", func(ctx context.Context) error {
			return collect(ctx, kube, smallPage, &found.ClusterRoleBindings, func(l *rbacv1.ClusterRoleBindingList) []rbacv1.ClusterRoleBinding { return l.Items })
		}},
		{"rolebindings", func(ctx context.Context) error {
			return collect(ctx, kube, smallPage, &found.RoleBindings, func(l *rbacv1.RoleBindingList) []rbacv1.RoleBinding { return l.Items })
		}},
	}
}

// ReadWorld reads all objects that say who may do what, each once, page by page. It takes the right to list all these kinds in the whole
// cluster; the error of somebody who lacks it names every kind that is missing.
func ReadWorld(ctx context.Context, kube client.Reader) (world.Objects, error) {
	var found world.Objects
	lists := listsOf(kube, &found)
	failures := make([]error, len(lists))
	var group errgroup.Group
	group.SetLimit(parallelLists)
	for i, list := range lists {
		group.Go(func() error { failures[i] = list.read(ctx); return nil })
	}
	_ = group.Wait() // No function of the group returns an error.
	var missing []string
	for i, err := range failures {
		if err != nil && !apierrors.IsForbidden(err) {
			return world.Objects{}, fmt.Errorf("listing %s: %w", lists[i].resource, err)
		}
		if err != nil {
			missing = append(missing, lists[i].resource)
		}
	}
	if len(missing) > 0 {
		return world.Objects{}, lacking(missing)
	}
	return found, nil
}

// lacking names the kinds that somebody may not list, and the role that lets one.
func lacking(resources []string) error {
	slices.Sort(resources)
	return errors.New("you may not list " + strings.Join(resources, ", ") + " in the whole cluster, and without that the answer would be wrong: " +
		"ask for the ClusterRole scim-operator-auditor, which has these rights, or use another account with --context, --user or --as")
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
		if err := kube.List(ctx, page, client.Limit(largePage), client.Continue(next)); err != nil {
			return err
		}
		*into = append(*into, page.Items...)
		if next = page.Continue; next == "" {
			return nil
		}
	}
}
