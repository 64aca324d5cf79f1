package status

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// usersAt is a snapshot of so many users, of whom so many wait, some seconds after now.
func usersAt(seconds, total, waiting int) *Snapshot {
	return &Snapshot{
		Time: metav1.NewTime(now.Add(time.Duration(seconds) * time.Second)), Done: waiting == 0,
		Users: Counts{Total: total, Done: total - waiting, Waiting: waiting},
	}
}

func TestSpeed(t *testing.T) {
	for reason, tc := range map[string]struct {
		snapshots []*Snapshot
		want      string
	}{
		"one snapshot says nothing":                         {[]*Snapshot{usersAt(0, 100, 50)}, ""},
		"two say how fast it goes":                          {[]*Snapshot{usersAt(0, 100, 50), usersAt(2, 100, 40)}, "5.0/s, 8s left"},
		"the oldest of thirty seconds is compared with":     {[]*Snapshot{usersAt(0, 900, 900), usersAt(10, 900, 500), usersAt(40, 900, 470)}, "1.0/s, 7m50s left"},
		"two remain, however slow they are":                 {[]*Snapshot{usersAt(0, 900, 900), usersAt(100, 900, 500)}, "4.0/s, 2m5s left"},
		"new work is no step back":                          {[]*Snapshot{usersAt(0, 100, 50), usersAt(10, 200, 140)}, "1.0/s, 2m20s left"},
		"when nothing comes on, nobody knows how long":      {[]*Snapshot{usersAt(0, 100, 50), usersAt(2, 100, 50)}, ""},
		"nor when it goes backwards":                        {[]*Snapshot{usersAt(0, 100, 50), usersAt(2, 100, 60)}, ""},
		"what is done needs no time":                        {[]*Snapshot{usersAt(0, 100, 50), usersAt(2, 100, 0)}, ""},
		"two snapshots of one moment are none of any speed": {[]*Snapshot{usersAt(0, 100, 50), usersAt(0, 100, 40)}, ""},
	} {
		var v speed
		for _, s := range tc.snapshots {
			v.add(s)
		}
		last := tc.snapshots[len(tc.snapshots)-1]
		if got := v.text(&row{name: "users", Counts: last.Users}); got != tc.want {
			t.Errorf("%s: %q, want %q", reason, got, tc.want)
		}
	}
}

// TestSpeedOfNewApp: an app that came later has the speed since then.
func TestSpeedOfNewApp(t *testing.T) {
	var v speed
	v.add(usersAt(0, 1, 0))
	for i, waiting := range []int{10, 4} {
		s := usersAt(10+2*i, 1, 0)
		s.Apps = []App{{Namespace: "shop", Name: "a", Accounts: Counts{Total: 10, Waiting: waiting, Done: 10 - waiting}}}
		v.add(s)
	}
	if got := v.of("accounts shop/a"); got != 3 {
		t.Errorf("%v accounts a second, want 3", got)
	}
}

// rehearsal is a watcher of snapshots that were made before, each of which takes as long as cost says.
func rehearsal(out *bytes.Buffer, cost time.Duration, snapshots ...*Snapshot) (w *watcher, pauses *[]time.Duration) {
	at, pauses := now, &[]time.Duration{}
	w = &watcher{interval: 2 * time.Second, now: func() time.Time { return at }, show: &plainLines{out: out}}
	w.take = func(context.Context) (Snapshot, error) {
		at = at.Add(cost)
		if len(snapshots) == 0 {
			return Snapshot{}, errors.New("nobody answers")
		}
		next := snapshots[0]
		snapshots = snapshots[1:]
		return *next, nil
	}
	w.pause = func(_ context.Context, d time.Duration) { *pauses = append(*pauses, d) }
	return w, pauses
}

