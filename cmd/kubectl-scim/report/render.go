package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// columns are the names of what cells gives.
var columns = [...]string{
	"userName", "user", "state", "directory", "subject", "gives", "namespace", "path", "membership", "role", "roleName", "grant", "binding", "kept",
	"since", "lastChange",
}

func (r Row) cells() []string {
	return []string{
		r.UserName, r.User, r.State, r.Directory, r.Subject, r.Gives, r.Namespace, r.Path, r.Membership, r.Role, r.RoleName, r.Grant, r.Binding, r.Kept,
		r.Since, r.LastChange,
	}
}

// digest is the SHA-256 of what stands before it.
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// CSV writes a report for spreadsheets (RFC 4180, with line feeds). No cell is a formula, whatever the names in it are. The last record
// has the word digest and the SHA-256 of all bytes before it.
func CSV(out io.Writer, rows []Row) error {
	var body bytes.Buffer
	writer := csv.NewWriter(&body)
	_ = writer.Write(columns[:]) // A buffer takes everything.
	for _, row := range rows {
		cells := row.cells()
		for i := range cells {
			cells[i] = harmless(cli.Printable(cells[i]))
		}
		_ = writer.Write(cells)
	}
	writer.Flush()
	last := make([]string, len(columns))
	last[0], last[1] = "digest", digest(body.Bytes())
	_ = writer.Write(last)
	writer.Flush()
	if err := writer.Error(); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	_, err := out.Write(body.Bytes())
	return err
}

// formulaStarts are the characters with which a spreadsheet takes a cell for a formula, in both widths.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// harmless puts an apostrophe before what a spreadsheet would take for a formula, which makes it text.
func harmless(cell string) string {
	if trimmed := strings.TrimLeft(cell, " "); trimmed != "" && strings.ContainsRune(formulaStarts, []rune(trimmed)[0]) {
		return "'" + cell
	}
	return cell
}

// JSON writes a report for programs. digest is the SHA-256 of all bytes before the line in which it stands.
func JSON(out io.Writer, rows []Row) error {
	if rows == nil {
		rows = []Row{}
	}
	text, err := asciiJSON(rows, "  ", "  ")
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	body := "{\n  \"rows\": " + text + ",\n"
	_, err = fmt.Fprintf(out, "%s  \"digest\": %q\n}\n", body, digest([]byte(body)))
	return err
}

// asciiJSON encodes a value so that a terminal obeys nothing of it: characters that are not printable are escaped, which means the same.
func asciiJSON(value any, prefix, indent string) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, indent)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	var escaped strings.Builder
	for _, r := range strings.TrimSuffix(text.String(), "\n") {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			escaped.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
	}
	return escaped.String(), nil
}

// Markdown writes a report for people. The last line has the SHA-256 of all bytes before it.
func Markdown(out io.Writer, rows []Row) error {
	var body strings.Builder
	body.WriteString("# Who has what\n\n")
	line := func(cells []string) {
		body.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	rule := make([]string, len(columns))
	for i := range rule {
		rule[i] = "---"
	}
	line(columns[:])
	line(rule)
	for _, row := range rows {
		cells := row.cells()
		for i := range cells {
			cells[i] = markdownEscape.Replace(cli.Printable(cells[i]))
		}
		line(cells)
	}
	fmt.Fprintf(&body, "\n%s.\n\n", cli.Plural(len(rows), "row"))
	_, err := fmt.Fprintf(out, "%sDigest: %s\n", body.String(), digest([]byte(body.String())))
	return err
}

// markdownEscape takes its meaning from everything that Markdown, or the HTML in it, would see in a table's cell.
var markdownEscape = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "(", `\(`, ")", `\)`, "#", `\#`, "!", `\!`, "~", `\~`, "$", `\$`,
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "://", ":&#47;&#47;", "www.", "www&#46;", "@", "&#64;",
)
