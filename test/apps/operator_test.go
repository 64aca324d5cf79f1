package apps_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
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
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/postgres"
	"github.com/scim-operator/scim-operator/test/scimmy"
	"github.com/scim-operator/scim-operator/test/slapd"
)

// process is one process of the operator.
type process struct {
	*controlplane.Process
	address, metrics string
}

// operator is a running operator, and the apps that it may reach.
type operator struct {
	dir, token         string
	kube               client.Client
	authority          *controlplane.Authority
	roots              *x509.CertPool
	certFile, keyFile  string
	server, controller *process
	postgres           *postgres.Server
	slapd              *slapd.Server
	scimmy             *scimmy.Server
	// starts numbers the processes, so that each has a log of its own.
	starts int
}

// shared is the operator of all tests. It is started by the first that asks for it.
var shared struct {
	dir      string
	once     sync.Once
	operator *operator
	err      error
}

func theOperator(t testing.TB) *operator {
	t.Helper()
	shared.once.Do(func() {
		shared.operator = &operator{dir: shared.dir, token: rand.Text() + rand.Text()}
		shared.err = shared.operator.start(context.Background())
	})
	check(t, "start the operator and the apps", shared.err)
	return shared.operator
}

func stopShared() {
	o := shared.operator
	if o == nil {
		return
	}
	for _, p := range []*process{o.controller, o.server} {
		if p != nil {
			p.Stop(0)
		}
	}
	if o.postgres != nil {
		o.postgres.Stop()
	}
	if o.slapd != nil {
		o.slapd.Stop()
	}
	if o.scimmy != nil {
		o.scimmy.Stop()
	}
}

func (o *operator) start(ctx context.Context) error {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	var err error
	if o.kube, err = client.New(apiserver.Config(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := o.prepare(ctx); err != nil {
		return err
	}
	if o.server, err = o.startServer(ctx); err != nil {
		return err
	}
	if err := o.startApps(ctx); err != nil {
		return err
	}
	o.controller, err = o.startController(ctx)
	return err
}

// prepare does what an administrator does.
func (o *operator) prepare(ctx context.Context) error {
	if err := install.Operator(ctx, o.kube, filepath.Join("..", "..", "config")); err != nil {
		return err
	}
	err := o.kube.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: install.Namespace, Name: "okta-token"}, StringData: map[string]string{"token": o.token},
	})
	if err != nil {
		return err
	}
	if o.authority, err = controlplane.NewAuthority("apps"); err != nil {
		return err
	}
	o.roots = x509.NewCertPool()
	o.roots.AppendCertsFromPEM(o.authority.PEM)
	pair, err := o.authority.Loopback("server")
	if err != nil {
		return err
	}
	o.certFile, o.keyFile, err = pair.Write(o.dir, "tls")
	return err
}

func (o *operator) startServer(ctx context.Context) (*process, error) {
	return o.run(ctx, install.ServerAccount, "server", func(address string) []string {
		return []string{
			"--listen-address=" + address, "--tls-cert-file=" + o.certFile, "--tls-key-file=" + o.keyFile,
			"--audit-log=" + filepath.Join(o.dir, "audit.log"),
		}
	})
}

// startController starts a controller without leader election: there is one at a time, and the next need not wait for a killed one's Lease.
func (o *operator) startController(ctx context.Context) (*process, error) {
	return o.run(ctx, install.ControllerAccount, "controller", func(string) []string {
		return []string{"--bindable-cluster-roles=view,edit", "--app-allowed-networks=127.0.0.0/8", "--log-level=debug"}
	})
}

// run starts a process under its account and waits until it is ready.
func (o *operator) run(ctx context.Context, account, part string, args func(address string) []string) (*process, error) {
	ports, err := controlplane.FreePorts(3)
	if err != nil {
		return nil, err
	}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	config, err := install.TokenConfig(ctx, o.kube, install.Namespace, account)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(o.dir, part+".kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config, install.Namespace); err != nil {
		return nil, err
	}
	o.starts++
	p := &process{address: at(0), metrics: at(2)}
	p.Process, err = controlplane.StartProcess(controlplane.Command{
		Name: fmt.Sprintf("%s-%d", part, o.starts), Path: filepath.Join(o.dir, "scim-operator"), LogDir: o.dir, Env: []string{"KUBECONFIG=" + kubeconfig},
		Args: append([]string{
			part, "--namespace=" + install.Namespace, "--external-url=https://scim.example.com", "--health-address=" + at(1), "--metrics-address=" + at(2),
		}, args(at(0))...),
	})
	if err != nil {
		return nil, err
	}
	err = controlplane.Await(ctx, patience, p.Process, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at(1)+"/readyz", http.NoBody)
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
	})
	if err != nil {
		p.Stop(0)
	}
	return p, err
}

// restart starts a controller in the place of one that was killed.
func (o *operator) restart(t testing.TB) {
	t.Helper()
	o.controller.Stop(0)
	var err error
	o.controller, err = o.startController(context.WithoutCancel(t.Context()))
	check(t, "start the controller again", err)
}

// client pushes into a directory.
func (o *operator) client(t testing.TB, directory string) *okta.Client {
	t.Helper()
	c, err := okta.New(okta.Config{BaseURL: "https://" + o.server.address + "/scim/" + directory + "/v2", Token: o.token, RootCAs: o.roots})
	check(t, "make a client", err)
	t.Cleanup(c.Close)
	return c
}
