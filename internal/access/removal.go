package access

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Removal is a subject that a binding has and the plan of its grant has no more, where a push may be the cause. What a person changed
// (the grant, the namespaces, the allow-list, a local user or role) makes none.
type Removal struct {
	// Key is the binding's, Name the subject's.
	Key  Key
	Name string
	// Person is who stands behind the subject according to the binding. The mark is that of the binding.
	Person Person
	// User is the name of the ScimUser, when it exists.
	User string
	// Plan is what counts the removal.
	Plan PlanKey
	// Size is the number of people who have access by the grant through the role of the binding.
	Size int

	role, directory, shard string
	// direct says that the grant itself named the person, so that there is no membership to lose.
	direct bool
	// reconditioned says that the binding was made under another condition than the grant has.
	reconditioned bool
	// moved says that the group of the role takes the place of its members, because there are so many of them.
	moved bool
}

// Identity is a ScimUser as far as it matters for removals.
type Identity struct {
	ID, Directory string
	// Name is the Kubernetes user name; empty when the user is not active, does not count, or may not be bound.
	Name string
	// UserName is spec.userName.
	UserName string
}

// Removals lists what the changes of one grant would take away, without saying yet who counts it: see Attribute. Subjects that the
// grant gives the same in the same place by another binding are not among them, nor are names that may never be bound.
func Removals(grant Grant, outcome Outcome, existing, desired []Binding) []Removal {
	return new(Memory).Removals(grant, outcome, existing, desired)
}

// Removals is the function of that name. For a grant that is asked about again and again it takes as long as the bindings are that change.
func (m *Memory) Removals(grant Grant, outcome Outcome, existing, desired []Binding) []Removal {
	if outcome.Frozen {
		return m.frozenRemovals(outcome, existing, desired)
	}
	if outcome.Phase != PhaseInForce || outcome.TargetNotAllowed || outcome.TargetNotFound {
		return nil
	}
	selectors, places := map[string]bool{}, setOf(outcome.Namespaces)
	for _, selector := range grant.Spec.Roles {
		selectors[SelectorLabel(selector)] = true
	}
	if grant.Spec.Scope == v1alpha1.ScopeCluster {
		places = map[string]bool{"": true}
	}
	groups, condition := map[string]bool{}, conditionHash(selectorLabel(v1alpha1.RoleSelector{}, grant.Spec.Condition))
	for _, role := range outcome.GroupRoles {
		groups[RoleLabel(role)] = true
	}
	at, given, sizes := indexOf(desired), newGiven(desired), m.sizes(existing)
	var removals []Removal
	for _, binding := range existing {
		k, wanted := at[binding.Key]
		if wanted && sameList(binding.Subjects, desired[k].Subjects) {
			continue // Whoever is in it keeps what it gives.
		}
		mine := binding.RoleRef == RoleRef(grant.Spec.To) && places[binding.Namespace]
		direct, selector := isDirect(binding.Labels), binding.Labels[v1alpha1.LabelSelector]
		entry, _, _ := strings.Cut(selector, ".")
		if !mine || !direct && !wanted && !selectors[entry] {
			continue
		}
		replaced := groups[binding.Labels[v1alpha1.LabelRole]] && isPushedShard(binding.Labels[v1alpha1.LabelShard])
		if replaced && grant.Spec.Subjects != v1alpha1.SubjectsAuto {
			continue // A person has asked for the group.
		}
		for _, i := range given.lost(binding) {
			removal := removalOf(binding, i, sizes)
			removal.reconditioned, removal.moved = !direct && conditionHash(selector) != condition, replaced
			removals = append(removals, removal)
		}
	}
	return removals
}

// frozenRemovals are what a frozen grant loses: all of it by pushes, but for what a person has revoked.
func (m *Memory) frozenRemovals(outcome Outcome, existing, desired []Binding) []Removal {
	if outcome.Phase == PhaseExpired {
		return nil
	}
	revoked := map[Key]bool{}
	for _, key := range outcome.Revoked {
		revoked[key] = true
	}
	given, sizes := newGiven(desired), m.sizes(existing)
	var removals []Removal
	for _, binding := range existing {
		if revoked[binding.Key] {
			continue
		}
		for _, i := range given.lost(binding) {
			removals = append(removals, removalOf(binding, i, sizes))
		}
	}
	return removals
}

