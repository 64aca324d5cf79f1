package access

import (
	"fmt"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/internal/access"
)

// tally is what was written, in numbers.
type tally struct {
	actions      map[access.Action]int
	gained, lost int
}

// tallyOf makes a tally of changes.
func tallyOf(done []access.Change) tally {
	t := tally{actions: map[access.Action]int{}}
	t.add(done)
	return t
}

func (t *tally) add(done []access.Change) {
	for _, change := range done {
		t.actions[change.Action]++
		t.gained += len(change.Missing)
		t.lost += len(change.Extra)
	}
}

// String says it in one line, without anybody's name.
func (t tally) String() string {
	return fmt.Sprintf("bindings: %d created, %d changed, %d recreated, %d deleted; subjects: %d added, %d removed",
		t.actions[access.Create], t.actions[access.Update], t.actions[access.Recreate], t.actions[access.Delete], t.gained, t.lost)
}

// untold is what was written for grants, and is told in one event when no revocation is under way.
type untold struct {
	mu     sync.Mutex
	grants map[reconcile.Request]*tally
}

func (u *untold) add(grant reconcile.Request, done []access.Change) {
	if len(done) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.grants == nil {
		u.grants = map[reconcile.Request]*tally{}
	}
	if u.grants[grant] == nil {
		u.grants[grant] = new(tallyOf(nil))
	}
	u.grants[grant].add(done)
}

// take gives what there is to tell of a grant, and forgets it; empty for nothing.
func (u *untold) take(grant reconcile.Request) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.grants[grant]
	delete(u.grants, grant)
	if t == nil {
		return ""
	}
	return t.String()
}
