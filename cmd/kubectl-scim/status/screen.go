package status

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// barWidth is how many characters a progress bar has.
const barWidth = 24

// What a terminal is told (ECMA-48): go up so many lines, and forget everything from here on.
const (
	upLines    = "\x1b[%dA"
	clearBelow = "\x1b[J"
)

// screen draws over what it drew before.
type screen struct {
	out io.Writer
	// size is how many columns and lines there are at present.
	size  func() (columns, lines int)
	drawn int
}

// newDisplay is a screen where the output is a terminal that can be drawn on, and plain lines elsewhere.
func newDisplay(out io.Writer) display {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return &plainLines{out: out}
	}
	return &screen{out: out, size: func() (int, int) {
		columns, lines, err := term.GetSize(int(file.Fd()))
		if err != nil || columns <= 0 || lines <= 0 {
			return 80, 24
		}
		return columns, lines
	}}
}

// show draws one frame in a single write, so that it does not flicker. A line that wraps, or one that scrolls away, would be one that
// cannot be drawn over, so what is too much is left out.
func (c *screen) show(s *Snapshot, v *speed) {
	columns, lines := c.size()
	frame := frameOf(s, v)
	if most := max(lines-1, 1); len(frame) > most {
		left := len(frame) - most + 1
		frame = append(frame[:most-1], fmt.Sprintf("and %d lines more", left))
	}
	var text strings.Builder
	if c.drawn > 0 {
		fmt.Fprintf(&text, upLines, c.drawn)
	}
	text.WriteString("\r" + clearBelow)
	for _, line := range frame {
		text.WriteString(shortened(line, columns-1) + "\n")
	}
	c.drawn = len(frame)
	_, _ = io.WriteString(c.out, text.String())
}

// frameOf are the lines of a frame: the verdict, a bar for each row that has anything, and how much failed for which reason.
func frameOf(s *Snapshot, v *speed) []string {
	rows := slices.DeleteFunc(s.rows(), func(r row) bool { return r.Total == 0 })
	widest := 0
	for _, r := range rows {
		widest = max(widest, len(r.name))
	}
	frame := []string{s.verdict()}
	for i := range rows {
		r := &rows[i]
		line := fmt.Sprintf("%-*s %s %d/%d%s", widest, r.name, bar(r.Done, r.Total), r.Done, r.Total, suspendedText(r))
		for _, more := range []struct {
			name string
			n    int
		}{{"waiting", r.Waiting}, {"failed", r.Failed}, {"held", r.Held}} {
			if more.n > 0 {
				line += fmt.Sprintf("  %s %d", more.name, more.n)
			}
		}
		if speed := v.text(r); speed != "" {
			line += "  " + speed
		}
		frame = append(frame, line)
	}
	frame = append(frame, fmt.Sprintf("bindings in effect %d, removals held %d", s.Bindings, s.held()))
	for _, g := range s.Failures {
		frame = append(frame, fmt.Sprintf("failed: %s %s %d", g.Kind, g.Reason, g.Count))
	}
	return frame
}

// bar is full only when everything is done.
func bar(done, total int) string {
	full := done * barWidth / total
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", barWidth-full) + "]"
}
