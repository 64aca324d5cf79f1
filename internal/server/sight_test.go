package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

// transport answers all requests alike.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func answering(status int, body io.Reader) transport {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(body)}, nil
	}
}

func probe(t *testing.T) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/readyz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestSightHears(t *testing.T) {
	cases := map[string]struct {
		reason string
		next   transport
		heard  bool
	}{
		"ok":          {"an answer is heard", answering(200, strings.NewReader("")), true},
		"conflict":    {"a refusal is an answer", answering(409, strings.NewReader("")), true},
		"throttled":   {"who throttles answers the next request", answering(429, strings.NewReader("")), true},
		"forbidden":   {"all replicas have the same rights", answering(403, strings.NewReader("")), true},
		"unknown":     {"another replica's token may be good", answering(401, strings.NewReader("")), false},
		"gateway":     {"a proxy can say that nobody is behind it", answering(502, strings.NewReader("")), false},
		"unavailable": {"an API server without etcd answers so", answering(503, strings.NewReader("")), false},
		"broken":      {"there is no answer", func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := NewSight(testclock.NewFakePassiveClock(time.Unix(1e9, 0)))
			response, err := s.Wrap(tc.next).RoundTrip(probe(t))
			if err == nil {
				defer response.Body.Close()
			}
			if ready := s.Ready(probe(t)) == nil; ready != tc.heard || s.Blind() == ready {
				t.Errorf("%s: ready: %v, blind: %v, want ready: %v", tc.reason, ready, s.Blind(), tc.heard)
			}
		})
	}
}

// TestSightHearsWatches reads from an answer that began long ago.
func TestSightHearsWatches(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(1e9, 0))
	s := NewSight(clock)
	response, err := s.Wrap(answering(200, strings.NewReader("bookmark"))).RoundTrip(probe(t))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	clock.SetTime(clock.Now().Add(time.Hour))
	if s.Ready(probe(t)) == nil {
		t.Error("ready after an hour of silence")
	}
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(probe(t)); err != nil {
		t.Errorf("after an event of a watch: %v", err)
	}
}

// TestSightAsks is silent until Sight asks, and wants one question at a time, none before a silence, and readiness with the first answer.
func TestSightAsks(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(1e9, 0))
	s := NewSight(clock)
	asked, answer, heard := make(chan struct{}, 10), make(chan struct{}), make(chan struct{})
	wire := s.Wrap(answering(200, strings.NewReader("")))
	say := func() {
		response, err := wire.RoundTrip(probe(t))
		if err != nil {
			t.Error(err)
			return
		}
		response.Body.Close()
	}
	s.AskBy(func(ctx context.Context) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a question without a deadline")
		}
		asked <- struct{}{}
		<-answer
		say()
		close(heard)
	})
	say()
	clock.SetTime(clock.Now().Add(quietAfter))
	if err := s.Ready(probe(t)); err != nil {
		t.Errorf("after ten seconds: %v", err)
	}
	clock.SetTime(clock.Now().Add(time.Second))
	if err := s.Ready(probe(t)); err != nil {
		t.Errorf("while it asks: %v", err)
	}
	<-asked
	clock.SetTime(clock.Now().Add(blindAfter))
	for range 3 {
		if s.Ready(probe(t)) == nil {
			t.Error("ready although nothing was heard for more than the bound")
		}
	}
	close(answer)
	<-heard
	if err := s.Ready(probe(t)); err != nil {
		t.Errorf("after the answer: %v", err)
	}
	if more := len(asked); more > 0 {
		t.Errorf("%d questions more, want one at a time and none before a silence", more)
	}
}

// TestSightSeesAgain wants the first probe after an outage to succeed.
func TestSightSeesAgain(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(1e9, 0))
	s := NewSight(clock)
	wire := s.Wrap(answering(200, strings.NewReader("")))
	s.AskBy(func(context.Context) {
		response, err := wire.RoundTrip(probe(t))
		if err != nil {
			t.Error(err)
			return
		}
		response.Body.Close()
	})
	if err := s.Ready(probe(t)); err != nil {
		t.Errorf("with an API server that answers at once: %v", err)
	}
}
