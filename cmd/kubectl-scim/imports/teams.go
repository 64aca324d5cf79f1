package imports

import (
	"cmp"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const (
	// leastTeam is the smallest role that is proposed in the place of its members: that one person is the only member of some role
	// says nothing.
	leastTeam = 2
	// maxHints is how many roles a note names at most.
	maxHints = 3
)

// teams are the roles whose members are all known.
type teams struct {
	roles []*v1alpha1.ScimRole
	// members are the ids of a role's members, sorted, by the name of the role. Those who are suspended are among them, because they would
	// get access when they come back.
	members map[string][]string
	// same are the roles that have the same members.
	same map[string][]*v1alpha1.ScimRole
}

func newTeams(w *world.World) teams {
	t := teams{members: map[string][]string{}, same: map[string][]*v1alpha1.ScimRole{}}
	all := w.Objects().Roles
	for i := range all {
		role := &all[i]
		if !w.RoleCounts(role) || len(w.MissingSlices(role)) > 0 {
			continue
		}
		ids, known := membersOf(w, role)
		t.members[role.Name] = ids
		if known && len(ids) >= leastTeam {
			t.roles = append(t.roles, role)
		}
	}
	// A pushed group is a better name for people than a role that somebody wrote by hand.
	slices.SortFunc(t.roles, func(a, b *v1alpha1.ScimRole) int {
		return cmp.Or(cmp.Compare(local(a), local(b)), cmp.Compare(a.Spec.DisplayName, b.Spec.DisplayName), cmp.Compare(a.Name, b.Name))
	})
	for _, role := range t.roles {
		key := strings.Join(t.members[role.Name], "\n")
		t.same[key] = append(t.same[key], role)
	}
	return t
}

func local(role *v1alpha1.ScimRole) int {
	if role.Spec.Directory == "" {
		return 1
	}
	return 0
}

// membersOf are the ids of those to whom the role gives something. known is false when one of them is nobody yet, or does not count.
func membersOf(w *world.World, role *v1alpha1.ScimRole) (ids []string, known bool) {
	known = true
	for _, member := range w.Members(role) {
		if member.Stranger {
			continue
		}
		user := w.User(member.User)
		known = known && user != nil && w.UserCounts(user)
		ids = append(ids, member.User)
	}
	slices.Sort(ids)
	return slices.Compact(ids), known
}

// equal are the roles that have exactly these members, the best first.
func (t teams) equal(users []*v1alpha1.ScimUser) []*v1alpha1.ScimRole {
	return t.same[strings.Join(idsOf(users), "\n")]
}

// within are the largest roles all of whose members are among these.
func (t teams) within(users []*v1alpha1.ScimUser) []*v1alpha1.ScimRole {
	among := map[string]bool{}
	for _, user := range users {
		among[user.Name] = true
	}
	var found []*v1alpha1.ScimRole
	for _, role := range t.roles {
		ids := t.members[role.Name]
		if len(ids) <= len(among) && !slices.ContainsFunc(ids, func(id string) bool { return !among[id] }) {
			found = append(found, role)
		}
	}
	slices.SortStableFunc(found, func(a, b *v1alpha1.ScimRole) int {
		return cmp.Compare(len(t.members[b.Name]), len(t.members[a.Name]))
	})
	return found[:min(len(found), maxHints)]
}

func idsOf(users []*v1alpha1.ScimUser) []string {
	ids := make([]string, len(users))
	for i, user := range users {
		ids[i] = user.Name
	}
	return ids
}
