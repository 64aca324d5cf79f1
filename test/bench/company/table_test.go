package company_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	what string
	// took is the median, from the first byte of the request to the last effect that a watch showed; slowest is the longest.
	took, slowest time.Duration
	// raw is the median of the raw writes that were made in turn with it; 0 for what is not compared.
	raw time.Duration
	// cpu is the CPU time of the controller for one change, with everything that follows from it; 0 for not measured.
	cpu time.Duration
	// writes is the number of writes of the operator that one such change led to, until all was at rest; -1 for not counted.
	writes int
	// by says what was written.
	by []string
}

// ratio is how many raw writes long it took.
func (r row) ratio() float64 { return float64(r.took) / float64(r.raw) }

func median(took []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)/2]
}

// add takes a row in and reports it as metrics of the benchmark.
func (c *company) add(b *testing.B, r row) {
	b.Helper()
	c.rows = append(c.rows, r)
	b.ReportMetric(float64(r.took.Microseconds())/1000, "ms")
	b.ReportMetric(float64(r.slowest.Microseconds())/1000, "slowest-ms")
	if r.raw > 0 {
		b.ReportMetric(r.ratio(), "raw-writes")
	}
	if r.cpu > 0 {
		b.ReportMetric(ms(r.cpu), "controller-cpu-ms")
	}
	if r.writes >= 0 {
		b.ReportMetric(float64(r.writes), "api-writes")
	}
	if len(r.by) > 0 {
		b.Logf("written: %s", strings.Join(r.by, ", "))
	}
	b.ReportMetric(0, "ns/op") // A round is several things, so its time says nothing.
}

// print prints the table of one size.
func (c *company) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d users, %d roles (one of %d), %d grants, %d namespaces; peak memory of the controller %d MiB\n",
		c.users, c.roles+1, c.large(), c.grants, c.namespaces, c.peak>>20)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what\tmedian\tslowest\traw write\t× raw\tcontroller CPU\tAPI writes\twhat was written")
	for _, r := range c.rows {
		raw, ratio, cpu, writes := "-", "-", "-", "-"
		if r.raw > 0 {
			raw, ratio = fmt.Sprintf("%.1f ms", ms(r.raw)), fmt.Sprintf("%.1f", r.ratio())
		}
		if r.cpu > 0 {
			cpu = fmt.Sprintf("%.1f ms", ms(r.cpu))
		}
		if r.writes >= 0 {
			writes = fmt.Sprint(r.writes)
		}
		fmt.Fprintf(table, "%s\t%.1f ms\t%.1f ms\t%s\t%s\t%s\t%s\t%s\n", r.what, ms(r.took), ms(r.slowest), raw, ratio, cpu, writes, strings.Join(r.by, ", "))
	}
	_ = table.Flush() // A table that cannot be printed has nobody to tell.
}

// printGrowth prints how many raw writes long each change took in companies of different sizes, and how the largest compares with the
// smallest.
func printGrowth(out io.Writer, companies []*company) {
	if len(companies) < 2 {
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "\n× raw with users")
	for _, c := range companies {
		fmt.Fprintf(table, "\t%d", c.users)
	}
	fmt.Fprintln(table, "\tlargest / smallest")
	for _, r := range companies[0].rows {
		if r.raw == 0 {
			continue
		}
		var ratios []float64
		fmt.Fprint(table, r.what)
		for _, c := range companies {
			for _, same := range c.rows {
				if same.what == r.what {
					ratios = append(ratios, same.ratio())
					fmt.Fprintf(table, "\t%.1f", same.ratio())
				}
			}
		}
		fmt.Fprintf(table, "\t%.2f\n", ratios[len(ratios)-1]/ratios[0])
	}
	_ = table.Flush() // A table that cannot be printed has nobody to tell.
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
