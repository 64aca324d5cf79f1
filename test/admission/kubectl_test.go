package admission

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

func namesOf(t *testing.T, list client.ObjectList) []string {
	t.Helper()
	items, err := meta.ExtractList(list)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(items))
	for _, item := range items {
		accessor, err := meta.Accessor(item)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, accessor.GetName())
	}
	return names
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	kubeconfig := apiserver.Kubeconfig(t, apiserver.Config())
	command := exec.CommandContext(t.Context(), apiserver.Kubectl(t), append([]string{"--kubeconfig", kubeconfig}, args...)...)
	// kubectl keeps what it discovered in the home directory, where another server may have had the same port.
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECACHEDIR="+t.TempDir())
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestGetScim: `kubectl get scim` lists the objects of all kinds.
func TestGetScim(t *testing.T) {
	c := newClient(t)
	claim := v1alpha1.ClaimName(v1alpha1.ClaimUserName, "listed")
	for _, text := range []string{
		`{kind: ScimDirectory, metadata: {name: listed}}`,
		`{kind: ScimUser, metadata: {name: listed}, spec: {userName: listed}}`,
		`{kind: ScimRole, metadata: {name: listed}, spec: {displayName: listed}}`,
		`{kind: ScimRoleSlice, metadata: {name: listed}, spec: {role: r, members: [m]}}`,
		`{kind: ScimClaim, metadata: {name: ` + claim + `}, spec: {attribute: userName, value: listed, owner: listed}}`,
		`{kind: ClusterAccessGrant, metadata: {name: listed}, spec: {roles: [{name: r}], to: {name: view}, scope: Cluster}}`,
		`{kind: AccessPlan, metadata: {name: listed}, spec: {directory: listed}}`,
		`{kind: AppConnection, metadata: {name: listed, namespace: default}, spec: {roles: [{name: r}], target: {argocd: {accounts: SSO}}}}`,
		`{kind: AppAccount, metadata: {name: listed.listed, namespace: default}, spec: {app: listed, user: listed}}`,
	} {
		create(t, c, parse(t, text))
	}
	got := kubectl(t, "get", "scim", "--output=name")
	for _, definition := range definitions(t) {
		if !strings.Contains(got, definition.Spec.Names.Singular+".scim-operator.io/") {
			t.Errorf("kubectl get scim does not list %s:\n%s", definition.Spec.Names.Plural, got)
		}
	}
}

// TestExplain: kubectl explain shows the fields of RFC 7643, and what they mean.
func TestExplain(t *testing.T) {
	fields := kubectl(t, "explain", "scimuser.spec", "--recursive")
	for _, field := range []string{"userName", "honorificPrefix", "x509Certificates", "streetAddress", "costCenter", "$ref", "extensions"} {
		if !strings.Contains(fields, "  "+field+"\t") {
			t.Errorf("kubectl explain scimuser.spec --recursive does not show %s:\n%s", field, fields)
		}
	}
	userName := strings.Join(strings.Fields(kubectl(t, "explain", "su.spec.userName")), " ")
	if want := "It is unique in the cluster without regard to case"; !strings.Contains(userName, want) {
		t.Errorf("kubectl explain su.spec.userName does not say %q:\n%s", want, userName)
	}
}

// TestShortNames are those of the design: people have them in their fingers.
func TestShortNames(t *testing.T) {
	for short, want := range map[string]string{
		"su": "scimusers", "sr": "scimroles", "sdir": "scimdirectories", "cag": "clusteraccessgrants", "plan": "accessplans",
		"app": "appconnections", "acct": "appaccounts",
	} {
		if got := kubectl(t, "explain", short); !regexp.MustCompile(`(?m)^KIND: +` + kindOf(t, want) + `$`).MatchString(got) {
			t.Errorf("kubectl explain %s is not about %s:\n%s", short, want, got)
		}
	}
}

func kindOf(t *testing.T, plural string) string {
	t.Helper()
	for _, definition := range definitions(t) {
		if definition.Spec.Names.Plural == plural {
			return definition.Spec.Names.Kind
		}
	}
	t.Fatalf("no definition of %s", plural)
	return ""
}

// TestSamples: every sample is admitted as it stands, and every kind that people write has one.
func TestSamples(t *testing.T) {
	c := newClient(t)
	paths, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{
		"ScimDirectory": true, "ClusterAccessGrant": true, "AccessGrant": true, "ScimUser": true, "ScimRole": true, "AppConnection": true,
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		object := parse(t, string(text))
		delete(missing, object.GetKind())
		if name := object.GetNamespace(); name != "" {
			namespace := parse(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}")
			if err := c.Create(t.Context(), namespace); client.IgnoreAlreadyExists(err) != nil {
				t.Fatal(err)
			}
		}
		if err := c.Create(t.Context(), object, client.DryRunAll); err != nil {
			t.Errorf("%s is refused: %v", path, err)
		}
		if object.GetKind() == "AppConnection" {
			mustCompile(t, parse(t, string(text)))
		}
	}
	for kind := range missing {
		t.Errorf("config/samples has no %s", kind)
	}
}

// TestProjectNamesTheKinds: PROJECT is kept by hand, and tools believe it.
func TestProjectNamesTheKinds(t *testing.T) {
	text, err := os.ReadFile("../../PROJECT")
	if err != nil {
		t.Fatal(err)
	}
	var project struct {
		Layout    []string `json:"layout"`
		Resources []struct {
			Group   string `json:"group"`
			Domain  string `json:"domain"`
			Version string `json:"version"`
			Kind    string `json:"kind"`
			Path    string `json:"path"`
		} `json:"resources"`
	}
	if err := yaml.Unmarshal(text, &project); err != nil {
		t.Fatal(err)
	}
	if len(project.Layout) != 1 || project.Layout[0] != "go.kubebuilder.io/v4" {
		t.Errorf("layout: got %v, want go.kubebuilder.io/v4", project.Layout)
	}
	want := map[string]bool{}
	for _, definition := range definitions(t) {
		want[definition.Spec.Names.Kind] = true
	}
	for _, resource := range project.Resources {
		group := strings.TrimPrefix(resource.Group+"."+resource.Domain, ".")
		if group != v1alpha1.GroupName || resource.Version != v1alpha1.GroupVersion.Version || !want[resource.Kind] {
			t.Errorf("PROJECT names what is no definition: %+v", resource)
		}
		delete(want, resource.Kind)
	}
	for kind := range want {
		t.Errorf("PROJECT does not name %s", kind)
	}
}

// TestSchemeKnowsEveryKind: a kind that AddToScheme forgot can be neither read nor written.
func TestSchemeKnowsEveryKind(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, definition := range definitions(t) {
		for _, kind := range []string{definition.Spec.Names.Kind, definition.Spec.Names.ListKind} {
			if !scheme.Recognizes(v1alpha1.GroupVersion.WithKind(kind)) {
				t.Errorf("the scheme does not know %s", kind)
			}
		}
	}
}
