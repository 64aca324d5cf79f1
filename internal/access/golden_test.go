package access

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the files *.out.yaml")

// goldenBinding is a binding as a reviewer of access reads it.
type goldenBinding struct {
	Binding string   `json:"binding"`
	Gives   string   `json:"gives"`
	To      []string `json:"to"`
	Because string   `json:"because"`
}

type golden struct {
	Bindings []goldenBinding `json:"bindings,omitempty"`
	Held     []string        `json:"held,omitempty"`
	Outcomes []Outcome       `json:"outcomes"`
}

func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join("testdata", "*.in.yaml"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("reading testdata: %d files, %v", len(inputs), err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".in.yaml")
		t.Run(name, func(t *testing.T) { checkGolden(t, input, filepath.Join("testdata", name+".out.yaml")) })
	}
}

func checkGolden(t *testing.T, input, output string) {
	t.Helper()
	raw, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	var state State
	if err := yaml.UnmarshalStrict(raw, &state); err != nil {
		t.Fatalf("%s: %v", input, err)
	}
	got, err := yaml.Marshal(render(Plan(state)))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(output, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("reason: the plan of %s must stay as it was reviewed (-want +got):\n%s", input, diff)
	}
	for _, file := range [][]byte{raw, got} {
		if lines := strings.Count(string(file), "\n"); lines >= 40 {
			t.Errorf("reason: a reviewer reads a case at one glance; %s or its output has %d lines", input, lines)
		}
	}
}

func render(result Result) golden {
	view := golden{Outcomes: result.Outcomes}
	for _, binding := range result.Bindings {
		row := goldenBinding{
			Binding: where(binding.Key),
			Gives:   binding.RoleRef.Kind + " " + binding.RoleRef.Name,
			Because: because(binding),
		}
		for _, subject := range binding.Subjects {
			row.To = append(row.To, subject.Kind+" "+strings.TrimPrefix(subject.Namespace+"/"+subject.Name, "/"))
		}
		view.Bindings = append(view.Bindings, row)
	}
	for _, key := range result.Held {
		view.Held = append(view.Held, where(key))
	}
	return view
}

func where(key Key) string {
	if key.Namespace == "" {
		return "cluster-wide " + key.Name
	}
	return "namespace " + key.Namespace + " " + key.Name
}

func because(binding Binding) string {
	if binding.Role == "" {
		return fmt.Sprintf("grant %s itself", binding.Grant)
	}
	return fmt.Sprintf("grant %s, role %s", binding.Grant, binding.Role)
}
