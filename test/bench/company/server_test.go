package company_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// clients is how many requests are under way at the same time, of ours and of the API server alike.
	clients = 16
	// rounds is how often each of the two is measured, in turn.
	rounds = 5
)

// operation is a request of the SCIM server beside one that its client could make of the API server itself.
type operation struct {
	name string
	// ours and raw make the n-th request of a client.
	ours, raw func(ctx context.Context, client, n int) error
	// count is how many requests a round has, of all clients together.
	count int
	// goal is the least that our throughput may be of the API server's; 0 for none.
	goal float64
	// alone says that one client sends all requests.
	alone bool
}

// figures are what came of an operation.
type figures struct {
	operation
	// oursRate and rawRate are the medians of the rounds, in requests a second.
	oursRate, rawRate float64
	// cpu is the CPU time of the server for one request, and writes how often it wrote to the API server for one.
	cpu    time.Duration
	writes float64
}

func (f *figures) ratio() float64 { return f.oursRate / f.rawRate }

// served is a company whose SCIM server is measured.
type served struct {
	*company
	// rest is an administrator's client, and owner one of the SCIM server's account.
	rest, owner *rest.RESTClient
	// heap is what is on the server's heap at rest, and resident the most memory that it has had, as the kernel counts it, in bytes.
	heap, resident int64
	all            []figures
	serve          *workload
}

// BenchmarkServer measures the SCIM server as it ships against the API server that it writes to, with as many requests at the same time, in
// companies of all sizes.
func BenchmarkServer(b *testing.B) {
	var measured []*served
	for i, n := range sizes(b) {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			s := &served{company: found(b, n)}
			var err error
			s.rest, err = rest.UnversionedRESTClientFor(rawConfig(s.config))
			must(b, err)
			s.owner, err = rest.UnversionedRESTClientFor(rawConfig(s.account(b, serverAccount)))
			must(b, err)
			s.serve = newWorkload(b, s)
			b.Run("Heap", func(b *testing.B) {
				for b.Loop() {
					s.heap = s.heapOfServer(b)
				}
				b.ReportMetric(float64(s.heap), "server-heap-B")
				b.ReportMetric(0, "ns/op")
			})
			for _, o := range s.serve.operations() {
				b.Run(o.name, func(b *testing.B) { s.compare(b, o) })
			}
			if i == 0 {
				b.Run("FirstSync", s.firstSync)
			}
			s.resident = peakOf(b, s.server)
			s.print(os.Stdout)
			measured = append(measured, s)
		})
	}
	printCurve(os.Stdout, measured)
}

// compare runs rounds of both, in turn, and reports the medians.
func (s *served) compare(b *testing.B, o operation) {
	var ours, raw []time.Duration
	f := figures{operation: o}
	for b.Loop() {
		for range rounds {
			raw = append(raw, s.round(b, &o, o.raw))
			before, cpu := s.ownWrites(b), processCPU(b, s.server)
			ours = append(ours, s.round(b, &o, o.ours))
			f.cpu += processCPU(b, s.server) - cpu
			f.writes += float64(s.ownWrites(b) - before)
		}
	}
	requests := len(ours) * o.count
	f.cpu /= time.Duration(requests)
	f.writes /= float64(requests)
	f.oursRate, f.rawRate = float64(o.count)/median(ours).Seconds(), float64(o.count)/median(raw).Seconds()
	s.report(b, f)
}

func (s *served) report(b *testing.B, f figures) {
	b.Helper()
	s.all = append(s.all, f)
	b.ReportMetric(f.oursRate, "requests/s")
	b.ReportMetric(f.rawRate, "raw/s")
	b.ReportMetric(f.ratio(), "of-raw")
	if f.goal > 0 {
		b.ReportMetric(f.goal, "goal")
	}
	b.ReportMetric(float64(f.cpu.Microseconds()), "server-cpu-µs")
	b.ReportMetric(f.writes, "api-writes")
	b.ReportMetric(0, "ns/op") // A round is many requests, so its time says nothing.
}

// round has the clients send the requests of a round.
func (s *served) round(b *testing.B, o *operation, request func(ctx context.Context, client, n int) error) time.Duration {
	b.Helper()
	workers := clients
	if o.alone {
		workers = 1
	}
	group, ctx := errgroup.WithContext(b.Context())
	s.serve.round++
	start := time.Now()
	for w := range workers {
		group.Go(func() error {
			for n := range o.count / workers {
				if err := request(ctx, w, s.serve.round*o.count+n); err != nil {
					return fmt.Errorf("%s: %w", o.name, err)
				}
			}
			return nil
		})
	}
	must(b, group.Wait())
	return time.Since(start)
}

