package store

import (
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// roster knows the objects of one kind that count, in the order of a list, for each directory. It is told of every object and every
// claim, in whatever order, and says at any time what Counts would say of those that it was told of last. It is safe for concurrent
// use.
type roster[T client.Object] struct {
	mu      sync.RWMutex
	bearers map[string]bearer[T]
	// claims are the claims that exist.
	claims map[string]claimSeen
	// news counts what the roster was told of claims.
	news uint64
	// listed has the bearers that count, by the shelves that they are on.
	listed map[shelf]*ordered[T]
	// waiting has the names of the bearers that do not count, which are few, by the claim that they need.
	waiting map[string][]string
}

// shelf is a list of objects that go together: those of a directory, all local ones (the zero shelf), or the local ones that a
// person lets one directory take over.
type shelf struct {
	directory string
	approved  bool
}

// shelvesOf says where an object is listed.
func shelvesOf(obj client.Object) []shelf {
	if directory := directoryOf(obj); directory != "" {
		return []shelf{{directory: directory}}
	}
	if directory := approvedFor(obj); directory != "" {
		return []shelf{{}, {directory: directory, approved: true}}
	}
	return []shelf{{}}
}

// bearer is an object, and the name of the claim that it needs: folding and hashing a name costs more than everything else here.
type bearer[T client.Object] struct {
	object T
	claim  string
	counts bool
}

// claimSeen is what the roster was last told of a claim; nothing, with an empty owner, when there is none.
type claimSeen struct {
	*claimShown
	// at is the roster's count of news when it was told.
	at uint64
}

// noClaim stands for a claim that is not there.
var noClaim = &claimShown{}

func newRoster[T client.Object]() *roster[T] {
	return &roster[T]{
		bearers: map[string]bearer[T]{}, claims: map[string]claimSeen{}, listed: map[shelf]*ordered[T]{}, waiting: map[string][]string{},
	}
}

// put takes an object as it is now.
func (r *roster[T]) put(obj T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.bearers[obj.GetName()]
	next := bearer[T]{object: obj}
	if known && valueOf(old.object) == valueOf(obj) {
		next.claim = old.claim
	} else {
		next.claim = ClaimNameOf(obj)
	}
	if known {
		r.unlist(old)
	}
	r.list(next)
}

// drop takes it that an object is gone.
func (r *roster[T]) drop(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, known := r.bearers[name]; known {
		r.unlist(old)
		delete(r.bearers, name)
	}
}

// claimed takes a claim as it is now; one without an owner is gone.
func (r *roster[T]) claimed(claim *claimShown) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.seen(claim.name).owner
	r.news++
	if claim.owner == "" {
		delete(r.claims, claim.name)
	} else {
		r.claims[claim.name] = claimSeen{claimShown: claim, at: r.news}
	}
	if old == claim.owner {
		return
	}
	for _, name := range []string{old, claim.owner} {
		if b, known := r.bearers[name]; known {
			r.unlist(b)
			r.list(b)
		}
	}
}

// seen is what the roster was last told of a claim.
func (r *roster[T]) seen(claim string) claimSeen {
	if seen, known := r.claims[claim]; known {
		return seen
	}
	return claimSeen{claimShown: noClaim}
}

// counts says whether obj counts, by what the roster was told of its claim. It knows what it was told of last without hashing the name.
func (r *roster[T]) counts(obj T) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	b, known := r.bearers[obj.GetName()]
	if known && b.object.GetUID() == obj.GetUID() && b.object.GetResourceVersion() == obj.GetResourceVersion() {
		return b.counts
	}
	return alive(obj) && r.seen(ClaimNameOf(obj)).owner == obj.GetName()
}

// claim is what the roster was last told of a claim.
func (r *roster[T]) claim(name string) claimSeen {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.seen(name)
}

// told is the count of news so far.
func (r *roster[T]) told() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.news
}

// list keeps a bearer, and lists it if it counts.
func (r *roster[T]) list(b bearer[T]) {
	name, seen := b.object.GetName(), r.seen(b.claim)
	b.counts = alive(b.object) && seen.owner == name
	if b.counts {
		b.claim = seen.name // the same, once in memory
	}
	r.bearers[name] = b
	if !b.counts {
		r.waiting[b.claim] = append(r.waiting[b.claim], name)
		return
	}
	for _, at := range shelvesOf(b.object) {
		list := r.listed[at]
		if list == nil {
			list = &ordered[T]{}
			r.listed[at] = list
		}
		list.put(b.object)
	}
}

// unlist undoes list, but for what the bearer is known as.
func (r *roster[T]) unlist(b bearer[T]) {
	if !b.counts {
		r.unwait(b)
		return
	}
	for _, at := range shelvesOf(b.object) {
		list := r.listed[at]
		if list.remove(b.object); list.size == 0 {
			delete(r.listed, at)
		}
	}
}

func (r *roster[T]) unwait(b bearer[T]) {
	rest := slices.DeleteFunc(r.waiting[b.claim], func(name string) bool { return name == b.object.GetName() })
	if r.waiting[b.claim] = rest; len(rest) == 0 {
		delete(r.waiting, b.claim)
	}
	if len(r.waiting) == 0 {
		r.waiting = map[string][]string{} // At the start all were in it, and a map does not shrink.
	}
}

// bearersOf lists the objects that need a claim, in no order.
func (r *roster[T]) bearersOf(claim string) []T {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var found []T
	if owner, known := r.bearers[r.seen(claim).owner]; known && owner.counts && owner.claim == claim {
		found = append(found, owner.object)
	}
	for _, name := range r.waiting[claim] {
		found = append(found, r.bearers[name].object)
	}
	return found
}

// part copies at most count objects from position from on of what the directory sees, and says how many there are in all. local is
// its rule for local objects. A negative count means everything. No directory sees nothing.
func (r *roster[T]) part(directory string, local v1alpha1.MatchPolicy, from, count int) (found []T, total int) {
	if directory == "" {
		return nil, 0
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	own, guests := r.listed[shelf{directory: directory}], (*ordered[T])(nil)
	switch local {
	case v1alpha1.MatchLink:
		guests = r.listed[shelf{}]
	case v1alpha1.MatchReview:
		guests = r.listed[shelf{directory: directory, approved: true}]
	}
	total = own.length() + guests.length()
	if count < 0 {
		count = total
	}
	return partOfBoth(own, guests, from, count), total
}

// rosters are what a Store lists from.
type rosters struct {
	users *roster[*v1alpha1.ScimUser]
	roles *roster[*v1alpha1.ScimRole]
	// holders say who is in which role.
	holders *holders
	// filled says, for each source, whether everything that was there at first has arrived.
	filled []func() bool
}

// claimed passes a claim to the roster of the kind that its name is about.
func (r *rosters) claimed(claim *claimShown) {
	k, ok := kindOfClaim(claim.name)
	switch {
	case !ok:
	case k == userKind:
		r.users.claimed(claim)
	default:
		r.roles.claimed(claim)
	}
}

// bearersOf lists the objects of a kind that need a claim, in no order.
func (r *rosters) bearersOf(k kind, claim string) []client.Object {
	if k == userKind {
		return objects(r.users.bearersOf(claim))
	}
	return objects(r.roles.bearersOf(claim))
}

func objects[T client.Object](list []T) []client.Object {
	out := make([]client.Object, 0, len(list))
	for _, object := range list {
		out = append(out, object)
	}
	return out
}
