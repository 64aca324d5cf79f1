package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestReadmeHasEveryValue: the table in the chart's README names the values that values.yaml has, and no others. The table is written by hand,
// because a line may explain several values, or those of both parts, together.
func TestReadmeHasEveryValue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &defaults); err != nil {
		t.Fatal(err)
	}
	want, got := []string{}, documented(t)
	for _, path := range leaves("", defaults) {
		// What the README explains as a whole needs no line for each part.
		if !slices.ContainsFunc(got, func(documented string) bool { return strings.HasPrefix(path, documented+".") }) {
			want = append(want, path)
		}
	}
	got = slices.DeleteFunc(got, func(path string) bool { return isAbove(path, defaults) })
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of values in README.md (-values.yaml +README.md):\n%s", diff)
	}
}

// leaves are the paths of the values that have none below.
func leaves(above string, v map[string]any) []string {
	var found []string
	for key, value := range v {
		path := strings.TrimPrefix(above+"."+key, ".")
		if below, ok := value.(map[string]any); ok && len(below) > 0 {
			found = append(found, leaves(path, below)...)
			continue
		}
		found = append(found, path)
	}
	return found
}

// isAbove says whether a path names a value that has others below.
func isAbove(path string, v map[string]any) bool {
	var at any = v
	for _, key := range strings.Split(path, ".") {
		below, ok := at.(map[string]any)
		if !ok {
			return false
		}
		at = below[key]
	}
	below, ok := at.(map[string]any)
	return ok && len(below) > 0
}

// documented are the paths in the first column. One that begins with a dot is beside the one before it, and "the same of" repeats a line.
func documented(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	// Keys of server.limits are absent by default, so values.yaml has none of them.
	skipped := "server.limits."
	var found []string
	for _, line := range regexp.MustCompile("(?m)^\\| (`[a-z][^|]*) \\|").FindAllStringSubmatch(string(text[:strings.Index(string(text), "\n## How the server")]), -1) {
		cell, same, _ := strings.Cut(line[1], ", and the same of ")
		parent, paths := "", []string{}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			path := name[1]
			if strings.HasPrefix(path, ".") {
				path = parent + path
			} else if at := strings.LastIndex(path, "."); at >= 0 {
				parent = path[:at]
			}
			paths = append(paths, path)
		}
		for _, path := range paths {
			if !strings.HasPrefix(path, skipped) {
				found = append(found, path)
			}
			if same != "" {
				found = append(found, strings.Trim(same, "`")+strings.TrimPrefix(path, "server"))
			}
		}
	}
	return append(found, strings.TrimSuffix(skipped, "."))
}
