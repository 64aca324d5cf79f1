package status

import (
	"fmt"
	"io"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// maxMessage is how much of a message is shown. Its beginning says what is wrong.
const maxMessage = 400

// row is one line of the table.
type row struct {
	name string
	Counts

	suspended bool
}

// rows are the lines of the table: those that every installation has, and one for each app.
func (s *Snapshot) rows() []row {
	all := []row{
		{name: "directories", Counts: s.Directories}, {name: "users", Counts: s.Users},
		{name: "roles", Counts: s.Roles}, {name: "grants", Counts: s.Grants},
	}
	for _, a := range s.Apps {
		all = append(all, row{name: "accounts " + a.Namespace + "/" + a.Name, Counts: a.Accounts, suspended: a.Suspended})
	}
	return all
}

// waiting is how much is waited for.
func (s *Snapshot) waiting() (n int) {
	for _, r := range s.rows() {
		if !r.suspended {
			n += r.Waiting
		}
	}
	return n
}

// failed is how much is not as it should be, apps included.
func (s *Snapshot) failed() (n int) {
	for _, g := range s.Failures {
		n += g.Count
	}
	return n
}

// held is what the guard holds.
func (s *Snapshot) held() (n int) {
	for _, h := range s.Guard {
		n += h.Held
	}
	return n
}

// write is the form that people read.
func (s *Snapshot) write(out io.Writer) {
	lines := printers.GetNewTabWriter(out)
	fmt.Fprintln(lines, "WHAT\tTOTAL\tDONE\tWAITING\tFAILED\tHELD")
	for _, r := range s.rows() {
		fmt.Fprintf(lines, "%s\t%d\t%d\t%d\t%d\t%s%s\n", r.name, r.Total, r.Done, r.Waiting, r.Failed, heldText(&r), suspendedText(&r))
	}
	_ = lines.Flush()
	fmt.Fprintf(out, "\nBindings in effect: %d\n", s.Bindings)
	s.writeDetails(out)
	fmt.Fprintf(out, "\n%s\n", s.verdict())
}

// heldText is a dash where the guard holds nothing back by object.
func heldText(r *row) string {
	if r.Held == 0 {
		return "-"
	}
	return strconv.Itoa(r.Held)
}

func suspendedText(r *row) string {
	if r.suspended {
		return " (suspended)"
	}
	return ""
}

// writeDetails names what waits for a person, and what is not ready.
func (s *Snapshot) writeDetails(out io.Writer) {
	if len(s.Guard) > 0 {
		fmt.Fprintln(out, "\nHeld by the guard:")
	}
	for i := range s.Guard {
		h := &s.Guard[i]
		fmt.Fprintf(out, "  %s %s: %s%s. `kubectl scim %s` says whose.\n",
			h.Kind, placed(h.Namespace, h.Name), cli.Plural(h.Held, "removal"), h.times(s.Time.Time), h.look())
	}
	writeGroups(out, "Failures:", s.Failures)
	writeGroups(out, "Not ready, because it waits or somebody wants it so:", s.Notices)
}

func (h *Held) times(now time.Time) string {
	return when(", since ", h.HeldSince, now) + when(", takes effect ", h.ReleaseTime, now)
}

func when(what string, t *metav1.Time, now time.Time) string {
	if ago := cli.Ago(t, now); ago != "" {
		return what + ago
	}
	return ""
}

// look is the command that shows more.
func (h *Held) look() string {
	if h.Namespace == "" {
		return "plan show " + h.Name
	}
	return "accounts " + h.Name + " -n " + h.Namespace + " --held"
}

func placed(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func writeGroups(out io.Writer, title string, groups []Group) {
	if len(groups) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	for _, g := range groups {
		fmt.Fprintf(out, "  %s %s: %d\n", g.Kind, g.Reason, g.Count)
		for _, e := range g.Examples {
			name := placed(e.Namespace, e.Name)
			if e.Person != "" {
				name += " (" + cli.Printable(e.Person) + ")"
			}
			fmt.Fprintf(out, "    %s: %s\n", name, shortened(cli.Printable(e.Message), maxMessage))
		}
		if more := g.Count - len(g.Examples); more > 0 {
			fmt.Fprintf(out, "    and %d more\n", more)
		}
	}
}

// shortened cuts a text after so many characters.
func shortened(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:max(most-1, 0)]) + "…"
}

// verdict says it in one line.
func (s *Snapshot) verdict() string {
	text := "Nothing is left to do"
	switch n := s.waiting(); {
	case n > 0:
		text = cli.Plural(n, "object") + " left to do"
	case !s.Done:
		text = "An app is about to be looked at"
	}
	if n := s.failed(); n > 0 {
		text += "; not as it should be: " + cli.Plural(n, "object")
	}
	if n := s.held(); n > 0 {
		text += "; held until a person decides: " + cli.Plural(n, "removal")
	}
	return text + "."
}
