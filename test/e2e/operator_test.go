package e2e_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/okta"
)

const (
	namespace   = "scim-operator-system"
	directory   = "okta"
	externalURL = "https://scim.example.com"
	// patience is how long anything that must happen may take on a busy machine, with the largest group.
	patience = 5 * time.Minute
)

// operator is a running operator: two servers and a controller.
type operator struct {
	dir         string
	certificate *certificate
	token       string
	kube        client.Client
	servers     []*process
	controller  *process
}

// process is one process of the operator.
type process struct {
	*controlplane.Process
	// address is host:port of the SCIM endpoint of a server, health and metrics those of the other endpoints.
	address, health, metrics string
}

// shared is the operator that all tests of the package push at. It is started by the first that asks for it.
var shared struct {
	once     sync.Once
	operator *operator
	err      error
}

// sharedOperator starts the operator, or gives the one that runs already.
func sharedOperator(t *testing.T) *operator {
	t.Helper()
	o, err := benchOperator()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// benchOperator is sharedOperator for a benchmark, which has another way to fail.
func benchOperator() (*operator, error) {
	shared.once.Do(func() { shared.operator, shared.err = startOperator(context.Background()) })
	return shared.operator, shared.err
}

func stopShared() {
	if shared.operator != nil {
		shared.operator.stop()
	}
}

// startOperator leaves what it managed to start to stop, also when it fails.
func startOperator(ctx context.Context) (*operator, error) {
	o := &operator{dir: built.dir, token: rand.Text() + rand.Text()}
	var err error
	if o.certificate, err = newCertificate(o.dir); err != nil {
		return o, err
	}
	if o.kube, err = newKube(); err != nil {
		return o, err
	}
	if err := o.prepare(ctx); err != nil {
		return o, err
	}
	for i := range 2 {
		server, err := o.startServer(ctx, fmt.Sprintf("server-%d", i+1), built.operator, "")
		if err != nil {
			return o, err
		}
		o.servers = append(o.servers, server)
	}
	o.controller, err = o.startController(ctx, "controller", built.operator, "")
	return o, err
}

// newKube makes a client that may do anything, but for what the admission policies keep to the operator.
func newKube() (client.Client, error) { return newKubeOf(apiserver.Config()) }

// newKubeAs makes a client that may do what a part of the operator may.
func newKubeAs(ctx context.Context, kube client.Client, account string) (client.Client, error) {
	config, err := accountConfig(ctx, kube, account)
	if err != nil {
		return nil, err
	}
	return newKubeOf(config)
}

func newKubeOf(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// prepare does what an administrator does: installs the accounts and policies, and makes a token and a directory.
func (o *operator) prepare(ctx context.Context) error {
	if err := installOperator(ctx, o.kube); err != nil {
		return err
	}
	objects := []client.Object{
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-token"},
			StringData: map[string]string{"token": o.token},
		},
		&v1alpha1.ScimDirectory{
			ObjectMeta: metav1.ObjectMeta{Name: directory},
			Spec: v1alpha1.ScimDirectorySpec{
				Provider: v1alpha1.ProviderOkta,
				Credentials: []v1alpha1.Credential{
					{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token", Key: "token"}},
				},
				// All tests push at this directory, some of them hundreds of removals. Its guard counts and lets them pass;
				// TestGuard has a directory of its own.
				Guard: v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 100_000}, Members: v1alpha1.GuardLimit{Count: 100_000}},
			},
		},
	}
	for _, object := range objects {
		if err := o.kube.Create(ctx, object); err != nil {
			return fmt.Errorf("create %T %s: %w", object, object.GetName(), err)
		}
	}
	return nil
}

