package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// proofs has the tests that passed, by the statement that they prove.
var proofs = struct {
	mu sync.Mutex
	by map[string][]string
}{by: map[string][]string{}}

// proves says which statements a test proves. They count if the test passes. A statement that is listed as open must not be among
// them, so that the list of what is open cannot grow old.
func proves(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if !slices.ContainsFunc(statements, func(s statement) bool { return s.id == id }) {
			t.Fatalf("there is no statement %s", id)
		}
		if open[id] != "" {
			t.Fatalf("statement %s is listed as open; if it is proved now, take it off the list", id)
		}
	}
	t.Cleanup(func() {
		if t.Failed() || t.Skipped() {
			return
		}
		proofs.mu.Lock()
		defer proofs.mu.Unlock()
		for _, id := range ids {
			proofs.by[id] = append(proofs.by[id], t.Name())
		}
	})
}

// judge demands that every statement is proved, is known to be open, or cannot be seen from outside for a reason, and only one of these.
func judge() error {
	var faults []error
	for _, s := range statements {
		answers := 0
		for _, there := range []bool{len(proofs.by[s.id]) > 0, open[s.id] != "", unseen[s.id] != ""} {
			if there {
				answers++
			}
		}
		switch {
		case answers == 0:
			faults = append(faults, fmt.Errorf("%s has neither a test nor a reason: %s", s.id, s.text))
		case answers > 1:
			faults = append(faults, fmt.Errorf("%s has more than one of: a test, an entry in open, an entry in unseen", s.id))
		case s.outside && unseen[s.id] != "":
			faults = append(faults, fmt.Errorf("%s can be seen from outside: it is proved or it is open", s.id))
		}
	}
	for _, m := range []map[string]string{open, unseen, notes} {
		for id := range m {
			if !slices.ContainsFunc(statements, func(s statement) bool { return s.id == id }) {
				faults = append(faults, fmt.Errorf("there is no statement %s", id))
			}
		}
	}
	return errors.Join(faults...)
}

const preamble = `# Conformance to RFC 7642, 7643 and 7644

<!-- Written by: go test ./test/conformance -update. Do not edit. -->

Each row is one demand of the RFCs, in short words of our own; the id is the RFC, the section and the line of its plain text. A test that is
named here has talked over HTTPS to the server as it ships, with a real API server behind it, and has passed. "Seen" says whether a
client can see at all if the demand is met. A demand without a test has the reason why, and one that is not met says so.

`

// document is the table in Markdown.
func document() []byte {
	var proved, visible, provedVisible, opened int
	for _, s := range statements {
		has := len(proofs.by[s.id]) > 0
		if has {
			proved++
		}
		if s.outside {
			visible++
			if has {
				provedVisible++
			}
		}
		if open[s.id] != "" {
			opened++
		}
	}
	var out bytes.Buffer
	out.WriteString(preamble)
	fmt.Fprintf(&out, "Of the %d demands that can be seen from outside, %d are proved and %d are open. Of all %d, %d are proved.\n\n",
		visible, provedVisible, opened, len(statements), proved)
	out.WriteString("| id | level | area | seen | demand | proved by |\n|---|---|---|---|---|---|\n")
	for _, s := range statements {
		seen := "yes"
		if !s.outside {
			seen = "no"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", s.id, s.level, s.area, seen, s.text, verdict(s.id))
	}
	return out.Bytes()
}

// verdict is the last column of a statement.
func verdict(id string) string {
	switch {
	case open[id] != "":
		return "**Open.** " + open[id]
	case unseen[id] != "":
		return "Not seen from outside: " + unseen[id]
	}
	tests := slices.Clone(proofs.by[id])
	slices.Sort(tests)
	text := "`" + strings.Join(slices.Compact(tests), "`, `") + "`"
	if note := notes[id]; note != "" {
		text += ". " + note
	}
	return text
}
