package chart

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSuites runs the suites in the chart's folder tests, which say in YAML what the chart promises, with the program that installers would run
// them with.
func TestSuites(t *testing.T) {
	program := unittest(t)
	out, err := run(t, "", program, "--strict", chartDir)
	if err != nil {
		t.Errorf("%v\n%s", err, out.stdout)
	}
	// What nobody should have by default makes a suite fail, so the suites look.
	for reason, v := range map[string]values{
		"people are deleted with the release": {"crds": values{"keep": false}},
		"policies are gone":                   {"admissionPolicies": values{"enabled": false}},
		"everybody reaches the server":        {"server": values{"service": values{"type": "LoadBalancer"}}},
		"traces are sent":                     {"tracing": values{"endpoint": "http://collector:4317"}},
		"no audit log":                        {"server": values{"audit": values{"enabled": false}}},
		"more than view and edit":             {"access": values{"bindableClusterRoles": []string{"view", "edit", "admin"}}},
	} {
		if out, err := run(t, "", program, "--strict", "--values", v.file(t), chartDir); err == nil {
			t.Errorf("no suite fails although by default %s:\n%s", reason, out.stdout)
		}
	}
}

// unittest is the path of helm-unittest, which is built on first use.
func unittest(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "../../hack/helmunittest.sh")
	command.Stderr = os.Stderr
	path, err := command.Output()
	if err != nil {
		t.Fatalf("hack/helmunittest.sh: %v", err)
	}
	return strings.TrimSpace(string(path))
}
