// Package policies tests, on a real API server, what config/admission admits and refuses, and what the roles of config/rbac are good
// for. Every account is a real ServiceAccount with the rights that an installation gives it.
package policies

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

// patience is how long it may take, on a busy machine, until the API server heeds a new policy or a new role.
const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

// installed is what all tests of the package share: the accounts, with the roles and policies in place.
var installed struct {
	once     sync.Once
	accounts map[account]*client
	err      error
}

// accounts installs config/rbac and config/admission when the first test asks for it, and gives a client for each account.
func accounts(t testing.TB) map[account]*client {
	t.Helper()
	installed.once.Do(func() { installed.accounts, installed.err = install(t) })
	if installed.err != nil {
		t.Fatal(installed.err)
	}
	return installed.accounts
}

func install(t testing.TB) (map[account]*client, error) {
	kubeconfig := apiserver.Kubeconfig(t, apiserver.Config())
	for _, source := range [][]string{{"--kustomize=../../config/rbac"}, {"--kustomize=../../config/admission"}, {"--filename=testdata/people.yaml"}} {
		args := append([]string{"--kubeconfig=" + kubeconfig, "apply", "--server-side"}, source...)
		command := exec.CommandContext(t.Context(), apiserver.Kubectl(t), args...)
		command.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECACHEDIR="+t.TempDir())
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("kubectl apply %s: %w\n%s", filepath.Base(source[0]), err, out)
		}
	}
	return makeClients(t.Context())
}

// eventually polls until check returns nil, and otherwise returns its last error.
func eventually(ctx context.Context, check func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w (last: %w)", err, last)
	}
	return nil
}
