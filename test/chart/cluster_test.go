package chart

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestServerAccepts: the API server takes every object, warns of nothing, and lets the pods into a namespace that enforces the
// restricted profile of the Pod Security Standards.
func TestServerAccepts(t *testing.T) {
	makeNamespace(t)
	for name, v := range map[string]values{"default": nil, "every value": everyValue, "apps": appValues, "placement": {"server": placement, "controller": placement}} {
		t.Run(name, func(t *testing.T) {
			if out := dryRun(t, template(t, v)); strings.Contains(out.stderr, "Warning") {
				t.Errorf("the API server warns: %s", out.stderr)
			}
			all := render(t, v)
			for _, key := range []string{serverKey, controllerKey} {
				if _, err := dryRunPod(t, as[appsv1.Deployment](t, all, key)); err != nil {
					t.Errorf("the pods of %s are refused: %v", key, err)
				}
			}
		})
	}
}

// TestServerWouldComplain: the namespace of TestServerAccepts does warn of a Deployment, and refuse a pod, that may run as root.
func TestServerWouldComplain(t *testing.T) {
	makeNamespace(t)
	deployment := as[appsv1.Deployment](t, render(t, nil), serverKey)
	deployment.Spec.Template.Spec.SecurityContext.RunAsNonRoot = nil
	if out := dryRun(t, marshal(t, deployment)); !strings.Contains(out.stderr, "runAsNonRoot") {
		t.Errorf("no warning of a Deployment whose pods may run as root: %q", out.stderr)
	}
	if out, err := dryRunPod(t, deployment); err == nil || !strings.Contains(out.stderr, "runAsNonRoot") {
		t.Errorf("a pod that may run as root is not refused: %q", out.stderr)
	}
}

// TestNotes: what Helm prints after an installation can be done as it says.
func TestNotes(t *testing.T) {
	notes := notes(t, everyValue)
	for _, want := range []string{"-n " + namespace + " create secret tls renewed.example ", "ClusterRoles: view, edit."} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %q:\n%s", want, notes)
		}
	}
	manifest := regexp.MustCompile(`(?s)kubectl apply -f - <<'EOF'\n(.*?\n)EOF\n`).FindStringSubmatch(notes)
	if manifest == nil {
		t.Fatalf("the notes apply nothing:\n%s", notes)
	}
	mustKubectl(t, manifest[1], "apply", "--validate=strict", "--dry-run=server", "-f", "-")
	directory := &v1alpha1.ScimDirectory{}
	if err := yaml.UnmarshalStrict([]byte(manifest[1]), directory); err != nil {
		t.Fatal(err)
	}
	for _, credential := range directory.Spec.Credentials {
		want := "-n " + namespace + " create secret generic " + credential.TokenSecretRef.Name + " --from-literal=token="
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not make the Secret of their ScimDirectory; they lack %q:\n%s", want, notes)
		}
	}
	if want := "scimdirectory " + directory.Name + " -o jsonpath='{.status.url}"; !strings.Contains(notes, want) {
		t.Errorf("the notes do not show the URL, although it is known; they lack %q:\n%s", want, notes)
	}
}

// TestNotesWithoutValues: the notes say what is missing.
func TestNotesWithoutValues(t *testing.T) {
	notes := notes(t, values{"access": values{"bindableClusterRoles": []string{}}})
	for _, want := range []string{"https://HOST/scim/okta/v2", "server.externalUrl", "no ClusterRole"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %q:\n%s", want, notes)
		}
	}
}

// TestNotesOfCertManager: nobody is told to make the Secret that cert-manager makes.
func TestNotesOfCertManager(t *testing.T) {
	v := values{"server": values{"tls": values{"secretName": "s", "certManager": values{"enabled": true, "issuerRef": values{"name": "public"}}}}}
	notes, name := notes(t, v), render(t, v)[certificateKey].GetName()
	if want := "-n " + namespace + " wait --for=condition=Ready certificate/" + name + "\n\n2. "; !strings.Contains(notes, want) {
		t.Errorf("the notes lack %q:\n%s", want, notes)
	}
	if strings.Contains(notes, "create secret tls") {
		t.Errorf("the notes make the Secret of cert-manager:\n%s", notes)
	}
}

