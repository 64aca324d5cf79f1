package tracing_test

import (
	"context"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/tracing"
	"github.com/scim-operator/scim-operator/test/collector"
)

const (
	clientTrace = "00f067aa0ba902b7a3ce929d0e0e4736" // its sampler would take it: it sorts first
	clientSpan  = "00f067aa0ba902b7"
	traceparent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

func newCollector(t *testing.T) *collector.Collector {
	t.Helper()
	c, err := collector.Start(t.Context())
	must(t, err)
	t.Cleanup(c.Stop)
	return c
}

func newTracer(t *testing.T, endpoint string, ratio float64) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(t.Context(), tracing.Options{Endpoint: endpoint, Ratio: ratio, Service: "test", Log: logr.Discard()})
	must(t, err)
	return tracer
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestHeaders: what a client says of its own trace becomes a link at most. It decides neither whether the request is traced, nor under
// which id, and no text of its own is sent on.
func TestHeaders(t *testing.T) {
	linked := []collector.Link{{Trace: clientTrace, ID: clientSpan}}
	cases := map[string]struct {
		reason string
		values []string
		want   []collector.Link
	}{
		"none":      {"most clients have no traces", nil, nil},
		"sampled":   {"a trace of the client's can be found from ours", []string{traceparent}, linked},
		"unsampled": {"the client's decision is its own", []string{strings.TrimSuffix(traceparent, "1") + "0"}, linked},
		"zero":      {"an id of zeros is none", []string{"00-" + strings.Repeat("0", 32) + "-" + clientSpan + "-01"}, nil},
		"text":      {"what is malformed is passed over", []string{"alice@example.com"}, nil},
		"short":     {"what is malformed is passed over", []string{traceparent[:40]}, nil},
		"capitals":  {"the standard wants small letters", []string{strings.ToUpper(traceparent)}, nil},
		"long":      {"what is longer than any version may be is not even read", []string{"cc" + traceparent[2:] + "-" + strings.Repeat("a", 10<<10)}, nil},
		"two":       {"of two it cannot be told which is right", []string{traceparent, traceparent}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			header := http.Header{"Traceparent": tc.values, "Tracestate": {"who=alice@example.com"}, "Baggage": {"who=alice@example.com"}}
			for _, ratio := range []float64{0, 1} {
				tracer := newTracer(t, c.Endpoint(), ratio)
				ctx, span := tracer.Request(t.Context(), header, time.Now(), tracing.Directory("okta"))
				_, call := tracing.Call(ctx, "update ScimUser")
				call.End(tracing.OK)
				span.EndRequest(http.MethodGet, "/Users/{id}", http.StatusOK, "")
				must(t, tracer.Shutdown(t.Context()))
				if ratio == 0 && len(c.Spans()) > 0 {
					t.Errorf("%s: with a ratio of 0 these arrive: %+v", tc.reason, c.Spans())
				}
			}
			spans := c.Spans()
			if len(spans) != 2 {
				t.Fatalf("%s: %d spans arrive, want that of the request and that of a call", tc.reason, len(spans))
			}
			call, request := spans[0], spans[1]
			if request.Trace == clientTrace || request.Parent != "" || request.Name != "GET /Users/{id}" {
				t.Errorf("%s: the request is %+v, want the root of a trace of its own", tc.reason, request)
			}
			if call.Trace != request.Trace || call.Parent != request.ID {
				t.Errorf("%s: the call is %+v, want it below the request %+v", tc.reason, call, request)
			}
			if diff := cmp.Diff(tc.want, request.Links); diff != "" {
				t.Errorf("%s: links (-want +got):\n%s", tc.reason, diff)
			}
			if strings.Contains(string(c.Sent()), "alice") {
				t.Errorf("%s: text of the client is sent on", tc.reason)
			}
		})
	}
}

// TestUnreachable makes more spans than the queue has room for while no collector is there: nobody waits for it, the end is in the hands of who
// asks for it, and the log says it once.
func TestUnreachable(t *testing.T) {
	c := newCollector(t)
	c.Stop()
	var mu sync.Mutex
	var lines []string
	log := funcr.New(func(_, args string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, args)
	}, funcr.Options{})
	tracer, err := tracing.New(t.Context(), tracing.Options{Endpoint: c.Endpoint(), Ratio: 1, Service: "test", Log: log})
	must(t, err)
	for range 10_000 {
		_, span := tracer.Request(t.Context(), http.Header{}, time.Now())
		span.EndRequest(http.MethodGet, "/Users", http.StatusOK, "")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tracer.Shutdown(ended); err == nil {
		t.Error("the last spans were sent to nobody, and Shutdown says nothing of it")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(lines) > 1 {
		t.Errorf("%d lines are in the log, want one at most: %q", len(lines), lines)
	}
}

// TestOff: without an endpoint there is no tracer, and everything that is asked of it is nothing.
func TestOff(t *testing.T) {
	tracer := newTracer(t, "", 1)
	if tracer != nil {
		t.Fatal("there is a tracer without an endpoint")
	}
	ctx, span := tracer.Request(t.Context(), http.Header{"Traceparent": {traceparent}}, time.Now())
	span.Set(tracing.Name("alice"))
	_, call := tracing.Call(ctx, "create ScimUser")
	if ctx != t.Context() || span != nil || call != nil {
		t.Error("a tracer that there is not makes spans")
	}
	call.End(tracing.OK)
	span.EndRequest(http.MethodGet, "/Users", http.StatusOK, "")
	must(t, tracer.Shutdown(t.Context()))
}

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		reason  string
		options tracing.Options
		ok      bool
	}{
		"off":      {"it is off by default", tracing.Options{}, true},
		"plain":    {"a collector within the cluster", tracing.Options{Endpoint: "http://collector.observability:4317"}, true},
		"tls":      {"a collector elsewhere", tracing.Options{Endpoint: "https://[2001:db8::1]:4317/", Ratio: 1}, true},
		"noScheme": {"it must be said whether it is encrypted", tracing.Options{Endpoint: "collector:4317"}, false},
		"noPort":   {"there is no port that everybody would expect", tracing.Options{Endpoint: "http://collector"}, false},
		"path":     {"a path means the other protocol, over HTTP", tracing.Options{Endpoint: "http://collector:4318/v1/traces"}, false},
		"password": {"a password does not belong into a flag", tracing.Options{Endpoint: "https://a:b@collector:4317"}, false},
		"negative": {"a part is not negative", tracing.Options{Ratio: -0.1}, false},
		"above":    {"a part is not more than all", tracing.Options{Ratio: 1.1}, false},
		"none":     {"what is no number is no part", tracing.Options{Ratio: math.NaN()}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := tc.options.Validate(); (err == nil) != tc.ok {
				t.Errorf("%s: Validate says %v", tc.reason, err)
			}
		})
	}
}
