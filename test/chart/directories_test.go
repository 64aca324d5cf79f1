package chart

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

// directoryKind is how Helm asks whether the cluster knows the kind.
const directoryKind = "scim-operator.io/v1alpha1/ScimDirectory"

// TestDirectories: the ScimDirectories are what the value says, and it makes nothing else. TestFirstInstallation has the API server's word.
func TestDirectories(t *testing.T) {
	v := values{"directories": []values{{"name": "42"}, {"name": "okta", "spec": values{"provider": "Okta", "apps": values{"namespaces": []string{"payments"}}}}}}
	plain := decode(t, mustHelm(t, "template", release, chartDir, "--namespace", namespace, "--api-versions", directoryKind).stdout)
	all := decode(t, mustHelm(t, "template", release, chartDir, "--namespace", namespace, "--api-versions", directoryKind, "--values", v.file(t)).stdout)
	okta := v1alpha1.ScimDirectorySpec{Provider: v1alpha1.ProviderOkta, Apps: v1alpha1.AppConsent{Namespaces: []string{"payments"}}}
	for name, want := range map[string]v1alpha1.ScimDirectorySpec{"42": {}, "okta": okta} {
		key := "ScimDirectory " + name
		got := as[v1alpha1.ScimDirectory](t, all, key)
		if diff := cmp.Diff(want, got.Spec); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
		if got.Annotations[keepAnnotation] != "keep" {
			t.Errorf("uninstalling deletes %s, and with it the hashes of its tokens", key)
		}
		delete(all, key)
	}
	if diff := cmp.Diff(plain, all); diff != "" {
		t.Errorf("directories change other objects (-without +with):\n%s", diff)
	}
}

// installation is a release in an API server of its own.
type installation struct {
	config     *rest.Config
	kubeconfig string
	plugin     string
}

func (i *installation) helm(t *testing.T, v values, args ...string) (result, error) {
	t.Helper()
	return helm(t, append(args, "--namespace", namespace, "--kubeconfig", i.kubeconfig, "--values", v.file(t))...)
}

