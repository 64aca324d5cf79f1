package apiserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

// startTimeout is generous because all test packages may start at the same time on a small machine.
const startTimeout = 2 * time.Minute

const assetsVariable = "KUBEBUILDER_ASSETS"

var errNoAssets = errors.New(assetsVariable + " is not set, so there is no API server to test against: run make test, or: export " +
	assetsVariable + "=$(hack/controlplane/assets.sh)")

// shared is the configuration of the server that Main started. Tests reach TestMain's server only through a package variable.
var shared atomic.Pointer[rest.Config]

// sharedDir is where that server keeps its files.
var sharedDir atomic.Pointer[string]

// Start starts a control plane for one test and stops it when the test ends, also when it panics. The configuration is that of an
// administrator and is not rate limited.
func Start(t testing.TB) *rest.Config {
	t.Helper()
	return StartWith(t, controlplane.Options{})
}

// StartWith is Start with the additional flags of the options; everything else in them is decided here.
func StartWith(t testing.TB, options controlplane.Options) *rest.Config {
	t.Helper()
	return rest.CopyConfig(StartControlPlane(t, options).Config)
}

// StartControlPlane is StartWith for a test that stops and restarts the processes.
func StartControlPlane(t testing.TB, options controlplane.Options) *controlplane.ControlPlane {
	t.Helper()
	options.Dir = t.TempDir()
	controlPlane, err := start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { controlPlane.Stop(0) })
	return controlPlane
}

// StartBare is StartWith without the custom resource definitions, for a test that installs them as people do.
func StartBare(t testing.TB, options controlplane.Options) *controlplane.ControlPlane {
	t.Helper()
	options.Dir = t.TempDir()
	controlPlane, err := startBare(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { controlPlane.Stop(0) })
	return controlPlane
}

// Main starts one control plane, runs the tests of a package and returns the code to exit with. Call it from TestMain.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "apiserver-test-")
	if err != nil {
		return failed(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	controlPlane, err := start(context.Background(), controlplane.Options{Dir: dir})
	if err != nil {
		return failed(err)
	}
	defer controlPlane.Stop(0)
	shared.Store(controlPlane.Config)
	sharedDir.Store(&dir)
	return m.Run()
}

// Config is the administrator's configuration of the server that Main started; each call returns a copy. It panics in a package
// whose TestMain does not call Main.
func Config() *rest.Config {
	config := shared.Load()
	if config == nil {
		panic("apiserver.Config: TestMain of this package does not call apiserver.Main")
	}
	return rest.CopyConfig(config)
}

// EtcdDir is where etcd of the server that Main started keeps its data: what was ever written to the API server is in these files, in the
// clear. It panics in a package whose TestMain does not call Main.
func EtcdDir() string {
	dir := sharedDir.Load()
	if dir == nil {
		panic("apiserver.EtcdDir: TestMain of this package does not call apiserver.Main")
	}
	return filepath.Join(*dir, "etcd")
}

// Kubeconfig writes the configuration to a kubeconfig file, which is removed when the test ends, and returns its path.
func Kubeconfig(t testing.TB, config *rest.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := controlplane.WriteKubeconfig(path, config, ""); err != nil {
		t.Fatal(err)
	}
	return path
}

// Kubectl is the path of a kubectl of the API server's version.
func Kubectl(t testing.TB) string {
	t.Helper()
	assets, err := assets()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(assets, "kubectl")
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func assets() (string, error) {
	dir := os.Getenv(assetsVariable)
	if dir == "" {
		return "", errNoAssets
	}
	if err := controlplane.CheckAssets(dir); err != nil {
		return "", fmt.Errorf("%s: %w", assetsVariable, err)
	}
	return dir, nil
}

func startBare(ctx context.Context, options controlplane.Options) (*controlplane.ControlPlane, error) {
	assets, err := assets()
	if err != nil {
		return nil, err
	}
	options.Assets, options.Timeout = assets, startTimeout
	controlPlane, err := controlplane.Start(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start a control plane: %w", err)
	}
	return controlPlane, nil
}

func start(ctx context.Context, options controlplane.Options) (*controlplane.ControlPlane, error) {
	definitions, err := definitionsDir()
	if err != nil {
		return nil, err
	}
	controlPlane, err := startBare(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := installDefinitions(controlPlane.Config, definitions); err != nil {
		controlPlane.Stop(0)
		return nil, err
	}
	return controlPlane, nil
}

// installDefinitions returns when the API server serves the kinds.
func installDefinitions(config *rest.Config, dir string) error {
	_, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{dir}, ErrorIfPathMissing: true, MaxTime: startTimeout})
	if err != nil {
		return fmt.Errorf("install the custom resource definitions of %s: %w", dir, err)
	}
	return nil
}

// definitionsDir is config/crd/bases of the module whose tests are running: tests run in their package's folder, somewhere below
// the file go.mod.
func definitionsDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "config", "crd", "bases"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the module root: no go.mod above the working directory")
		}
		dir = parent
	}
}
