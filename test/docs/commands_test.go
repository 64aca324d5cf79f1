package docs_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	commandHeading = regexp.MustCompile(`(?m)^### kubectl scim (.+)$`)
	flagRow        = regexp.MustCompile("(?m)^\\| (`-.+?`) \\|")
	flagName       = regexp.MustCompile("`(-[^`]+)`")
	// pluginCall ends where a command of a shell does, or the code that it stands in.
	pluginCall = regexp.MustCompile("kubectl scim(( +[^ `\n|>&;()#]+)*)")
	anyCode    = regexp.MustCompile("`[^`]+`")
)

// commands are the flags of each command of the plugin. Those of every command are under the empty name.
type commands map[string][]string

// commandsOfThePlugin reads docs/kubectl-scim.md, which a test of the plugin keeps in step with what the plugin does.
func commandsOfThePlugin(t *testing.T) commands {
	t.Helper()
	pages := pagesOfTheProject(t)
	at := slices.IndexFunc(pages, func(p page) bool { return p.path == "docs/kubectl-scim.md" })
	text := pages[at].text
	general, _, _ := strings.Cut(text, "\n## Commands\n")
	all := commands{"": flagsIn(general), "completion": nil, "help": nil}
	headings := commandHeading.FindAllStringSubmatchIndex(text, -1)
	for i, at := range headings {
		end := len(text)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		all[text[at[2]:at[3]]] = flagsIn(text[at[1]:end])
	}
	return all
}

func flagsIn(text string) []string {
	flags := []string{"--help", "-h"}
	for _, row := range flagRow.FindAllStringSubmatch(text, -1) {
		for _, name := range flagName.FindAllStringSubmatch(row[1], -1) {
			flags = append(flags, name[1])
		}
	}
	return flags
}

// TestCommands: each `kubectl scim` that a page tells people to run is a command, and has the flags that the page gives it.
func TestCommands(t *testing.T) {
	all := commandsOfThePlugin(t)
	if len(all) < 25 || !slices.Contains(all["token create"], "--name") || !slices.Contains(all[""], "-n") {
		t.Fatalf("docs/kubectl-scim.md has another form than this test reads: %v", all)
	}
	calls := 0
	for _, p := range pagesOfTheProject(t) {
		for _, code := range codeOf(p.text) {
			for _, call := range pluginCall.FindAllStringSubmatch(code, -1) {
				calls++
				if fault := all.fault(strings.Fields(call[1])); fault != "" {
					t.Errorf("%s: kubectl scim%s: %s", p.path, call[1], fault)
				}
			}
		}
	}
	if calls < 50 {
		t.Errorf("found %d calls, want at least 50: the pages have another form than this test reads", calls)
	}
}

// codeOf are the lines of a page's blocks, and what stands between backticks.
func codeOf(text string) []string {
	blocks, prose := blocksOf(text)
	var all []string
	for _, b := range blocks {
		all = append(all, strings.Split(strings.ReplaceAll(b.text, "\\\n", " "), "\n")...)
	}
	for line := range strings.Lines(prose) {
		if strings.HasPrefix(line, "    ") {
			all = append(all, line)
		}
	}
	return append(all, anyCode.FindAllString(prose, -1)...)
}

// fault is what is wrong with the words behind kubectl scim, or nothing.
func (c commands) fault(words []string) string {
	name, rest := "", words
	for i := range words {
		longer := strings.Join(words[:i+1], " ")
		if !c.begins(longer) {
			break
		}
		name, rest = longer, words[i+1:]
	}
	flags, ok := c[name]
	switch {
	case name == "" && len(rest) > 0:
		return "there is no such command"
	case !ok && len(rest) > 0:
		return fmt.Sprintf("%s has no command %s", name, rest[0])
	}
	for _, word := range rest {
		flag, _, _ := strings.Cut(strings.Trim(word, `",.'`), "=")
		if strings.HasPrefix(flag, "-") && flag != "-" && !slices.Contains(flags, flag) && !slices.Contains(c[""], flag) {
			return "there is no flag " + flag
		}
	}
	return ""
}

// begins says whether the words are a command or the beginning of one.
func (c commands) begins(words string) bool {
	for name := range c {
		if name == words || strings.HasPrefix(name, words+" ") {
			return true
		}
	}
	return false
}

func TestCommandsFault(t *testing.T) {
	all := commands{"": {"-n"}, "token create": {"--name"}, "plan": {"-f"}, "plan show": nil}
	for _, c := range []struct {
		reason, call string
		fault        bool
	}{
		{"the plugin itself", "", false},
		{"a command with an argument and its flag", "token create okta --name=2026", false},
		{"a flag of every command", "plan show NAME -n x", false},
		{"a command that has commands", "plan -f grant.yaml", false},
		{"a group of commands", "token", false},
		{"a command that was renamed", "token make okta", true},
		{"no command", "tokens", true},
		{"a flag of another command", "plan show NAME --name x", true},
	} {
		if fault := all.fault(strings.Fields(c.call)); (fault != "") != c.fault {
			t.Errorf("%s: %q has the fault %q", c.reason, c.call, fault)
		}
	}
}

// TestShell: bash can read the blocks of commands. Those of the guides are run as well (TestGuides).
func TestShell(t *testing.T) {
	for _, p := range pagesOfTheProject(t) {
		blocks, _ := blocksOf(p.text)
		for _, b := range blocks {
			if b.language != "sh" {
				continue
			}
			command := exec.CommandContext(t.Context(), "bash", "-n")
			command.Stdin = strings.NewReader(b.text)
			if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s, line %d: %v: %s", p.path, b.line, err, out)
			}
		}
	}
}
