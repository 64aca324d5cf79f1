package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

const (
	// blindAfter is how long the API server may say nothing before this server is not ready any more. One that is restarted is back before that
	// as a rule, and no server needs to leave its Service for it: requests are answered 429 meanwhile, and clients come again.
	blindAfter = 30 * time.Second
	// quietAfter is how long it may say nothing before it is asked. Between pushes nothing but a bookmark a minute comes from each watch.
	quietAfter = 10 * time.Second
	// askTimeout bounds one question.
	askTimeout = 5 * time.Second
	// answerTime is how long a probe waits for an answer before it fails. A kubelet gives a probe one second.
	answerTime = 500 * time.Millisecond
)

// Sight knows whether this process still hears from the API server. It listens to what comes back for every request that the process makes,
// its watches among them, and asks only after a silence, once a readiness probe at most, and never two at the same time. So it costs
// nothing while clients push, one small read in ten seconds at rest, and never a write. It is safe for concurrent use.
type Sight struct {
	clock clock.PassiveClock
	// ask makes a request through what Wrap returned. What comes of it is heard there.
	ask    func(context.Context)
	heard  atomic.Pointer[time.Time]
	asking atomic.Bool
}

// NewSight makes a Sight that has heard nothing yet; a nil clock means the real one.
func NewSight(c clock.PassiveClock) *Sight {
	if c == nil {
		c = clock.RealClock{}
	}
	return &Sight{clock: c, ask: func(context.Context) {}}
}

// AskBy says how to ask, with a small request that fails when the server could not serve either. Call it before the first Ready.
func (s *Sight) AskBy(ask func(context.Context)) { s.ask = ask }

// Wrap listens to a transport. It is for the WrapTransport of a rest.Config.
func (s *Sight) Wrap(next http.RoundTripper) http.RoundTripper { return listening{s, next} }

// Blind says whether the API server has said nothing for too long.
func (s *Sight) Blind() bool { return blindness(s.silence()) != nil }

// Ready is a health check: it fails while the API server has said nothing for too long. A probe that would fail waits a moment for the answer,
// so that the first one after an outage succeeds; for more it has no time, and the next probe learns of it.
func (s *Sight) Ready(r *http.Request) error {
	silence := s.silence()
	if silence <= quietAfter || !s.asking.CompareAndSwap(false, true) {
		return blindness(silence)
	}
	answered := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), askTimeout)
	go func() {
		defer close(answered)
		defer s.asking.Store(false)
		defer cancel()
		s.ask(ctx)
	}()
	if silence <= blindAfter {
		return nil
	}
	waiting, stop := context.WithTimeout(r.Context(), answerTime)
	defer stop()
	select {
	case <-answered:
	case <-waiting.Done():
	}
	return blindness(s.silence())
}

// blindness is nil while a silence is not too long.
func blindness(silence time.Duration) error {
	if silence > blindAfter {
		return fmt.Errorf("the API server has said nothing for %s", blindAfter)
	}
	return nil
}

func (s *Sight) hear() {
	now := s.clock.Now()
	s.heard.Store(&now)
}

func (s *Sight) silence() time.Duration {
	heard := s.heard.Load()
	if heard == nil {
		return blindAfter + 1
	}
	return s.clock.Since(*heard)
}

// listening is a transport that tells a Sight what it hears.
type listening struct {
	sight *Sight
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper. Every answer counts but those that mean that this process gets nothing done here while another may
// elsewhere: 5xx, behind which there may be no API server at all, and 401, which one is told whose own token is not good any more. A lack
// of rights, 403, is the same for all replicas, and a Service without any would refuse clients that are answered now.
func (l listening) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err != nil || response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusUnauthorized {
		return response, err
	}
	l.sight.hear()
	response.Body = listeningBody{response.Body, l.sight}
	return response, nil
}

// WrappedRoundTripper lets client-go find what it closes idle connections of.
func (l listening) WrappedRoundTripper() http.RoundTripper { return l.next }

// listeningBody hears the events of a watch, which are one long answer.
type listeningBody struct {
	io.ReadCloser
	sight *Sight
}

func (b listeningBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.sight.hear()
	}
	return n, err
}