// startServer starts a server and waits until it serves. failpoint may be empty.
func (o *operator) startServer(ctx context.Context, name, binary, failpoint string) (*process, error) {
	address, health, err := twoAddresses(ctx)
	if err != nil {
		return nil, err
	}
	metrics, _, err := twoAddresses(ctx)
	if err != nil {
		return nil, err
	}
	return o.start(ctx, &process{address: address, health: health, metrics: metrics}, serverAccount, controlplane.Command{
		Name: name, Path: binary, Env: environment(failpoint),
		Args: []string{
			"server", "--listen-address=" + address, "--tls-cert-file=" + o.certificate.certFile, "--tls-key-file=" + o.certificate.keyFile,
			"--external-url=" + externalURL, "--namespace=" + namespace, "--health-address=" + health, "--metrics-address=" + metrics,
			"--audit-log=" + filepath.Join(o.dir, name+".audit.log"),
		},
	})
}

// startController starts the controllers and waits until they are ready.
func (o *operator) startController(ctx context.Context, name, binary, failpoint string) (*process, error) {
	metrics, health, err := twoAddresses(ctx)
	if err != nil {
		return nil, err
	}
	return o.start(ctx, &process{health: health, metrics: metrics}, controllerAccount, controlplane.Command{
		Name: name, Path: binary, Env: environment(failpoint),
		Args: []string{
			"controller", "--namespace=" + namespace, "--external-url=" + externalURL, "--bindable-cluster-roles=view,edit",
			"--leader-elect", "--health-address=" + health, "--metrics-address=" + metrics,
		},
	})
}

func environment(failpoint string) []string {
	if failpoint == "" {
		return nil
	}
	return []string{"SCIM_OPERATOR_FAILPOINT=" + failpoint}
}

func (o *operator) start(ctx context.Context, p *process, account string, command controlplane.Command) (*process, error) {
	config, err := accountConfig(ctx, o.kube, account)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(o.dir, command.Name+".kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config, namespace); err != nil {
		return nil, err
	}
	command.Env = append(command.Env, "KUBECONFIG="+kubeconfig)
	command.LogDir = o.dir
	if p.Process, err = controlplane.StartProcess(command); err != nil {
		return nil, err
	}
	if err := p.ready(ctx); err != nil {
		p.Stop(0)
		return nil, fmt.Errorf("%s is not ready: %w\n%s", command.Name, err, p.LogTail(8000))
	}
	return p, nil
}

// ready polls the readiness endpoint, and gives up when the process ends.
func (p *process) ready(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("it ended: %w", p.Err())
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.health+"/readyz", http.NoBody)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil // It does not listen yet.
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
}

func (o *operator) stop() {
	for _, p := range append(o.servers, o.controller) {
		if p != nil {
			p.Stop(0)
		}
	}
}

// twoAddresses finds two free ports. They are free when it returns, which is as much as one can know.
func twoAddresses(ctx context.Context) (first, second string, err error) {
	var addresses [2]string
	var listeners []net.Listener
	for i := range addresses {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", fmt.Errorf("find a free port: %w", err)
		}
		listeners = append(listeners, listener)
		addresses[i] = listener.Addr().String()
	}
	for _, listener := range listeners {
		if err := listener.Close(); err != nil {
			return "", "", fmt.Errorf("find a free port: %w", err)
		}
	}
	return addresses[0], addresses[1], nil
}

// client pushes at one of the servers.
func (o *operator) client(t *testing.T, server *process, dialect okta.Dialect) *okta.Client {
	t.Helper()
	c, err := okta.New(okta.Config{
		BaseURL: "https://" + server.address + "/scim/" + directory + "/v2",
		Token:   o.token, Dialect: dialect, RootCAs: o.certificate.roots,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// served waits until the server has heard of the client's directory. Until then it answers 404, as to any name it does not know.
func served(t *testing.T, c *okta.Client) {
	t.Helper()
	eventually(t, "the new directory is served", func(ctx context.Context) error { return c.TestConnector(ctx, true) })
}

// repeat is how often a test of consistency repeats itself.
func repeat(t *testing.T) int {
	t.Helper()
	text := os.Getenv("REPEAT")
	if text == "" {
		return 1000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("REPEAT=%q is no positive number", text)
	}
	return n
}

// eventually polls until check returns nil, and fails with its last error when that takes too long. It can be used in a cleanup, when
// the test's own context has ended.
func eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v (last: %v)", what, err, last)
	}
}

// must fails the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// check fails the test on an error, with what was being done.
func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
