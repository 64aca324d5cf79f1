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
	"k8s.io/client-go/rest"
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

// operator is two servers and a controller, each behind a proxy, and a client of an administrator who needs none. Flows go to the first server.
// More servers may join.
type operator struct {
	// program is the path of the build that runs, and dir where its files are.
	program, dir              string
	plane                     *controlplane.ControlPlane
	api                       *rest.Config
	kube                      client.Client
	authority                 *controlplane.Authority
	roots                     *x509.CertPool
	token                     string
	server, rival, controller *part
	more                      []*part
	// certificate and key are the files of the servers' certificate.
	certificate, key string
}

// part is one process of the operator. When it dies it is started again, as a kubelet would.
type part struct {
	operator                          *operator
	name, health, profile, kubeconfig string
	// address is where a server listens.
	address string
	args    []string
	proxy   *fault.Proxy

	mu      sync.Mutex
	process *controlplane.Process
	// killed is when the process was last killed in the plan that is carried out.
	killed time.Time
}

func startOperator(t *testing.T) *operator {
	t.Helper()
	return startBuild(t, built.operator)
}

// startBuild starts the processes of a program, with an API server of their own.
func startBuild(t *testing.T, program string) *operator {
	t.Helper()
	plane := apiserver.StartControlPlane(t, controlplane.Options{})
	o := &operator{program: program, dir: t.TempDir(), plane: plane, api: plane.Config, token: rand.Text() + rand.Text(), roots: x509.NewCertPool()}
	var err error
	o.authority, err = controlplane.NewAuthority("chaos")
	must(t, err)
	o.roots.AppendCertsFromPEM(o.authority.PEM)
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	config := rest.CopyConfig(o.api)
	config.QPS = -1
	o.kube, err = client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	must(t, install.Operator(t.Context(), o.kube, filepath.Join("..", "..", "config")))
	must(t, o.kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "token"}, StringData: map[string]string{"token": o.token},
	}))
	pair, err := o.authority.Loopback("scim")
	must(t, err)
	o.certificate, o.key, err = pair.Write(o.dir, "scim")
	must(t, err)
	o.server, o.rival = o.newServer(t, "server"), o.newServer(t, "rival")
	o.controller = o.newPart(t, "controller", "controller", install.ControllerAccount, "--bindable-cluster-roles=view,edit",
		"--app-allowed-networks=127.0.0.0/8")
	for _, p := range o.parts() {
		must(t, p.start())
		must(t, p.ready(t.Context()))
	}
	return o
}

// join starts another server.
func (o *operator) join(t *testing.T, name string) {
	t.Helper()
	p := o.newServer(t, name)
	must(t, p.start())
	must(t, p.ready(t.Context()))
	o.more = append(o.more, p)
}

func (o *operator) servers() []*part { return append([]*part{o.server, o.rival}, o.more...) }

// parts are all processes.
func (o *operator) parts() []*part { return append(o.servers(), o.controller) }

func (o *operator) newServer(t *testing.T, name string) *part {
	t.Helper()
	address := freeAddress(t)
	p := o.newPart(t, name, "server", install.ServerAccount, "--listen-address="+address, "--tls-cert-file="+o.certificate,
		"--tls-key-file="+o.key, "--external-url=https://scim.example.com", "--audit-log=off")
	p.address = address
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ports, err := controlplane.FreePorts(1)
	must(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
}

func (o *operator) newPart(t *testing.T, name, command, account string, args ...string) *part {
	t.Helper()
	proxy, err := fault.Start(o.api, o.authority)
	must(t, err)
	t.Cleanup(proxy.Stop)
	config, err := install.TokenConfigAt(t.Context(), o.api, o.kube, namespace, account)
	must(t, err)
	p := &part{
		operator: o, name: name, proxy: proxy, health: freeAddress(t), profile: freeAddress(t), kubeconfig: filepath.Join(o.dir, name+".kubeconfig"),
	}
	must(t, controlplane.WriteKubeconfig(p.kubeconfig, proxy.Config(config.BearerToken), namespace))
	p.args = append([]string{command, "--namespace=" + namespace, "--health-address=" + p.health, "--metrics-address=0", "--profile-address=" + p.profile}, args...)
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *part) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	p.process, err = controlplane.StartProcess(controlplane.Command{
		Name: p.name, Path: p.operator.program, Args: p.args, Env: []string{"KUBECONFIG=" + p.kubeconfig}, LogDir: p.operator.dir,
	})
	return err
}

func (p *part) lastKilled() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

func (p *part) setKilled(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = at
}

// kill is SIGKILL, and a new process at once.
func (p *part) kill() {
	p.stop()
	p.setKilled(time.Now())
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

// log is the end of what the process has said.
func (p *part) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process.LogTail(4000)
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
