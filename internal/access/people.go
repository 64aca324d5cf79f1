package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// MarkKind says why a subject is in a binding although the plan of its grant has it no more.
type MarkKind byte

// The kinds of marks.
const (
	// MarkNone is that of a subject as the plan has it.
	MarkNone MarkKind = '.'
	// MarkUsers is held by the AccessPlan of its directory's users.
	MarkUsers MarkKind = 'u'
	// MarkMembers is held by the AccessPlan of the binding's role.
	MarkMembers MarkKind = 'm'
	// MarkKept is never removed by a push: break-glass, or the last subject of a protected grant.
	MarkKept MarkKind = 'k'
)

// Epochs is the number of epochs that a plan goes through before it starts from 0 again.
const Epochs = 64

// Mark says whether a subject is held, and since which epoch of its plan. The zero value is no mark.
type Mark struct {
	Kind  MarkKind
	Epoch int32
}

// Waits says whether the subject is held by a plan.
func (m Mark) Waits() bool { return m.Kind == MarkUsers || m.Kind == MarkMembers }

// Person says who stands behind a subject of a binding, as far as the binding itself can tell.
type Person struct {
	// Directory is the ScimDirectory that counts the person; empty for a local user.
	Directory string
	// Print is that of the ScimUser's name; empty when it is not known.
	Print string
	Mark  Mark
}

// The form of the annotation: the directories, a semicolon, and for each subject recordLength characters.
const (
	digits       = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	printLength  = 8
	recordLength = 3 + printLength
	noPrint      = "........"
	// noDirectory stands for a local user, and for directories beyond those that one digit can name.
	noDirectory = '.'
)

// Print is eight characters of a hash of a text: enough to tell who was bound from who bears the name now (the chance that two
// are the same is one in 2^48), and nothing that reads as a name.
func Print(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:printLength*6/8])
}

// EncodePeople gives the value of the annotation scim-operator.io/people for the people behind the subjects of a binding, in order.
func EncodePeople(people []Person) string {
	var directories []string
	for _, person := range people {
		if person.Directory != "" {
			directories = append(directories, person.Directory)
		}
	}
	slices.Sort(directories)
	directories = slices.Compact(directories)
	directories = directories[:min(len(directories), len(digits))]

	var text strings.Builder
	text.Grow(len(people)*recordLength + 64)
	text.WriteString(strings.Join(directories, ","))
	text.WriteByte(';')
	for _, person := range people {
		directory := byte(noDirectory)
		if i, ok := slices.BinarySearch(directories, person.Directory); ok {
			directory = digits[i]
		}
		kind, behind := person.Mark.Kind, person.Print
		if kind == 0 {
			kind = MarkNone
		}
		if len(behind) != printLength {
			behind = noPrint
		}
		text.Write([]byte{directory, byte(kind), digits[person.Mark.Epoch&(Epochs-1)]})
		text.WriteString(behind)
	}
	return text.String()
}

// DecodePeople reads the annotation of a binding of n subjects. It is nil when the annotation does not fit the subjects, because
// somebody else has written one of the two: then nobody is known.
func DecodePeople(text string, n int) []Person {
	head, records, ok := strings.Cut(text, ";")
	if !ok || len(records) != n*recordLength {
		return nil
	}
	directories := strings.Split(head, ",")
	people := make([]Person, n)
	for i := range people {
		record := records[i*recordLength : (i+1)*recordLength]
		person := &people[i]
		if k := strings.IndexByte(digits, record[0]); k >= 0 && k < len(directories) {
			person.Directory = directories[k]
		}
		if kind := MarkKind(record[1]); kind == MarkUsers || kind == MarkMembers || kind == MarkKept {
			person.Mark = Mark{Kind: kind, Epoch: int32(max(0, strings.IndexByte(digits, record[2])))} //nolint:gosec // below 64
		}
		if record[3:] != noPrint {
			person.Print = record[3:]
		}
	}
	return people
}

// PlanKey says which AccessPlan counts a removal: that of a directory's users, or, with a role, that of the role's members. The role
// is the value of the label scim-operator.io/role.
type PlanKey struct{ Directory, Role string }

// Name is the metadata.name of the AccessPlan. Directories have no dot in their names, so no two keys have the same.
func (k PlanKey) Name() string {
	if k.Role == "" {
		return k.Directory + "-users"
	}
	return k.Directory + "." + k.Role
}

// planOf is the plan that holds a subject, by its mark and the labels of its binding.
func planOf(person Person, labels map[string]string) PlanKey {
	if person.Mark.Kind == MarkUsers {
		return PlanKey{Directory: person.Directory}
	}
	return PlanKey{Directory: cmp.Or(labels[v1alpha1.LabelDirectory], person.Directory), Role: labels[v1alpha1.LabelRole]}
}

// HeldPerson is somebody whose removal from a binding waits.
type HeldPerson struct {
	// Name is the Kubernetes user name, as it stands in the binding.
	Name string
	// Print is that of the name of the person's ScimUser, which may be gone by now; empty when it is not known.
	Print string
	// Discarded says that the hold was discarded, so that it has no end.
	Discarded bool
}

// Held gives those whom one binding holds for an AccessPlan, in the order of the subjects; somebody may be in several bindings. It needs
// nothing but what the API server has, so it works outside of the operator: list the AccessPlan, and all ClusterRoleBindings and
// RoleBindings with the label app.kubernetes.io/managed-by=scim-operator; the union, each name once, is what waits. While the
// operator is at work it may be ahead of the bindings: Digest of the names is then not status.digest, and one reads again.
func Held(plan *v1alpha1.AccessPlan, labels, annotations map[string]string, subjects []rbacv1.Subject) []HeldPerson {
	key := PlanKey{Directory: plan.Spec.Directory, Role: plan.Spec.Role}
	ledger := ReadLedger(plan)
	var held []HeldPerson
	for i, person := range DecodePeople(annotations[v1alpha1.AnnotationPeople], len(subjects)) {
		if person.Mark.Waits() && planOf(person, labels) == key && ledger.holds(person.Mark.Epoch) {
			held = append(held, HeldPerson{Name: subjects[i].Name, Print: person.Print, Discarded: person.Mark.Epoch != ledger.Epoch})
		}
	}
	return held
}