// removalOf is the removal of the i-th subject of a binding.
func removalOf(binding Binding, i int, sizes func(namespace, role string) int) Removal {
	role := binding.Labels[v1alpha1.LabelRole]
	return Removal{
		Key: binding.Key, Name: binding.Subjects[i].Name, Person: binding.person(i), Size: sizes(binding.Namespace, role),
		role: role, directory: binding.Labels[v1alpha1.LabelDirectory], shard: binding.Labels[v1alpha1.LabelShard],
		direct: isDirect(binding.Labels),
	}
}

// given finds who gets something, and where, in bindings whose subjects are sorted.
type given struct {
	byKey   map[Key][]rbacv1.Subject
	byPlace map[string][][]rbacv1.Subject
}

func newGiven(desired []Binding) given {
	g := given{byKey: make(map[Key][]rbacv1.Subject, len(desired)), byPlace: map[string][][]rbacv1.Subject{}}
	for i := range desired {
		g.byKey[desired[i].Key] = desired[i].Subjects
		g.byPlace[desired[i].Namespace] = append(g.byPlace[desired[i].Namespace], desired[i].Subjects)
	}
	return g
}

// lost are the positions of the users in a binding who may be bound, and who do not get the same in its place. The binding is nearly always
// the same as before but for one or two subjects, so whoever comes next in it is looked for there first.
func (g given) lost(binding Binding) []int {
	var positions []int
	next := g.byKey[binding.Key]
	for i, subject := range binding.Subjects {
		if k := slices.Index(next[:min(2, len(next))], subject); k >= 0 {
			next = next[k+1:]
			continue
		}
		if subject.Kind == rbacv1.UserKind && !g.has(binding.Key, subject.Name) && SubjectName(subject.Name) == nil {
			positions = append(positions, i)
		}
	}
	return positions
}

// has says whether a user gets the same in the place of a binding. Nearly always it is by that very binding.
func (g given) has(key Key, user string) bool {
	subject := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}
	in := func(subjects []rbacv1.Subject) bool {
		_, found := slices.BinarySearchFunc(subjects, subject, compareSubjects)
		return found
	}
	return in(g.byKey[key]) || slices.ContainsFunc(g.byPlace[key.Namespace], in)
}

// spot is a role in a namespace, or in the cluster.
type spot struct{ namespace, role string }

// sizes counts the people in the bindings of a role in a namespace, once it is asked.
func (m *Memory) sizes(existing []Binding) func(namespace, role string) int {
	known := map[spot]int{}
	return func(namespace, role string) int {
		at := spot{namespace, role}
		size, ok := known[at]
		if ok {
			return size
		}
		bindings := map[string][]rbacv1.Subject{}
		for i := range existing {
			if existing[i].Namespace == namespace && existing[i].Labels[v1alpha1.LabelRole] == role {
				bindings[existing[i].Name] = existing[i].Subjects
			}
		}
		known[at] = m.countPeople(role, bindings)
		return known[at]
	}
}

// Attribute says which plan counts each removal. Identities are the ScimUsers that exist, by the Print of their names. Where no
// directory is concerned, because the user or the role is local, no push took anything, and the removal is left out. A local role that
// users were given by their attribute roles is counted for their directory. Whom the grant itself named and names no more, a person
// has taken out, by an edit of the grant, and whom the grant's condition leaves out that a person has changed since.
func Attribute(grant Grant, outcome Outcome, removals []Removal, identities map[string]Identity) []Removal {
	var all []Removal
	for _, removal := range removals {
		identity, exists := identities[removal.Person.Print]
		removal.User = identity.ID
		switch {
		case removal.direct && (exists && identity.Name == removal.Name || !namesDirectly(grant, outcome, removal.Person, identity)):
			continue
		case removal.reconditioned && exists && identity.Name == removal.Name && !removal.Person.Mark.Waits():
			continue // The new condition, a person's, leaves the member out.
		case exists && identity.Name == removal.Name:
			removal.Plan = PlanKey{Directory: removal.directory, Role: removal.role}
			if _, assigned := shardNumber(AssignedShard, removal.shard); assigned && removal.directory == "" {
				removal.Plan.Directory = identity.Directory
			}
		case exists:
			removal.Plan = PlanKey{Directory: identity.Directory}
		case removal.Person.Print != "":
			removal.Plan = PlanKey{Directory: removal.Person.Directory}
		default:
			removal.Plan = PlanKey{Directory: removal.directory}
		}
		if removal.Plan.Directory != "" {
			all = append(all, removal)
		}
	}
	return all
}

