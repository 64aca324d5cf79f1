package store

import (
	"slices"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// fewMembers is how many ids operations may name for applyFew, which looks for each of them in every shard.
const fewMembers = 16

// applyFew is apply for the usual push, a few members more or less of a large group: it looks for their ids and touches nothing else,
// where applyAny makes sets of all members, which takes longer than the writes. It says false for what it leaves to applyAny: long
// lists, a whole new membership, and a group without slices. Ids that two slices share, which only a person can have
// written, stay so until a slice of theirs changes or the group is pushed anew; they count once all the same.
func (l layout) applyFew(ops []scim.MemberOp) (layout, bool) {
	if len(l.shards) == 0 || replaces(ops) || mentions(ops) > fewMembers {
		return layout{}, false
	}
	added, removed := l.difference(ops)
	if len(added) == 0 && len(removed) == 0 {
		return l, true
	}
	stays := func(id string) bool { return !slices.Contains(removed, id) }
	without := func(old shard) shard {
		if slices.ContainsFunc(old.ids, func(id string) bool { return !stays(id) }) {
			return old.keep(stays)
		}
		return old
	}
	kept := layout{tail: without(shard{ids: l.tail}).ids}
	for _, old := range l.shards {
		kept.shards = append(kept.shards, without(old))
	}
	return l.grow(kept, added), true
}

// difference lists the ids that the operations add to the members and those that they take away, sorted.
func (l layout) difference(ops []scim.MemberOp) (added, removed []string) {
	wanted := map[string]bool{}
	for _, op := range ops {
		for _, id := range op.IDs {
			wanted[id] = op.Kind == scim.AddMembers
		}
	}
	for id, want := range wanted {
		is := slices.Contains(l.tail, id) || slices.ContainsFunc(l.shards, func(s shard) bool { return slices.Contains(s.ids, id) })
		switch {
		case want && !is:
			added = append(added, id)
		case is && !want:
			removed = append(removed, id)
		}
	}
	slices.Sort(added)
	slices.Sort(removed)
	return added, removed
}

func mentions(ops []scim.MemberOp) int {
	n := 0
	for _, op := range ops {
		n += len(op.IDs)
	}
	return n
}
