package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

// update rewrites the golden files and docs/kubectl-scim.md in the place of comparing them.
var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

// now is when all commands of these tests run.
var now = time.Date(2026, time.February, 3, 4, 5, 6, 0, time.UTC)

func at(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }

// outcome is what a command did, as a shell sees it.
type outcome struct {
	code           int
	stdout, stderr string
}

// scim runs a command with a real kubeconfig, against the real API server, at the time now.
func scim(t *testing.T, args ...string) outcome {
	t.Helper()
	return scimWith(t, "", args...)
}

// scimWith is scim with something on standard input.
func scimWith(t *testing.T, input string, args ...string) outcome {
	t.Helper()
	return scimAt(t, testclock.NewFakePassiveClock(now), input, args...)
}

// scimAt is scimWith at another time.
func scimAt(t *testing.T, c clock.PassiveClock, input string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := cli.NewEnv(genericiooptions.IOStreams{In: strings.NewReader(input), Out: &stdout, ErrOut: &stderr})
	env.Clock = c
	code := execute(t.Context(), env, append([]string{"--kubeconfig=" + kubeconfig(t)}, args...))
	return outcome{code, stdout.String(), stderr.String()}
}

func kubeconfig(t *testing.T) string { return apiserver.Kubeconfig(t, apiserver.Config()) }

// want fails the test when the exit code is another, or when a text is not where it should be.
func (o outcome) want(t *testing.T, code int, texts ...string) outcome {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(o.stdout+o.stderr, text) {
			t.Errorf("the output lacks %q:\n%s%s", text, o.stdout, o.stderr)
		}
	}
	return o
}

// newKube is an administrator's client of an API server on which the operator's roles and admission policies are in force.
func newKube(t *testing.T) client.Client {
	t.Helper()
	installOnce.once.Do(func() { installOnce.err = install(t) })
	must(t, installOnce.err)
	return clientAs(t, "")
}

// installOnce is what all tests share.
var installOnce struct {
	once sync.Once
	err  error
}

func install(t *testing.T) error {
	for _, source := range []string{"../../config/rbac", "../../config/admission"} {
		command := exec.CommandContext(t.Context(), apiserver.Kubectl(t), "--kubeconfig="+kubeconfig(t), "apply", "--server-side", "--kustomize="+source)
		command.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECACHEDIR="+t.TempDir())
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("kubectl apply %s: %w\n%s", source, err, out)
		}
	}
	return nil
}

// clientAs is an administrator's client, or one that is admitted as an account of the operator is.
func clientAs(t *testing.T, account string) client.Client {
	t.Helper()
	env := cli.NewEnv(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard})
	path := kubeconfig(t)
	env.Flags.KubeConfig = &path
	if account != "" {
		user := "system:serviceaccount:" + cli.DefaultNamespace + ":" + account
		env.Flags.Impersonate, env.Flags.ImpersonateGroup = &user, &[]string{"system:masters"}
	}
	kube, err := env.Client()
	must(t, err)
	return kube
}

// writerOf is the client that may write an object: what is a directory's or the operator's own, people may not.
func writerOf(t *testing.T, kube client.Client, object client.Object) client.Client {
	t.Helper()
	managed := false
	switch o := object.(type) {
	case *v1alpha1.AccessPlan, *v1alpha1.AppAccount, *v1alpha1.ScimClaim:
		return clientAs(t, "scim-operator-controller")
	case *v1alpha1.ScimUser:
		managed = o.Spec.Directory != ""
	case *v1alpha1.ScimRole:
		managed = o.Spec.Directory != ""
	}
	if managed {
		return clientAs(t, "scim-operator-server")
	}
	return kube
}

// makeObject creates an object with its status, and takes it away at the end of the test.
func makeObject[T client.Object](t *testing.T, kube client.Client, object T) T {
	t.Helper()
	wanted, writer := object.DeepCopyObject().(T), writerOf(t, kube, object)
	must(t, writer.Create(t.Context(), object))
	t.Cleanup(func() {
		if writer.Delete(context.WithoutCancel(t.Context()), object) != nil {
			_ = kube.Delete(context.WithoutCancel(t.Context()), object)
		}
	})
	wanted.SetResourceVersion(object.GetResourceVersion())
	wanted.SetUID(object.GetUID())
	switch client.Object(object).(type) {
	case *v1alpha1.ScimClaim:
		return object
	case *v1alpha1.AppConnection:
		must(t, clientAs(t, "scim-operator-controller").Status().Update(t.Context(), wanted))
	case *v1alpha1.AccessPlan, *v1alpha1.AppAccount:
		must(t, writer.Status().Update(t.Context(), wanted))
	default:
		must(t, kube.Status().Update(t.Context(), wanted))
	}
	return wanted
}

func newDirectory(name string, change func(*v1alpha1.ScimDirectory)) *v1alpha1.ScimDirectory {
	d := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimDirectorySpec{Provider: v1alpha1.ProviderOkta}}
	if change != nil {
		change(d)
	}
	return d
}

// golden compares with a file of testdata, in which trailing white space is of no account.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`[ \t]+\n`).ReplaceAllString(got, "\n")
	path := filepath.Join("testdata", name+".golden")
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want, +got; -update rewrites it):\n%s", path, diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
