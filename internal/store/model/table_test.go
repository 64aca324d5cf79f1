package model

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tooMany states mean that a scenario has outgrown what a test run may cost.
const tooMany = 8_000_000

// large says whether the scenarios that take minutes and gigabytes are explored as well.
func large() bool { return os.Getenv("MODEL_LARGE") == "1" }

// row is one explored scenario.
type row struct {
	scenario, variant string
	result            Result
	// steps are the names of the writes that were made on the way.
	steps map[string]bool
}

func (r row) mustPass(t *testing.T, law string) {
	t.Helper()
	if r.result.Violation != "" {
		t.Errorf("law: %s\nviolated in %q after these steps:\n%s", law, r.scenario, r.result)
		return
	}
	if !r.result.Exhausted {
		t.Errorf("%q was cut at %d states: what was not visited is not checked", r.scenario, r.result.States)
	}
}

// witness is a model that notes which of its writes were made.
type witness[S comparable] struct {
	Model[S]
	name  func(Step) string
	steps map[string]bool
}

func (w witness[S]) Next(s S, visit func(Step, S)) {
	w.Model.Next(s, func(step Step, next S) {
		if name := w.name(step); name != "" {
			w.steps[name] = true
		}
		visit(step, next)
	})
}

func explored(scenario string, m Model[world]) row {
	protocol := m.(*claims)
	steps := map[string]bool{}
	name := func(s Step) string { return claimWrites[protocol.kind(s.Actor)][s.PC] }
	return row{scenario: scenario, result: Explore(witness[world]{m, name, steps}, tooMany), steps: steps}
}

func exploredMembers(scenario string, m Model[hall]) row {
	jobs := m.(*members).jobs
	steps := map[string]bool{}
	name := func(s Step) string { return memberWrites[jobs[s.Actor].task][s.PC] }
	return row{scenario: scenario, result: Explore(witness[hall]{m, name, steps}, tooMany), steps: steps}
}

// claimRows explores the scenarios of the claim protocol once per test run.
var claimRows = sync.OnceValue(func() []row {
	scenarios := claimScenarios()
	if large() {
		scenarios = append(scenarios, largeClaimScenarios()...)
	}
	var rows []row
	for _, s := range scenarios {
		rows = append(rows, explored(s.name, newClaims(s, AsDesigned)))
	}
	return rows
})

// memberRows explores the scenarios of the membership commit once per test run.
var memberRows = sync.OnceValue(func() []row {
	scenarios := memberScenarios()
	if large() {
		scenarios = append(scenarios, largeMemberScenarios()...)
	}
	var rows []row
	for _, s := range scenarios {
		rows = append(rows, exploredMembers(s.name, newMembers(s, AsDesigned)))
	}
	return rows
})

// brokenVariants names for each variant the scenario that catches it with few states.
func brokenVariants() []struct {
	variant        Variant
	name, scenario string
} {
	return []struct {
		variant        Variant
		name, scenario string
	}{
		{ClaimBeforeUser, "claim first, then the user", "two creates of one name"},
		{TakeWithoutFence, "take a claim without fencing its live owner", "create of a name that a rename takes"},
		{RenameWithoutTouch, "rename without touching an own claim", "rename and rename back"},
		{RenameDeletesOldClaim, "rename deletes the old claim inline", "rename and rename back"},
		{RepairWithoutFence, "repair of claims without a fence", "rename and rename back"},
		{DeleteWithoutMark, "repair deletes residue without the mark", "create loses to a rename, whose user is deleted"},
		{CreateWithoutReadBack, "create without reading its user back", "create loses to a rename, whose user is deleted"},
		{CreateIgnoresMark, "create ignores that its user is condemned", "create loses to a rename, whose user is deleted"},
		{FindIgnoresMark, "search ignores that a user is condemned", "create loses to a create, whose user is deleted"},
		{SeekWithoutReadBack, "search by another attribute reads the user only first", "a search by another attribute comes upon a lost create"},
		{UndoWithoutMark, "a lost create deletes its user without the mark", "create loses to a create, whose user is deleted"},
		{UndoWithoutVersion, "a lost create deletes its user without version", "create loses to a create, whose user is deleted"},
		{UpdateWithoutVersion, "update without resourceVersion", "rename, change of another attribute and delete"},
		{RepairNeverPardons, "repair leaves the mark", "create loses to a rename, whose user is deleted"},
		{AheadWithoutClaim, "search answers with the presumed owner, without the live claim", "a search ahead with a claim that is lost"},
		{AheadIgnoresVersion, "search ahead takes any claim that names the presumed owner", "a search ahead with a claim that is lost"},
		{AbandonWithoutMark, "a create that was given up deletes its user without the mark", "a create is abandoned, and made again"},
		{DropBeforeCommit, "old slices deleted before the role's commit", "addition, removal and a reader"},
		{RoleWithoutVersion, "role written without resourceVersion", "from inline to slices and back"},
		{SliceWithoutFence, "repair of slices without fencing the role", "two additions"},
		{ReaderSkipsMissing, "reader takes a missing slice for an empty one", "addition, removal and a reader"},
		{RetryReusesSlices, "retry names the slices of the failed attempt", "two additions"},
		{CreateRoleAfterSlices, "slices of a new role before the role", "creation of a large role"},
	}
}

