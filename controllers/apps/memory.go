package apps

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
)

// memory is what an engine knows beyond the cache: AppAccounts as it wrote them last, and whom to look at in any case.
type memory struct {
	mu     sync.Mutex
	wrote  map[string]*v1alpha1.AppAccount
	forced map[string]bool
	// intended are the statuses that this engine set out to write, as JSON, until their events come, and lost is what was given according
	// to a status that somebody else has written over.
	intended map[string][]string
	lost     map[string]v1alpha1.GivenRecord
}

func (m *memory) force(ids ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forced == nil {
		m.forced = map[string]bool{}
	}
	for _, id := range ids {
		m.forced[id] = true
	}
}

func (m *memory) isForced(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forced[id]
}

func (m *memory) done(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.forced, id)
}

// written keeps what was written, until the cache has it. nil forgets.
func (m *memory) written(id string, account *v1alpha1.AppAccount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wrote == nil {
		m.wrote = map[string]*v1alpha1.AppAccount{}
	}
	if account == nil {
		delete(m.wrote, id)
		return
	}
	m.wrote[id] = account
}

// newest is the newer of what the cache has and what was written; either may be nil.
func (m *memory) newest(id string, cached *v1alpha1.AppAccount) *v1alpha1.AppAccount {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := m.wrote[id]
	if own == nil {
		return cached
	}
	if cached != nil && (cached.UID != own.UID || !echo.IsOlder(cached, own)) {
		delete(m.wrote, id)
		return cached
	}
	return own
}

// maxIntended is how many writes of one status are remembered: those that fail have no event.
const maxIntended = 8

// intend notes a status that is about to be written.
func (m *memory) intend(id string, status *v1alpha1.AppAccountStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.intended == nil {
		m.intended = map[string][]string{}
	}
	m.intended[id] = append(m.intended[id], stored(status))
	if extra := len(m.intended[id]) - maxIntended; extra > 0 {
		m.intended[id] = m.intended[id][extra:]
	}
}

// stored is a status as the API server keeps it, with times in whole seconds.
func stored(status *v1alpha1.AppAccountStatus) string {
	text, err := json.Marshal(status)
	if err != nil {
		return "" // is no status that was written, so the account is looked at once more
	}
	return string(text)
}

// foreign says of a change that has come whether somebody else wrote the status, and keeps what was given before it.
func (m *memory) foreign(id string, before, after *v1alpha1.AppAccountStatus) bool {
	if equal(*before, *after) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := slices.Index(m.intended[id], stored(after)); at >= 0 {
		if m.intended[id] = m.intended[id][at+1:]; len(m.intended[id]) == 0 {
			delete(m.intended, id)
		}
		return false
	}
	if m.lost == nil {
		m.lost = map[string]v1alpha1.GivenRecord{}
	}
	m.lost[id] = joined(m.lost[id], before.Given)
	return true
}

// recall gives what was given to an account according to statuses that are no longer there.
func (m *memory) recall(id string) (given v1alpha1.GivenRecord, lost bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	given, lost = m.lost[id]
	return given, lost
}

// recalled forgets what was lost.
func (m *memory) recalled(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lost, id)
}

// joined is everything that either record has.
func joined(a, b v1alpha1.GivenRecord) v1alpha1.GivenRecord {
	return v1alpha1.GivenRecord{Roles: union(a.Roles, b.Roles), Attributes: union(a.Attributes, b.Attributes)}
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
