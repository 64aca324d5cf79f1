package access

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/internal/access"
)

// begin prepares the snapshot to take over what is known. It comes before anything is read.
func (g *gatherer) begin() {
	g.number, g.revealed = g.memory.number(), false
	if g.past == nil {
		g.past = &past{}
	}
	if g.past.uid != g.grant.UID || g.past.generation != g.generation {
		g.past.uid, g.past.generation, g.past.shards = g.grant.UID, g.generation, nil
	}
	g.used, g.origins = map[access.PartKey]*knownShard{}, map[string][]origin{}
	g.state.Known, g.state.Memory = map[access.PartKey]*access.Part{}, &g.past.plan
}

// addMembers makes the planner know what it needs of the members of a shard: what they came to the last time, or the users themselves.
func (g *gatherer) addMembers(ctx context.Context, role, label string, members []string, from origin) error {
	key, doubtful := access.PartKey{Role: role, Label: label}, g.isDoubtful(role, label)
	unread := members
	if !doubtful {
		var stands bool
		if unread, stands = g.recall(key, from, members); stands {
			return nil
		}
	}
	before := g.absent
	if err := g.addUsers(ctx, unread, doubtful); err != nil {
		return err
	}
	// What was looked at live may be newer than the caches, whose events say when it is over. So it is not kept.
	if g.memory != nil && !g.lookLive() && !from.unlisted && len(members) > 0 {
		known := &knownShard{origin: from, at: g.number, absent: g.absent - before, parts: map[string]*access.Part{}}
		for _, piece := range access.PieceLabels(label, len(members)) {
			known.parts[piece] = nil
		}
		known.users = g.usersOfShard(members, known.absent)
		g.used[key] = known
	}
	return nil
}

// usersOfShard are the members as they were found. When somebody was absent there is nothing to take over the next time, because each pass
// counts who is.
func (g *gatherer) usersOfShard(members []string, absent int) []access.User {
	if absent > 0 {
		return nil
	}
	users := make([]access.User, len(members))
	for i, id := range members {
		users[i] = g.state.Users[id]
	}
	return users
}

// recall takes over what a shard came to, if it would come to the same. If not, it takes over those of its members to whom nothing has
// happened, and gives the others. For a frozen grant, who is in a role is worked out in more than one way, for which its users must be
// known.
func (g *gatherer) recall(key access.PartKey, from origin, members []string) (unread []string, stands bool) {
	known := g.past.shards[key]
	if g.memory == nil || isFrozen(g.grant) || known == nil {
		return members, false
	}
	if !known.origin.is(from) {
		return g.recallFrom(known, from, members), false
	}
	changed, ok := g.memory.since(key.Role, known)
	if !ok || len(changed) > 0 && (g.lookLive() || known.users == nil) {
		return members, false
	}
	if len(changed) == 0 {
		g.absent += known.absent
		for label, part := range known.parts {
			g.state.Known[access.PartKey{Role: key.Role, Label: label}] = part
		}
		g.used[key] = known
		return nil, true
	}
	g.expect(len(members))
	for i, id := range members {
		if changed[id] {
			unread = append(unread, id)
		} else if _, read := g.state.Users[id]; !read {
			g.state.Users[id] = known.users[i]
		}
	}
	return unread, false
}

// expect makes room for the users of a shard, where there is none yet, instead of a little at a time.
func (g *gatherer) expect(users int) {
	if len(g.state.Users) == 0 {
		g.state.Users = make(map[string]access.User, users)
	}
}

// recallFrom takes over, from the list that a shard had before, those of its members to whom nothing has happened, and gives the others: a slice is
// replaced when one of its thousand members leaves. What happens while a slice is replaced may be entered for a list that neither of the two is,
// so the changes of anybody count, in whatever list.
func (g *gatherer) recallFrom(known *knownShard, from origin, members []string) (unread []string) {
	if g.lookLive() || known.users == nil || from.unlisted {
		return members
	}
	changed, ok := g.memory.sinceAnybody(known.at)
	if !ok {
		return members
	}
	g.expect(len(members))
	before := make(map[string]access.User, len(known.users))
	for i, id := range known.origin.members() {
		if !changed[id] {
			before[id] = known.users[i]
		}
	}
	for _, id := range members {
		user, stands := before[id]
		if !stands {
			unread = append(unread, id)
		} else if _, read := g.state.Users[id]; !read {
			g.state.Users[id] = user
		}
	}
	return unread
}

// reconsider reads again what was taken over of shards some of whose members were absent, when objects have been found live that the cache
// lacks: the same people may be in several shards. It comes when all shards have been read.
func (g *gatherer) reconsider(ctx context.Context) error {
	if !g.lookLive() || !g.revealed {
		return nil
	}
	for key, known := range g.used {
		if known.absent == 0 {
			continue
		}
		delete(g.used, key)
		for label := range known.parts {
			delete(g.state.Known, access.PartKey{Role: key.Role, Label: label})
		}
		if err := g.addUsers(ctx, known.origin.members(), false); err != nil {
			return err
		}
	}
	return nil
}

// keep remembers what the shards came to, and forgets those that there are no more.
func (g *gatherer) keep() {
	for key, known := range g.used {
		for label := range known.parts {
			part := g.past.plan.Parts[access.PartKey{Role: key.Role, Label: label}]
			if part == nil {
				delete(g.used, key) // The grant gives nothing at present, so nothing was resolved.
				break
			}
			known.parts[label] = part
		}
	}
	g.past.shards, g.past.plan.Parts = g.used, nil
}

// see gives a binding in the planner's terms, which takes a while, so it is done once for each version.
func (p *past) see(next map[types.UID]seenBinding, object client.Object, roleRef rbacv1.RoleRef) access.Binding {
	seen, ok := p.bindings[object.GetUID()]
	if !ok || seen.version != object.GetResourceVersion() {
		seen = seenBinding{version: object.GetResourceVersion(), binding: describe(object, roleRef)}
	}
	next[object.GetUID()] = seen
	return seen.binding
}

// share makes the bindings that are as they should be refer to what they were compared with.
func (p *past) share(existing, desired []access.Binding) {
	access.Share(existing, desired)
	for i := range existing {
		if seen, ok := p.bindings[existing[i].UID]; ok {
			seen.binding = existing[i]
			p.bindings[existing[i].UID] = seen
		}
	}
}