// variantRows explores every broken variant in its scenario, once per test run.
var variantRows = sync.OnceValue(func() []row {
	var rows []row
	for _, v := range brokenVariants() {
		var r row
		for _, s := range claimScenarios() {
			if s.name == v.scenario {
				r = explored(s.name, newClaims(s, v.variant))
			}
		}
		for _, s := range memberScenarios() {
			if s.name == v.scenario {
				r = exploredMembers(s.name, newMembers(s, v.variant))
			}
		}
		r.variant = v.name
		rows = append(rows, r)
	}
	return rows
})

func TestBrokenVariantsAreCaught(t *testing.T) {
	for _, r := range variantRows() {
		t.Run(r.variant, func(t *testing.T) {
			if r.result.Violation == "" {
				t.Fatalf("%d states of %q, and the checker finds nothing wrong", r.result.States, r.scenario)
			}
			t.Logf("counter-example of %d steps:\n%s", len(r.result.Trace), r.result)
		})
	}
}

// TestTable prints what was explored, for people: run it with -v.
func TestTable(t *testing.T) {
	var text strings.Builder
	fmt.Fprintf(&text, "%-62s %10s  %s\n", "scenario", "states", "result")
	for _, r := range slices.Concat(claimRows(), memberRows()) {
		verdict := "holds"
		if r.result.Violation != "" {
			verdict = r.result.Violation
		}
		fmt.Fprintf(&text, "%-62s %10d  %s\n", r.scenario, r.result.States, verdict)
	}
	fmt.Fprintf(&text, "\n%-64s %7s %6s  %s\n", "broken variant", "states", "steps", "what goes wrong")
	for _, r := range variantRows() {
		fmt.Fprintf(&text, "%-64s %7d %6d  %s\n", r.variant, r.result.States, len(r.result.Trace), r.result.Violation)
	}
	if testing.Verbose() {
		fmt.Print(text.String())
	}
	want := 3 + len(claimRows()) + len(memberRows()) + len(brokenVariants())
	if got := strings.Count(text.String(), "\n"); got != want {
		t.Errorf("the table has %d lines, want %d", got, want)
	}
}

func TestEveryNamedStepIsTaken(t *testing.T) {
	taken := map[string]bool{}
	for _, r := range slices.Concat(claimRows(), memberRows()) {
		for name := range r.steps {
			taken[name] = true
			if twin, ok := roleNames[name]; ok {
				taken[twin] = true
			}
		}
	}
	got := slices.Sorted(func(yield func(string) bool) {
		for name := range taken {
			if !yield(name) {
				return
			}
		}
	})
	if diff := cmp.Diff(Steps(), got); diff != "" {
		t.Errorf("a step that no scenario takes is not checked (-named +taken):\n%s", diff)
	}
}
