package e2e_test

import (
	"context"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/install"
)

// The accounts of the two parts.
const (
	serverAccount     = install.ServerAccount
	controllerAccount = install.ControllerAccount
)

// installOperator applies what an installation applies.
func installOperator(ctx context.Context, kube client.Client) error {
	return install.Operator(ctx, kube, filepath.Join("..", "..", "config"))
}

// accountConfig is how a part of the operator reaches the API server: with a token of its own account and nothing else.
func accountConfig(ctx context.Context, kube client.Client, account string) (*rest.Config, error) {
	return tokenConfig(ctx, kube, namespace, account)
}

// tokenConfig is how a ServiceAccount reaches the API server.
func tokenConfig(ctx context.Context, kube client.Client, namespace, account string) (*rest.Config, error) {
	return install.TokenConfig(ctx, kube, namespace, account)
}
