package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	anyTest       = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`")
	anyFunction   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)\([a-z]+ \*testing\.[TFB]\)`)
	testCall      = regexp.MustCompile("go test ([^`\n]*)")
	callRun       = regexp.MustCompile(`-(?:run|bench|fuzz)[ =]'?"?\^?\(?([A-Za-z0-9_|]+)`)
	packageFolder = regexp.MustCompile(`\./[a-z0-9/-]+`)
)

// TestNamedTests: the tests that pages name exist, and those that they say how to run are in the packages that they say.
func TestNamedTests(t *testing.T) {
	everywhere := functionsBelow(t, ".")
	names, calls := 0, 0
	for _, p := range pagesOfTheProject(t) {
		for _, name := range anyTest.FindAllStringSubmatch(p.text, -1) {
			names++
			if !everywhere[name[1]] {
				t.Errorf("%s: there is no test %s", p.path, name[1])
			}
		}
		for _, call := range testCall.FindAllStringSubmatch(p.text, -1) {
			calls++
			if fault := testCallFault(call[1], func(folder string) map[string]bool { return functionsBelow(t, folder) }); fault != "" {
				t.Errorf("%s: go test %s: %s", p.path, call[1], fault)
			}
		}
	}
	if names < 150 || calls < 25 {
		t.Errorf("found %d names and %d calls, want at least 150 and 25: the pages have another form than this test reads", names, calls)
	}
}

// testCallFault is what is wrong with the arguments of go test, or nothing. In a table a bar is escaped.
func testCallFault(arguments string, functions func(folder string) map[string]bool) string {
	arguments = strings.ReplaceAll(arguments, `\|`, "|")
	folders := packageFolder.FindAllString(arguments, -1)
	if len(folders) == 0 {
		return "no package is named"
	}
	for _, run := range callRun.FindAllStringSubmatch(arguments, -1) {
		for name := range strings.SplitSeq(run[1], "|") {
			found := name == ""
			for _, folder := range folders {
				for function := range functions(folder) {
					found = found || strings.Contains(function, name)
				}
			}
			if !found {
				return fmt.Sprintf("there is no %s in %s", name, strings.Join(folders, ", "))
			}
		}
	}
	return ""
}

// functionsBelow are the test functions of a folder and of those in it.
func functionsBelow(t *testing.T, folder string) map[string]bool {
	t.Helper()
	functions := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			source, err := os.ReadFile(path)
			for _, match := range anyFunction.FindAllStringSubmatch(string(source), -1) {
				functions[match[1]] = true
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return functions
}

func TestTestCallFault(t *testing.T) {
	functions := func(folder string) map[string]bool {
		return map[string]map[string]bool{"./a": {"TestThere": true, "TestThat": true}}[folder]
	}
	for _, c := range []struct {
		reason, arguments string
		fault             bool
	}{
		{"tests that are there", `-run 'TestThere\|TestThat' ./a`, false},
		{"a whole package", "./a", false},
		{"one that was renamed", `-run 'TestThere\|TestThose' ./a`, true},
		{"one of another package", "-run TestThere ./b", true},
		{"no package", "-run TestThere", true},
	} {
		if fault := testCallFault(c.arguments, functions); (fault != "") != c.fault {
			t.Errorf("%s: %q has the fault %q", c.reason, c.arguments, fault)
		}
	}
}
