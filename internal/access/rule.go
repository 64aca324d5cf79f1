package access

import (
	"slices"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// DefaultShard is the label of the rule that makes the active users of a directory members of its default roles.
const DefaultShard = "default"

// AssignedShard is the label of the rule that makes users members of the roles that their attribute roles names.
const AssignedShard = "assigned"

// maxRuleShards is a number of shards that no division of ours reaches: a larger one comes from a label that somebody else wrote.
const maxRuleShards = 10_000

// shardLabel is the label of the k-th shard of a rule, counted from 0.
func shardLabel(rule string, k int) string {
	if k == 0 {
		return rule
	}
	return rule + "." + strconv.Itoa(k)
}

// shardNumber undoes shardLabel; ok is false for the label of another rule, or of no rule.
func shardNumber(rule, label string) (k int, ok bool) {
	if label == rule {
		return 0, true
	}
	number, found := strings.CutPrefix(label, rule+".")
	k, err := strconv.Atoi(number)
	return k, found && err == nil && k > 0 && shardLabel(rule, k) == label
}

// place is where a binding of ours belongs, as its labels say.
type place struct {
	grant GrantKey
	role  string
}

// placement finds the existing bindings of a grant and a role.
type placement map[place][]Binding

func newPlacement(existing []Binding) placement {
	found := placement{}
	for _, binding := range existing {
		at := place{grantIn(binding.Labels), binding.Labels[v1alpha1.LabelRole]}
		found[at] = append(found[at], binding)
	}
	return found
}

// placement is made when a rule needs it for the first time.
func (p *planner) placement() placement {
	if p.placed == nil {
		p.placed = newPlacement(p.state.Existing)
	}
	return p.placed
}

// shards says in which shard of a rule each subject is at present. Who is in several, because somebody interfered, or because the
// namespaces of a grant differ for a moment, belongs to the first.
func (p placement) shards(grant Grant, role, rule string) map[rbacv1.Subject]int {
	home := map[rbacv1.Subject]int{}
	for _, binding := range p[place{grant.Key(), RoleLabel(role)}] {
		label := binding.Labels[v1alpha1.LabelShard]
		k, ok := shardNumber(rule, label)
		if !ok || binding.Name != BindingName(grant.Key(), role, label, grant.Spec.To) {
			continue
		}
		for _, subject := range binding.Subjects {
			if present, known := home[subject]; !known || k < present {
				home[subject] = k
			}
		}
	}
	return home
}

// divide cuts the parts of rules into bindings of at most MaxSubjects subjects each. Whoever has a place keeps it, and a newcomer takes the
// first free one: so one user more or less changes one binding, and nobody ever moves between two, which would take his access
// away between two writes.
func (p *planner) divide(grant Grant, role string, pieces []resolvedPart) []resolvedPart {
	if !slices.ContainsFunc(pieces, func(piece resolvedPart) bool { return piece.rule }) {
		return pieces
	}
	var all []resolvedPart
	for _, piece := range pieces {
		if !piece.rule {
			all = append(all, piece)
			continue
		}
		// Who is in the rule is counted once, with an empty part, if need be, that makes no binding.
		users, refused := piece.users, piece.refused
		behind := make(map[rbacv1.Subject]Person, len(piece.subjects))
		for i, subject := range piece.subjects {
			behind[subject] = piece.people[i]
		}
		for k, subjects := range settle(p.placement().shards(grant, role, piece.label), piece.subjects) {
			cut := resolvedPart{label: shardLabel(piece.label, k), subjects: subjects, refused: refused}
			refused = nil
			for _, subject := range subjects {
				cut.people = append(cut.people, behind[subject])
			}
			if len(subjects) > 0 {
				cut.users, users = users, nil
			}
			all = append(all, cut)
		}
	}
	return all
}

// settle divides sorted subjects into shards of at most MaxSubjects, each sorted. There is at least one, and any may be empty.
func settle(home map[rbacv1.Subject]int, subjects []rbacv1.Subject) [][]rbacv1.Subject {
	shards := make([][]rbacv1.Subject, 1)
	var homeless []rbacv1.Subject
	for _, subject := range subjects {
		k, known := home[subject]
		if !known || k >= maxRuleShards {
			homeless = append(homeless, subject)
			continue
		}
		for len(shards) <= k {
			shards = append(shards, nil)
		}
		if len(shards[k]) == MaxSubjects {
			homeless = append(homeless, subject)
			continue
		}
		shards[k] = append(shards[k], subject)
	}
	for k := 0; len(homeless) > 0; k++ {
		if k == len(shards) {
			shards = append(shards, nil)
		}
		n := min(len(homeless), MaxSubjects-len(shards[k]))
		shards[k] = append(shards[k], homeless[:n]...)
		slices.SortFunc(shards[k], compareSubjects)
		homeless = homeless[n:]
	}
	return shards
}