// TestLife: Helm installs the chart, upgrades it, and leaves the definitions and the people when it uninstalls it.
func TestLife(t *testing.T) {
	const installed = "installed"
	mustKubectl(t, "{apiVersion: v1, kind: Namespace, metadata: {name: "+installed+"}}", "apply", "-f", "-")
	// The API server of the tests has the definitions already, so Helm is told to take them over.
	cluster := []string{"--namespace", installed, "--kubeconfig", kubeconfig(t)}
	mustHelm(t, append([]string{"install", release, chartDir, "--take-ownership"}, cluster...)...)
	mustKubectl(t, "{apiVersion: scim-operator.io/v1alpha1, kind: ScimUser, metadata: {name: stays}, spec: {userName: stays}}", "apply", "-f", "-")

	other := values{"access": values{"bindableClusterRoles": []string{"view"}}, "server": values{
		"service": values{"type": "LoadBalancer"}, "ingress": values{"enabled": true, "host": "scim.example.com"}, "autoscaling": values{"enabled": true},
	}}
	mustHelm(t, append([]string{"upgrade", release, chartDir, "--values", other.file(t)}, cluster...)...)
	mustKubectl(t, "", "get", "--namespace", installed, "ingress/scim-operator-server", "horizontalpodautoscaler/scim-operator-server")
	rule := `jsonpath={.rules[?(@.verbs[0]=="bind")].resourceNames}`
	if got := mustKubectl(t, "", "get", "clusterrole", "scim-operator-controller", "-o", rule).stdout; got != `["view"]` {
		t.Errorf("after the upgrade the controller may bind %s, want view alone", got)
	}

	mustHelm(t, append([]string{"uninstall", release}, cluster...)...)
	mustKubectl(t, "", "get", "scimuser", "stays")
	// A definition that is being deleted still serves its objects for a moment.
	definitions := `jsonpath={range .items[?(@.spec.group=="scim-operator.io")]}{.metadata.name}{.metadata.deletionTimestamp}{"\n"}{end}`
	left := strings.Fields(mustKubectl(t, "", "get", "customresourcedefinitions", "-o", definitions).stdout)
	for key := range generated(t) {
		if name := strings.TrimPrefix(key, definitionKind+" "); !slices.Contains(left, name) {
			t.Errorf("uninstalling deletes %s; these stay: %v", name, left)
		}
	}
	for _, kind := range []string{
		"deployments,services,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,ingresses,horizontalpodautoscalers",
		"clusterroles,clusterrolebindings", "validatingadmissionpolicies,validatingadmissionpolicybindings",
	} {
		selector := "--selector=app.kubernetes.io/name=scim-operator"
		if left := mustKubectl(t, "", "get", kind, "--namespace", installed, selector, "-o", "name").stdout; left != "" {
			t.Errorf("uninstalling left: %s", left)
		}
	}
}

// makeNamespace makes the namespace of config/default, with its labels.
func makeNamespace(t *testing.T) {
	t.Helper()
	mustKubectl(t, marshal(t, kustomization(t)[namespaceKey]), "apply", "-f", "-")
}

func dryRun(t *testing.T, stream string) result {
	t.Helper()
	return mustKubectl(t, stream, "apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server", "-f", "-")
}

// dryRunPod asks for a pod as the Deployment would make it.
func dryRunPod(t *testing.T, deployment *appsv1.Deployment) (result, error) {
	t.Helper()
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: deployment.Namespace, Name: deployment.Name, Labels: deployment.Spec.Template.Labels},
		Spec:       deployment.Spec.Template.Spec,
	}
	return kubectl(t, marshal(t, pod), "create", "--dry-run=server", "-f", "-")
}

func marshal(t *testing.T, object any) string {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// notes are what Helm prints after an installation.
func notes(t *testing.T, v values) string {
	t.Helper()
	out := mustHelm(t, "install", release, chartDir, "--namespace", namespace, "--dry-run=client", "--values", v.file(t)).stdout
	_, notes, found := strings.Cut(out, "\nNOTES:\n")
	if !found {
		t.Fatalf("Helm prints no notes:\n%s", out)
	}
	return notes
}
