package store

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// lagging is for how long the cache may be behind what this process has written; it is milliseconds where nothing is wrong.
	lagging = 5 * time.Second
	// maxWritten is of how many writes it is remembered that they were made.
	maxWritten = 256
)

// written are the versions that this process has written lately, so that it does not try to write over one that it knows to be old.
type written struct {
	mu    sync.Mutex
	of    map[types.UID]writtenVersion
	order [maxWritten]types.UID
	next  int
}

type writtenVersion struct {
	version string
	at      time.Time
}

func newWritten() *written { return &written{of: map[types.UID]writtenVersion{}} }

// add notes that obj was written as it is.
func (w *written) add(obj client.Object, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := obj.GetUID()
	if _, known := w.of[id]; !known {
		delete(w.of, w.order[w.next])
		w.order[w.next] = id
		w.next = (w.next + 1) % maxWritten
	}
	w.of[id] = writtenVersion{version: obj.GetResourceVersion(), at: now}
}

// behind says that obj, which the cache gave, is older than what was written a moment ago, or that this cannot be told.
func (w *written) behind(obj client.Object, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, known := w.of[obj.GetUID()]
	return known && last.version != obj.GetResourceVersion() && now.Before(last.at.Add(lagging))
}

// note notes a write that has succeeded.
func (s *Store) note(obj client.Object, err error) {
	if err == nil {
		s.written.add(obj, s.clock.Now())
	}
}
