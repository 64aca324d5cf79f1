package controlplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// files are the certificates and keys of one control plane.
type files struct {
	dir         string
	authority   *Authority
	admin, etcd KeyPair
	paths       map[string]string
}

func writeFiles(dir string) (*files, error) {
	authority, err := NewAuthority("local control plane")
	if err != nil {
		return nil, err
	}
	f := &files{dir: dir, authority: authority, paths: map[string]string{"ca": filepath.Join(dir, "ca.crt"),
		"sa": filepath.Join(dir, "service-account.key")}}
	if err := os.WriteFile(f.paths["ca"], authority.PEM, 0o600); err != nil {
		return nil, fmt.Errorf("write the certificate of the authority: %w", err)
	}
	if f.admin, err = authority.Client("admin", "system:masters"); err != nil {
		return nil, err
	}
	if f.etcd, err = f.writeLoopback("etcd"); err != nil {
		return nil, err
	}
	if _, err = f.writeLoopback("apiserver"); err != nil {
		return nil, err
	}
	return f, f.writeServiceAccountKey()
}

func (f *files) writeLoopback(name string) (KeyPair, error) {
	pair, err := f.authority.Loopback(name)
	if err != nil {
		return KeyPair{}, err
	}
	f.paths[name+".crt"], f.paths[name+".key"], err = pair.Write(f.dir, name)
	return pair, err
}

// writeServiceAccountKey makes the key with which the API server signs the tokens of service accounts.
func (f *files) writeServiceAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generate the service account key: %w", err)
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return fmt.Errorf("encode the service account key: %w", err)
	}
	if err := os.WriteFile(f.paths["sa"], encoded, 0o600); err != nil {
		return fmt.Errorf("write the service account key: %w", err)
	}
	return nil
}

func (f *files) etcdDir() string { return filepath.Join(f.dir, "etcd") }

// adminConfig is not rate limited: a test or a person waits for it, and the API server protects itself.
func (f *files) adminConfig(url string) *rest.Config {
	return &rest.Config{
		Host:            url,
		TLSClientConfig: rest.TLSClientConfig{CAData: f.authority.PEM, CertData: f.admin.Certificate, KeyData: f.admin.Key},
		QPS:             -1,
	}
}

// etcdArgs leave out fsync: nobody needs the data after a power cut, and with it every write waits for the disk.
func (f *files) etcdArgs(clientURL, peerURL string) []string {
	return []string{
		"--name=local",
		"--data-dir=" + f.etcdDir(),
		"--unsafe-no-fsync",
		"--log-level=warn",
		"--listen-client-urls=" + clientURL,
		"--advertise-client-urls=" + clientURL,
		"--listen-peer-urls=" + peerURL,
		"--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=local=" + peerURL,
		"--client-cert-auth",
		"--trusted-ca-file=" + f.paths["ca"],
		"--cert-file=" + f.paths["etcd.crt"],
		"--key-file=" + f.paths["etcd.key"],
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + f.paths["ca"],
		"--peer-cert-file=" + f.paths["etcd.crt"],
		"--peer-key-file=" + f.paths["etcd.key"],
	}
}

func (f *files) apiserverArgs(etcdURL string, port int) []string {
	return []string{
		"--etcd-servers=" + etcdURL,
		"--etcd-cafile=" + f.paths["ca"],
		"--etcd-certfile=" + f.paths["etcd.crt"],
		"--etcd-keyfile=" + f.paths["etcd.key"],
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--tls-cert-file=" + f.paths["apiserver.crt"],
		"--tls-private-key-file=" + f.paths["apiserver.key"],
		"--client-ca-file=" + f.paths["ca"],
		"--anonymous-auth=false",
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + f.paths["sa"],
		"--service-account-signing-key-file=" + f.paths["sa"],
		// No controller makes default service accounts here, and the plugin would refuse every pod for want of one.
		"--disable-admission-plugins=ServiceAccount",
	}
}

// etcdServes asks etcd for its health, as the API server will.
func (f *files) etcdServes(url string) Probe {
	client, err := f.etcdClient()
	return func(ctx context.Context) error {
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", http.NoBody)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(io.LimitReader(response.Body, logTailBytes))
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("health of etcd: %s: %s", response.Status, body)
		}
		return nil
	}
}

func (f *files) etcdClient() (*http.Client, error) {
	certificate, err := tls.X509KeyPair(f.etcd.Certificate, f.etcd.Key)
	if err != nil {
		return nil, fmt.Errorf("load the certificate of etcd: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.authority.PEM)
	return &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots,
				Certificates: []tls.Certificate{certificate}},
		},
	}, nil
}

// apiserverServes wants readiness and the default namespace, which the API server makes only after it is ready.
func apiserverServes(config *rest.Config) Probe {
	clients, err := kubernetes.NewForConfig(config)
	return func(ctx context.Context) error {
		if err != nil {
			return err
		}
		body, err := clients.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("readiness of kube-apiserver: %w: %s", err, body)
		}
		_, err = clients.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return err
	}
}
