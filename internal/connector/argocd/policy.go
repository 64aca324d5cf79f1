package argocd

import (
	"encoding/csv"
	"slices"
	"strings"
	"unicode"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	// policyKey is the connector's own. Argo CD appends all keys of this form to policy.csv, in their order.
	policyKey    = "policy.scim-operator.csv"
	policyPrefix = "policy."
	policySuffix = ".csv"
	defaultRole  = "policy.default"

	header = "# Written by scim-operator: the lines that begin with its name, and the rows behind them that they list. Other lines are left alone."
)

// line is one of the policy, as it is written and as Argo CD reads it.
type line struct {
	text string
	// mark is nil when the line is none, or one that cannot be read.
	mark *mark
	// row are the fields, none of a comment or a line that cannot be read.
	row []string
}

func (l line) isBroken() bool { return l.mark == nil && strings.HasPrefix(l.text, markPrefix) }

// parseLine reads a line as Argo CD does, where a line is trimmed, is a comment when it begins with #, and else one record of CSV whose
// fields may follow a space.
func parseLine(text string) line {
	l := line{text: text}
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, markPrefix):
		l.mark = parseMark(text)
	case trimmed != "" && !strings.HasPrefix(trimmed, "#"):
		l.row = parseRow(trimmed)
	}
	return l
}

// parseRow returns the fields of a record. The policy is read with each call and has thousands of rows, nearly all of them without a quote, for
// which a reader of CSV is not needed.
func parseRow(text string) []string {
	if !strings.Contains(text, `"`) {
		fields := strings.Split(text, ",")
		for i, field := range fields {
			fields[i] = strings.TrimLeftFunc(field, unicode.IsSpace)
		}
		return fields
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.TrimLeadingSpace = true
	fields, err := reader.Read()
	if err != nil {
		return nil
	}
	return fields
}

// isGrant says that the row gives a role to a name.
func (l line) isGrant() bool { return len(l.row) == 3 && l.row[0] == "g" }

// isPermission says that the row gives a permission to a name.
func (l line) isPermission() bool { return len(l.row) > 1 && l.row[0] == "p" }

// policy are the lines of a key. Put together they are the key again, byte for byte.
type policy []line

func parsePolicy(text string) policy {
	if text == "" {
		return nil
	}
	var p policy
	for _, text := range strings.Split(text, "\n") {
		p = append(p, parseLine(text))
	}
	return p
}

func (p policy) String() string {
	texts := make([]string, len(p))
	for i, l := range p {
		texts[i] = l.text
	}
	return strings.Join(texts, "\n")
}

// marks are the owner's, of which there should be one at most.
func (p policy) marks(owner connector.Owner) []mark {
	var mine []mark
	for _, l := range p {
		if l.mark != nil && l.mark.owner() == owner {
			mine = append(mine, *l.mark)
		}
	}
	return mine
}

// broken is the number of the first line that begins like a mark and is none, or 0.
func (p policy) broken() int {
	return 1 + slices.IndexFunc(p, line.isBroken)
}

// gives says that a row of the key gives the role to the name.
func (p policy) gives(name, role string) bool {
	return slices.ContainsFunc(p, func(l line) bool { return l.isGrant() && l.row[1] == name && l.row[2] == role })
}

// replace puts next and its rows in the place of the owner's marks and theirs, or nothing when next is nil. All other lines stay.
func (p policy) replace(owner connector.Owner, next *mark) policy {
	marks := p.marks(owner)
	if next != nil {
		marks = append(marks, *next)
	}
	drop := map[grant]bool{}
	for _, m := range marks {
		for _, g := range m.grants() {
			drop[g] = strings.HasPrefix(g.Role, rolePrefix)
		}
	}
	var rest policy
	at := -1
	for _, l := range p {
		if l.mark != nil && l.mark.owner() == owner {
			if at < 0 {
				at = len(rest)
			}
			continue
		}
		if l.isGrant() && drop[grant{l.row[1], l.row[2]}] {
			continue
		}
		rest = append(rest, l)
	}
	if next == nil {
		return rest.withoutHeader()
	}
	return rest.insert(at, *next)
}

// insert puts a mark and its rows at that line, or at the end when it is negative.
func (p policy) insert(at int, m mark) policy {
	if len(p) == 0 {
		p = policy{{text: header}, {}}
		at = -1
	}
	if at < 0 {
		if p[len(p)-1].text != "" {
			p = append(p, line{}) // somebody's last line had no end
		}
		at = len(p) - 1
	}
	block := policy{parseLine(m.line())}
	for _, row := range m.rows() {
		block = append(block, parseLine(row))
	}
	return slices.Insert(p, at, block...)
}

// withoutHeader is nothing when only the header would stay.
func (p policy) withoutHeader() policy {
	if strings.TrimSpace(p.String()) == header {
		return nil
	}
	return p
}

// grantRow is a line that gives a role to a name.
func grantRow(name, role string) string { return "g, " + field(name) + ", " + field(role) }

// field quotes as RFC 4180 does, where it must.
func field(text string) string {
	if strings.ContainsAny(text, `",`) || strings.TrimSpace(text) != text {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

// isWritable says that Argo CD reads the row that gives the role to the name as it is meant.
func isWritable(name, role string) bool {
	return !strings.ContainsAny(name+role, "\r\n") && slices.Equal(parseLine(grantRow(name, role)).row, []string{"g", name, role})
}
