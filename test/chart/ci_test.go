package chart

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// TestFilesOfCI: each file in the chart's folder ci lints, and the API server takes what comes of it as in TestServerAccepts. The kinds that it
// does not know are those of other projects, and no others.
func TestFilesOfCI(t *testing.T) {
	makeNamespace(t)
	want := map[string][]string{
		"default-values.yaml": {},
		"full-values.yaml":    {policyKey, certificateKey, routeKey, ruleKey, "ServiceMonitor " + namespace + "/scim-operator"},
	}
	served := strings.Fields(mustKubectl(t, "", "api-versions").stdout)
	for _, path := range filesOfCI(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			mustHelm(t, "lint", "--strict", chartDir, "--values", path)
			known := decode(t, mustHelm(t, "template", release, chartDir, "--namespace", namespace, "--api-versions", directoryKind, "--values", path).stdout)
			unknown := []string{}
			for key, object := range known {
				if !slices.Contains(served, object.GetAPIVersion()) {
					unknown = append(unknown, key)
					delete(known, key)
				}
			}
			slices.Sort(unknown)
			if diff := cmp.Diff(want[filepath.Base(path)], unknown); diff != "" {
				t.Errorf("what the API server does not know (-want +got):\n%s", diff)
			}
			var stream strings.Builder
			for _, key := range slices.Sorted(maps.Keys(known)) {
				stream.WriteString("---\n" + marshal(t, known[key].Object))
			}
			if out := dryRun(t, stream.String()); strings.Contains(out.stderr, "Warning") {
				t.Errorf("the API server warns: %s", out.stderr)
			}
			for _, key := range []string{serverKey, controllerKey} {
				if _, err := dryRunPod(t, as[appsv1.Deployment](t, known, key)); err != nil {
					t.Errorf("the pods of %s are refused: %v", key, err)
				}
			}
		})
	}
}

// TestFullValues: full-values.yaml has every value of values.yaml, so a new one cannot go past TestFilesOfCI.
func TestFullValues(t *testing.T) {
	read := func(path string) map[string]any {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]any{}
		if err := yaml.UnmarshalStrict(text, &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	wantEveryKey(t, "", read(filepath.Join(chartDir, "values.yaml")), read(filepath.Join(chartDir, "ci", "full-values.yaml")))
}

// wantEveryKey checks that what is a key of the defaults is one of the values, and not empty there, all the way down.
func wantEveryKey(t *testing.T, path string, defaults, got map[string]any) {
	t.Helper()
	for key, value := range defaults {
		at := strings.TrimPrefix(path+"."+key, ".")
		set := got[key]
		below, isMap := value.(map[string]any)
		switch list, isList := set.([]any); {
		case set == nil || set == "" || isList && len(list) == 0:
			t.Errorf("full-values.yaml lacks %s", at)
		case isMap:
			under, _ := set.(map[string]any)
			if len(under) == 0 {
				t.Errorf("full-values.yaml has nothing in %s", at)
			}
			wantEveryKey(t, at, below, under)
		}
	}
}

func filesOfCI(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatal("the chart has no folder ci")
	}
	return paths
}
