package store

import (
	"maps"
	"slices"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// maxSlices is the number of slices that a role may name.
const maxSlices = 1000

const (
	// maxTail is how many members the role itself holds: beyond it, a change writes an object whose size is felt.
	maxTail = 100
	// maxTailAgain is how small a role with slices must become before it holds all its members itself again, so that one that goes to
	// and fro around maxTail doesn't move its members each time.
	maxTailAgain = 50
)

// shard is what one slice holds.
type shard struct {
	// name is the name of the slice as it is in the API server. It is empty for content that has yet to be written.
	name string
	// ids are the members.
	ids []string
}

// layout is how a role's members are kept. It is a value of pure functions.
type layout struct {
	// shards are the slices, in order. A small role has none.
	shards []shard
	// tail are the members in the role itself: all those of a small role, and those that came last to a large one.
	tail []string
}

// apply computes the layout after the operations, in order. What is equal as a set stays as it is. Otherwise every id stays in its
// shard: removals shrink a shard, empty ones go, and additions join the tail, so that one member more is one write, of the role,
// however large it is. A tail that has grown too long goes into a slice.
func (l layout) apply(ops []scim.MemberOp) layout {
	if next, ok := l.applyFew(ops); ok {
		return next
	}
	return l.applyAny(ops)
}

func (l layout) applyAny(ops []scim.MemberOp) layout {
	home := l.homes()
	want := desired(home, ops)
	if sameSet(home, want) {
		return l
	}
	stay := func(k int) func(string) bool { return func(id string) bool { return want[id] && home[id] == k } }
	kept := layout{tail: shard{ids: l.tail}.keep(stay(len(l.shards))).ids}
	for k, old := range l.shards {
		kept.shards = append(kept.shards, old.keep(stay(k)))
	}
	return l.grow(kept, slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(id string) bool { _, has := home[id]; return has }))
}

// grow adds sorted ids to what is kept of l, in which the shards are those of l, less some ids.
func (l layout) grow(kept layout, added []string) layout {
	size := kept.size() + len(added)
	if size <= maxTailAgain || len(l.shards) == 0 && size <= maxTail {
		return layout{tail: sorted(kept.members(), added)}
	}
	tail := sorted(kept.tail, added)
	if !l.stays(kept, len(tail)) {
		kept.settle(l.home())
		if tail = added; len(added) > maxTail {
			kept.fill(added)
			tail = nil
		}
	}
	kept.shards = slices.DeleteFunc(kept.shards, func(s shard) bool { return len(s.ids) == 0 })
	kept.tail = tail
	return kept
}

// stays says whether a tail of that length can follow the shards of kept: it is not too long, and those who are in it already are at
// home where they were, so that they keep their binding.
func (l layout) stays(kept layout, length int) bool {
	if length > maxTail || len(kept.shards) == 0 {
		return false
	}
	if len(kept.tail) == 0 {
		return true
	}
	home := access.TailShard(kept.sizes(), length)
	return home == l.home() && (home == len(kept.shards) || len(kept.shards[home].ids) > 0)
}

// settle puts the tail into the slice that is its home, which may be a new one.
func (l *layout) settle(home int) {
	switch {
	case len(l.tail) == 0:
		return
	case home == len(l.shards):
		l.shards = append(l.shards, shard{ids: sorted(l.tail)})
	default:
		l.shards[home] = shard{ids: sorted(l.shards[home].ids, l.tail)}
	}
	l.tail = nil
}

// home is the shard to which the tail belongs.
func (l layout) home() int { return access.TailShard(l.sizes(), len(l.tail)) }

func (l layout) sizes() []int {
	sizes := make([]int, len(l.shards))
	for k, shard := range l.shards {
		sizes[k] = len(shard.ids)
	}
	return sizes
}

// size is the number of ids; one that repeats counts as often.
func (l layout) size() int {
	n := len(l.tail)
	for _, shard := range l.shards {
		n += len(shard.ids)
	}
	return n
}

// sorted joins lists into a sorted one without repetitions.
func sorted(lists ...[]string) []string {
	ids := slices.Concat(lists...)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// homes maps every member to the position of its shard, and one of the tail to the position after the last. One that repeats is at
// home in the first.
func (l layout) homes() map[string]int {
	home := make(map[string]int, l.size())
	put := func(k int, ids []string) {
		for _, id := range ids {
			if _, has := home[id]; !has {
				home[id] = k
			}
		}
	}
	for k, shard := range l.shards {
		put(k, shard.ids)
	}
	put(len(l.shards), l.tail)
	return home
}

// desired is the set of members that the operations leave.
func desired(home map[string]int, ops []scim.MemberOp) map[string]bool {
	want := make(map[string]bool, len(home))
	for id := range home {
		want[id] = true
	}
	for _, op := range ops {
		if op.Kind == scim.ReplaceMembers {
			clear(want)
		}
		for _, id := range op.IDs {
			if op.Kind == scim.RemoveMembers {
				delete(want, id)
			} else {
				want[id] = true
			}
		}
	}
	return want
}

func sameSet(home map[string]int, want map[string]bool) bool {
	if len(home) != len(want) {
		return false
	}
	for id := range home {
		if !want[id] {
			return false
		}
	}
	return true
}

// keep is the shard with those ids alone, sorted. It keeps its name only if it keeps its content.
func (s shard) keep(keep func(id string) bool) shard {
	ids := make([]string, 0, len(s.ids))
	for _, id := range s.ids {
		if keep(id) {
			ids = append(ids, id)
		}
	}
	ids = sorted(ids)
	if s.name != "" && len(ids) == len(s.ids) {
		return s
	}
	return shard{ids: ids}
}

// fill puts sorted ids into the first shards that have room, and the rest into new ones.
func (l *layout) fill(added []string) {
	for k := 0; len(added) > 0; k++ {
		if k == len(l.shards) {
			l.shards = append(l.shards, shard{})
		}
		n := min(len(added), v1alpha1.MaxMembers-len(l.shards[k].ids))
		if n <= 0 {
			continue
		}
		l.shards[k] = shard{ids: sorted(l.shards[k].ids, added[:n])}
		added = added[n:]
	}
}

// members are the ids of all shards, in order, and then those of the tail.
func (l layout) members() []string {
	all := make([]string, 0, l.size())
	for _, shard := range l.shards {
		all = append(all, shard.ids...)
	}
	return append(all, l.tail...)
}

// replaces says whether the outcome of the operations does not depend on the members that were there before.
func replaces(ops []scim.MemberOp) bool {
	return slices.ContainsFunc(ops, func(op scim.MemberOp) bool { return op.Kind == scim.ReplaceMembers })
}
