package release

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/okta"
)

// tlsSecret is the Secret of the server's certificate, as the chart names it by default.
const tlsSecret = "scim-operator-server-tls"

// Directory is where an identity provider pushes, and with what.
type Directory struct {
	Name, Token string
	Roots       *x509.CertPool
}

// Build compiles the operator of a module, which may be another commit's, and gives the path of the binary.
func Build(ctx context.Context, module, path string) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", "build", "-o", absolute, "./cmd/scim-operator")
	command.Dir = module
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the operator of %s: %w\n%s", module, err, output)
	}
	return nil
}

// Main builds the operator of a module, says where it is, and runs the tests of a package. It returns the code to exit with.
func Main(m *testing.M, module string, binary *string) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-release-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	*binary = filepath.Join(dir, "scim-operator")
	if err := Build(context.Background(), module, *binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Certify gives the server a fresh certificate of the authority, in the place of the one that it has. Pods see it after RefreshVolumes.
func (r *Release) Certify(ctx context.Context, authority *controlplane.Authority) error {
	pair, err := authority.Loopback("server")
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: tlsSecret}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: pair.Certificate, corev1.TLSPrivateKeyKey: pair.Key},
	}
	present := &corev1.Secret{}
	if err := r.Kube.Get(ctx, client.ObjectKeyFromObject(secret), present); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		return r.Kube.Create(ctx, secret)
	}
	present.Data = secret.Data
	return r.Kube.Update(ctx, present)
}

// MakeDirectory does what the notes of the chart say: a certificate for the server, unless it has one, a token and a ScimDirectory. Its
// provider and its credential are filled in.
func (r *Release) MakeDirectory(ctx context.Context, name string, spec v1alpha1.ScimDirectorySpec) (*Directory, error) {
	if r.Authority == nil {
		authority, err := controlplane.NewAuthority("release")
		if err != nil {
			return nil, err
		}
		if err := r.Certify(ctx, authority); err != nil {
			return nil, err
		}
		r.Authority = authority
	}
	d := &Directory{Name: name, Token: rand.Text() + rand.Text(), Roots: x509.NewCertPool()}
	d.Roots.AppendCertsFromPEM(r.Authority.PEM)
	spec.Provider = v1alpha1.ProviderOkta
	spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: name + "-scim-token", Key: "token"}}}
	for _, object := range []client.Object{
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name + "-scim-token"}, StringData: map[string]string{"token": d.Token},
		},
		&v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec},
	} {
		if err := r.Kube.Create(ctx, object); err != nil {
			return nil, fmt.Errorf("create %T %s: %w", object, object.GetName(), err)
		}
	}
	return d, nil
}

// Config is how Okta pushes into the directory through a Service, or at one pod.
func (d *Directory) Config(address string, dialect okta.Dialect) okta.Config {
	return okta.Config{BaseURL: "https://" + address + "/scim/" + d.Name + "/v2", Token: d.Token, Dialect: dialect, RootCAs: d.Roots}
}
