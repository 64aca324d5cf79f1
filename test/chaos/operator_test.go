package chaos_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/chaos/fault"
	"github.com/scim-operator/scim-operator/test/install"
)

const (
	namespace = install.Namespace
	// patience is how long the end may be in coming after something went wrong, on a busy machine.
	patience = time.Minute
)

// operator is a server and a controller, each behind a proxy, and a client of an administrator who needs none.
type operator struct {
	kube               client.Client
	authority          *controlplane.Authority
	roots              *x509.CertPool
	token              string
	server, controller *part
	address            string
}

// part is one process of the operator. When it dies it is started again, as a kubelet would.
type part struct {
	name, health, kubeconfig string
	args                     []string
	proxy                    *fault.Proxy

	mu      sync.Mutex
	process *controlplane.Process
}

func startOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{token: rand.Text() + rand.Text(), roots: x509.NewCertPool()}
	var err error
	o.authority, err = controlplane.NewAuthority("chaos")
	must(t, err)
	o.roots.AppendCertsFromPEM(o.authority.PEM)
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	config := apiserver.Config()
	config.QPS = -1
	o.kube, err = client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	must(t, install.Operator(t.Context(), o.kube, filepath.Join("..", "..", "config")))
	must(t, o.kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "token"}, StringData: map[string]string{"token": o.token},
	}))
	ports, err := controlplane.FreePorts(3)
	must(t, err)
	pair, err := o.authority.Loopback("scim")
	must(t, err)
	certificate, key, err := pair.Write(built.dir, "scim")
	must(t, err)
	o.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
	o.server = o.newPart(t, "server", install.ServerAccount, ports[1], "--listen-address="+o.address, "--tls-cert-file="+certificate,
		"--tls-key-file="+key, "--external-url=https://scim.example.com", "--audit-log=off")
	o.controller = o.newPart(t, "controller", install.ControllerAccount, ports[2], "--bindable-cluster-roles=view,edit")
	for _, p := range []*part{o.server, o.controller} {
		must(t, p.start())
		must(t, p.ready(t.Context()))
	}
	return o
}

func (o *operator) newPart(t *testing.T, name, account string, health int, args ...string) *part {
	t.Helper()
	proxy, err := fault.Start(apiserver.Config(), o.authority)
	must(t, err)
	t.Cleanup(proxy.Stop)
	config, err := install.TokenConfig(t.Context(), o.kube, namespace, account)
	must(t, err)
	p := &part{name: name, proxy: proxy, health: net.JoinHostPort("127.0.0.1", strconv.Itoa(health)), kubeconfig: filepath.Join(built.dir, name+".kubeconfig")}
	must(t, controlplane.WriteKubeconfig(p.kubeconfig, proxy.Config(config.BearerToken), namespace))
	p.args = append([]string{name, "--namespace=" + namespace, "--health-address=" + p.health, "--metrics-address=0"}, args...)
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *part) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	p.process, err = controlplane.StartProcess(controlplane.Command{
		Name: p.name, Path: built.operator, Args: p.args, Env: []string{"KUBECONFIG=" + p.kubeconfig}, LogDir: built.dir,
	})
	return err
}

// kill is SIGKILL, and a new process at once.
func (p *part) kill() {
	p.stop()
	if err := p.start(); err != nil {
		panic(err)
	}
}

func (p *part) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		p.process.Stop(0)
		p.process = nil
	}
}

// ready waits until the process serves, whichever it is by then.
func (p *part) ready(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.health+"/readyz", http.NoBody)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return fmt.Errorf("%s is not ready: %w\n%s", p.name, err, p.process.LogTail(4000))
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
