package permissions_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/install"
	"github.com/scim-operator/scim-operator/test/release"
)

const (
	// patience is how long anything that must happen may take on a busy machine.
	patience = 4 * time.Minute
	// shop is a namespace with people's grants, and with apps.
	shop = "shop"
	// deployer is a Role of that namespace that grants may give.
	deployer = "deployer"
	// later is a ClusterRole that grants may give, and that is made late.
	later = "later"
)

// world is an installation with every value that gives the operator rights.
type world struct {
	*release.Release
	audit   audit
	service *release.Service
	config  *controlplane.ControlPlane
	// refs are the roles to which bindings were seen.
	refs []string
}

// newWorld is one in which the operator runs.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := prepareWorld(t)
	check(t, "start", w.start(t.Context()))
	return w
}

// prepareWorld installs everything, and starts nothing.
func prepareWorld(t *testing.T) *world {
	t.Helper()
	log, flags := newAudit(t)
	w := &world{audit: log, config: apiserver.StartBare(t, controlplane.Options{APIServerArgs: flags})}
	var err error
	w.Release, err = release.New(release.Options{Config: w.config.Config, Dir: t.TempDir(), Images: map[string]string{image: binary}})
	check(t, "prepare the installation", err)
	t.Cleanup(func() {
		w.Stop()
		if w.service != nil {
			w.service.Close()
		}
	})
	w.makeShop(t)
	check(t, "install the chart", w.Install(t.Context(), chart, release.Values{
		"image":  release.Values{"tag": "tested"},
		"access": release.Values{"bindableClusterRoles": []string{"view", "edit", later}, "bindableRoles": []string{deployer}},
		"apps":   release.Values{"namespaces": []string{shop}, "argocdNamespaces": []string{shop}},
	}))
	check(t, "certify the server", w.certify(t.Context()))
	return w
}

// start has the pods of both Deployments run, and serves those of the server.
func (w *world) start(ctx context.Context) error {
	for _, part := range []string{release.Server, release.Controller} {
		if err := w.Scale(ctx, part); err != nil {
			return fmt.Errorf("start %s: %w", part, err)
		}
	}
	var err error
	w.service, err = w.Serve(ctx, release.Server)
	return err
}

// certify gives the server its certificate, for which its pods wait.
func (w *world) certify(ctx context.Context) error {
	var err error
	if w.Authority, err = controlplane.NewAuthority("permissions"); err != nil {
		return err
	}
	return w.Certify(ctx, w.Authority)
}

// makeShop makes a namespace as its owner has it: with a Role to give, and an Argo CD.
func (w *world) makeShop(t *testing.T) {
	t.Helper()
	_, err := envtest.InstallCRDs(w.config.Config, envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(module, "internal", "connector", "argocd", "testdata", "appproject.yaml")},
	})
	check(t, "install the kind of Argo CD", err)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: shop, Name: name} }
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}},
		&rbacv1.Role{ObjectMeta: in(deployer), Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}},
		&corev1.ConfigMap{ObjectMeta: in("argocd-rbac-cm"), Data: map[string]string{"policy.csv": "p, role:deployer, applications, get, */*, allow\n"}},
		&corev1.ConfigMap{ObjectMeta: in("argocd-cm")},
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": map[string]any{"namespace": shop, "name": "web"},
			"spec": map[string]any{"roles": []any{map[string]any{"name": deployer}}},
		}},
	} {
		check(t, fmt.Sprintf("create %T %s", object, object.GetName()), w.Kube.Create(t.Context(), object))
	}
}

// as is a client with the rights of an account of the operator, for what its policies let nobody else do.
func (w *world) as(ctx context.Context, account string) (client.Client, error) {
	config, err := install.TokenConfigAt(ctx, w.config.Config, w.Kube, release.Namespace, account)
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: w.Kube.Scheme()})
}

// until polls until look returns nil, and gives its last error when that takes too long.
func until(ctx context.Context, what string, look func(context.Context) error) error {
	last := fmt.Errorf("nobody looked")
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = look(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w (last: %w)", what, err, last)
	}
	return nil
}