func (i *installation) mustHelm(t *testing.T, v values, args ...string) string {
	t.Helper()
	out, err := i.helm(t, v, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out.stdout
}

func (i *installation) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t, "", apiserver.Kubectl(t), append([]string{"--kubeconfig", i.kubeconfig}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out.stdout
}

// directory reads a ScimDirectory.
func (i *installation) directory(t *testing.T, name string) *v1alpha1.ScimDirectory {
	t.Helper()
	found := &v1alpha1.ScimDirectory{}
	if err := yaml.Unmarshal([]byte(i.kubectl(t, "get", "scimdirectory", name, "-o", "yaml")), found); err != nil {
		t.Fatal(err)
	}
	return found
}

// command runs a command of the plugin as the notes print it.
func (i *installation) command(t *testing.T, line string) result {
	t.Helper()
	out, err := run(t, "", i.plugin, append(strings.Fields(strings.TrimPrefix(line, "kubectl scim ")), "--kubeconfig", i.kubeconfig)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFirstInstallation: in a cluster that has not got the definitions, what the notes say makes the directory and shows its token, once; and
// the token outlives upgrades, the end of the release and the next one.
func TestFirstInstallation(t *testing.T) {
	config := apiserver.StartBare(t, controlplane.Options{}).Config
	i := &installation{config: config, kubeconfig: apiserver.Kubeconfig(t, config), plugin: buildPlugin(t)}
	v := values{"directories": []values{{"name": "okta", "spec": values{"provider": "Okta"}}}}
	if notes := i.mustHelm(t, v, "install", release, chartDir, "--create-namespace"); !strings.Contains(notes, "\nhelm upgrade "+release+" CHART --namespace "+namespace+" --reuse-values\n") {
		t.Fatalf("the notes do not say how to make the directory:\n%s", notes)
	}
	notes := i.mustHelm(t, nil, "upgrade", release, chartDir, "--reuse-values")
	line := regexp.MustCompile(`(?m)^kubectl scim token create .*$`).FindAllString(notes, -1)
	if len(line) != 1 || strings.Contains(notes, "CHART") {
		t.Fatalf("the notes should make one token, and no directory:\n%s", notes)
	}
	token := strings.TrimSpace(i.command(t, line[0]).stdout)

	v["directories"] = []values{{"name": "okta", "spec": values{"provider": "Okta", "suspend": true}}}
	i.mustHelm(t, v, "upgrade", release, chartDir)
	if !i.directory(t, "okta").Spec.Suspend {
		t.Error("an upgrade does not change the directory")
	}
	i.wantToken(t, token, "an upgrade")
	everything := mustHelm(t, "get", "all", release, "--namespace", namespace, "--kubeconfig", i.kubeconfig).stdout
	for _, secret := range []string{token, digest(token)} {
		if strings.Contains(everything, secret) {
			t.Errorf("the release knows the token, or its hash:\n%s", everything)
		}
	}

	v["directories"] = []values{{"name": "okta", "spec": values{"supend": true}}}
	if out, err := i.helm(t, v, "upgrade", release, chartDir); err == nil || !strings.Contains(out.stderr, "supend") {
		t.Errorf("a misspelt field is taken: %v", err)
	}
	i.mustHelm(t, values{}, "upgrade", release, chartDir, "--reset-values")
	i.wantToken(t, token, "an upgrade without directories")
	mustHelm(t, "uninstall", release, "--namespace", namespace, "--kubeconfig", i.kubeconfig)
	i.wantToken(t, token, "uninstalling")
	v["directories"] = []values{{"name": "okta", "spec": values{"provider": "Okta"}}}
	i.mustHelm(t, v, "install", release, chartDir)
	i.wantToken(t, token, "the next installation")
	if i.directory(t, "okta").Spec.Suspend {
		t.Error("the next installation leaves the directory as it was")
	}
}

// wantToken checks that the directory has one credential, and that it is the hash of the token.
func (i *installation) wantToken(t *testing.T, token, after string) {
	t.Helper()
	credentials := i.directory(t, "okta").Spec.Credentials
	if len(credentials) != 1 || credentials[0].TokenSHA256 != digest(token) {
		t.Errorf("after %s the credentials are %v, want the hash of the token alone", after, credentials)
	}
}

// TestNotesOfDirectories: a directory whose credentials are among the values needs no token.
func TestNotesOfDirectories(t *testing.T) {
	v := values{"server": values{"externalUrl": "https://scim.example.com"}, "directories": []values{
		{"name": "okta"}, {"name": "entra", "spec": values{"credentials": []values{{"name": "a", "tokenSecretRef": values{"name": "b"}}}}},
	}}
	out := mustHelm(t, "install", release, chartDir, "--namespace", namespace, "--dry-run=server", "--take-ownership", "--kubeconfig", kubeconfig(t), "--values", v.file(t)).stdout
	_, notes, _ := strings.Cut(out, "\nNOTES:\n")
	lines := slices.DeleteFunc(strings.Split(notes, "\n"), func(line string) bool { return !strings.HasPrefix(line, "kubectl scim token create ") })
	if diff := cmp.Diff([]string{"kubectl scim token create okta"}, lines); diff != "" {
		t.Errorf("tokens that the notes make (-want +got):\n%s", diff)
	}
	if !strings.Contains(notes, "\nkubectl get scimdirectories\n") || strings.Contains(notes, "HOST") {
		t.Errorf("the notes do not show the URLs, although they are known:\n%s", notes)
	}
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// buildPlugin compiles kubectl-scim and returns its path.
func buildPlugin(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "kubectl-scim")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", binary, "github.com/scim-operator/scim-operator/cmd/kubectl-scim")
	var output bytes.Buffer
	build.Stdout, build.Stderr = &output, &output
	if err := build.Run(); err != nil {
		t.Fatalf("build kubectl-scim: %v\n%s", err, output.String())
	}
	return binary
}
