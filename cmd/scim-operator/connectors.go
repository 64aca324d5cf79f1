package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/apps"
	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/argocd"
	"github.com/scim-operator/scim-operator/internal/connector/ldap"
	"github.com/scim-operator/scim-operator/internal/connector/postgres"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

// appTimeout bounds one exchange with an app.
const appTimeout = 10 * time.Second

// openers are the connectors that there are. This is the one place that names them.
func openers(cluster *rest.Config) map[v1alpha1.AppType]apps.Opener {
	return map[v1alpha1.AppType]apps.Opener{
		v1alpha1.AppTypePostgreSQL: openPostgreSQL,
		v1alpha1.AppTypeLDAP:       openLDAP,
		v1alpha1.AppTypeSCIM:       openSCIM,
		v1alpha1.AppTypeArgoCD:     argoCDOpener(cluster),
	}
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

// connections is how many an app may see at once: one for each operation.
func connections(app *v1alpha1.AppConnection) int32 { return max(4, app.Spec.Limits.Concurrency) + 2 }

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
		MaxConnections: connections(app), Timeout: appTimeout,
	}
	if target.TLS == v1alpha1.PostgreSQLTLSDisable {
		options.SSLMode = postgres.Disable
	}
	return postgres.New(ctx, options)
}

func openLDAP(_ context.Context, app *v1alpha1.AppConnection, credential apps.Credential, dial apps.Dial) (connector.Connector, error) {
	target := app.Spec.Target.LDAP
	roots, err := authorities(credential.CA)
	if err != nil {
		return nil, err
	}
	options := ldap.Options{
		URL: target.URL, BindDN: credential.Username, Password: credential.Password, RootCAs: roots, Dial: dial,
		Profile: ldap.Profile(target.Profile), UsersBase: target.UsersBaseDN, GroupsBase: target.GroupsBaseDN,
		GroupKind: ldap.GroupKind(target.GroupClass), Suspension: ldapSuspension(target.Suspension), MarkAttribute: target.MarkAttribute,
		Placeholder: target.PlaceholderMember, ObjectClasses: target.ObjectClasses, Attributes: target.Attributes,
		Protected: app.Spec.Protected, MaxConnections: int(connections(app)), Timeout: appTimeout,
	}
	if target.Profile == v1alpha1.LDAP389 {
		options.Profile = ldap.Directory389
	}
	if posix := target.Posix; posix != nil {
		options.Posix = &ldap.Posix{FirstUID: posix.FirstUID, LastUID: posix.LastUID, GID: posix.GID, HomeBase: posix.HomeBase, LoginShell: posix.LoginShell}
	}
	return ldap.New(options)
}

func ldapSuspension(method v1alpha1.LDAPSuspensionMethod) ldap.Suspension {
	suspension := ldap.Suspension{Method: ldap.SuspendMethod(method.Method), Base: method.MoveTo}
	if state := method.Attribute; state != nil {
		suspension.Attribute, suspension.Suspended, suspension.Active = state.Name, state.Suspended, state.Active
	}
	return suspension
}

func openSCIM(_ context.Context, app *v1alpha1.AppConnection, credential apps.Credential, dial apps.Dial) (connector.Connector, error) {
	target := app.Spec.Target.SCIM
	roots, err := authorities(credential.CA)
	if err != nil {
		return nil, err
	}
	profile, err := scimapp.ProfileNamed(profileName(target.Profile))
	if err != nil {
		return nil, err
	}
	return scimapp.New(scimapp.Options{
		BaseURL: target.URL, Auth: scimAuth(target, credential), Profile: profile, RootCAs: roots, Dial: dial, Timeout: 3 * appTimeout,
		Protected: app.Spec.Protected, ProtectedGroups: app.Spec.Protected,
	})
}

// profileName is what the connector calls a profile where that differs.
func profileName(profile v1alpha1.SCIMProfile) string {
	differing := map[v1alpha1.SCIMProfile]string{"ScimOperator": "scim-operator", "StrongDM": "strongDM"}
	return cmp.Or(differing[profile], string(profile), "Generic")
}

func scimAuth(target *v1alpha1.SCIMTarget, credential apps.Credential) scimapp.Auth {
	switch target.Authentication {
	case v1alpha1.SCIMHeader:
		return scimapp.Auth{Header: &scimapp.Header{Name: "Authorization", Value: credential.Password}}
	case v1alpha1.SCIMBasic:
		return scimapp.Auth{Basic: &scimapp.Basic{Username: credential.Username, Password: credential.Password}}
	case v1alpha1.SCIMOAuth2:
		return scimapp.Auth{ClientCredentials: &scimapp.ClientCredentials{
			TokenURL: target.TokenURL, ClientID: credential.Username, ClientSecret: credential.Password,
		}}
	}
	return scimapp.Auth{Bearer: credential.Password}
}

// argoCDOpener reaches Argo CD through the API server, as the operator's own account.
func argoCDOpener(cluster *rest.Config) apps.Opener {
	return func(_ context.Context, app *v1alpha1.AppConnection, _ apps.Credential, _ apps.Dial) (connector.Connector, error) {
		kube, err := argocd.NewClient(cluster)
		if err != nil {
			return nil, fmt.Errorf("argocd: %w", err)
		}
		return argocd.New(argocd.Options{
			Client: kube, Namespace: app.Namespace, Accounts: argocd.Accounts(app.Spec.Target.ArgoCD.Accounts),
			Projects: givesProjectRoles(app), Protected: app.Spec.Protected,
		})
	}
}

// givesProjectRoles says whether a mapping gives a role of an AppProject, so that AppProjects have to be read.
func givesProjectRoles(app *v1alpha1.AppConnection) bool {
	for _, mapping := range app.Spec.RoleMappings {
		for _, role := range mapping.To {
			if len(role) > 5 && role[:5] == "proj:" {
				return true
			}
		}
	}
	return false
}
