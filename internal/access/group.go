package access

import (
	"errors"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// GroupShard is the value of the label scim-operator.io/shard on the binding that has the group of a role as its one subject.
const GroupShard = "group"

// autoUsersBelow is the number of pushed members from which a grant with subjects Auto goes back from the group to single users. It lies
// below AutoGroupAbove, so that a group at that edge does not go to and fro.
const autoUsersBelow = 800

// GroupRefusal says why a role has no group that may be bound.
type GroupRefusal struct {
	Role   string `json:"role"`
	Reason string `json:"reason"`
}

// GroupSubject gives the name under which a role may be a subject of kind Group, or says why it may not be one. It is held to the same
// rules as the names of users: without them a pushed group called system:masters would be just that.
func (r Role) GroupSubject() (string, error) {
	if r.GroupRefusal != "" {
		return "", errors.New(r.GroupRefusal)
	}
	if err := SubjectName(r.Group); err != nil {
		return "", errors.New(strings.Replace(err.Error(), "user name", "group name", 1))
	}
	return r.Group, nil
}

// grouped puts the group of a role in the place of its pushed members, where the grant asks for that. A group whose name may not be bound
// gets nothing, unless the grant may bind the members instead.
func (b *binder) grouped(id string, pieces []resolvedPart) []resolvedPart {
	role := b.byID[id]
	if !b.bindsGroup(role) {
		return pieces
	}
	name, err := role.GroupSubject()
	if err != nil {
		b.outcome.GroupsRefused = append(b.outcome.GroupsRefused, GroupRefusal{Role: id, Reason: err.Error()})
		if b.grant.Spec.Subjects == v1alpha1.SubjectsAuto {
			return pieces
		}
	}
	var others []resolvedPart
	anybody := false
	for _, piece := range pieces {
		if !piece.pushed {
			others = append(others, piece)
			continue
		}
		if err != nil {
			continue
		}
		// Of whom nobody knows anything it is not said that there is nobody.
		anybody = anybody || piece.missing || len(piece.subjects) > 0
		b.users[BindingName(b.grant.Key(), id, piece.label, b.grant.Spec.To)] = piece.users
	}
	if !anybody {
		return others
	}
	b.outcome.GroupRoles = append(b.outcome.GroupRoles, id)
	return append(others, resolvedPart{
		label: GroupShard, subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: name}},
		people: []Person{{Directory: role.Directory}},
	})
}

// bindsGroup says whether a grant binds the group of a role. What nobody pushed has no group in anybody's token; and a condition, which the
// API refuses together with groups, chooses among members.
func (b *binder) bindsGroup(role Role) bool {
	if role.Directory == "" || b.grant.Spec.Condition != "" {
		return false
	}
	if b.grant.Spec.Subjects == v1alpha1.SubjectsGroup {
		return true
	}
	if b.grant.Spec.Subjects != v1alpha1.SubjectsAuto {
		return false
	}
	members, missing := 0, false
	for _, shard := range role.Shards {
		members += len(shard.Members)
		missing = missing || shard.Missing
	}
	if members > v1alpha1.AutoGroupAbove {
		return true
	}
	return (missing || members > autoUsersBelow) && b.groupExists(role.ID)
}

// groupExists says whether a binding of the grant has the group of a role at present.
func (b *binder) groupExists(role string) bool {
	name := BindingName(b.grant.Key(), role, GroupShard, b.grant.Spec.To)
	return slices.ContainsFunc(b.placement()[place{b.grant.Key(), RoleLabel(role)}], func(binding Binding) bool {
		return binding.Name == name
	})
}
