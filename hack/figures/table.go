package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The marks in the page between which the table is.
const begin, end = "<!-- BenchmarkServer, written by make figures -->", "<!-- end of BenchmarkServer -->"

// fill replaces what is between the marks in a page.
func (r *results) fill(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has not the marks %q and %q", page, begin, end)
	}
	return os.WriteFile(page, []byte(before+begin+"\n"+r.markdown()+end+after), 0o644)
}

func (r *results) markdown() string {
	sizes := r.sizes()
	var text strings.Builder
	fmt.Fprintf(&text, "Measured on %s, %s. Throughput as a part of the raw one, and requests a second:\n\n| What | Goal |", r.date, r.cpu)
	for _, users := range sizes {
		fmt.Fprintf(&text, " %s users |", thousands(users))
	}
	text.WriteString(" Server's CPU for one | API writes |\n| --- | --- |" + strings.Repeat(" --- |", len(sizes)+2) + "\n")
	for _, operation := range r.operations {
		r.row(&text, operation, sizes)
	}
	text.WriteString(r.memory())
	return text.String()
}

// row is one operation. A ratio that misses its goal is bold.
func (r *results) row(text *strings.Builder, operation string, sizes []int) {
	of := r.values[operation]
	var goal float64
	var cpu, writes []string
	var cells strings.Builder
	for _, users := range sizes {
		v, measured := of[users]
		if !measured {
			cells.WriteString(" |")
			continue
		}
		goal = v["goal"]
		ratio := fmt.Sprintf("%.2f", v["of-raw"])
		if v["of-raw"] < goal {
			ratio = "**" + ratio + "**"
		}
		fmt.Fprintf(&cells, " %s (%.0f) |", ratio, v["requests/s"])
		cpu = append(cpu, fmt.Sprintf("%.2f", v["server-cpu-µs"]/1000))
		writes = append(writes, fmt.Sprintf("%.1f", v["api-writes"]))
	}
	wanted := ""
	if goal > 0 {
		wanted = fmt.Sprintf("%.2f", goal)
	}
	fmt.Fprintf(text, "| %s | %s |%s %s ms | %s |\n", operation, wanted, cells.String(), strings.Join(cpu, ", "), strings.Join(slices.Compact(writes), ", "))
}

// memory says what a user takes on the server's heap, from the smallest company to the largest.
func (r *results) memory() string {
	sizes := slices.DeleteFunc(r.sizes(), func(users int) bool { return r.heaps[users] == 0 })
	if len(sizes) < 2 {
		return ""
	}
	small, large := sizes[0], sizes[len(sizes)-1]
	each := (r.heaps[large] - r.heaps[small]) / float64(large-small)
	return fmt.Sprintf("\nThe server's heap: %.1f MB with %s users and %.1f MB with %s, so %.0f bytes a user with the claim and the memberships (goal 2,500).\n",
		r.heaps[small]/1e6, thousands(small), r.heaps[large]/1e6, thousands(large), each)
}

// thousands writes 20000 as 20,000.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
