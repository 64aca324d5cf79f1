package docs_test

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link       = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)(?: "[^"]*")?\)`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *#*$`)
	inlineCode = regexp.MustCompile("(`+)[^`].*?(`+)")
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// TestLinks: links within the project lead to files and headings that exist, and those out of it could be addresses.
func TestLinks(t *testing.T) {
	anchors := map[string]map[string]bool{}
	pages := pagesOfTheProject(t)
	for _, p := range pages {
		anchors[p.path] = anchorsOf(p.text)
	}
	exists := func(path string) bool {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(path)))
		return err == nil
	}
	links := 0
	for _, p := range pages {
		for _, target := range linksOf(p.text) {
			links++
			if fault := linkFault(p.path, target, anchors, exists); fault != "" {
				t.Errorf("%s: %s", p.path, fault)
			}
		}
	}
	if links < 100 {
		t.Errorf("found %d links, want at least 100: the pages have another form than this test reads", links)
	}
}

func linksOf(text string) []string {
	_, prose := blocksOf(text)
	var targets []string
	for _, match := range link.FindAllStringSubmatch(inlineCode.ReplaceAllString(prose, "code"), -1) {
		targets = append(targets, match[1])
	}
	return targets
}

// linkFault is what is wrong with a link of a page, or nothing.
func linkFault(from, target string, anchors map[string]map[string]bool, exists func(string) bool) string {
	address, err := url.Parse(target)
	switch {
	case err != nil:
		return err.Error()
	case address.Scheme == "https" && strings.Contains(address.Hostname(), "."):
		return ""
	case address.Scheme != "" || address.Host != "":
		return target + " is no address of https"
	}
	file := from
	if address.Path != "" {
		file = path.Join(path.Dir(from), address.Path)
	}
	if strings.HasPrefix(file, "../") || !exists(file) {
		return fmt.Sprintf("%s leads to %s, which does not exist", target, file)
	}
	if address.Fragment != "" && !anchors[file][address.Fragment] {
		return fmt.Sprintf("%s leads to a heading that %s does not have", target, file)
	}
	return ""
}

// anchorsOf are the names that GitHub gives to the headings of a page.
func anchorsOf(text string) map[string]bool {
	_, prose := blocksOf(text)
	anchors := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(prose, -1) {
		anchor := anchorOf(match[1])
		for i := 1; anchors[anchor]; i++ {
			anchor = fmt.Sprintf("%s-%d", anchorOf(match[1]), i)
		}
		anchors[anchor] = true
	}
	return anchors
}

func anchorOf(heading string) string {
	heading = linkText.ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func TestLinkFault(t *testing.T) {
	anchors := map[string]map[string]bool{"docs/a.md": anchorsOf("# What it is\n## `make demo`, and [more](b.md)\n## What it is\n")}
	exists := func(path string) bool { return path == "docs/a.md" || path == "charts" }
	for _, c := range []struct {
		reason, target string
		fault          bool
	}{
		{"a file beside the page", "a.md", false},
		{"a folder above it", "../charts", false},
		{"a file that is not there", "b.md", true},
		{"a file outside of the project", "../../a.md", true},
		{"a heading", "a.md#what-it-is", false},
		{"the second of that name", "a.md#what-it-is-1", false},
		{"code and a link in a heading", "a.md#make-demo-and-more", false},
		{"a heading of this page", "#what-it-is", false},
		{"a heading that was renamed", "a.md#what-it-was", true},
		{"an address", "https://example.com/x", false},
		{"one without TLS", "http://example.com/x", true},
		{"one that is half an address", "https://example", true},
	} {
		if fault := linkFault("docs/a.md", c.target, anchors, exists); (fault != "") != c.fault {
			t.Errorf("%s: %q has the fault %q", c.reason, c.target, fault)
		}
	}
	if got := linksOf("[a](b) `[c](d)`\n```\n[e](f)\n```\n![g](h(i))"); strings.Join(got, " ") != "b h(i)" {
		t.Errorf("got the links %q", got)
	}
}
