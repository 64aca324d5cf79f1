package access

import (
	"cmp"
	"slices"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// bind adds the bindings of one grant to the result, and who is in them to the outcome.
func (p *planner) bind(grant Grant, condition *Condition, selectors map[string]string, outcome *Outcome, result *Result) {
	where := outcome.Namespaces
	if grant.Spec.Scope == v1alpha1.ScopeCluster {
		where = []string{""}
	}
	b := binder{planner: p, grant: grant, where: where, users: map[string][]string{}, outcome: outcome, result: result}
	for _, id := range outcome.Roles {
		for _, piece := range b.grouped(id, p.divide(grant, id, p.resolve(id, condition))) {
			b.bind(id, selectors[id], piece)
		}
	}
	for _, piece := range p.direct(grant, outcome) {
		b.bind("", "", piece)
	}
	if len(where) > 0 {
		outcome.Users = p.state.Memory.countUsers(b.users)
	}
	outcome.RolesIncomplete = slices.Compact(outcome.RolesIncomplete)
	slices.SortFunc(outcome.Refused, func(a, b Refusal) int { return cmp.Compare(a.User, b.User) })
	outcome.Refused = slices.Compact(outcome.Refused)
}

// binder makes the bindings of one grant.
type binder struct {
	*planner

	grant   Grant
	where   []string
	users   map[string][]string
	outcome *Outcome
	result  *Result
}

// bind adds the bindings of one piece of a role, or, without a role, of those whom the grant itself names.
func (b *binder) bind(role, selector string, piece resolvedPart) {
	b.outcome.Refused = append(b.outcome.Refused, piece.refused...)
	name := BindingName(b.grant.Key(), role, piece.label, b.grant.Spec.To)
	if piece.missing {
		b.outcome.RolesIncomplete = append(b.outcome.RolesIncomplete, role)
		b.result.Held = append(b.result.Held, keys(b.where, name)...)
		return
	}
	if len(piece.subjects) == 0 {
		return
	}
	like := b.newBinding(b.grant, role, selector, piece)
	for _, key := range keys(b.where, name) {
		like.Key = key
		b.result.Bindings = append(b.result.Bindings, like)
	}
	b.users[name] = piece.users
}

func keys(namespaces []string, name string) []Key {
	all := make([]Key, len(namespaces))
	for i, namespace := range namespaces {
		all[i] = Key{Namespace: namespace, Name: name}
	}
	return all
}

// newBinding is the binding of a part, in whatever place. In all places it has the same lists, which nobody changes.
func (p *planner) newBinding(grant Grant, role, selector string, piece resolvedPart) Binding {
	return Binding{
		Labels:   bindingLabels(grant.Key(), p.byID[role], piece.label, selector),
		Owner:    grant.UID,
		RoleRef:  RoleRef(grant.Spec.To),
		Subjects: piece.subjects,
		People:   piece.people,
		Grant:    grant.Key(),
		Role:     role,
	}
}
