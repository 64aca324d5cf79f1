package conformance_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
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
	"github.com/scim-operator/scim-operator/test/install"
)

const (
	namespace = "scim-operator-system"
	// patience is how long anything that must happen may take on a busy machine.
	patience = 2 * time.Minute
)

// binary is the operator as it ships, in the directory of this run.
var binary, workDir string

// operator is one server process.
type operator struct {
	process *controlplane.Process
	kube    client.Client
	// address is host:port of the SCIM endpoint.
	address string
	http    *http.Client
	roots   *x509.CertPool
}

// running is the server that all tests talk to. It is started by the first that asks for it.
var running struct {
	once     sync.Once
	operator *operator
	err      error
}

func build(ctx context.Context, dir string) error {
	workDir, binary = dir, filepath.Join(dir, "scim-operator")
	return install.Build(ctx, "scim-operator", binary)
}

func theOperator(t *testing.T) *operator {
	t.Helper()
	running.once.Do(func() { running.operator, running.err = startOperator(context.Background()) })
	if running.err != nil {
		t.Fatal(running.err)
	}
	return running.operator
}

func stopOperator() {
	if o := running.operator; o != nil && o.process != nil {
		o.process.Stop(0)
	}
}

// startOperator starts a server on loopback. It runs with an administrator's rights: that those of config/rbac suffice is the business
// of test/e2e.
func startOperator(ctx context.Context) (*operator, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	kube, err := client.New(apiserver.Config(), client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	if err := kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return nil, err
	}
	ports, err := controlplane.FreePorts(2)
	if err != nil {
		return nil, err
	}
	o := &operator{kube: kube, address: fmt.Sprintf("127.0.0.1:%d", ports[0]), roots: x509.NewCertPool()}
	health := fmt.Sprintf("127.0.0.1:%d", ports[1])
	certificate, key, err := o.certificate()
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(workDir, "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, apiserver.Config(), namespace); err != nil {
		return nil, err
	}
	o.process, err = controlplane.StartProcess(controlplane.Command{
		Name: "server", Path: binary, LogDir: workDir, Env: []string{"KUBECONFIG=" + kubeconfig},
		Args: []string{
			"server", "--listen-address=" + o.address, "--tls-cert-file=" + certificate, "--tls-key-file=" + key,
			"--external-url=https://" + o.address, "--namespace=" + namespace, "--health-address=" + health, "--metrics-address=0",
		},
	})
	if err != nil {
		return nil, err
	}
	if err := o.await(ctx, health); err != nil {
		return o, fmt.Errorf("the server is not ready: %w\n%s", err, o.process.LogTail(8000))
	}
	return o, nil
}

// certificate makes a serving certificate that the clients of this package trust, and nobody else.
func (o *operator) certificate() (certificate, key string, err error) {
	authority, err := controlplane.NewAuthority("conformance")
	if err != nil {
		return "", "", err
	}
	pair, err := authority.Loopback("server")
	if err != nil {
		return "", "", err
	}
	o.roots.AppendCertsFromPEM(authority.PEM)
	o.http = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.roots, MinVersion: tls.VersionTLS12}},
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return pair.Write(workDir, "tls")
}

// await polls the readiness endpoint, and gives up when the process ends.
func (o *operator) await(ctx context.Context, health string) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		select {
		case <-o.process.Done():
			return false, fmt.Errorf("it ended: %w", o.process.Err())
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", http.NoBody)
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
