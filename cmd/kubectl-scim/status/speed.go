package status

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// speedWindow is how far back rates look.
const speedWindow = 30 * time.Second

// mark is how much was settled at one time.
type mark struct {
	at time.Time
	// settled is by row. What failed or is held is settled as well: nothing more is to be done about it now.
	settled map[string]int
}

// speed knows the snapshots of the last while, oldest first.
type speed struct{ marks []mark }

// add remembers a snapshot, and forgets what is older than the window. The one before stays whatever its age, so that two remain to
// compare where one snapshot takes longer than the window.
func (v *speed) add(s *Snapshot) {
	m := mark{at: s.Time.Time, settled: map[string]int{}}
	for _, r := range s.rows() {
		m.settled[r.name] = r.Total - r.Waiting
	}
	v.marks = append(v.marks, m)
	for len(v.marks) > 2 && m.at.Sub(v.marks[0].at) > speedWindow {
		v.marks = v.marks[1:]
	}
}

// of is how many objects of a row are settled in a second; 0 when nothing comes on.
func (v *speed) of(name string) float64 {
	for i := range v.marks {
		before, found := v.marks[i].settled[name]
		if !found {
			continue
		}
		last := &v.marks[len(v.marks)-1]
		passed := last.at.Sub(v.marks[i].at).Seconds()
		if passed <= 0 {
			return 0
		}
		return max(float64(last.settled[name]-before)/passed, 0)
	}
	return 0
}

// text is the rate of a row and the time that remains at that rate, or nothing while it is unknown or of no interest.
func (v *speed) text(r *row) string {
	rate := v.of(r.name)
	if r.Waiting == 0 || rate == 0 {
		return ""
	}
	left := time.Duration(float64(r.Waiting) / rate * float64(time.Second))
	return fmt.Sprintf("%.1f/s, %s left", rate, duration.HumanDuration(max(left, time.Second)))
}
