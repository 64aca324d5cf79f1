package access

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// freezer says what stays of the bindings of a frozen grant, which is one with mode Plan, or with a condition that cannot be used. Nobody
// gains, and what an edit of the grant would take away stays. But whatever a push took away goes: a person who is inactive, unknown,
// renamed or no member of the role of the binding any more; and with it what the installer no longer allows.
type freezer struct {
	*planner

	grant     Grant
	condition *Condition
	// roles are the ids of the roles that count, by what stands for them in labels.
	roles map[string]string
	// members are the Prints of those who may be bound through a role, by name.
	members map[resolution]map[string]string
	// people are the names under which users may be bound, by the Prints of their ids.
	people map[string]string
}

// freeze adds to the result what stays of the bindings of a frozen grant, and notes in the outcome what goes by a person's wish all the
// same.
func (p *planner) freeze(grant Grant, condition *Condition, outcome *Outcome, result *Result) {
	outcome.Users, outcome.GroupRoles = 0, nil
	if outcome.Phase == PhaseExpired {
		return
	}
	f := freezer{planner: p, grant: grant, condition: condition, roles: map[string]string{}, members: map[resolution]map[string]string{}}
	for id := range p.byID {
		f.roles[RoleLabel(id)] = id
	}
	users := map[string]bool{}
	for _, old := range p.state.Existing {
		if grantIn(old.Labels) != grant.Key() {
			continue
		}
		if !p.bindable[old.RoleRef] || old.Owner != "" && old.Owner != grant.UID {
			outcome.Revoked = append(outcome.Revoked, old.Key)
			continue
		}
		role := f.roles[old.Labels[v1alpha1.LabelRole]]
		if isPushedShard(old.Labels[v1alpha1.LabelShard]) && f.incomplete(role) {
			result.Held = append(result.Held, old.Key)
			continue
		}
		stays := f.stays(old, role)
		for _, subject := range stays.Subjects {
			users[subject.Name] = users[subject.Name] || subject.Kind == rbacv1.UserKind
			if subject.Kind == rbacv1.GroupKind && !slices.Contains(outcome.GroupRoles, role) {
				outcome.GroupRoles = append(outcome.GroupRoles, role)
			}
		}
		if len(stays.Subjects) > 0 {
			result.Bindings = append(result.Bindings, stays)
		}
	}
	for _, person := range users {
		if person {
			outcome.Users++
		}
	}
	slices.Sort(outcome.GroupRoles)
	slices.SortFunc(outcome.Revoked, Key.Compare)
}

// grantIn is the grant that the labels of an existing binding name.
func grantIn(labels map[string]string) GrantKey {
	return GrantKey{Namespace: labels[v1alpha1.LabelGrantNamespace], Name: labels[v1alpha1.LabelGrant]}
}

// incomplete says whether a part of a role could not be read, so that nobody knows who is in it.
func (f *freezer) incomplete(role string) bool {
	return slices.ContainsFunc(f.byID[role].Shards, func(shard Shard) bool { return shard.Missing })
}

// stays is what stays of one binding.
func (f *freezer) stays(old Binding, role string) Binding {
	index, fits := -1, len(old.People) == len(old.Subjects)
	kept := old.only(func(subject rbacv1.Subject) bool {
		index++
		if SubjectName(subject.Name) != nil {
			return false
		}
		switch subject.Kind {
		case rbacv1.ServiceAccountKind:
			return isDirect(old.Labels) && (fits || slices.Contains(serviceAccounts(f.grant.Spec.ServiceAccounts), subject))
		case rbacv1.GroupKind:
			return f.groupStays(old.Labels, role, subject.Name)
		default:
			return f.personStays(old.Labels, role, subject.Name, old.person(index).Print)
		}
	})
	for i := range kept.People {
		kept.People[i].Mark = Mark{}
	}
	kept = merge(kept, Binding{}) // Somebody else may have left them in another order.
	kept.Owner, kept.Grant, kept.Role = f.grant.UID, f.grant.Key(), role
	return kept
}

// groupStays says whether a group is still that of a role with pushed members.
func (f *freezer) groupStays(labels map[string]string, role, name string) bool {
	if labels[v1alpha1.LabelShard] != GroupShard || role == "" {
		return false
	}
	group, err := f.byID[role].GroupSubject()
	return err == nil && group == name && slices.ContainsFunc(f.resolve(role, nil), func(piece resolvedPart) bool {
		return piece.pushed && (piece.missing || len(piece.subjects) > 0)
	})
}

// personStays says whether somebody is still who was bound, and, in the binding of a role, still in that role. Whom the binding does not
// know by a Print, because somebody else has written to it, stays only as a member, or as one whom the grant names.
func (f *freezer) personStays(labels map[string]string, role, name, behind string) bool {
	if !isDirect(labels) {
		is, member := f.membersOf(role, labels)[name]
		return member && (behind == "" || behind == is)
	}
	if behind != "" {
		return f.nameOf(behind) == name
	}
	return slices.ContainsFunc(f.direct(f.grant, &Outcome{}), func(piece resolvedPart) bool {
		return slices.ContainsFunc(piece.subjects, func(s rbacv1.Subject) bool { return s.Kind == rbacv1.UserKind && s.Name == name })
	})
}

// membersOf gives who may be bound through a role. The condition of the grant counts only where the binding was made under it: what
// another one would say is a person's change, which waits.
func (f *freezer) membersOf(role string, labels map[string]string) map[string]string {
	if role == "" {
		return nil
	}
	condition := f.condition
	if condition != nil && conditionHash(labels[v1alpha1.LabelSelector]) != shortHash(condition.expression) {
		condition = nil
	}
	wanted := resolution{role: role}
	if condition != nil {
		wanted.condition = condition.expression
	}
	if f.members[wanted] == nil {
		found := map[string]string{}
		for _, piece := range f.resolve(role, condition) {
			for i, subject := range piece.subjects {
				found[subject.Name] = piece.people[i].Print
			}
		}
		f.members[wanted] = found
	}
	return f.members[wanted]
}

// nameOf gives the name under which a user may be bound; empty for none.
func (f *freezer) nameOf(behind string) string {
	if f.people == nil {
		f.people = map[string]string{}
		for id, user := range f.state.Users {
			if name, _ := user.Subject(); name != "" {
				f.people[Print(id)] = name
			}
		}
	}
	return f.people[behind]
}
