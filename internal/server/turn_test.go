package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// largeCall is a call with a body of so many bytes, whose time ends with the context.
func largeCall(ctx context.Context, turns chan struct{}, size int) (*call, io.Reader) {
	c := &call{ctx: ctx, turns: turns}
	return c, &turnReader{from: strings.NewReader(strings.Repeat(" ", size)), c: c}
}

// TestLargeBodiesTakeTurns: as many large bodies as there are turns are worked on at a time. The next one waits, and is told to come
// again when its time is up; what is small never waits.
func TestLargeBodiesTakeTurns(t *testing.T) {
	turns := make(chan struct{}, largeTurns)
	var holding []*call
	for range largeTurns {
		c, body := largeCall(t.Context(), turns, 2*largeBody)
		if n, err := io.Copy(io.Discard, body); err != nil || n != 2*largeBody {
			t.Fatalf("a large body: %d bytes and %v, want all of them", n, err)
		}
		holding = append(holding, c)
	}
	_, small := largeCall(t.Context(), turns, largeBody)
	if n, err := io.ReadAll(io.LimitReader(small, largeBody)); err != nil || len(n) != largeBody {
		t.Errorf("a small body: %d bytes and %v, want all of them at once", len(n), err)
	}
	timeUp, cancel := context.WithCancel(t.Context())
	cancel()
	late, body := largeCall(timeUp, turns, 2*largeBody)
	n, err := io.Copy(io.Discard, body)
	var refusal *scim.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusTooManyRequests || refusal.RetryAfter < time.Second || n > largeBody+64<<10 {
		t.Errorf("one large body more: %d bytes and %v, want about %d and a 429", n, err, largeBody)
	}
	late.endTurn()
	waiting, body := largeCall(t.Context(), turns, 2*largeBody)
	done := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, body); done <- err }()
	holding[0].endTurn()
	if err := <-done; err != nil {
		t.Errorf("a body whose turn has come: %v", err)
	}
	waiting.endTurn()
	holding[1].endTurn()
	holding[1].endTurn()
	if len(turns) != 0 {
		t.Errorf("%d turns are taken after all calls have ended, want none", len(turns))
	}
}
