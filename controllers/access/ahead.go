package access

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/scim-operator/scim-operator/internal/access"
)

// longestChain is how many writes of one binding are known that the cache lacks. Whoever wrote more waits for the cache.
const longestChain = 32

// ahead is what this process has written of bindings and the cache may lack. Every write of a binding that exists says upon which version it
// was decided, so that a controller that was paused, or whose write was long under way, takes nothing back that another one has done since.
// The cache alone cannot say it: it hears of this process's own writes a moment later, and a revocation does not wait for that.
type ahead struct {
	mu     sync.Mutex
	writes map[access.Key]*ownWrites
}

// ownWrites are those of one binding, each upon the one before.
type ownWrites struct {
	uid types.UID
	// over are the versions that were written over, version what came of the last write.
	over    []string
	version string
}

// latest is the version to which this process has brought the binding that the cache has in that version.
func (a *ahead) latest(key access.Key, uid types.UID, version string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.writes[key]
	if own != nil && own.uid == uid && slices.Contains(own.over, version) {
		return own.version
	}
	return version
}

// wrote notes that a write over one version came to another one.
func (a *ahead) wrote(key access.Key, uid types.UID, over, version string) {
	if over == version || version == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.writes[key]
	if own == nil || own.uid != uid || own.version != over || len(own.over) >= longestChain {
		own = &ownWrites{uid: uid}
	}
	own.over, own.version = append(own.over, over), version
	if a.writes == nil {
		a.writes = map[access.Key]*ownWrites{}
	}
	a.writes[key] = own
}

// seen notes what version the cache has, and forgets what is not needed to go on from there.
func (a *ahead) seen(key access.Key, version string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if own := a.writes[key]; own != nil && !slices.Contains(own.over, version) {
		delete(a.writes, key)
	}
}

// forget drops what is known of a binding that is deleted.
func (a *ahead) forget(key access.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.writes, key)
}
