package chaos_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/chaos/fault"
)

const (
	// lives is how many flows are played at the same time.
	lives = 3
	// usualLooks is how often the processes are looked at, when everything is at rest and gone that the flows made.
	usualLooks = 12
	// troubleEvery is how often a watch suffers.
	troubleEvery = 10 * time.Second
)

// TestSoak plays flows of all kinds at the same time for MINUTES (with all other tests for seconds, and three looks), with faults at a low rate,
// and never restarts a process. Whenever everything is at rest, and all that was made is gone again, each process must need what it needed
// before: memory, goroutines, file descriptors, watches.
func TestSoak(t *testing.T) {
	long, looks := 15*time.Second, 3
	if os.Getenv("MINUTES") != "" {
		long, looks = time.Duration(positive(t, "MINUTES", 60))*time.Minute, usualLooks
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	// The app outlives the test, and must not know its people from another one.
	k := &soak{operator: startOperator(t), tag: fmt.Sprintf("soak%06x", seed>>20&0xffffff), dice: rand.New(rand.NewPCG(seed, 0)), began: map[string]beginning{}}
	must(t, k.rest(t.Context(), certain))
	for _, p := range k.parts() {
		k.began[p.name] = beginning{p.pid(), p.proxy.Watches()}
	}
	samples := map[string][]sample{}
	for i := range looks {
		if err := k.live(t.Context(), long/time.Duration(looks)); err != nil {
			t.Fatal(err)
		}
		must(t, k.rest(t.Context(), certain))
		for _, p := range k.parts() {
			s, err := k.look(t.Context(), p)
			must(t, err)
			samples[p.name] = append(samples[p.name], s)
		}
		t.Logf("look %d of %d, after %d flows", i+1, looks, k.played)
	}
	t.Logf("%d flows in %s, %d writes that went wrong, %d watches that suffered\n%s", k.played, long, k.wrong, k.suffered, soakTable(k.parts(), samples))
	for _, p := range k.parts() {
		for _, complaint := range grown(samples[p.name]) {
			t.Errorf("%s: %s", p.name, complaint)
		}
	}
}

// soak is an operator that lives for long.
type soak struct {
	*operator
	// tag is what the tags of all its scenes begin with.
	tag string
	// began is how each process began.
	began map[string]beginning

	mu                      sync.Mutex
	dice                    *rand.Rand
	played, wrong, suffered int
}

// beginning is a process, and how many watches it has.
type beginning struct{ pid, watches int }

// draw is one of n.
func (k *soak) draw(n int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dice.IntN(n)
}

// live plays flows, several at a time, until so much time has passed, and returns when the last is over.
func (k *soak) live(ctx context.Context, long time.Duration) error {
	stop := k.trouble(ctx)
	defer stop()
	end := time.Now().Add(long)
	errs := make([]error, lives)
	var group sync.WaitGroup
	for i := range lives {
		group.Go(func() {
			for time.Now().Before(end) && errs[i] == nil {
				errs[i] = k.flow(ctx, flows()[k.draw(len(flows()))])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// flow plays one flow from its first request to its last trace.
func (k *soak) flow(ctx context.Context, f flow) error {
	k.mu.Lock()
	k.played++
	tag := fmt.Sprintf("%sn%05dx", k.tag, k.played)
	k.mu.Unlock()
	s, err := k.newScene(ctx, f, tag)
	if err != nil {
		return fmt.Errorf("%s: begin: %w", f.name, err)
	}
	for _, part := range []func(context.Context, *scene) error{f.setup, f.act} {
		if err := s.again(ctx, func() error { return part(ctx, s) }, http.StatusTooManyRequests); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := s.await(ctx, f.want); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if err := errors.Join(s.close(ctx), k.removeNamespace(ctx, tag)); err != nil {
		return fmt.Errorf("%s: close: %w", f.name, err)
	}
	return nil
}

// removeNamespace deletes the namespace of a flow, if it has one, and does what a cluster's own controllers do for it to go.
func (k *soak) removeNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := k.kube.Delete(ctx, namespace); err != nil {
		return client.IgnoreNotFound(err)
	}
	clients, err := kubernetes.NewForConfig(k.api)
	if err != nil {
		return err
	}
	for {
		now, err := clients.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		now.Spec.Finalizers = nil
		if _, err := clients.CoreV1().Namespaces().Finalize(ctx, now, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
			return client.IgnoreNotFound(err)
		}
	}
}

// trouble makes one write in fifty fail and as many slow, and the watches of a process suffer every few seconds, until it is stopped.
func (k *soak) trouble(ctx context.Context) (stop func()) {
	for _, p := range k.parts() {
		p.proxy.OnWrite(func(w fault.Write) *fault.Plan {
			k.mu.Lock()
			defer k.mu.Unlock()
			if k.dice.IntN(8) > 0 {
				return nil
			}
			plan := misfortune(k.dice, w)
			if plan != nil {
				k.wrong++
			}
			return plan
		})
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for pause(ctx, troubleEvery) == nil {
			k.suffer(ctx)
		}
	}()
	return func() {
		cancel()
		<-ended
		for _, p := range k.parts() {
			p.proxy.OnWrite(nil)
			p.proxy.Release()
		}
	}
}

// suffer has one process see less than there is for a moment.
func (k *soak) suffer(ctx context.Context) {
	proxy := k.parts()[k.draw(len(k.parts()))].proxy
	switch k.draw(3) {
	case 0:
		proxy.CutWatches()
	case 1:
		proxy.Expire()
	default:
		proxy.Hold("")
		_ = pause(ctx, 2*time.Second)
		proxy.Release()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.suffered++
}

// sample is what a process needs.
type sample struct{ heap, resident, goroutines, files, watches int }

// look looks at a process, when it watches what it watched at first, and after a collection of what it no longer needs.
func (k *soak) look(ctx context.Context, p *part) (s sample, err error) {
	began := k.began[p.name]
	if now := p.pid(); now != began.pid {
		return s, fmt.Errorf("%s is process %d, which was %d", p.name, now, began.pid)
	}
	// What was cut is watched again a while later, longer each time.
	err = wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(context.Context) (bool, error) {
		s.watches = p.proxy.Watches()
		return s.watches == began.watches, nil
	})
	if err != nil {
		return s, fmt.Errorf("%s has %d watches, which were %d: %w", p.name, s.watches, began.watches, err)
	}
	read := func(from, key string, value *int) error {
		if err := number(ctx, from, key, value); err != nil {
			return fmt.Errorf("%s of %s: %w\n%s", key, p.name, err, p.log())
		}
		return nil
	}
	profiles := "http://" + p.profile + "/debug/pprof/"
	err = errors.Join(
		read(profiles+"heap?gc=1&debug=1", "# HeapAlloc = ", &s.heap), read(profiles+"goroutine?debug=1", "goroutine profile: total ", &s.goroutines),
		read(fmt.Sprintf("/proc/%d/status", p.pid()), "VmRSS:", &s.resident),
	)
	if err != nil {
		return s, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid()))
	s.heap, s.files = s.heap>>10, len(files)
	return s, err
}

func (p *part) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process.PID()
}

// number reads the number behind a key from a page, or from a file.
func number(ctx context.Context, from, key string, value *int) error {
	body, err := open(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), key); ok {
			_, err := fmt.Sscan(text, value)
			return err
		}
	}
	return cmp.Or(lines.Err(), fmt.Errorf("there is no %q in %s", key, from))
}

func open(ctx context.Context, from string) (io.ReadCloser, error) {
	if !strings.HasPrefix(from, "http://") {
		return os.Open(from)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// soakTable has one line for each look at each process.
func soakTable(parts []*part, samples map[string][]sample) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "process\theap kB\tresident kB\tgoroutines\tfiles\twatches\t")
	for _, p := range parts {
		for _, s := range samples[p.name] {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t\n", p.name, s.heap, s.resident, s.goroutines, s.files, s.watches)
		}
	}
	_ = w.Flush()
	return text.String()
}

// grown compares the last third of the looks with the first, by their medians. Resident memory is shown and not judged: when it is given back is up to
// the kernel.
func grown(all []sample) (complaints []string) {
	third := len(all) / 3
	for _, what := range []struct {
		name  string
		of    func(sample) int
		slack int
	}{
		{"heap kB", func(s sample) int { return s.heap }, 2048},
		{"goroutines", func(s sample) int { return s.goroutines }, 15},
		{"files", func(s sample) int { return s.files }, 10},
	} {
		before, after := middle(all[:third], what.of), middle(all[len(all)-third:], what.of)
		if after > before+before/20+what.slack {
			complaints = append(complaints, fmt.Sprintf("%s were %d at first and %d at last", what.name, before, after))
		}
	}
	return complaints
}

// middle is the median.
func middle(all []sample, of func(sample) int) int {
	values := make([]int, 0, len(all))
	for _, s := range all {
		values = append(values, of(s))
	}
	slices.SortFunc(values, cmp.Compare[int])
	return values[len(values)/2]
}
