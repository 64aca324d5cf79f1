package company_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// restFor is how long nothing may be written at rest: two minutes, and less in a company so small that it takes no time to look around.
func (c *company) restFor() time.Duration {
	if c.users < 20_000 {
		return 20 * time.Second
	}
	return 2 * time.Minute
}

// coldStart starts the controllers in a company of which they know nothing yet. The end is the last write.
func (c *company) coldStart(b *testing.B) {
	for b.Loop() {
		if c.controller != nil {
			b.Fatal("a company knows a first start only once: measure with -benchtime=1x")
		}
		before := c.audit.at(b)
		began := c.startController(b)
		c.seen.await(b, "the controllers write", func(all map[place]bound) bool { return len(all) > 0 })
		c.audit.await(b, settled)
		c.verify(b)
		c.verifyUsers(b)
		took := c.audit.last.Sub(began)
		r := row{what: "cold start from nothing to the last write", took: took, slowest: took}
		r.writes, r.by = written(before, c.audit.at(b))
		c.add(b, r)
	}
}

// verifyUsers wants every user's status to be there.
func (c *company) verifyUsers(b *testing.B) {
	b.Helper()
	known := 0
	for page := (v1alpha1.ScimUserList{}); ; {
		options := []client.ListOption{client.Limit(1000), client.Continue(page.Continue)}
		page = v1alpha1.ScimUserList{}
		must(b, c.kube.List(b.Context(), &page, options...))
		for i := range page.Items {
			if page.Items[i].Status.State == v1alpha1.UserActive && page.Items[i].Status.ObservedGeneration == page.Items[i].Generation {
				known++
			}
		}
		if page.Continue == "" {
			break
		}
	}
	if known != c.users {
		b.Fatalf("%d users have the status that they should have, want %d", known, c.users)
	}
}

// atRest watches for some time, in which nothing may be written.
func (c *company) atRest(b *testing.B) {
	for b.Loop() {
		before := c.audit.at(b)
		timer := time.NewTimer(c.restFor())
		select {
		case <-timer.C:
		case <-b.Context().Done():
		}
		timer.Stop()
		n, by := written(before, c.audit.at(b))
		if n != 0 {
			b.Errorf("at rest the operator wrote: %s", strings.Join(by, ", "))
		}
		c.add(b, row{what: "at rest", took: c.restFor(), slowest: c.restFor(), writes: n, by: by})
	}
}

// warmStart starts the controllers where everything is as it should be. The end is when they have looked at everything, by their own
// metrics.
func (c *company) warmStart(b *testing.B) {
	for b.Loop() {
		before := c.audit.at(b)
		c.stopController(b)
		began := c.startController(b)
		took := c.awaitIdle(b).Sub(began)
		c.audit.await(b, settled)
		r := row{what: "cold start, converged already", took: took, slowest: took}
		r.writes, r.by = written(before, c.audit.at(b))
		if r.writes != 0 {
			b.Errorf("a start with nothing to do wrote: %s", strings.Join(r.by, ", "))
		}
		c.add(b, r)
	}
}

// deactivatedWhileDown deactivates somebody while there is no controller. The end is when the bindings of that person are gone.
func (c *company) deactivatedWhileDown(b *testing.B) {
	var took []time.Duration
	for b.Loop() {
		for range 3 {
			c.audit.await(b, settled)
			c.stopController(b)
			e := c.deactivation(b, inLarge)
			must(b, e.change(b.Context()))
			began := c.startController(b)
			took = append(took, c.seen.await(b, "the person has left", e.seen).Sub(began))
		}
	}
	c.add(b, row{what: "user deactivated while the controller was down, from its start", took: median(took), slowest: slowest(took), writes: -1})
}

// awaitIdle waits until no controller has had anything to do for some time, and gives the time at which the last one had.
func (c *company) awaitIdle(b *testing.B) time.Time {
	b.Helper()
	var last time.Time
	seen := -1.0
	err := wait.PollUntilContextTimeout(b.Context(), 250*time.Millisecond, patience, false, func(ctx context.Context) (bool, error) {
		waiting, done, err := c.activity(ctx)
		if err != nil {
			return false, nil // It does not serve yet.
		}
		if waiting > 0 || done != seen || done == 0 {
			seen, last = done, time.Now()
		}
		return time.Since(last) >= settled, nil
	})
	must(b, err)
	return last
}

// activity is what the controllers have yet to do, and how much they have done, by their metrics.
func (c *company) activity(ctx context.Context) (waiting, done float64, err error) {
	// The certificate of the metrics is made at the start, so that nobody can know its authority.
	insecure := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.metrics, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+c.metricsToken)
	response, err := insecure.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("metrics: %s", response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue // It is a comment.
		}
		switch family, _, _ := strings.Cut(name, "{"); family {
		case "workqueue_depth", "controller_runtime_active_workers":
			waiting += value
		case "controller_runtime_reconcile_total":
			done += value
		}
	}
	return waiting, done, lines.Err()
}
