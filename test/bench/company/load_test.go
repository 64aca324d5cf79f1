package company_test

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// loaders is how many objects are written at once.
const loaders = 24

// load writes the company straight to the API server, as the store would have left it. It must run before the admission policies are
// there, which let nobody but the SCIM server write such objects.
func load(b *testing.B, kube client.Client, w world) {
	b.Helper()
	for i := range w.namespaces {
		must(b, kube.Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespaceName(i), Labels: w.namespaceLabels(i)}}))
	}
	each(b, w.users, func(ctx context.Context, i int) error {
		u := w.user(i)
		return create(ctx, kube, u, claim(v1alpha1.ClaimUserName, u.Spec.UserName, u.Name))
	})
	each(b, w.roles, func(ctx context.Context, r int) error {
		role := w.role(r)
		return create(ctx, kube, role, claim(v1alpha1.ClaimDisplayName, role.Spec.DisplayName, role.Name))
	})
	role, parts := w.largeRole()
	each(b, len(parts), func(ctx context.Context, i int) error { return create(ctx, kube, parts[i]) })
	must(b, create(b.Context(), kube, role, claim(v1alpha1.ClaimDisplayName, role.Spec.DisplayName, role.Name)))
	for _, g := range w.allGrants() {
		must(b, create(b.Context(), kube, g))
	}
}

func create(ctx context.Context, kube client.Client, objects ...client.Object) error {
	for _, object := range objects {
		if err := kube.Create(ctx, object); err != nil {
			return fmt.Errorf("create %T %s: %w", object, object.GetName(), err)
		}
	}
	return nil
}

// each does something n times, many at once.
func each(b *testing.B, n int, do func(ctx context.Context, i int) error) {
	b.Helper()
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(loaders)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	must(b, group.Wait())
}
