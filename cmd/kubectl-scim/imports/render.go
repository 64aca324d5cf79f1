package imports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const (
	heading = "# Grants for bindings that exist, by `kubectl scim import bindings`. Review them before you apply them."
	// untranslatedMark begins the comments that say what a grant lacks.
	untranslatedMark = "Not translated: "
)

// Render writes a Result as YAML that kubectl apply takes, with comments for whoever reviews it.
func Render(r Result) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintln(&out, heading)
	for _, p := range r.Proposals {
		out.WriteString("---\n")
		comment(&out, fmt.Sprintf("%s gives %s to %s.", p.Binding, cli.Printable(p.Binding.Gives()), cli.Plural(len(p.Binding.Subjects), "subject")))
		for _, note := range p.Notes {
			comment(&out, note)
		}
		for _, lacking := range p.Untranslated {
			comment(&out, untranslatedMark+lacking)
		}
		for i, grant := range p.Grants {
			if i > 0 {
				out.WriteString("---\n")
			}
			if err := document(&out, grant); err != nil {
				return nil, fmt.Errorf("encoding a grant for %s: %w", p.Binding, err)
			}
		}
	}
	handovers(&out, r)
	return out.Bytes(), nil
}

// handovers writes what is to be done when the grants are Ready, and what cannot be done.
func handovers(out *bytes.Buffer, r Result) {
	var commands, obstacles []string
	for _, p := range r.Proposals {
		if p.Handover != "" {
			commands = append(commands, "  "+p.Handover)
		}
		if p.Obstacle != "" {
			obstacles = append(obstacles, fmt.Sprintf("%s cannot be handed over: %s.", p.Binding, p.Obstacle))
		}
		if warning := managedElsewhere(p.Binding); warning != "" && p.Handover != "" {
			obstacles = append(obstacles, warning)
		}
	}
	if len(commands)+len(obstacles) > 0 {
		out.WriteString("---\n")
	}
	if len(commands) > 0 {
		comment(out, "When the grants are Ready, hand the bindings over to them:")
	}
	for _, text := range append(commands, obstacles...) {
		comment(out, text)
	}
}

// comment writes a line that cannot become anything else than a comment.
func comment(out *bytes.Buffer, text string) {
	fmt.Fprintf(out, "# %s\n", cli.Printable(text))
}

// document writes an object as people would: without status, and without what the API server fills in.
func document(out *bytes.Buffer, object client.Object) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	delete(fields, "status")
	text, err := yaml.Marshal(fields)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(string(text), "\n") {
		text = append(text, '\n')
	}
	_, err = out.Write(text)
	return err
}
