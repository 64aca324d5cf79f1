package apps

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// endpoint is where an app is, in the form in which the Secret has to confirm it. All that decides who gets the credential is in it.
func endpoint(app *v1alpha1.AppConnection) string {
	target := &app.Spec.Target
	switch target.Type() {
	case v1alpha1.AppTypePostgreSQL:
		p := target.PostgreSQL
		at := url.URL{Scheme: "postgresql", Host: net.JoinHostPort(strings.Trim(p.Host, "[]"), strconv.Itoa(int(p.Port))), Path: "/" + p.Database}
		if p.TLS == v1alpha1.PostgreSQLTLSDisable {
			at.RawQuery = "tls=disable"
		}
		return at.String()
	case v1alpha1.AppTypeLDAP:
		return strings.TrimSuffix(target.LDAP.URL, "/")
	case v1alpha1.AppTypeSCIM:
		at := strings.TrimSuffix(target.SCIM.URL, "/")
		if target.SCIM.TokenURL != "" {
			at += " " + target.SCIM.TokenURL
		}
		return at
	case v1alpha1.AppTypeArgoCD:
		return "argocd://" + app.Namespace
	}
	return ""
}

// credentialOf is the reference to the Secret of an app; nil where there is none.
func credentialOf(target *v1alpha1.AppTarget) *v1alpha1.AppCredential {
	switch target.Type() {
	case v1alpha1.AppTypePostgreSQL:
		return &target.PostgreSQL.CredentialSecretRef
	case v1alpha1.AppTypeLDAP:
		return &target.LDAP.CredentialSecretRef
	case v1alpha1.AppTypeSCIM:
		return &target.SCIM.CredentialSecretRef
	}
	return nil
}

// configError is trouble of an AppConnection that a person has to mend. The message has no credential in it.
type configError struct {
	reason string
	err    error
}

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }

func misconfigured(reason, format string, args ...any) *configError {
	return &configError{reason: reason, err: fmt.Errorf(format, args...)}
}

// readCredential reads the Secret of the AppConnection, live and by its name, and gives it out only where the Secret says so.
func readCredential(ctx context.Context, live client.Reader, app *v1alpha1.AppConnection) (Credential, error) {
	ref := credentialOf(&app.Spec.Target)
	if ref == nil {
		return Credential{}, nil
	}
	var secret corev1.Secret
	err := live.Get(ctx, client.ObjectKey{Namespace: app.Namespace, Name: ref.Name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return Credential{}, misconfigured(v1alpha1.ReasonCredentialNotFound, "there is no Secret %q in this namespace: make it", ref.Name)
	case apierrors.IsForbidden(err):
		return Credential{}, misconfigured(v1alpha1.ReasonCredentialNotFound,
			"the operator may not read the Secret %q: let the installer list this namespace under apps.namespaces", ref.Name)
	case err != nil:
		return Credential{}, fmt.Errorf("reading the Secret %q: %w", ref.Name, err)
	}
	if at := endpoint(app); secret.Annotations[v1alpha1.AnnotationEndpoint] != at {
		return Credential{}, misconfigured(v1alpha1.ReasonEndpointNotConfirmed,
			"the Secret %q does not say that its credential is for %s: set its annotation %s to exactly that", ref.Name, at, v1alpha1.AnnotationEndpoint)
	}
	if len(secret.Data[ref.PasswordKey]) == 0 {
		return Credential{}, misconfigured(v1alpha1.ReasonCredentialNotFound, "the Secret %q has nothing under the key %q: add it", ref.Name, ref.PasswordKey)
	}
	return Credential{
		Username: string(secret.Data[ref.UsernameKey]),
		Password: strings.TrimRight(string(secret.Data[ref.PasswordKey]), "\r\n"),
		CA:       secret.Data[ref.CAKey],
	}, nil
}

// reasonOf is why an app cannot be used.
func reasonOf(err error) string {
	if typed := new(configError); errors.As(err, &typed) {
		return typed.reason
	}
	return ""
}
