package store

import (
	"maps"
	"slices"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// maxSlices is the number of slices that a role may name.
const maxSlices = 1000

// shard is a part of a role's members: those of one slice, or all of those that are inline.
type shard struct {
	// name is the name of the slice as it is in the API server. It is empty for members that are inline, and for content that
	// has yet to be written.
	name string
	// ids are the members.
	ids []string
}

// layout is how a role's members are kept: inline, as at most one shard, or in slices. It is a value of pure functions.
type layout struct {
	inline bool
	shards []shard
}

// apply computes the layout after the operations, in order. What is equal as a set stays as it is. Otherwise every id stays in its
// shard: removals shrink a shard, additions fill the first that has room, new shards come last, and empty ones go. So one member
// more or less rewrites one shard, and shard k of the bindings changes with slice k. Up to v1alpha1.MaxMembers ids are inline.
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
	if len(want) <= v1alpha1.MaxMembers {
		return inlineOf(want)
	}
	next := layout{}
	for k, old := range l.shards {
		next.shards = append(next.shards, old.keep(func(id string) bool { return want[id] && home[id] == k }))
	}
	added := slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(id string) bool { _, has := home[id]; return has })
	next.fill(added)
	next.shards = slices.DeleteFunc(next.shards, func(s shard) bool { return len(s.ids) == 0 })
	return next
}

// homes maps every member to its shard; one that repeats is at home in the first.
func (l layout) homes() map[string]int {
	home := map[string]int{}
	for k, shard := range l.shards {
		for _, id := range shard.ids {
			if _, has := home[id]; !has {
				home[id] = k
			}
		}
	}
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

func inlineOf(want map[string]bool) layout {
	if len(want) == 0 {
		return layout{inline: true}
	}
	return layout{inline: true, shards: []shard{{ids: slices.Sorted(maps.Keys(want))}}}
}

// keep is the shard with those ids alone, sorted. It keeps its name only if it keeps its content.
func (s shard) keep(keep func(id string) bool) shard {
	ids := make([]string, 0, len(s.ids))
	for _, id := range s.ids {
		if keep(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
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
		ids := slices.Concat(l.shards[k].ids, added[:n])
		slices.Sort(ids)
		l.shards[k] = shard{ids: ids}
		added = added[n:]
	}
}

// members are the ids of all shards, in order.
func (l layout) members() []string {
	var all []string
	for _, shard := range l.shards {
		all = append(all, shard.ids...)
	}
	return all
}

// replaces says whether the outcome of the operations does not depend on the members that were there before.
func replaces(ops []scim.MemberOp) bool {
	return slices.ContainsFunc(ops, func(op scim.MemberOp) bool { return op.Kind == scim.ReplaceMembers })
}
