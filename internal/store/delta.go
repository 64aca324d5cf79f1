package store

import "github.com/scim-operator/scim-operator/internal/scim"

// delta counts who is in one of two layouts only. Shards that both have under one name are the same, and cost nothing.
func (l layout) delta(next layout) scim.MemberChange {
	before, after := l.idsBut(next), next.idsBut(l)
	change := scim.MemberChange{}
	for id := range before {
		if !after[id] {
			change.Removed++
		}
	}
	for id := range after {
		if !before[id] {
			change.Added++
		}
	}
	return change
}

// idsBut are the ids of the tail and of all shards but those that the other layout has, too.
func (l layout) idsBut(other layout) map[string]bool {
	same := map[string]bool{}
	for _, shard := range other.shards {
		same[shard.name] = shard.name != ""
	}
	ids := map[string]bool{}
	for _, id := range l.tail {
		ids[id] = true
	}
	for _, shard := range l.shards {
		if same[shard.name] {
			continue
		}
		for _, id := range shard.ids {
			ids[id] = true
		}
	}
	return ids
}
