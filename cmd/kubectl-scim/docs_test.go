package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const docsHead = `# kubectl scim

<!-- Written from the commands themselves: go test ./cmd/kubectl-scim -run TestDocs -update -->

The kubectl plugin of scim-operator.

## Install

` + "`make build` puts `bin/kubectl-scim` together. Anywhere on the PATH, kubectl finds it as `kubectl scim`:" + `

` + "```sh\nmake build\ninstall bin/kubectl-scim /usr/local/bin/\nkubectl scim version\n```" + `

Completion for ` + "`kubectl scim` takes one more script, besides kubectl's own completion; `kubectl-scim` by itself is completed by what `kubectl scim completion SHELL` prints:" + `

` + "```sh\nkubectl scim completion kubectl > /usr/local/bin/kubectl_complete-scim\nchmod +x /usr/local/bin/kubectl_complete-scim\n```" + `

## What to know

`

// TestDocs keeps docs/kubectl-scim.md in step with the commands.
func TestDocs(t *testing.T) {
	root := newRoot(cli.NewEnv(genericiooptions.NewTestIOStreamsDiscard()))
	var text strings.Builder
	text.WriteString(docsHead + root.Long + "\n\nUsers and roles are named by the name of the object, or by userName or displayName without regard to case.\n")
	fmt.Fprintf(&text, "\n## Flags of every command\n\n%s", flagTable(root.PersistentFlags()))
	text.WriteString("\n## Commands\n")
	document(&text, root)
	path := filepath.Join("..", "..", "docs", "kubectl-scim.md")
	if *update {
		must(t, os.WriteFile(path, []byte(text.String()), 0o600))
		return
	}
	got, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(got), text.String()); diff != "" {
		t.Errorf("%s is not what the commands say (go test -update writes it): -file, +commands\n%s", path, diff)
	}
}

// document writes a section for each command that does something.
func document(text *strings.Builder, parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if cmd.Name() == "completion" || cmd.Name() == "help" {
			continue
		}
		if cmd.HasSubCommands() && !cmd.HasAvailableLocalFlags() {
			document(text, cmd)
			continue
		}
		long := cmd.Long
		if long == "" {
			long = cmd.Short + "."
		}
		fmt.Fprintf(text, "\n### %s\n\n%s\n\n```\n%s\n```\n", cmd.CommandPath(), indented(long), cmd.UseLine())
		if cmd.Flags().HasAvailableFlags() {
			fmt.Fprintf(text, "\n%s", flagTable(cmd.NonInheritedFlags()))
		}
		document(text, cmd)
	}
}

// indented makes code blocks of examples, which are indented by two.
func indented(long string) string {
	lines := strings.Split(long, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "  ") {
			lines[i] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

func flagTable(flags *pflag.FlagSet) string {
	var rows strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := f.DefValue
		if value == "[]" || value == "false" || value == "0" {
			value = ""
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", name, value, strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
	if rows.Len() == 0 {
		return ""
	}
	return "| flag | default | meaning |\n|---|---|---|\n" + rows.String()
}
