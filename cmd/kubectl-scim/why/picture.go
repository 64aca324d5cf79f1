package why

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/explain"
)

// The formats that are pictures.
const (
	formatDOT = "dot"
	formatSVG = "svg"
)

// draw prints an answer as a picture: the text that Graphviz reads, or what its program dot makes of it.
func draw(ctx context.Context, out io.Writer, format string, answer *explain.Answer) error {
	text := picture(answer)
	if format == formatDOT {
		_, err := io.WriteString(out, text)
		return err
	}
	program, err := exec.LookPath("dot")
	if err != nil {
		return errors.New("the program dot, which draws the picture, is not on the PATH: install Graphviz, or print the text with -o dot and draw it elsewhere (dot -Tsvg)")
	}
	var drawn, failed bytes.Buffer
	command := exec.CommandContext(ctx, program, "-Tsvg")
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(text), &drawn, &failed
	if err := command.Run(); err != nil {
		return fmt.Errorf("drawing with %s: %w: %s", program, err, cli.Printable(strings.TrimSpace(failed.String())))
	}
	_, err = drawn.WriteTo(out)
	return err
}

// graph is a picture under way. What is added twice is there once.
type graph struct {
	text strings.Builder
	ids  map[string]string
	arcs map[string]bool
}

// picture is the access of one person or one role from left to right: identity, role, grant, binding, what it gives.
func picture(answer *explain.Answer) string {
	g := &graph{ids: map[string]string{}, arcs: map[string]bool{}}
	g.text.WriteString("digraph access {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n  edge [fontname=\"sans-serif\", fontsize=9];\n")
	root := g.root(answer)
	groups := collapse(answer.Paths)
	for i := range groups {
		g.path(root, &groups[i], answer.Role != nil)
	}
	g.text.WriteString("}\n")
	return g.text.String()
}

func (g *graph) root(answer *explain.Answer) string {
	if answer.Role != nil {
		return g.node("role "+answer.Role.Role, "style=rounded", "Role", answer.Role.DisplayName, cli.Plural(answer.Role.Effective, "member")+" with effect")
	}
	lines := []string{"Kubernetes user", answer.Identity.KubernetesUser}
	for i := range answer.Identity.People {
		lines = append(lines, personText(&answer.Identity.People[i]))
	}
	return g.node("identity", "style=rounded", lines...)
}

// path adds one path. What scim-operator did not write is drawn with dashes.
func (g *graph) path(root string, path *group, ofRole bool) {
	from := []string{root}
	if len(path.Members) > 0 && !ofRole {
		from = nil
		for i := range path.Members {
			member := &path.Members[i]
			role := g.node("role "+member.Role, "", "Role", member.DisplayName)
			g.arc(root, role, string(member.Via))
			from = append(from, role)
		}
	}
	if path.Grant != nil {
		lines := []string{path.Grant.Kind, grantName(path.Grant)}
		if path.Grant.ExpiresAt != nil {
			lines = append(lines, "expires "+cli.Time(path.Grant.ExpiresAt))
		}
		grant := g.node("grant "+path.Grant.Kind+" "+grantName(path.Grant), "", lines...)
		for _, role := range from {
			g.arc(role, grant, "")
		}
		from = []string{grant}
	}
	style, lines := "", []string{path.Binding.Kind, path.Binding.Name}
	if len(path.namespaces) > 0 {
		lines = append(lines, "in "+some(path.namespaces))
	}
	if !path.Binding.Managed {
		style, lines = "style=dashed", append(lines, "not managed by scim-operator")
	}
	if path.Binding.Held != nil {
		style, lines = "style=dotted", append(lines, "held by the guard: "+path.Binding.Held.AccessPlan)
	}
	binding := g.node("binding "+path.Binding.Kind+" "+path.Binding.Namespace+"/"+path.Binding.Name, style, lines...)
	for _, before := range from {
		g.arc(before, binding, "")
	}
	target := g.node("target "+targetName(&path.Target), "style=bold", path.Target.Kind, path.Target.Name)
	g.arc(binding, target, "")
}

// node adds a node, under an id that is nobody's text, and returns the id.
func (g *graph) node(key, attributes string, lines ...string) string {
	if id, found := g.ids[key]; found {
		return id
	}
	id := fmt.Sprintf("n%d", len(g.ids))
	g.ids[key] = id
	if attributes != "" {
		attributes = ", " + attributes
	}
	fmt.Fprintf(&g.text, "  %s [label=%s%s];\n", id, quoted(lines...), attributes)
	return id
}

func (g *graph) arc(from, to, label string) {
	arc := fmt.Sprintf("  %s -> %s [label=%s];\n", from, to, quoted(label))
	if label == "" {
		arc = fmt.Sprintf("  %s -> %s;\n", from, to)
	}
	if !g.arcs[arc] {
		g.arcs[arc] = true
		g.text.WriteString(arc)
	}
}

// quoted makes a quoted string of Graphviz's language of lines of text. In a label a backslash starts an escape, as \N does for the name of the
// node, so each of the text is doubled; no line breaks or other control characters get in but ours.
func quoted(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = escape.Replace(cli.Printable(line))
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}
