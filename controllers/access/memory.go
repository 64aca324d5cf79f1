package access

import (
	"context"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// maxChanged bounds the changes that are remembered one by one. Beyond it everything is taken to have changed, which costs a pass.
const maxChanged = 100_000

// memory is what the controller keeps of grants between two passes, so that a pass costs what has changed since the last one. It holds
// nothing that the caches do not say: what a part of a role came to is used again only while nothing has changed that it depends
// on. Events say what has changed, before they put a grant into the queue; and a pass takes the number of the last change before it reads
// the caches, so that what it found in an older cache is never taken for newer.
type memory struct {
	mu sync.Mutex
	// last is the number of the last change, everything that of the last one that concerned everything.
	last, everything uint64
	// changed has, for lists of members, the number of the last change of somebody who is in it.
	changed map[listKey]uint64
	grants  map[reconcile.Request]*past
}

// listKey names a list of members: that of a ScimRoleSlice, or those of a ScimRole itself.
type listKey struct {
	slice bool
	name  string
}

// past is what is kept of one grant. Only the worker that has the grant uses it.
type past struct {
	uid        types.UID
	generation int64
	shards     map[access.PartKey]*knownShard
	bindings   map[types.UID]seenBinding
	plan       access.Memory
	// due is when the grant is to be planned without all this, to compare.
	due time.Time
}

// knownShard is what a shard of a role came to.
type knownShard struct {
	origin origin
	// at is the number of the last change that it may be taken to know of.
	at     uint64
	absent int
	parts  map[string]*access.Part
}

// origin says where the members of a shard are written. The lists are those of the cache, which never changes one: another list is
// another place in memory.
type origin struct {
	directory       string
	slice           string
	ofSlice, inRole []string
	// unlisted says that the cache does not have the list, so that its index does not lead from a user to it, and no event says when
	// what the shard came to is over.
	unlisted bool
}

// is says whether two origins are one and the same list, of which events tell.
func (o origin) is(other origin) bool {
	return !o.unlisted && !other.unlisted && o.directory == other.directory && o.slice == other.slice && isList(o.ofSlice, other.ofSlice) && isList(o.inRole, other.inRole)
}

// isList says whether two lists are one and the same in memory.
func isList(a, b []string) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// seenBinding is a binding of the cluster in the planner's terms.
type seenBinding struct {
	version string
	binding access.Binding
}

func newMemory() *memory {
	return &memory{changed: map[listKey]uint64{}, grants: map[reconcile.Request]*past{}}
}

// of gives what is kept of a grant. Without a memory nothing is kept for another pass.
func (m *memory) of(request reconcile.Request) *past {
	if m == nil {
		return &past{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.grants[request] == nil {
		m.grants[request] = &past{}
	}
	return m.grants[request]
}

func (m *memory) forget(request reconcile.Request) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.grants, request)
}

// number is that of the last change.
func (m *memory) number() uint64 {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// stands says whether nothing has happened since a change to anybody in the lists of a shard.
func (m *memory) stands(role string, known *knownShard) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.everything <= known.at &&
		(len(known.origin.inRole) == 0 || m.changed[listKey{name: role}] <= known.at) &&
		(known.origin.slice == "" || m.changed[listKey{slice: true, name: known.origin.slice}] <= known.at)
}

// changes enters a change of somebody who is in lists.
func (m *memory) changes(lists []listKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.changed)+len(lists) > maxChanged {
		clear(m.changed)
		m.everything = m.last + 1
	}
	m.last++
	for _, list := range lists {
		m.changed[list] = m.last
	}
}

// changesAll enters a change that may concern anybody.
func (m *memory) changesAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	m.everything = m.last
}

func (w *watcher) observe(ctx context.Context, before, after client.Object) {
	switch object := either(before, after).(type) {
	case *v1alpha1.ScimUser:
		if differs(before, after) {
			w.memory.changes(w.listsOf(ctx, object.Name))
		}
	case *v1alpha1.ScimClaim:
		if object.Spec.Attribute != v1alpha1.ClaimUserName || !differs(before, after) {
			return // Which role bears a name is looked up in each pass.
		}
		for _, claim := range []client.Object{before, after} {
			if claim, ok := claim.(*v1alpha1.ScimClaim); ok {
				w.memory.changes(w.listsOf(ctx, claim.Spec.Owner))
			}
		}
	case *v1alpha1.ClusterAccessGrant, *v1alpha1.AccessGrant, *v1alpha1.ScimRole, *rbacv1.ClusterRoleBinding, *rbacv1.RoleBinding,
		*metav1.PartialObjectMetadata:
		// Each pass reads them, and knows by their versions, or by their lists, whether they are others.
	default:
		if differs(before, after) {
			w.memory.changesAll()
		}
	}
}

// differs says whether more than status, labels or annotations may have changed.
func differs(before, after client.Object) bool {
	return before == nil || after == nil || before.GetUID() != after.GetUID() || before.GetGeneration() != after.GetGeneration() ||
		(before.GetDeletionTimestamp() == nil) != (after.GetDeletionTimestamp() == nil)
}

// listsOf finds the lists that a user is in. Where they cannot be found, everything is taken to have changed.
func (w *watcher) listsOf(ctx context.Context, id string) []listKey {
	byMember := client.MatchingFields{indexMember: id}
	var roles v1alpha1.ScimRoleList
	var parts v1alpha1.ScimRoleSliceList
	if w.cache.List(ctx, &roles, byMember, client.UnsafeDisableDeepCopy) != nil ||
		w.cache.List(ctx, &parts, byMember, client.UnsafeDisableDeepCopy) != nil {
		w.memory.changesAll()
		return nil
	}
	lists := make([]listKey, 0, len(roles.Items)+len(parts.Items))
	for i := range roles.Items {
		lists = append(lists, listKey{name: roles.Items[i].Name})
	}
	for i := range parts.Items {
		lists = append(lists, listKey{slice: true, name: parts.Items[i].Name})
	}
	return lists
}