func TestWatch(t *testing.T) {
	var out bytes.Buffer
	w, pauses := rehearsal(&out, 100*time.Millisecond, usersAt(0, 10, 10), usersAt(2, 10, 10), usersAt(4, 10, 6), usersAt(6, 10, 0), usersAt(8, 10, 0))
	last, err := w.run(t.Context())
	if err != nil || !last.Done || !last.Time.Equal(&usersAt(6, 0, 0).Time) {
		t.Errorf("it ends with %+v and %v, want the first snapshot in which nothing waits", last, err)
	}
	want := `2026-02-03T04:05:06Z users 0/10, bindings 0, waiting 10
2026-02-03T04:05:10Z users 4/10 (1.0/s, 6s left), bindings 0, waiting 6
2026-02-03T04:05:12Z users 10/10, bindings 0
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines, of which the second snapshot must make none (-want, +got):\n%s", diff)
	}
	if diff := cmp.Diff([]time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, *pauses); diff != "" {
		t.Errorf("pauses (-want, +got):\n%s", diff)
	}
}

func TestWatchIsNoBurden(t *testing.T) {
	w, pauses := rehearsal(&bytes.Buffer{}, 3*time.Second, usersAt(0, 10, 10), usersAt(2, 10, 0))
	if _, err := w.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{15 * time.Second}, *pauses); diff != "" {
		t.Errorf("after a snapshot that took 3s (-want, +got):\n%s", diff)
	}
}

func TestWatchEnds(t *testing.T) {
	w, _ := rehearsal(&bytes.Buffer{}, 0, usersAt(0, 10, 10))
	if _, err := w.run(t.Context()); err == nil || err.Error() != "nobody answers" {
		t.Errorf("when nothing can be read: %v", err)
	}
	w, _ = rehearsal(&bytes.Buffer{}, 0, usersAt(0, 10, 10), usersAt(2, 10, 10))
	ctx, cancel := context.WithCancel(t.Context())
	w.pause = func(context.Context, time.Duration) { cancel() }
	if last, err := w.run(ctx); !errors.Is(err, context.Canceled) || last.Users.Waiting != 10 {
		t.Errorf("when it is interrupted: %+v, %v", last, err)
	}
}

// TestScreen: each frame is drawn over the one before, and has no line that the terminal would break or scroll away.
func TestScreen(t *testing.T) {
	var out bytes.Buffer
	columns, lines := 100, 24
	c := &screen{out: &out, size: func() (int, int) { return columns, lines }}
	s := usersAt(0, 10, 6)
	s.Users.Done, s.Users.Failed = 3, 1
	s.Grants = Counts{Total: 2, Done: 2}
	s.Failures = []Group{{Kind: "ScimUser", Reason: "UserNameConflict", Count: 1}}
	c.show(s, &speed{})
	want := "\r\x1b[J" + `6 objects left to do; not as it should be: 1 object.
users  [#######-----------------] 3/10  waiting 6  failed 1
grants [########################] 2/2
bindings in effect 0, removals held 0
failed: ScimUser UserNameConflict 1
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the first frame (-want, +got):\n%s", diff)
	}
	out.Reset()
	columns, lines = 40, 4
	c.show(s, &speed{})
	want = "\x1b[5A\r\x1b[J" + `6 objects left to do; not as it should…
users  [#######-----------------] 3/10…
and 3 lines more
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the second frame, on a small screen (-want, +got):\n%s", diff)
	}
	out.Reset()
	c.show(s, &speed{})
	if !strings.HasPrefix(out.String(), "\x1b[3A\r\x1b[J6 objects") {
		t.Errorf("the third frame begins with %q", out.String())
	}
}

// TestBar: a bar that looks full is full.
func TestBar(t *testing.T) {
	for _, tc := range []struct {
		done, total int
		want        string
	}{
		{0, 9, strings.Repeat("-", barWidth)}, {9, 9, strings.Repeat("#", barWidth)},
		{19999, 20000, strings.Repeat("#", barWidth-1) + "-"},
	} {
		if got := bar(tc.done, tc.total); got != "["+tc.want+"]" {
			t.Errorf("%d of %d is %s", tc.done, tc.total, got)
		}
	}
}

// TestTextIsSafe: what an identity provider or an app wrote cannot command a terminal, and a long message is cut.
func TestTextIsSafe(t *testing.T) {
	s := Snapshot{Failures: []Group{{Kind: "ScimUser", Reason: "X", Count: 1, Examples: []Example{
		{Name: "u", Person: "eve\x1b[2J", Message: "\x1b]0;owned\a" + strings.Repeat("é", 1000)},
	}}}}
	var out bytes.Buffer
	s.write(&out)
	if strings.ContainsAny(out.String(), "\x1b\a") {
		t.Errorf("the output commands the terminal: %q", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > maxMessage+100 {
			t.Errorf("a line has %d bytes", len(line))
		}
	}
}
