package status

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// restFactor is how many times as long as a snapshot took nothing is asked after it, so that people who look are no burden.
const restFactor = 5

// watcher takes one snapshot after the other.
type watcher struct {
	interval time.Duration
	take     func(context.Context) (Snapshot, error)
	// pause returns after that time, or when the context ends.
	pause func(context.Context, time.Duration)
	now   func() time.Time
	show  display
}

// display shows snapshots while they come.
type display interface {
	show(s *Snapshot, v *speed)
}

// run goes on until nothing waits, or until the context ends, and returns the last snapshot.
func (w *watcher) run(ctx context.Context) (Snapshot, error) {
	var v speed
	for {
		began := w.now()
		s, err := w.take(ctx)
		if err != nil {
			return s, err
		}
		v.add(&s)
		w.show.show(&s, &v)
		if s.Done {
			return s, nil
		}
		w.pause(ctx, max(w.interval, restFactor*w.now().Sub(began)))
		if err := ctx.Err(); err != nil {
			return s, err
		}
	}
}

// plainLines writes a line whenever something has changed.
type plainLines struct {
	out  io.Writer
	last string
}

func (p *plainLines) show(s *Snapshot, v *speed) {
	// Rates change with the time alone.
	text := lineOf(s, &speed{})
	if text == p.last {
		return
	}
	p.last = text
	fmt.Fprintf(p.out, "%s %s\n", cli.Time(&s.Time), lineOf(s, v))
}

// lineOf is a snapshot in one line. Of what there is nothing of, nothing is said.
func lineOf(s *Snapshot, v *speed) string {
	var parts []string
	for _, r := range s.rows() {
		if r.Total == 0 {
			continue
		}
		text := fmt.Sprintf("%s %d/%d%s", r.name, r.Done, r.Total, suspendedText(&r))
		if speed := v.text(&r); speed != "" {
			text += " (" + speed + ")"
		}
		parts = append(parts, text)
	}
	parts = append(parts, fmt.Sprintf("bindings %d", s.Bindings))
	for _, more := range []struct {
		name string
		n    int
	}{{"waiting", s.waiting()}, {"failed", s.failed()}, {"held", s.held()}} {
		if more.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", more.name, more.n))
		}
	}
	return strings.Join(parts, ", ")
}
