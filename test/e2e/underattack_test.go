package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// memoryLimit is what a server may use at its peak: the limit that the chart gives its container, in bytes.
const memoryLimit = 256 << 20

// goodClient does what an identity provider does with one user, again and again, over one connection.
type goodClient struct {
	http              *http.Client
	base, token, path string
	serial            int
	// took has the times of the requests, by what they asked for.
	took map[string][]time.Duration
}

// newGoodClient creates the user.
func (o *operator) newGoodClient(ctx context.Context, server *process, userName string) (*goodClient, error) {
	c := &goodClient{http: o.httpClient(), base: "https://" + server.address + "/scim/" + directory + "/v2", token: o.token}
	body, err := c.send(ctx, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, userName), http.StatusCreated)
	if err != nil {
		return nil, err
	}
	var made struct{ ID string }
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, err
	}
	c.path = "/Users/" + made.ID
	c.forget()
	return c, nil
}

// forget forgets how long requests took.
func (c *goodClient) forget() { c.took = map[string][]time.Duration{} }

// round reads the user, looks it up by name and changes it.
func (c *goodClient) round(ctx context.Context, userName string) error {
	c.serial++
	for _, r := range []struct{ what, method, path, body string }{
		{"get", http.MethodGet, c.path, ""},
		{"find", http.MethodGet, "/Users?filter=" + url.QueryEscape(fmt.Sprintf("userName eq %q", userName)), ""},
		{"put", http.MethodPut, c.path, fmt.Sprintf(`{"userName":%q,"title":"%d"}`, userName, c.serial)},
	} {
		start := time.Now()
		if _, err := c.send(ctx, r.method, r.path, r.body, http.StatusOK); err != nil {
			return err
		}
		c.took[r.what] = append(c.took[r.what], time.Since(start))
	}
	return nil
}

// send sends a request and wants a status.
func (c *goodClient) send(ctx context.Context, method, path, body string, want int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != want {
		return nil, fmt.Errorf("%s %s: status %d, want %d: %.300s", method, path, response.StatusCode, want, answer)
	}
	return answer, nil
}

// leave deletes the user.
func (c *goodClient) leave(ctx context.Context) error {
	_, err := c.send(ctx, http.MethodDelete, c.path, "", http.StatusNoContent)
	c.http.CloseIdleConnections()
	return err
}

// TestUnderAttack does everything at once that hostile clients can do to a server: five hundred slow connections, ten thousand guesses a
// minute, and bodies of fifteen mebibytes that are nothing but arrays. A good client is never refused meanwhile, those that mean harm are
// told nothing but 4xx, and the server stays within the memory of its container. What it costs the good client is measured by
// BenchmarkUnderAttack.
func TestUnderAttack(t *testing.T) {
	o := sharedOperator(t)
	server := must[*process](t)(o.startServer(t.Context(), "attacked", built.operator, ""))
	t.Cleanup(func() { server.Stop(time.Minute) })
	const userName = "good.client@example.com"
	good := must[*goodClient](t)(o.newGoodClient(t.Context(), server, userName))
	t.Cleanup(func() { check(t, "delete the good client's user", good.leave(context.WithoutCancel(t.Context()))) })
	a := o.startAttack(t.Context(), server, 4)
	defer a.end()
	// Enough is when everybody who means harm has been told so, and the good client has been there all the time.
	served := 0
	eventually(t, "the server has dealt with attackers of every kind", func(ctx context.Context) error {
		for range 10 {
			if err := good.round(ctx, userName); err != nil {
				t.Fatalf("the good client was refused after %d rounds: %v", served, err)
			}
			served++
		}
		if opened := a.opened.Load(); opened < slowConnections {
			return fmt.Errorf("%d slow connections were opened, want %d", opened, slowConnections)
		}
		told := a.tellings()
		for _, kind := range hostileKinds() {
			if told[kind] == 0 {
				return fmt.Errorf("nobody who tried %q was told anything", kind)
			}
		}
		return nil
	})
	for what, outcomes := range a.end() {
		for outcome := range outcomes {
			if outcome != "closed" && !strings.HasPrefix(outcome, "4") {
				t.Errorf("%s: %d times %s, want 4xx or a closed connection", what, outcomes[outcome], outcome)
			}
		}
		t.Logf("%s: %v", what, outcomes)
	}
	peak := must[int64](t)(peakMemory(server.PID()))
	t.Logf("the good client was served %d rounds; the server's memory was %d MiB at its peak", served, peak>>20)
	if peak > memoryLimit {
		t.Errorf("the server used %d MiB at its peak, and its container has %d", peak>>20, memoryLimit>>20)
	}
	var user v1alpha1.ScimUserList
	check(t, "list users", o.kube.List(t.Context(), &user))
	if slices.ContainsFunc(user.Items, func(u v1alpha1.ScimUser) bool { return u.Spec.UserName == "guess" || u.Spec.UserName == "bomb" }) {
		t.Error("an attacker has created a user")
	}
}

// peakMemory is the most memory that a process has had, in bytes.
func peakMemory(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("the kernel does not tell the peak of a process")
}

// BenchmarkUnderAttack measures what the attack of TestUnderAttack costs a good client: its median times at rest and under attack, phases
// of which take turns, and how many times those at rest the others are. The attackers, the API server and the client share the machine
// with the server.
func BenchmarkUnderAttack(b *testing.B) {
	ctx := b.Context()
	o, err := benchOperator()
	if err != nil {
		b.Fatal(err)
	}
	server, err := o.startServer(ctx, "attacked", built.operator, "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Stop(time.Minute) })
	const userName, phases, phase = "good.client@example.com", 3, 6 * time.Second
	good, err := o.newGoodClient(ctx, server, userName)
	if err != nil {
		b.Fatal(err)
	}
	idle, attacked := map[string][]time.Duration{}, map[string][]time.Duration{}
	measure := func(into map[string][]time.Duration) {
		good.forget()
		for start := time.Now(); time.Since(start) < phase; {
			if err := good.round(ctx, userName); err != nil {
				b.Fatal(err)
			}
		}
		for what, took := range good.took {
			into[what] = append(into[what], took...)
		}
	}
	for b.Loop() {
		for range phases {
			measure(idle)
			a := o.startAttack(ctx, server, 1)
			for a.opened.Load() < slowConnections {
				if err := good.round(ctx, userName); err != nil {
					b.Fatal(err)
				}
			}
			measure(attacked)
			a.end()
		}
	}
	for what := range idle {
		before, during := median(idle[what]), median(attacked[what])
		b.ReportMetric(float64(before.Microseconds()), what+"-idle-µs")
		b.ReportMetric(float64(during.Microseconds()), what+"-attacked-µs")
		b.ReportMetric(float64(during)/float64(before), what+"-attacked/idle")
	}
	b.ReportMetric(0, "ns/op") // A round is several things, so its time says nothing.
	if err := good.leave(context.WithoutCancel(ctx)); err != nil {
		b.Fatal(err)
	}
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}
