package access

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Action is what must be done to a binding.
type Action string

// The actions, none of which is ever needed for a binding that is as it should be.
const (
	Create Action = "Create"
	Update Action = "Update"
	// Recreate deletes and creates, because the API server lets nobody change a roleRef.
	Recreate Action = "Recreate"
	Delete   Action = "Delete"
)

// Change is one write.
type Change struct {
	Action Action `json:"action"`
	Key    `json:",inline"`
	// UID is that of the object to be changed; empty for one to be created.
	UID types.UID `json:"uid,omitempty"`
	// Version is the resourceVersion of that object when the change was decided.
	Version string `json:"-"`
	// Desired is the binding as it should be; the zero value when it is deleted.
	Desired Binding `json:"-"`
	// Missing are the subjects that gain by the change, Extra those that lose.
	Missing []rbacv1.Subject `json:"missing,omitempty"`
	Extra   []rbacv1.Subject `json:"extra,omitempty"`
}

// TakesAway says whether the change removes somebody's access.
func (c Change) TakesAway() bool {
	return c.Action == Delete || c.Action == Recreate || len(c.Extra) > 0
}

// Diff gives the writes that turn the existing bindings into the desired ones: those that take access away first, and among these
// deletions first; those that only give come last. Bindings that are as they should be are not mentioned, so Diff(x, x) is empty. Only
// what the operator sets is compared: additional labels stay.
func Diff(existing, desired []Binding) []Change {
	have := indexOf(existing)
	var changes []Change
	for i := range desired {
		var old Binding
		at, exists := have[desired[i].Key]
		if exists {
			old = existing[at]
			delete(have, old.Key)
		}
		if change, needed := compare(old, exists, desired[i]); needed {
			changes = append(changes, change)
		}
	}
	for key, at := range have {
		changes = append(changes, Change{
			Action: Delete, Key: key, UID: existing[at].UID, Version: existing[at].Version, Extra: existing[at].Subjects,
		})
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Key.Compare(b.Key)) })
	return changes
}

func rank(c Change) int {
	switch {
	case c.Action == Delete:
		return 0
	case c.Action == Update && len(c.Extra) > 0:
		return 1
	case c.Action == Recreate:
		return 2
	case c.Action == Update:
		return 3
	default:
		return 4
	}
}

func compare(old Binding, exists bool, want Binding) (Change, bool) {
	change := Change{Key: want.Key, UID: old.UID, Version: old.Version, Desired: want}
	if !exists {
		change.Action, change.Missing = Create, want.Subjects
		return change, true
	}
	if old.RoleRef != want.RoleRef {
		change.Action, change.Missing, change.Extra = Recreate, want.Subjects, old.Subjects
		return change, true
	}
	change.Action = Update
	if sameSubjects(old.Subjects, want.Subjects) {
		return change, old.Owner != want.Owner || !hasLabels(old.Labels, want.Labels) || !samePeople(old.People, want.People)
	}
	change.Missing = without(want.Subjects, old.Subjects)
	change.Extra = without(old.Subjects, want.Subjects)
	return change, true
}

func hasLabels(have, want map[string]string) bool {
	for key, value := range want {
		if got, ok := have[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// without gives the subjects of a that b does not have, sorted. The lists are nearly always the same but for one or two subjects, so only
// what is between the same beginning and the same end is looked for.
func without(a, b []rbacv1.Subject) []rbacv1.Subject {
	var rest []rbacv1.Subject
	differing, _ := between(a, b, func(x, y rbacv1.Subject) bool { return x == y })
	has := func(subject rbacv1.Subject) bool { return slices.Contains(b, subject) }
	if len(differing) > fewSubjects {
		inB := make(map[rbacv1.Subject]bool, len(b))
		for _, subject := range b {
			inB[subject] = true
		}
		has = func(subject rbacv1.Subject) bool { return inB[subject] }
	}
	for _, subject := range differing {
		if !has(subject) {
			rest = append(rest, subject)
		}
	}
	slices.SortFunc(rest, compareSubjects)
	return slices.Compact(rest)
}

// fewSubjects is how many are looked for one by one.
const fewSubjects = 8

// between leaves out of two lists the beginning and the end that they have in common.
func between[T any](a, b []T, same func(T, T) bool) (ofA, ofB []T) {
	for len(a) > 0 && len(b) > 0 && same(a[0], b[0]) {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && same(a[len(a)-1], b[len(b)-1]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

// Keep gives what is to be done with held bindings: those that exist stay, less every subject that is no user with access any more.
// Nobody knows who is in the part of the role that could not be read, so nobody is added and no member is taken out by guess; but a
// suspended user is out even now. The argument live holds the Kubernetes user names of all users that count and are active.
func Keep(existing []Binding, held []Key, live map[string]bool) []Binding {
	holding := make(map[Key]bool, len(held))
	for _, key := range held {
		holding[key] = true
	}
	var kept []Binding
	for _, binding := range existing {
		if !holding[binding.Key] {
			continue
		}
		binding = binding.only(func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.UserKind && live[s.Name] && SubjectName(s.Name) == nil
		})
		for i := range binding.People {
			binding.People[i].Mark = Mark{}
		}
		if len(binding.Subjects) > 0 {
			kept = append(kept, binding)
		}
	}
	sortBindings(kept)
	return kept
}