// ownWrites is how often the server has written to the API server, but for when it last heard from whom.
func (s *served) ownWrites(b *testing.B) int {
	b.Helper()
	count := 0
	for what, n := range s.audit.at(b) {
		if strings.HasPrefix(what, "server ") && !strings.HasSuffix(what, "/status") && !strings.HasSuffix(what, " events") {
			count += n
		}
	}
	return count
}

// firstSync pushes a company of people and groups that is not there yet, in turn with the same number of raw creations.
func (s *served) firstSync(b *testing.B) {
	const people, groups, members, chunks = 20_000, 200, 500, 20
	var ours, raw time.Duration
	cpu, writes := processCPU(b, s.server), s.ownWrites(b)
	for b.Loop() {
		ids := make([]string, people)
		for chunk := range chunks {
			creation := operation{name: "raw create", count: people / chunks}
			raw += s.round(b, &creation, s.serve.rawCreate)
			start := time.Now()
			each(b, people/chunks, func(ctx context.Context, i int) error {
				at := chunk*people/chunks + i
				var err error
				ids[at], err = s.serve.create(ctx, "/Users", s.serve.person(fmt.Sprintf("sync.%05d", at)))
				return err
			})
			ours += time.Since(start)
		}
		start := time.Now()
		each(b, groups, func(ctx context.Context, g int) error {
			from := g * people / groups
			var list []string
			for k := range members {
				list = append(list, ids[(from+k)%people])
			}
			_, err := s.serve.create(ctx, "/Groups", groupBody(fmt.Sprintf("Sync %03d", g), list))
			return err
		})
		ours += time.Since(start)
	}
	s.report(b, figures{
		operation: operation{name: "first sync of 20,000 users and 200 groups of 500", goal: 0.33},
		oursRate:  float64(people+groups) / ours.Seconds(), rawRate: float64(people) / raw.Seconds(),
		cpu: (processCPU(b, s.server) - cpu) / (people + groups), writes: float64(s.ownWrites(b)-writes) / (people + groups),
	})
}

// heapOfServer is what is on the server's heap after a collection, in bytes.
func (s *served) heapOfServer(b *testing.B) int64 {
	b.Helper()
	response, err := http.Get("http://" + s.profile + "/debug/pprof/heap?gc=1&debug=1") //nolint:noctx // a benchmark ends when it ends
	must(b, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(b, err)
	for line := range strings.Lines(string(text)) {
		if number, ok := strings.CutPrefix(line, "# HeapAlloc = "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			must(b, err)
			return n
		}
	}
	b.Fatal("the profile does not say how large the heap is")
	return 0
}

// print prints the table of one size.
func (s *served) print(out io.Writer) {
	fmt.Fprintf(out, "\nSCIM server, %d users, %d clients; %d kB on its heap, %d MiB of memory at most\n", s.users, clients, s.heap>>10, s.resident>>20)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what\trequests/s\traw/s\tof raw\tgoal\tserver CPU\tAPI writes")
	for _, f := range s.all {
		goal := "-"
		if f.goal > 0 {
			goal = fmt.Sprintf("%.2f", f.goal)
		}
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.2f\t%s\t%.2f ms\t%.2f\n", f.name, f.oursRate, f.rawRate, f.ratio(), goal, ms(f.cpu), f.writes)
	}
	_ = table.Flush() // A table that cannot be printed has nobody to tell.
}

// printCurve prints how the cost of a request, in raw requests, grows with the company, and what a user takes on the server's heap.
func printCurve(out io.Writer, measured []*served) {
	if len(measured) < 2 {
		return
	}
	first, last := measured[0], measured[len(measured)-1]
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "\ncost in raw requests, with users")
	for _, s := range measured {
		fmt.Fprintf(table, "\t%d", s.users)
	}
	fmt.Fprintln(table, "\tlargest / smallest\tby CPU")
	for i := range last.all {
		fmt.Fprint(table, last.all[i].name)
		for _, s := range measured {
			fmt.Fprintf(table, "\t%.2f", 1/s.all[i].ratio())
		}
		fmt.Fprintf(table, "\t%.2f\t%.2f\n", first.all[i].ratio()/last.all[i].ratio(), float64(last.all[i].cpu)/float64(first.all[i].cpu))
	}
	_ = table.Flush() // A table that cannot be printed has nobody to tell.
	perUser := float64(last.heap-first.heap) / float64(last.users-first.users)
	fmt.Fprintf(out, "a user takes %.0f bytes on the server's heap, with the claim and the memberships\n", perUser)
}

// rawConfig speaks of our kinds without knowing them: it neither encodes nor decodes.
func rawConfig(config *rest.Config) *rest.Config {
	raw := rest.CopyConfig(config)
	raw.APIPath, raw.GroupVersion = "/apis", &v1alpha1.GroupVersion
	raw.QPS, raw.NegotiatedSerializer = -1, scheme.Codecs.WithoutConversion()
	return raw
}
