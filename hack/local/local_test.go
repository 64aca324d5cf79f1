package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

// TestLifecycle runs the commands as a person does: everything with the real binaries, in a folder of its own.
func TestLifecycle(t *testing.T) {
	p, local := newPlace(t)

	if out, err := local("down"); err != nil || !strings.Contains(out, "nothing is running") {
		t.Fatalf("down with nothing running: %v, %q; want success and a word about it", err, out)
	}
	if out, err := local("up", "--replicas=2"); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	if _, err := local("up"); !errors.Is(err, errRunning) {
		t.Errorf("up a second time: %v, want %v", err, errRunning)
	}
	checkEnvironment(t, p)
	checkPrivate(t, p.dir)

	s, err := readState(p)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := local("demo"); err != nil {
		t.Errorf("demo: %v\n%s", err, out)
	}
	if out, err := local("demo"); err != nil {
		t.Errorf("demo a second time: %v\n%s", err, out)
	}
	if out, err := local("down"); err != nil {
		t.Fatalf("down: %v\n%s", err, out)
	}
	if alive := living(s.Processes); len(alive) > 0 {
		t.Errorf("down left processes: %v", alive)
	}
	for _, path := range []string{p.env(), p.kubeconfig(), p.state(), p.data()} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("down left %s, want it gone", filepath.Base(path))
		}
	}
}

// TestFailedStart uses a kube-apiserver that ends at once.
func TestFailedStart(t *testing.T) {
	p, local := newPlace(t)
	broken := t.TempDir()
	for name, target := range map[string]string{"etcd": "etcd", "kubectl": "kubectl", "kube-apiserver": "kubectl"} {
		if err := os.Symlink(filepath.Join(filepath.Dir(apiserver.Kubectl(t)), target), filepath.Join(broken, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := local("up", "--assets="+broken)
	if err == nil || !strings.Contains(err.Error(), "unknown flag: --etcd-servers") {
		t.Errorf("up with a kube-apiserver that is something else: %v, want the end of its log", err)
	}
	if running, err := isRunning(p); running || err != nil {
		t.Errorf("after a failed start a supervisor is running: %v, %v", running, err)
	}
}

// newPlace makes a folder to run in and a function that runs a subcommand there. Whatever still runs at the end is stopped.
func newPlace(t *testing.T) (place, func(args ...string) (string, error)) {
	t.Helper()
	assets := filepath.Dir(apiserver.Kubectl(t))
	p, err := findPlace(filepath.Join(t.TempDir(), "local"))
	if err != nil {
		t.Fatal(err)
	}
	local := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{args[0], "--dir=" + p.dir, "--assets=" + assets}, args[1:]...), &out, io.Discard)
		return out.String(), err
	}
	t.Cleanup(func() { stopAnyway(t, p) })
	return p, local
}

// stopAnyway stops a supervisor that a failed test left, and its children with it. The context of the test is over by now.
func stopAnyway(t *testing.T, p place) {
	running, err := isRunning(p)
	if err != nil {
		t.Error(err)
	}
	if !running {
		return
	}
	s, err := readState(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a supervisor is still running at the end of the test; stopping process %d", s.Supervisor)
	if err := syscall.Kill(s.Supervisor, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := awaitStopped(context.Background(), p, downTimeout); err != nil {
		t.Error(err)
	}
}

// checkEnvironment sources the file in a shell and uses what it sets.
func checkEnvironment(t *testing.T, p place) {
	t.Helper()
	script := `. "$1" && kubectl get scimdirectory okta -o name && [ -r "$SCIM_CA_FILE" ] && [ "${#SCIM_TOKEN}" -ge 32 ] &&
		[ "$SCIM_BASE_URL" = "$SCIM_BASE_URL_1" ] && [ -n "$SCIM_BASE_URL_2" ] && [ "$SCIM_BASE_URL_1" != "$SCIM_BASE_URL_2" ]`
	output, err := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", p.env()).CombinedOutput()
	if err != nil {
		t.Errorf("source env and use it: %v\n%s", err, output)
	}
	if diff := cmp.Diff("scimdirectory.scim-operator.io/okta\n", string(output)); diff != "" {
		t.Errorf("kubectl with env (-want +got):\n%s", diff)
	}
}

// checkPrivate wants that nobody else on the machine can read a token or a key.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("%s has the mode %o, want 700", dir, got)
	}
	for _, pattern := range []string{"env", "kubeconfig", "state.json", "data/*.key", "data/*.kubeconfig"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files, want some", pattern, err, len(files))
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("%s has the mode %o, want 600", file, got)
			}
		}
	}
}

func TestShellQuote(t *testing.T) {
	for reason, value := range map[string]string{
		"a plain word stays itself":              "plain",
		"an expansion must not be made":          "$HOME `id` $(id)",
		"a quote must not end the word":          `it's "quoted"`,
		"a newline is part of the word":          "two\nlines",
		"a backslash must not escape what comes": `back\slash\`,
	} {
		t.Run(reason, func(t *testing.T) {
			output, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuote(value)).Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(value, string(output)); diff != "" {
				t.Errorf("what a shell makes of the word (-want +got):\n%s", diff)
			}
		})
	}
}
