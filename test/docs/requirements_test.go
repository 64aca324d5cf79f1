package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	requirementRow = regexp.MustCompile(`^\| (S\d+) \| (.+) \| (.+) \|$`)
	testName       = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	testFunction   = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\)`)
)

// reasons are how a requirement begins to say why no test of ours can show it.
var reasons = []string{"Outside of the cluster:", "Cannot be shown:"}

// TestRequirements: docs/requirements.md has every requirement once and in order, each with tests that exist or with a reason.
func TestRequirements(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "requirements.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOfTheProject(t)
	next := 1
	for line := range strings.Lines(string(page)) {
		row := requirementRow.FindStringSubmatch(strings.TrimSpace(line))
		if row == nil {
			continue
		}
		if want := fmt.Sprintf("S%d", next); row[1] != want {
			t.Errorf("got requirement %s, want %s", row[1], want)
		}
		next++
		for _, fault := range proofFaults(row[3], tests) {
			t.Errorf("%s: %s", row[1], fault)
		}
	}
	if next != 95 {
		t.Errorf("got %d requirements, want 94", next-1)
	}
}

// proofFaults are what is wrong with the proof of a requirement.
func proofFaults(proof string, tests map[string]bool) []string {
	var faults []string
	names := testName.FindAllStringSubmatch(proof, -1)
	for _, name := range names {
		if !tests[name[1]] {
			faults = append(faults, "there is no test "+name[1])
		}
	}
	if strings.Contains(proof, "@") {
		faults = append(faults, "the proof has a placeholder: "+proof)
	}
	if len(names) > 0 {
		return faults
	}
	for _, reason := range reasons {
		if strings.HasPrefix(proof, reason) {
			return faults
		}
	}
	return append(faults, "there is neither a test nor a reason: "+proof)
}

func TestProofFaults(t *testing.T) {
	tests := map[string]bool{"TestThere": true}
	for _, c := range []struct {
		reason, proof string
		faults        int
	}{
		{"a test that exists is a proof", "`TestThere`", 0},
		{"a test that was renamed is none", "`TestThere`, `TestGone`", 1},
		{"a reason is an answer", "Cannot be shown: nothing is sent.", 0},
		{"a claim is not", "It works.", 1},
		{"neither is a placeholder", "@later", 2},
	} {
		if got := proofFaults(c.proof, tests); len(got) != c.faults {
			t.Errorf("%s: %q has the faults %q, want %d", c.reason, c.proof, got, c.faults)
		}
	}
}

// testsOfTheProject are the names of all test functions of the module.
func testsOfTheProject(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	for _, folder := range []string{"api", "cmd", "controllers", "hack", "internal", "test"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, match := range testFunction.FindAllStringSubmatch(string(source), -1) {
				tests[match[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tests
}
