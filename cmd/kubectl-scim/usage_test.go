package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestUsage(t *testing.T) {
	cases := []struct {
		reason string
		args   []string
		code   int
		want   string
	}{
		{"the command itself shows what there is", nil, 0, "Available Commands"},
		{"a group shows what it has", []string{"token"}, 0, "rotate"},
		{"a command must exist, and a near one is named", []string{"tokens"}, 2, `unknown command "tokens": did you mean token?`},
		{"also in a group, where cobra would pass over it", []string{"token", "make"}, 2, `unknown command "make"`},
		{"an argument must be there", []string{"token", "create"}, 2, `the command is "kubectl scim token create DIRECTORY`},
		{"and not be one too many", []string{"suspend", "a", "b"}, 2, `unexpected argument "b"`},
		{"a flag must exist", []string{"doctor", "--nothing"}, 2, "unknown flag: --nothing"},
		{"a format must exist", []string{"token", "list", "-o", "xml"}, 2, "choose one of json, yaml, wide, name, table"},
		{"a length of time must be one", []string{"token", "create", "x", "--expires-in=soon"}, 2, "write for example 90d, 24h or 30m"},
		{"an access must be one", []string{"token", "create", "x", "--access=all"}, 2, "ReadWrite or ReadOnly"},
		{"a time must be one", []string{"token", "create", "x", "--not-before=tomorrow"}, 2, "2026-01-31T08:00:00Z"},
		{"the help of a command that was misused is named", []string{"token", "create"}, 2, "See 'kubectl scim token create --help'"},
		{"a context must exist", []string{"token", "list", "--context=nowhere"}, 1, `context "nowhere" does not exist`},
		{"an API server must answer", []string{"token", "list", "--server=https://127.0.0.1:1"}, 1, "cannot be reached"},
		{"a right must be there, and the way to it is named", []string{"token", "list", "--as=nobody"}, 1, "kubectl auth can-i --list"},
	}
	for _, tc := range cases {
		t.Log(tc.reason)
		scim(t, tc.args...).want(t, tc.code, tc.want)
	}
}

func TestCompletion(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newDirectory("complete-me", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Credentials = []v1alpha1.Credential{{Name: "q1", TokenSHA256: sha("q1")}, {Name: "q2", TokenSHA256: sha("q2")}}
	}))
	makeObject(t, kube, newUser("zoe-1", "zoe@example.com", ""))
	makeObject(t, kube, newRole("zoo-1", "Zoo Keepers", ""))
	makeObject(t, kube, newPlan("zeta-users", 1))
	makeObject(t, kube, newApp("default", "zoom", v1alpha1.ReasonSynced, nil))
	makeObject(t, kube, newApp(otherNamespace, "zulip", v1alpha1.ReasonSynced, nil))
	makeObject(t, kube, newAccount("default", "zoom", "zoe-1", "zoe@example.com", v1alpha1.AccountFailed, nil))
	for _, shell := range []string{"bash", "zsh", "fish", "powershell", "kubectl"} {
		scim(t, "completion", shell).want(t, 0, "kubectl-scim")
	}
	cases := map[string][]string{
		"complete-me": {"token", "list", "compl"}, "q2": {"token", "revoke", "complete-me", "q"}, "zoe@example.com": {"detach", "user", "zo"},
		"zoo-1\tZoo Keepers": {"adopt", "role", "zoo"}, "zeta-users": {"plan", "approve", ""}, "ReadOnly": {"token", "create", "x", "--access", ""},
		"zoom": {"accounts", "zo"}, "zulip": {"accounts", "approve", "--namespace", otherNamespace, "z"},
		"zoom.zoe-1\tzoe@example.com": {"retry", "zoom."}, "zoe-1\tzoe@example.com": {"accounts", "--scim-user", "zo"},
		"yaml": {"token", "list", "--output", ""},
	}
	for want, args := range cases {
		got := scim(t, slices.Insert(args, 0, "__complete", "--kubeconfig="+kubeconfig(t))...).want(t, 0)
		if !slices.Contains(strings.Split(got.stdout, "\n"), want) {
			t.Errorf("%v proposes %q, want %q among it", args, got.stdout, want)
		}
	}
}

// TestAsPlugin installs the binary as people do, and lets the real kubectl find it.
func TestAsPlugin(t *testing.T) {
	dir, kubectl := t.TempDir(), apiserver.Kubectl(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "kubectl-scim"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	makeObject(t, newKube(t), newDirectory("plugin", nil))
	run := func(args ...string) string {
		command := exec.CommandContext(t.Context(), kubectl, args...)
		command.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "KUBECONFIG="+kubeconfig(t), "HOME="+dir)
		out, err := command.Output()
		if err != nil {
			t.Fatalf("kubectl %v: %v", args, err)
		}
		return string(out)
	}
	var version struct{ APIVersion, GoVersion string }
	must(t, json.Unmarshal([]byte(run("scim", "version", "-o", "json")), &version))
	if version.APIVersion != "scim-operator.io/v1alpha1" || version.GoVersion == "" {
		t.Errorf("kubectl scim version says %+v", version)
	}
	if got := run("scim", "version"); !strings.HasPrefix(got, "kubectl-scim ") {
		t.Errorf("kubectl scim version prints %q", got)
	}
	if got := run("scim", "directory", "status", "-o", "name"); !strings.Contains(got, "scimdirectory.scim-operator.io/plugin\n") {
		t.Errorf("kubectl scim directory status prints %q", got)
	}
}
