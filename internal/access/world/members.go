package world

import (
	"slices"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// applyRules finds who is in roles by the default roles of a directory, and by the attribute roles.
func (w *World) applyRules() {
	for i := range w.objects.Users {
		user := &w.objects.Users[i]
		directory := w.directories[user.Spec.Directory]
		if directory == nil || !user.IsActive() || user.DeletionTimestamp != nil {
			continue
		}
		for _, id := range distinct(directory.Spec.DefaultRoles) {
			if role := w.roles[id]; role != nil && role.Spec.Directory == "" {
				rules := w.rules[id]
				rules.byDefault = append(rules.byDefault, user.Name)
				w.rules[id] = rules
			}
		}
		if directory.Spec.RoleAssignment != v1alpha1.RoleAssignmentEnabled {
			continue
		}
		for _, id := range assigned(user) {
			// A directory gives local roles and its own.
			if role := w.roles[id]; role != nil && (role.Spec.Directory == "" || role.Spec.Directory == directory.Name) {
				rules := w.rules[id]
				rules.assigned = append(rules.assigned, user.Name)
				w.rules[id] = rules
			}
		}
	}
}

// assigned are the ids in a user's attribute roles.
func assigned(user *v1alpha1.ScimUser) []string {
	ids := make([]string, 0, len(user.Spec.Roles))
	for i := range user.Spec.Roles {
		ids = append(ids, user.Spec.Roles[i].Value)
	}
	return distinct(ids)
}

func distinct(values []string) []string {
	if len(values) < 2 {
		return values
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// planRole is a role in the planner's terms. One that does not count has no members there, as it gives nothing.
func (w *World) planRole(role *v1alpha1.ScimRole) access.Role {
	planned := access.Role{
		ID: role.Name, DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory, Labels: role.Labels, Counts: w.RoleCounts(role),
	}
	if !planned.Counts {
		return planned
	}
	planned.Group, planned.GroupRefusal = w.groupOf(role)
	planned.Shards, planned.Local = w.shards(role), role.Spec.LocalMembers
	rules := w.rules[role.Name]
	if len(rules.byDefault) > 0 {
		planned.Rules = append(planned.Rules, access.Rule{Label: access.DefaultShard, Members: rules.byDefault})
	}
	if len(rules.assigned) > 0 {
		planned.Rules = append(planned.Rules, access.Rule{Label: access.AssignedShard, Members: rules.assigned})
	}
	return planned
}

// shards are the pushed members: one shard for each slice, and those in the role itself where access.TailShard puts them.
func (w *World) shards(role *v1alpha1.ScimRole) []access.Shard {
	shards, sizes := make([]access.Shard, len(role.Spec.Slices)), make([]int, len(role.Spec.Slices))
	for i, name := range role.Spec.Slices {
		slice := w.sliceOf(role, name)
		if slice == nil {
			// Nobody knows how much room it has, so it is taken to be full.
			shards[i].Missing, sizes[i] = true, v1alpha1.MaxMembers
			continue
		}
		shards[i].Members, sizes[i] = slice.Spec.Members, len(slice.Spec.Members)
	}
	tail := role.Spec.Members
	switch k := access.TailShard(sizes, len(tail)); {
	case len(tail) == 0:
	case k == len(shards):
		shards = append(shards, access.Shard{Members: tail})
	default:
		shards[k].Members = slices.Concat(shards[k].Members, tail)
	}
	return shards
}

// sliceOf is a slice that a role names; nil when it does not exist, or is another role's.
func (w *World) sliceOf(role *v1alpha1.ScimRole, name string) *v1alpha1.ScimRoleSlice {
	if slice := w.slices[name]; slice != nil && slice.Spec.Role == role.Name {
		return slice
	}
	return nil
}

// Members are all memberships of a role, in the order in which its lists have them; somebody may be in it by several ways. Suspended
// users are members of what lists them.
func (w *World) Members(role *v1alpha1.ScimRole) []Membership {
	var all []Membership
	via := ViaPushed
	if role.Spec.Directory == "" {
		via = ViaLocal
	}
	add := func(users []string, via Via, slice string) {
		for _, id := range users {
			member := Membership{Role: role.Name, User: id, Via: via, Slice: slice}
			if user := w.users[id]; user != nil && via == ViaPushed {
				member.Stranger = user.Spec.Directory != "" && user.Spec.Directory != role.Spec.Directory
			}
			all = append(all, member)
		}
	}
	for _, name := range role.Spec.Slices {
		if slice := w.sliceOf(role, name); slice != nil {
			add(slice.Spec.Members, via, name)
		}
	}
	add(role.Spec.Members, via, "")
	add(role.Spec.LocalMembers, ViaLocal, "")
	add(w.rules[role.Name].byDefault, ViaDefault, "")
	add(w.rules[role.Name].assigned, ViaAssigned, "")
	return all
}

// MissingSlices are the slices that a role names and that do not exist, so that some of its members are unknown.
func (w *World) MissingSlices(role *v1alpha1.ScimRole) []string {
	var missing []string
	for _, name := range role.Spec.Slices {
		if w.sliceOf(role, name) == nil {
			missing = append(missing, name)
		}
	}
	return missing
}
