package access

import (
	"context"
	"slices"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

const (
	// maxChanged bounds the lists of which changes are remembered. Beyond it everything is taken to have changed, which costs a pass.
	maxChanged = 100_000
	// maxRecent bounds the changes of a list that are remembered one by one. Of those before them it is not known whom they concern, so
	// that whoever did not see them reads the whole list again.
	maxRecent = 64
	// maxRecentAll is the same for the changes of anybody, whatever lists they are in.
	maxRecentAll = 1024
)

// memory is what the controller keeps of grants between two passes, so that a pass costs what has changed since the last one. It holds
// nothing that the caches do not say: what a part of a role came to is used again only while nothing has changed that it depends
// on. Events say what has changed, before they put a grant into the queue; and a pass takes the number of the last change before it reads
// the caches, so that what it found in an older cache is never taken for newer.
type memory struct {
	mu sync.Mutex
	// last is the number of the last change, everything that of the last one that concerned everything.
	last, everything uint64
	// changed has the changes of those who are in a list of members.
	changed map[listKey]*listChanges
	// anybody has the changes of everybody.
	anybody listChanges
	// recent is how many changes of a list are remembered one by one, recentAll how many of anybody.
	recent, recentAll int
	grants            map[reconcile.Request]*past
}

// listChanges are the changes of the members of one list.
type listChanges struct {
	// forgotten is the number of the last one of which it is not known any more whom it concerned.
	forgotten uint64
	// recent are those after it, in the order of their numbers.
	recent []memberChange
}

type memberChange struct {
	number uint64
	id     string
}

// enter adds a change, and forgets the oldest when there are as many as may be remembered.
func (l *listChanges) enter(one memberChange, most int) {
	if len(l.recent) == most {
		l.forgotten = l.recent[0].number
		l.recent = slices.Delete(l.recent, 0, 1)
	}
	l.recent = append(l.recent, one)
}

// since adds the ids of those who have changed after a change with this number. It says false when that is not known of everybody.
func (l *listChanges) since(number uint64, ids map[string]bool) bool {
	if l == nil {
		return true
	}
	if l.forgotten > number {
		return false
	}
	for _, one := range slices.Backward(l.recent) {
		if one.number <= number {
			break
		}
		ids[one.id] = true
	}
	return true
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
	// refusals is the number of passes in a row in which a write was refused.
	refusals int
}

// knownShard is what a shard of a role came to.
type knownShard struct {
	origin origin
	// at is the number of the last change that it may be taken to know of.
	at     uint64
	absent int
	parts  map[string]*access.Part
	// users are what was found of its members, in their order; nil when somebody was absent.
	users []access.User
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

// members are the ids in the lists, in their order.
func (o origin) members() []string { return slices.Concat(o.ofSlice, o.inRole) }

// lists are the keys of the lists that the members of a shard of a role are written in.
func (o origin) lists(role string) []listKey {
	var lists []listKey
	if len(o.inRole) > 0 {
		lists = append(lists, listKey{name: role})
	}
	if o.slice != "" {
		lists = append(lists, listKey{slice: true, name: o.slice})
	}
	return lists
}

// isList says whether two lists are one and the same in memory.
func isList(a, b []string) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// seenBinding is a binding of the cluster in the planner's terms.
type seenBinding struct {
	version string
	binding access.Binding
}

func newMemory() *memory {
	return &memory{changed: map[listKey]*listChanges{}, recent: maxRecent, recentAll: maxRecentAll, grants: map[reconcile.Request]*past{}}
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

// since gives the members of a shard to whom something has happened since it came to what is known. It says false when it is not known of
// each whether something has.
func (m *memory) since(role string, known *knownShard) (ids map[string]bool, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.everything > known.at {
		return nil, false
	}
	ids = map[string]bool{}
	for _, list := range known.origin.lists(role) {
		if !m.changed[list].since(known.at, ids) {
			return nil, false
		}
	}
	return ids, true
}

// sinceAnybody gives all to whom something has happened after a change with this number, in whatever lists they were then. It says false when that
// is not known.
func (m *memory) sinceAnybody(number uint64) (ids map[string]bool, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids = map[string]bool{}
	return ids, m.everything <= number && m.anybody.since(number, ids)
}

// changes enters a change of somebody who is in lists.
func (m *memory) changes(id string, lists []listKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.changed)+len(lists) > maxChanged {
		clear(m.changed)
		m.everything = m.last + 1
	}
	m.last++
	m.anybody.enter(memberChange{number: m.last, id: id}, m.recentAll)
	for _, list := range lists {
		of := m.changed[list]
		if of == nil {
			of = &listChanges{}
			m.changed[list] = of
		}
		of.enter(memberChange{number: m.last, id: id}, m.recent)
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
			w.memory.changes(object.Name, w.listsOf(ctx, object.Name))
		}
	case *v1alpha1.ScimClaim:
		if object.Spec.Attribute != v1alpha1.ClaimUserName || !differs(before, after) {
			return // Which role bears a name is looked up in each pass.
		}
		for _, claim := range []client.Object{before, after} {
			if claim, ok := claim.(*v1alpha1.ScimClaim); ok {
				w.memory.changes(claim.Spec.Owner, w.listsOf(ctx, claim.Spec.Owner))
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
	var roles v1alpha1.ScimRoleList
	var parts v1alpha1.ScimRoleSliceList
	if w.cache.List(ctx, &roles, client.MatchingFields{indexMember: id}, client.UnsafeDisableDeepCopy) != nil ||
		w.cache.List(ctx, &parts, client.MatchingFields{store.IndexMember: id}, client.UnsafeDisableDeepCopy) != nil {
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
