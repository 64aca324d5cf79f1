package company_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

// stopGrace is what a process gets to end by itself.
const stopGrace = 30 * time.Second

// company is a cluster with a company in it, and the operator.
type company struct {
	world
	// until is the benchmark with which everything ends; the parts of the measurement are benchmarks below it.
	until                    *testing.B
	dir, token, metricsToken string
	config                   *rest.Config
	kube                     client.Client
	audit                    *auditLog
	seen                     *bindings
	scim                     *scimClient
	server, controller       *controlplane.Process
	// metrics is the URL of the controller's metrics, and peak the most memory in bytes that a controller has had.
	metrics string
	// profile is where the server shows Go's profiles.
	profile string
	peak    int64
	raw     *corev1.ConfigMap
	rows    []row
	// queues are people to measure with, and picked those who were.
	queues map[kind][]int
	picked map[int]bool
}

// found makes a company and starts the server. The controller is not started.
func found(b *testing.B, users int) *company {
	b.Helper()
	options, audit := auditOptions(b)
	c := &company{
		world: newWorld(users), until: b, dir: b.TempDir(), token: rand.Text() + rand.Text(), audit: audit,
		queues: map[kind][]int{}, picked: map[int]bool{},
	}
	c.config = apiserver.StartWith(b, options)
	scheme := runtime.NewScheme()
	must(b, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	var err error
	c.kube, err = client.New(c.config, client.Options{Scheme: scheme})
	must(b, err)
	load(b, c.kube, c.world)
	c.install(b)
	c.seen = watchBindings(b, c.config)
	c.startServer(b)
	return c
}

// install applies what an installation applies, and makes the token and the directory.
func (c *company) install(b *testing.B) {
	b.Helper()
	kubeconfig := apiserver.Kubeconfig(b, c.config)
	for _, folder := range []string{"rbac", "admission"} {
		cmd := exec.CommandContext(b.Context(), apiserver.Kubectl(b), "--kubeconfig="+kubeconfig, "apply", "--server-side",
			"--kustomize="+filepath.Join("..", "..", "..", "config", folder))
		if output, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("install config/%s: %v\n%s", folder, err, output)
		}
	}
	refused := &v1alpha1.ScimRoleSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "refused"}, Spec: v1alpha1.ScimRoleSliceSpec{Role: "refused", Members: []string{"nobody"}},
	}
	poll(b, "the API server heeds the admission policies", func(ctx context.Context) bool {
		return apierrors.IsForbidden(c.kube.Create(ctx, refused.DeepCopy(), client.DryRunAll))
	})
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: directoryName}}
	directory.Spec = v1alpha1.ScimDirectorySpec{
		Provider:    v1alpha1.ProviderOkta,
		Credentials: []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token", Key: "token"}}},
		Identity:    v1alpha1.Identity{Username: strconv.Quote(usernamePrefix) + " + user.userName"},
		// What is measured is a burst to the guard. It counts and lets everybody pass.
		Guard: v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 100_000}, Members: v1alpha1.GuardLimit{Count: 100_000}},
	}
	c.raw = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "raw-write"}}
	must(b, create(b.Context(), c.kube, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "okta-token"}, StringData: map[string]string{"token": c.token},
	}, directory, c.raw, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bench-metrics"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-operator-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: systemNamespace, Name: controllerAccount}},
	}))
	c.metricsToken = c.account(b, controllerAccount).BearerToken
}

// account is how a part of the operator reaches the API server: with a token of its own account and nothing else.
func (c *company) account(b *testing.B, name string) *rest.Config {
	b.Helper()
	day := int64(24 * 60 * 60)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: name}}
	must(b, c.kube.SubResource("token").Create(b.Context(), owner, request))
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = request.Status.Token
	return config
}

// start starts a process of the operator under its account. It is stopped with the company.
func (c *company) start(b *testing.B, account string, args ...string) *controlplane.Process {
	b.Helper()
	kubeconfig := filepath.Join(c.dir, account+".kubeconfig")
	must(b, controlplane.WriteKubeconfig(kubeconfig, c.account(b, account), systemNamespace))
	process, err := controlplane.StartProcess(controlplane.Command{
		Name: account, Path: binary, Args: args, LogDir: c.dir, Env: []string{"KUBECONFIG=" + kubeconfig},
	})
	must(b, err)
	c.until.Cleanup(func() { process.Stop(stopGrace) })
	return process
}

