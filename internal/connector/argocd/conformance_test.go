package argocd_test

import (
	"net"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/argocd"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
)

func inNamespace(w *world) client.ListOption { return client.InNamespace(w.namespace) }

// TestContract runs the contract of all connectors against a real API server, with the rights that the documentation asks for.
func TestContract(t *testing.T) {
	for _, accounts := range []argocd.Accounts{argocd.SSO, argocd.Local} {
		t.Run(string(accounts), func(t *testing.T) {
			w := newWorld(t, accounts)
			connectortest.Run(t, connectortest.Target{
				New:       func(testing.TB) connector.Connector { return w.connector() },
				Truth:     w.truth,
				Foreign:   func(_ testing.TB, name string, roles ...string) { w.foreign(name, roles...) },
				Grant:     func(_ testing.TB, name, role string) { w.grant(name, role) },
				Take:      func(_ testing.TB, name, role string) { w.take(name, role) },
				Roles:     giveable,
				Protected: []string{"admin", "break-glass", "role:deployer", "role:nobody-yet", "proj:web:deployer", "developers", "everybody"},
				Unreachable: func(t testing.TB) connector.Connector {
					config := rest.CopyConfig(w.config)
					config.Host = "https://" + closedAddress(t)
					return w.connectorBy(config)
				},
				Cut: func(_ testing.TB, exchange int64, answered bool) (connector.Connector, func() bool) {
					cutter := &wire{at: exchange, answered: answered}
					return w.connectorBy(cutter.over(w.config)), cutter.cut.Load
				},
			})
		})
	}
}

func closedAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
