// Package docs_test checks that the pages of the project name what there is, that their links lead somewhere, and that what they tell people to
// apply, install and run would be taken.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

const root = "../.."

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

// page is a Markdown file of the project, under its path from the root.
type page struct{ path, text string }

// pagesOfTheProject are all Markdown files, in the order of their paths.
func pagesOfTheProject(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"docs", "charts", "config"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".md") {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	var pages []page
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page{filepath.ToSlash(relative), string(text)})
	}
	return pages
}

// block is what stands between a pair of fences, with the word behind the first of them.
type block struct {
	language, text string
	// line is where it begins in its page.
	line int
}

// blocksOf takes a page apart: its blocks, and everything else with empty lines in their places.
func blocksOf(text string) (blocks []block, prose string) {
	var open *block
	var rest strings.Builder
	number := 0
	for line := range strings.Lines(text) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case open == nil && isFence:
			language, _, _ := strings.Cut(fence, " ")
			open = &block{language: language, line: number + 1}
		case open != nil && isFence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line
			rest.WriteString("\n")
			continue
		default:
			rest.WriteString(line)
			continue
		}
		rest.WriteString("\n")
	}
	return blocks, rest.String()
}

func TestBlocksOf(t *testing.T) {
	blocks, prose := blocksOf("a\n```sh\nb\n# c\n```\nd\n```\ne\n```\n")
	if len(blocks) != 2 || blocks[0] != (block{"sh", "b\n# c\n", 3}) || blocks[1] != (block{"", "e\n", 8}) {
		t.Errorf("got the blocks %+v", blocks)
	}
	if want := "a\n\n\n\n\nd\n\n\n\n"; prose != want {
		t.Errorf("got the prose %q, want %q", prose, want)
	}
}
