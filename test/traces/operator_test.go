package traces_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/install"
)

// installation is what the tests share: an API server in which the operator is installed, and a directory for all pushes.
type installation struct {
	dir, token        string
	kube              client.Client
	roots             *x509.CertPool
	certFile, keyFile string
	// starts numbers the processes, so that each has a log of its own.
	starts int
}

const directory = "okta"

var shared struct {
	dir  string
	once sync.Once
	all  *installation
	err  error
}

func installed(t *testing.T) *installation {
	t.Helper()
	shared.once.Do(func() {
		shared.all = &installation{dir: shared.dir, token: rand.Text() + rand.Text()}
		shared.err = shared.all.prepare(context.Background())
	})
	check(t, "install the operator", shared.err)
	return shared.all
}

// prepare does what an administrator does.
func (i *installation) prepare(ctx context.Context) error {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	var err error
	if i.kube, err = client.New(apiserver.Config(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := install.Operator(ctx, i.kube, filepath.Join("..", "..", "config")); err != nil {
		return err
	}
	objects := append(appObjects(),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: install.Namespace, Name: "token"}, StringData: map[string]string{"token": i.token}},
		&v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: directory}, Spec: v1alpha1.ScimDirectorySpec{
			Credentials: []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "token"}}},
			Apps:        v1alpha1.AppConsent{Namespaces: []string{appNamespace}},
		}},
	)
	for _, object := range objects {
		if err := i.kube.Create(ctx, object); err != nil {
			return err
		}
	}
	authority, err := controlplane.NewAuthority("traces")
	if err != nil {
		return err
	}
	i.roots = x509.NewCertPool()
	i.roots.AppendCertsFromPEM(authority.PEM)
	pair, err := authority.Loopback("server")
	if err != nil {
		return err
	}
	i.certFile, i.keyFile, err = pair.Write(i.dir, "tls")
	return err
}

// process is one process of the operator.
type process struct {
	*controlplane.Process
	t       *testing.T
	i       *installation
	address string
}

func (i *installation) startServer(t *testing.T, args ...string) *process {
	t.Helper()
	return i.start(t, install.ServerAccount, "server", func(address string) []string {
		return append([]string{
			"--listen-address=" + address, "--tls-cert-file=" + i.certFile, "--tls-key-file=" + i.keyFile, "--audit-log=off",
		}, args...)
	})
}

func (i *installation) startController(t *testing.T, args ...string) *process {
	t.Helper()
	return i.start(t, install.ControllerAccount, "controller", func(string) []string {
		return append([]string{"--bindable-cluster-roles=view,edit", "--app-allowed-networks=127.0.0.0/8"}, args...)
	})
}

// start starts a process under its account and waits until it is ready.
func (i *installation) start(t *testing.T, account, part string, args func(address string) []string) *process {
	t.Helper()
	ports, err := controlplane.FreePorts(2)
	check(t, "find ports", err)
	config, err := install.TokenConfig(t.Context(), i.kube, install.Namespace, account)
	check(t, "make a token for "+account, err)
	i.starts++
	name := fmt.Sprintf("%s-%d", part, i.starts)
	kubeconfig := filepath.Join(i.dir, name+".kubeconfig")
	check(t, "write "+kubeconfig, controlplane.WriteKubeconfig(kubeconfig, config, install.Namespace))
	health := fmt.Sprintf("127.0.0.1:%d", ports[0])
	p := &process{t: t, i: i, address: fmt.Sprintf("127.0.0.1:%d", ports[1])}
	p.Process, err = controlplane.StartProcess(controlplane.Command{
		Name: name, Path: filepath.Join(i.dir, "scim-operator"), LogDir: i.dir, Env: []string{"KUBECONFIG=" + kubeconfig},
		Args: append([]string{part, "--namespace=" + install.Namespace, "--health-address=" + health}, args(p.address)...),
	})
	check(t, "start the "+part, err)
	t.Cleanup(func() { p.Stop(0) })
	check(t, "wait for the "+part, controlplane.Await(t.Context(), patience, p.Process, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	}))
	return p
}

// end ends a process as a Pod is ended, by the time of which everything that it has to tell is told.
func (p *process) end() {
	p.t.Helper()
	p.Stop(patience)
	if p.Err() != nil {
		p.t.Errorf("%s ended with %v: %s", p.Name, p.Err(), p.LogTail(4000))
	}
}

// push sends a request with a body as a server of an identity provider does, and gives the answer if it has the status. Headers are given as
// "Name: value".
func (p *process) push(want int, method, path, body string, headers ...string) map[string]any {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, "https://"+p.address+"/scim/"+directory+"/v2"+path, strings.NewReader(body))
	check(p.t, "make a request", err)
	request.Header.Set("Authorization", "Bearer "+p.i.token)
	request.Header.Set("Content-Type", "application/scim+json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.i.roots}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	check(p.t, method+" "+path, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(p.t, "read the answer", err)
	if response.StatusCode != want {
		p.t.Fatalf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, want, text)
	}
	answer := map[string]any{}
	check(p.t, "decode the answer", json.Unmarshal(text, &answer))
	return answer
}

// create pushes a new resource, and gives its id.
func (p *process) create(path, body string, headers ...string) string {
	p.t.Helper()
	id, _ := p.push(http.StatusCreated, http.MethodPost, path, body, headers...)["id"].(string)
	return id
}

// known waits until the controller knows that somebody counts.
func (i *installation) known(t *testing.T, id string) {
	t.Helper()
	eventually(t, "the controller knows the user", func(context.Context) error {
		if user := i.user(t, id); user.Status.State != v1alpha1.UserActive {
			return fmt.Errorf("the state is %q", user.Status.State)
		}
		return nil
	})
}

// user reads a ScimUser.
func (i *installation) user(t *testing.T, id string) *v1alpha1.ScimUser {
	t.Helper()
	user := &v1alpha1.ScimUser{}
	check(t, "read user "+id, i.kube.Get(t.Context(), client.ObjectKey{Name: id}, user))
	return user
}
