//go:build e2e

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	chartDir  = "../../charts/scim-operator"
	release   = "scim-operator"
	namespace = "scim-operator-e2e"
	directory = "okta"
	// serverName is the host name in the server's certificate.
	serverName = "scim-operator-server." + namespace + ".svc"
	// patience is how long anything that must happen may take on a busy machine.
	patience = 5 * time.Minute
	// longPatience is how long a Deployment may take to be replaced, as Helm takes it.
	longPatience = "10m"
)

// environment is what make e2e says.
type environment struct {
	// image is the operator's image, which the cluster can run; before is an earlier one to begin with, or the same.
	image, before string
	// chartBefore is the chart of the earlier image.
	chartBefore string
	// address is host:port of the SCIM endpoint, where the Service's own address cannot be reached from here; else it is empty.
	address string
}

// fromEnvironment reads what make e2e says.
func fromEnvironment(t *testing.T) environment {
	t.Helper()
	e := environment{
		image: os.Getenv("E2E_IMAGE"), before: os.Getenv("E2E_IMAGE_BEFORE"), chartBefore: os.Getenv("E2E_CHART_BEFORE"), address: os.Getenv("E2E_ADDRESS"),
	}
	if e.image == "" {
		t.Fatal("E2E_IMAGE is not set: run make e2e with KUBECONFIG and IMAGE")
	}
	if e.before == "" {
		e.before = e.image
	}
	if e.chartBefore == "" {
		e.chartBefore = chartDir
	}
	return e
}

// newKube makes a client of the administrator whom KUBECONFIG names.
func newKube(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	must(t, err)
	config.QPS = -1
	kube, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	return kube
}

// run runs a program to its end, and gives what it printed.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := try(t.Context(), program, args...)
	must(t, err)
	return out
}

func try(ctx context.Context, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// helm is the Helm that make e2e provides.
func helm() string {
	if program := os.Getenv("HELM"); program != "" {
		return program
	}
	return "helm"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until check has nothing to complain of. It can be used in a cleanup, when the test's own context has ended.
func eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(context.WithoutCancel(t.Context()), 200*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v (last: %v)", what, err, last)
	}
}
