package model

import (
	"fmt"
	"testing"
)

// counters is a model of two counters that count up to a bound; the state in which both have the value bad is wrong.
type counters struct{ bound, bad uint8 }

func (counters) Start() [2]uint8 { return [2]uint8{} }

func (m counters) Next(s [2]uint8, visit func(Step, [2]uint8)) {
	for p := range s {
		if s[p] < m.bound {
			next := s
			next[p]++
			visit(Step{Actor: uint8(p)}, next)
		}
	}
}

func (m counters) Check(s [2]uint8) string {
	if s == [2]uint8{m.bad, m.bad} {
		return "bad"
	}
	return ""
}

func (counters) Describe(step Step) string { return fmt.Sprint(step.Actor) }

func TestExplore(t *testing.T) {
	tests := []struct {
		reason    string
		model     counters
		limit     int
		states    int
		exhausted bool
		trace     int
	}{
		{"every state is visited once, whatever leads to it", counters{bound: 3, bad: 9}, 1000, 16, true, 0},
		{"a wrong state is found, and the way to it is a shortest one", counters{bound: 9, bad: 2}, 1000, 13, false, 4},
		{"a wrong first state has no way to it", counters{bound: 3, bad: 0}, 1000, 1, false, 0},
		{"a limit cuts the exploration, which is not passed off as complete", counters{bound: 200, bad: 201}, 50, 50, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got := Explore(tt.model, tt.limit)
			if wrong := tt.model.bad <= tt.model.bound; wrong != (got.Violation != "") {
				t.Errorf("%s: violation %q", tt.reason, got.Violation)
			}
			if got.Exhausted != tt.exhausted || len(got.Trace) != tt.trace {
				t.Errorf("%s: exhausted %v with a trace of %d, want %v and %d", tt.reason, got.Exhausted, len(got.Trace), tt.exhausted, tt.trace)
			}
			if got.States < tt.states || got.States > tt.states+1 {
				t.Errorf("%s: %d states, want %d or one more", tt.reason, got.States, tt.states)
			}
		})
	}
}
