package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/apps"
	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/postgres"
)

// apps says how accounts in apps are kept. This is the one place that names the connectors.
func (f *controllerFlags) apps(mgr ctrl.Manager) (apps.Options, error) {
	networks, err := parseNetworks(f.appNetworks)
	if err != nil {
		return apps.Options{}, err
	}
	return apps.Options{
		Openers: map[v1alpha1.AppType]apps.Opener{
			v1alpha1.AppTypePostgreSQL: openPostgreSQL,
		},
		AllowedNetworks:      networks,
		LocalUsersNamespaces: f.appLocalUsersNamespace,
		Now:                  time.Now,
		Recorder:             mgr.GetEventRecorder("scim-operator-apps"),
	}, nil
}

func parseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("flag --app-allowed-networks: %q is no network such as 10.20.0.0/16", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// authorities are those of a Secret; nil for the system's.
func authorities(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the Secret's certificates of authorities are no PEM: correct them under the key that caKey names")
	}
	return pool, nil
}

func openPostgreSQL(ctx context.Context, app *v1alpha1.AppConnection, credential apps.Credential, dial apps.Dial) (connector.Connector, error) {
	target := app.Spec.Target.PostgreSQL
	roots, err := authorities(credential.CA)
	if err != nil {
		return nil, err
	}
	options := postgres.Options{
		Host: target.Host, Port: uint16(target.Port), Database: target.Database, //nolint:gosec // the API server checks the port
		User: credential.Username, Password: credential.Password, RootCAs: roots, Dial: dial,
		SSLMode: postgres.VerifyFull, LongNames: postgres.LongNames(target.LongNames), Protected: app.Spec.Protected,
		MaxConnections: max(4, app.Spec.Limits.Concurrency) + 2, Timeout: 10 * time.Second,
	}
	if target.TLS == v1alpha1.PostgreSQLTLSDisable {
		options.SSLMode = postgres.Disable
	}
	return postgres.New(ctx, options)
}
