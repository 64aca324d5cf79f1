package access

import (
	"slices"
	"strconv"

	rbacv1 "k8s.io/api/rbac/v1"
)

// PartKey names a part of a role's members that has a binding of its own. Label is the value of the label scim-operator.io/shard.
type PartKey struct{ Role, Label string }

// Part is what Plan made of the members of one part. It may be given to a later Plan, as State.Known, for as long as nothing has
// changed that it depends on: the grant, the list of members, their users, and the directory of the role.
type Part struct{ resolved resolvedPart }

// Memory is what is worth keeping between two plans of the same grant. Nothing in it changes what is planned, only how long it takes. It
// must not be used by two goroutines at once. The zero value is ready for use.
type Memory struct {
	// Parts are the parts of roles as the last plan resolved them, for State.Known of the next one.
	Parts map[PartKey]*Part

	users  *distinct[string]
	people map[string]*distinct[rbacv1.Subject]
}

// countUsers is the number of different users in the parts of a grant, which are told apart by role and label.
func (m *Memory) countUsers(parts map[string][]string) int {
	if m.users == nil {
		m.users = newDistinct(func(id string) string { return id })
	}
	return m.users.count(parts)
}

// countPeople is the number of different names in the bindings of a role, which are told apart by their names.
func (m *Memory) countPeople(role string, bindings map[string][]rbacv1.Subject) int {
	if m.people == nil {
		m.people = map[string]*distinct[rbacv1.Subject]{}
	}
	if m.people[role] == nil {
		m.people[role] = newDistinct(func(subject rbacv1.Subject) string { return subject.Name })
	}
	return m.people[role].count(bindings)
}

// PieceLabels are the labels of the parts that n members in a shard of a role make.
func PieceLabels(shard string, n int) []string {
	var labels []string
	for i := 0; i < n; i += MaxSubjects {
		labels = append(labels, pieceLabel(shard, i/MaxSubjects))
	}
	return labels
}

func pieceLabel(shard string, piece int) string {
	if piece == 0 {
		return shard
	}
	return shard + "." + strconv.Itoa(piece)
}

// Share makes existing bindings that are as they are desired refer to the very lists of the desired ones, and thereby makes it cheap to
// find the next time that they are the same. It writes to the elements of existing, and to nothing that they refer to.
func Share(existing, desired []Binding) {
	at := indexOf(desired)
	for i := range existing {
		k, ok := at[existing[i].Key]
		if !ok {
			continue
		}
		if want := desired[k]; sameSubjects(existing[i].Subjects, want.Subjects) && samePeople(existing[i].People, want.People) {
			existing[i].Subjects, existing[i].People = want.Subjects, want.People
		}
	}
}

// indexOf gives the positions of bindings by their keys.
func indexOf(bindings []Binding) map[Key]int {
	at := make(map[Key]int, len(bindings))
	for i := range bindings {
		at[bindings[i].Key] = i
	}
	return at
}

func sameSubjects(a, b []rbacv1.Subject) bool { return sameList(a, b) || slices.Equal(a, b) }

func samePeople(a, b []Person) bool { return sameList(a, b) || slices.Equal(a, b) }