func (c *company) startServer(b *testing.B) {
	b.Helper()
	ports, err := controlplane.FreePorts(3)
	must(b, err)
	c.profile = "127.0.0.1:" + strconv.Itoa(ports[2])
	authority, err := controlplane.NewAuthority("company")
	must(b, err)
	pair, err := authority.Loopback("scim")
	must(b, err)
	certificate, key, err := pair.Write(c.dir, "scim")
	must(b, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	address := "127.0.0.1:" + strconv.Itoa(ports[0])
	c.scim = &scimClient{base: "https://" + address + "/scim/" + directoryName + "/v2", token: c.token, http: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}},
	}}
	c.server = c.start(b, serverAccount, "server", "--listen-address="+address, "--tls-cert-file="+certificate, "--tls-key-file="+key,
		"--external-url=https://"+address, "--namespace="+systemNamespace, "--health-address=127.0.0.1:"+strconv.Itoa(ports[1]),
		"--profile-address="+c.profile)
	must(b, controlplane.Await(b.Context(), patience, c.server, func(ctx context.Context) error {
		return c.scim.send(ctx, http.MethodGet, "/Users?count=1", "", http.StatusOK)
	}))
}

// startController starts the controllers, and gives the time at which it began to. It does not wait for anything.
func (c *company) startController(b *testing.B) time.Time {
	b.Helper()
	ports, err := controlplane.FreePorts(2)
	must(b, err)
	c.metrics = "https://127.0.0.1:" + strconv.Itoa(ports[1]) + "/metrics"
	began := time.Now()
	c.controller = c.start(b, controllerAccount, "controller", "--namespace="+systemNamespace, "--external-url=https://scim.example.com",
		"--bindable-cluster-roles=view,edit", "--leader-elect", "--health-address=127.0.0.1:"+strconv.Itoa(ports[0]),
		"--metrics-address=127.0.0.1:"+strconv.Itoa(ports[1]))
	return began
}

// stopController ends the controllers as a Deployment does, and notes how much memory they had.
func (c *company) stopController(b *testing.B) {
	b.Helper()
	c.notePeak(b)
	c.controller.Stop(stopGrace)
}

// notePeak notes the most memory that the controller has had so far.
func (c *company) notePeak(b *testing.B) {
	b.Helper()
	c.peak = max(c.peak, peakOf(b, c.controller))
}

// peakOf is the most memory that a process has had so far, in bytes.
func peakOf(b *testing.B, process *controlplane.Process) int64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.PID()))
	must(b, err)
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
			must(b, err)
			return kibibytes << 10
		}
	}
	b.Fatal("the kernel does not tell the peak of a process")
	return 0
}

// ticks is how many clock ticks of /proc/PID/stat a second has, on every Linux that Go supports.
const ticks = 100

// cpu is the CPU time that the controller has used.
func (c *company) cpu(b *testing.B) time.Duration {
	b.Helper()
	return processCPU(b, c.controller)
}

// processCPU is the CPU time that a process has used, which other processes on the machine don't make longer. It counts in hundredths of a
// second.
func processCPU(b *testing.B, process *controlplane.Process) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process.PID()))
	must(b, err)
	// The name of the program, in parentheses, may have spaces in it; user and system time are fields 14 and 15.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	sum := 0
	for _, text := range fields[11:13] {
		n, err := strconv.Atoi(text)
		must(b, err)
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// poll waits until a condition holds.
func poll(b *testing.B, what string, condition func(context.Context) bool) {
	b.Helper()
	done := func(ctx context.Context) (bool, error) { return condition(ctx), nil }
	if err := wait.PollUntilContextTimeout(b.Context(), 50*time.Millisecond, patience, true, done); err != nil {
		b.Fatalf("still not true: %s", what)
	}
}
