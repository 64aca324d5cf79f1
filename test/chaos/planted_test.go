package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/scim-operator/scim-operator/test/install"
)

// planted is a fault that somebody might write, and that these tests are there to catch: in a file, one text in the place of another.
type planted struct {
	name, file string
	// swaps are pairs of a text of the file and what is planted there.
	swaps [][2]string
	// caught runs what has to catch it, and says what was found; empty for nothing.
	caught func(*testing.T, *operator) string
}

func plantedFaults() []planted {
	return []planted{
		{
			name: "a claim changes hands without a fence", file: "internal/store/claim.go",
			swaps: [][2]string{{
				"if err := s.fence(ctx, want.fence, e.owner, v1alpha1.AnnotationUncommitted); err != nil {\n\t\t\treturn false, err\n\t\t}\n\t\terr = s.swap", "err = s.swap",
			}},
			caught: func(t *testing.T, o *operator) string {
				t.Helper()
				return firstViolation(t, o, races()[0])
			},
		},
		{
			name: "a group is replaced upon what the cache has", file: "internal/store/rolechange.go",
			swaps: [][2]string{{
				"import (\n", "import (\n\t\"sigs.k8s.io/controller-runtime/pkg/client\"\n",
			}, {
				"if err := s.own(ctx, directory, id, role); err != nil {\n\t\t\treturn nil, toSCIM(err)\n\t\t}\n\t\t// The attempt",
				"if err := s.cache.Get(ctx, client.ObjectKey{Name: id}, role); err != nil {\n\t\t\treturn nil, toSCIM(err)\n\t\t}\n\t\t// The attempt",
			}},
			caught: func(t *testing.T, o *operator) string {
				t.Helper()
				return firstBroken(t, o, "members replaced and back", "watches late")
			},
		},
		{
			name: "a revocation does not say which version it takes back", file: "controllers/access/replace.go",
			swaps: [][2]string{{"replacement.SetResourceVersion(version)", `replacement.SetResourceVersion("")`}},
			caught: func(t *testing.T, o *operator) string {
				t.Helper()
				return firstBroken(t, o, "one leaves after the other", "late")
			},
		},
		{
			name: "users are read from the cache", file: "internal/store/store.go",
			swaps: [][2]string{{"return s.client.Get(ctx, client.ObjectKey{Name: name}, into)", "return s.cache.Get(ctx, client.ObjectKey{Name: name}, into)"}},
			caught: func(t *testing.T, o *operator) string {
				t.Helper()
				return firstIllegal(t, o)
			},
		},
	}
}

// TestPlantedFaults builds the operator with one fault after the other, and wants each found by what finds nothing in the operator as it is.
func TestPlantedFaults(t *testing.T) {
	all := plantedFaults()
	if !asked() {
		all = all[:1]
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			program, err := p.build(t.Context(), t.TempDir())
			must(t, err)
			found := p.caught(t, startBuild(t, program))
			if found == "" {
				t.Fatal("nothing was found")
			}
			t.Log(found)
		})
	}
}

// build builds the operator with the fault; the file itself stays as it is.
func (p *planted) build(ctx context.Context, dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join("..", "..", p.file))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	faulty := string(text)
	for _, swap := range p.swaps {
		if strings.Count(faulty, swap[0]) != 1 {
			return "", fmt.Errorf("%s has not once the text %q", p.file, swap[0])
		}
		faulty = strings.Replace(faulty, swap[0], swap[1], 1)
	}
	source, overlay, program := filepath.Join(dir, "faulty.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "scim-operator")
	if err := os.WriteFile(source, []byte(faulty), 0o600); err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: source}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return "", err
	}
	return program, install.Build(ctx, "scim-operator", program, "-overlay="+overlay)
}

// firstViolation runs a race until an outcome is that of no order.
func firstViolation(t *testing.T, o *operator, r race) (found string) {
	t.Helper()
	must(t, o.eachRace(t.Context(), r, "planted", func(name string, err error) bool {
		if err != nil {
			found = name + ": " + err.Error()
		}
		return err == nil
	}))
	return found
}

// firstBroken carries the plans of one flow and one kind out until one comes to another end.
func firstBroken(t *testing.T, o *operator, flow, kind string) string {
	t.Helper()
	for _, f := range flows() {
		if f.name != flow {
			continue
		}
		r, learnt, err := o.learn(t.Context(), f, "learnx")
		must(t, err)
		must(t, learnt.close(t.Context()))
		for i, p := range append(writePlans(f, r), watchPlans(f)...) {
			if p.kind != kind {
				continue
			}
			if _, err := o.carryOut(t.Context(), p, r, fmt.Sprintf("planted%dx", i)); err != nil {
				return p.name + ": " + err.Error()
			}
		}
	}
	return ""
}

// firstIllegal records histories until one has no order.
func firstIllegal(t *testing.T, o *operator) string {
	t.Helper()
	for i := range histories(t) {
		h := o.newHistory(i)
		must(t, h.record(t.Context()))
		if h.check() == porcupine.Illegal {
			return fmt.Sprintf("history %d:\n%s", i, h)
		}
	}
	return ""
}
