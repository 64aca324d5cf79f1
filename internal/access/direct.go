package access

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// DirectShard is the value of the label scim-operator.io/shard on the binding of the people and service accounts that the grant itself
// names. Its labels for role and selector are empty.
const DirectShard = "direct"

// direct gives the people and service accounts that the grant names, and notes in the outcome whom it could not find. The API allows
// 64 of each; should more come all the same, they go into further pieces.
func (p *planner) direct(grant Grant, outcome *Outcome) []resolvedPart {
	var members []member
	var all resolvedPart
	for _, selector := range grant.Spec.Users {
		found := p.matchUser(selector)
		if len(found) == 0 {
			outcome.UsersNotFound = append(outcome.UsersNotFound, selector)
		}
		for _, id := range found {
			user := p.state.Users[id]
			name, refusal := user.Subject()
			if refusal != "" {
				all.refused = append(all.refused, Refusal{User: id, Reason: refusal})
			}
			if name != "" {
				members = append(members, member{name: name, id: id, directory: user.Directory})
				all.users = append(all.users, id)
			}
		}
	}
	machines := serviceAccounts(grant.Spec.ServiceAccounts)
	subjects, people := subjectsOf(members)
	// Subjects are sorted by kind first, and ServiceAccount comes before User.
	all.subjects = slices.Concat(machines, subjects)
	all.people = slices.Concat(make([]Person, len(machines)), people)
	return cutDirect(all)
}

// matchUser gives the ids of the users that a selector names and that a grant could give something to: those who count, and those who are
// inactive, which are found and get nothing. More than one is found only while nobody counts under the name.
func (p *planner) matchUser(selector v1alpha1.UserSelector) []string {
	candidates := []string{selector.Name}
	if selector.Name == "" {
		candidates = p.usersNamed(selector.UserName)
	}
	return slices.DeleteFunc(slices.Clone(candidates), func(id string) bool {
		user, known := p.state.Users[id]
		return !known || user.Active && !user.Counts || selector.Directory != "" && selector.Directory != user.Directory
	})
}

// usersNamed gives the ids of the users who bear a userName, sorted.
func (p *planner) usersNamed(userName string) []string {
	if p.byUserName == nil {
		p.byUserName = map[string][]string{}
		for id, user := range p.state.Users {
			if user.UserName != "" {
				folded := v1alpha1.Fold(user.UserName)
				p.byUserName[folded] = append(p.byUserName[folded], id)
			}
		}
		for _, ids := range p.byUserName {
			slices.Sort(ids)
		}
	}
	return p.byUserName[v1alpha1.Fold(userName)]
}

// serviceAccounts gives sorted subjects, each once. The API refuses an entry without a name or a namespace; should one come all the same,
// it names nobody.
func serviceAccounts(references []v1alpha1.ServiceAccountReference) []rbacv1.Subject {
	var subjects []rbacv1.Subject
	for _, reference := range references {
		if reference.Name != "" && reference.Namespace != "" {
			subjects = append(subjects, rbacv1.Subject{
				Kind: rbacv1.ServiceAccountKind, Namespace: reference.Namespace, Name: reference.Name,
			})
		}
	}
	slices.SortFunc(subjects, compareSubjects)
	return slices.Compact(subjects)
}

// cutDirect cuts a part into pieces of at most MaxSubjects, the first of which says who is in all of them.
func cutDirect(all resolvedPart) []resolvedPart {
	all.label = DirectShard
	pieces := []resolvedPart{all}
	for k := 0; len(pieces[k].subjects) > MaxSubjects; k++ {
		rest := resolvedPart{
			label: shardLabel(DirectShard, k+1), subjects: pieces[k].subjects[MaxSubjects:], people: pieces[k].people[MaxSubjects:],
		}
		pieces[k].subjects, pieces[k].people = pieces[k].subjects[:MaxSubjects], pieces[k].people[:MaxSubjects]
		pieces = append(pieces, rest)
	}
	return pieces
}

// isDirect says whether a binding is for those whom the grant itself names.
func isDirect(labels map[string]string) bool {
	_, ok := shardNumber(DirectShard, labels[v1alpha1.LabelShard])
	return ok && labels[v1alpha1.LabelRole] == ""
}

// namesDirectly says whether the grant's spec.users still names somebody who stands in the binding of those whom it names, and who is no
// user of that name any more: by name, by the userName that the person has now, or, as far as anybody can tell, by a userName that
// nobody has any more.
func namesDirectly(grant Grant, outcome Outcome, person Person, identity Identity) bool {
	byUserName := func(selector v1alpha1.UserSelector) bool { return selector.UserName != "" }
	return slices.ContainsFunc(outcome.UsersNotFound, byUserName) || slices.ContainsFunc(grant.Spec.Users, func(s v1alpha1.UserSelector) bool {
		if s.Name != "" {
			return Print(s.Name) == person.Print
		}
		return identity.UserName != "" && v1alpha1.Fold(s.UserName) == v1alpha1.Fold(identity.UserName) &&
			cmp.Or(s.Directory, identity.Directory) == identity.Directory
	})
}