// WithoutRecycled leaves out the removals of names that another user bears by now. They must take effect whatever the guard says: to keep
// such a name would give the present bearer the access of the former. Bearers are the Prints of the active users by their
// Kubernetes user names.
func WithoutRecycled(removals []Removal, bearers map[string][]string) []Removal {
	return slices.DeleteFunc(slices.Clone(removals), func(removal Removal) bool {
		now := bearers[removal.Name]
		return len(now) > 0 && !slices.Contains(now, removal.Person.Print)
	})
}

// Exempt divides removals into those that no push may ever cause and the others. The first are those of break-glass identities, whose
// Prints are given, and, for a protected grant, of one subject in each place where the plan leaves nobody: an active one, if there is
// one, and of these the first by name. Whose place the group of the role takes loses nothing, so of these only the first are named.
func Exempt(grant Grant, desired []Binding, removals []Removal, breakGlass map[string]bool) (kept, others []Removal) {
	last := map[string]Removal{}
	if grant.Spec.Protection == v1alpha1.ProtectLastSubject {
		last = lastSubjects(desired, removals)
	}
	for _, removal := range removals {
		protected, ok := last[removal.Key.Namespace]
		if breakGlass[removal.Person.Print] || ok && protected.Name == removal.Name {
			kept = append(kept, removal)
			continue
		}
		if removal.moved {
			continue
		}
		others = append(others, removal)
	}
	return kept, others
}

func lastSubjects(desired []Binding, removals []Removal) map[string]Removal {
	served := map[string]bool{}
	for _, binding := range desired {
		served[binding.Namespace] = served[binding.Namespace] || slices.ContainsFunc(binding.Subjects, isPeople)
	}
	last := map[string]Removal{}
	for _, removal := range removals {
		if served[removal.Key.Namespace] {
			continue
		}
		old, found := last[removal.Key.Namespace]
		if !found || cmp.Or(-compareBool(removal.active(), old.active()), cmp.Compare(removal.Name, old.Name)) < 0 {
			last[removal.Key.Namespace] = removal
		}
	}
	return last
}

// isPeople says whether a subject is a person or a group of them.
func isPeople(subject rbacv1.Subject) bool { return subject.Kind != rbacv1.ServiceAccountKind }

// isPushedShard says whether a label is that of members whom a directory pushed, or people listed in a local role.
func isPushedShard(label string) bool {
	number, _, _ := strings.Cut(label, ".")
	_, err := strconv.Atoi(number)
	return err == nil
}

// active says whether the person could still sign in: only the membership is gone.
func (r Removal) active() bool { return r.Plan.Role != "" }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// Hold adds to the desired bindings the subjects whose removal does not take effect, with their marks.
func Hold(existing, desired []Binding, held []Removal) []Binding {
	if len(held) == 0 {
		return desired
	}
	stay := map[Key]map[string]Person{}
	for _, removal := range held {
		if stay[removal.Key] == nil {
			stay[removal.Key] = map[string]Person{}
		}
		stay[removal.Key][removal.Name] = removal.Person
	}
	all := slices.Clone(desired)
	at := make(map[Key]int, len(all))
	for i := range all {
		at[all[i].Key] = i
	}
	for _, old := range existing {
		names := stay[old.Key]
		if names == nil {
			continue
		}
		kept := old.only(func(s rbacv1.Subject) bool { _, ok := names[s.Name]; return ok && s.Kind == rbacv1.UserKind })
		for i, subject := range kept.Subjects {
			kept.People[i] = names[subject.Name]
		}
		if i, ok := at[old.Key]; ok {
			all[i] = merge(all[i], kept)
			continue
		}
		all = append(all, kept)
	}
	sortBindings(all)
	return all
}

// merge adds the subjects of one binding to another, in order.
func merge(into, from Binding) Binding {
	type entry struct {
		subject rbacv1.Subject
		person  Person
	}
	var entries []entry
	for _, binding := range []Binding{into, from} {
		for i, subject := range binding.Subjects {
			entries = append(entries, entry{subject, binding.person(i)})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return compareSubjects(a.subject, b.subject) })
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.subject == b.subject })
	into.Subjects, into.People = nil, nil
	for _, e := range entries {
		into.Subjects, into.People = append(into.Subjects, e.subject), append(into.People, e.person)
	}
	return into
}
