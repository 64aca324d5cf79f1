package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/install"
)

const (
	// Name is that of the Helm release.
	Name = "scim-operator"
	// Namespace is where the release is installed.
	Namespace = "scim-operator-system"
	// Server is the Deployment of the server, and its Service.
	Server = "scim-operator-server"
	// Controller is the other Deployment.
	Controller   = "scim-operator-controller"
	helmVariable = "HELM"
)

// Values are what a user puts into a file for --values.
type Values map[string]any

// Options say where to install.
type Options struct {
	// Config is an administrator's way to the API server.
	Config *rest.Config
	// Dir is an existing folder for logs, kubeconfigs and volumes.
	Dir string
	// Images says which binary stands for an image, by the reference that a Deployment states.
	Images map[string]string
	// Route, which may be nil, says at which address (host:port, of loopback) a pod reaches the API server, by its name.
	Route func(pod string) string
}

// Release is an installed chart and the pods that run for it.
type Release struct {
	// Kube may do what an administrator may.
	Kube client.Client
	// Authority signs the server's certificate, once MakeDirectory has made one.
	Authority  *controlplane.Authority
	options    Options
	helm       string
	kubeconfig string

	mu      sync.Mutex
	pods    []*Pod
	started int
}

// New prepares an installation.
func New(options Options) (*Release, error) {
	helm := os.Getenv(helmVariable)
	if helm == "" {
		return nil, fmt.Errorf("%s is not set, so there is no Helm to install with: run make test, or: export %s=$(hack/helm.sh)", helmVariable, helmVariable)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	kube, err := client.New(options.Config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("build a client: %w", err)
	}
	r := &Release{Kube: kube, options: options, helm: helm, kubeconfig: filepath.Join(options.Dir, "administrator.kubeconfig")}
	return r, controlplane.WriteKubeconfig(r.kubeconfig, options.Config, "")
}

// Install installs a chart, and returns when its admission policies are in force.
func (r *Release) Install(ctx context.Context, chart string, values Values) error {
	if err := r.runHelm(ctx, values, "install", Name, chart, "--namespace", Namespace, "--create-namespace"); err != nil {
		return err
	}
	return install.AwaitPolicies(ctx, r.Kube)
}

// Upgrade brings the installation to a chart. The pods that run stay as they are until Roll replaces them.
func (r *Release) Upgrade(ctx context.Context, chart string, values Values) error {
	return r.runHelm(ctx, values, "upgrade", Name, chart, "--namespace", Namespace)
}

// runHelm keeps the environment from Helm, so that nobody's configuration has a say.
func (r *Release) runHelm(ctx context.Context, values Values, args ...string) error {
	text, err := yaml.Marshal(values)
	if err != nil {
		return fmt.Errorf("encode values: %w", err)
	}
	file := filepath.Join(r.options.Dir, "values.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write values: %w", err)
	}
	command := exec.CommandContext(ctx, r.helm, append(args, "--values", file, "--kubeconfig", r.kubeconfig)...)
	command.Env = []string{"HOME=" + r.options.Dir, "PATH=" + os.Getenv("PATH")}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return nil
}

// Deployment is what the API server has stored, with all defaults.
func (r *Release) Deployment(ctx context.Context, name string) (*appsv1.Deployment, error) {
	deployment := &appsv1.Deployment{}
	err := r.Kube.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: name}, deployment)
	return deployment, err
}

// Pods are those that run for a Deployment, the oldest first.
func (r *Release) Pods(deployment string) []*Pod {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pods []*Pod
	for _, pod := range r.pods {
		if pod.deployment == deployment && !pod.leaving.Load() {
			pods = append(pods, pod)
		}
	}
	return pods
}

// Stop kills all pods and waits for what looked after them.
func (r *Release) Stop() {
	r.mu.Lock()
	pods := r.pods
	r.mu.Unlock()
	for _, pod := range pods {
		pod.stopProbing()
		pod.Kill()
	}
}
