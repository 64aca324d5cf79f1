package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

const (
	// systemNamespace is the namespace of config/rbac.
	systemNamespace = "scim-operator-system"
	// directoryName is the identity provider that may push.
	directoryName = "okta"
	// tokenSecret holds its token.
	tokenSecret = "okta-token"
	// usernameExpression is how its people appear in Kubernetes.
	usernameExpression = `"oidc:" + user.userName`
	// accountTokenLifetime is that of the control plane's certificates.
	accountTokenLifetime = 90 * 24 * time.Hour
)

// install makes the kinds, the rights, the directory and the kubeconfigs of both service accounts. It returns the token with which
// the identity provider may push.
func (s *supervisor) install(ctx context.Context) (string, error) {
	if err := s.apply(ctx); err != nil {
		return "", err
	}
	for _, account := range []string{"scim-operator-server", "scim-operator-controller"} {
		if err := s.writeAccountKubeconfig(ctx, account); err != nil {
			return "", err
		}
	}
	return s.makeDirectory(ctx)
}

// apply applies config/ as an installer would, but for config/manager: there is nothing here to run Pods.
func (s *supervisor) apply(ctx context.Context) error {
	kubectl := filepath.Join(s.options.assets, "kubectl")
	for _, name := range []string{"crd", "rbac", "admission"} {
		if err := runTool(ctx, s.place.root, kubectl, "--kubeconfig="+s.place.kubeconfig(), "apply", "--server-side",
			"--kustomize="+s.place.config(name)); err != nil {
			return err
		}
		if name == "crd" {
			if err := runTool(ctx, s.place.root, kubectl, "--kubeconfig="+s.place.kubeconfig(), "wait", "--for=condition=Established",
				"--timeout=60s", "--filename="+filepath.Join(s.place.config(name), "bases")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *supervisor) accountKubeconfig(account string) string {
	return filepath.Join(s.place.data(), account+".kubeconfig")
}

// writeAccountKubeconfig lets a process act as a service account, with the token that a Pod of it would have.
func (s *supervisor) writeAccountKubeconfig(ctx context.Context, account string) error {
	clients, err := kubernetes.NewForConfig(s.controlPlane.Config)
	if err != nil {
		return fmt.Errorf("token of service account %s: %w", account, err)
	}
	seconds := int64(accountTokenLifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	token, err := clients.CoreV1().ServiceAccounts(systemNamespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("token of service account %s: %w", account, err)
	}
	config := rest.AnonymousClientConfig(s.controlPlane.Config)
	config.BearerToken = token.Status.Token
	return controlplane.WriteKubeconfig(s.accountKubeconfig(account), config, systemNamespace)
}

// makeDirectory makes the ScimDirectory and its token.
func (s *supervisor) makeDirectory(ctx context.Context) (string, error) {
	admin, err := newClient(s.controlPlane.Config)
	if err != nil {
		return "", err
	}
	token, err := randomToken()
	if err != nil {
		return "", err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: tokenSecret},
		StringData: map[string]string{"token": token},
	}
	directory := &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: directoryName},
		Spec: v1alpha1.ScimDirectorySpec{
			Provider:    v1alpha1.ProviderOkta,
			Credentials: []v1alpha1.Credential{{Name: "local", TokenSecretRef: v1alpha1.SecretKeyRef{Name: tokenSecret}}},
			Identity:    v1alpha1.Identity{Username: usernameExpression},
		},
	}
	for _, object := range []client.Object{secret, directory} {
		if err := admin.Create(ctx, object); err != nil {
			return "", fmt.Errorf("create %s: %w", object.GetName(), err)
		}
	}
	return token, nil
}

// randomToken has 256 bits.
func randomToken() (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// newClient knows the kinds of Kubernetes and our own.
func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build the scheme: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("build a client: %w", err)
	}
	return c, nil
}
