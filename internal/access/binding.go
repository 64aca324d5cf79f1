package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// LocalShard is the value of the label scim-operator.io/shard on the binding of a role's local members.
const LocalShard = "local"

// Key tells bindings apart. Without a namespace it names a ClusterRoleBinding, with one a RoleBinding.
type Key struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Compare orders keys: cluster-wide first, then by namespace and name.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name))
}

// Binding describes one ClusterRoleBinding or RoleBinding, wanted or existing.
type Binding struct {
	Key `json:",inline"`
	// UID is that of the object in the cluster; empty in a binding that was planned. It is never compared.
	UID types.UID `json:"uid,omitempty"`
	// Version is the resourceVersion of the object in the cluster; empty in a binding that was planned. It is never compared.
	Version string `json:"-"`
	// Labels are the labels that the operator sets; an existing binding may have more.
	Labels map[string]string `json:"labels,omitempty"`
	// Owner is the UID of the grant that owns the binding.
	Owner types.UID `json:"owner,omitempty"`
	// RoleRef is what the binding gives.
	RoleRef rbacv1.RoleRef `json:"roleRef"`
	// Subjects are who gets it, sorted, without repetition.
	Subjects []rbacv1.Subject `json:"subjects"`
	// People are who stands behind the subjects, in the same order; nil in a binding whose annotation does not fit its subjects.
	People []Person `json:"-"`
	// Grant and Role say who said so: the grant, and the name of the ScimRole. Role is empty in a binding that was read from the
	// cluster, and in that of the people whom the grant itself names.
	Grant GrantKey `json:"grant"`
	Role  string   `json:"role,omitempty"`
}

// BindingName is the name of the binding of (grant, role, shard, target): `scim-<grant>-<hash>`, at most 79 characters. It is the same
// in every namespace and never changes while these four stay. The role is empty for those whom the grant itself names. What is
// hashed differs in its length between ClusterAccessGrants that give a ClusterRole, those that give a Role, and AccessGrants, so
// that no two of them share a name.
func BindingName(grant GrantKey, role, shard string, to v1alpha1.GrantTarget) string {
	parts := []string{grant.Name, role, shard, to.Name}
	kind := RoleRef(to).Kind
	switch {
	case grant.Namespace != "":
		parts = append(parts, kind, grant.Namespace)
	case kind != v1alpha1.KindClusterRole:
		parts = append(parts, kind)
	}
	return "scim-" + grant.Name + "-" + shortHash(parts...)
}

// shortHash gives 10 base-32 characters (50 bits) of a hash. The parts are separated by a character that no object name has, so
// that no two lists of parts run together into the same text.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
}

// RoleLabel is the value of the label scim-operator.io/role for a ScimRole: its name, or, as the name of a local role may be longer
// than the 63 characters of a label, the start of its name and a hash.
func RoleLabel(role string) string {
	if len(role) <= 63 {
		return role
	}
	return strings.TrimRight(role[:40], "-.") + "-" + shortHash(role)
}

// SelectorLabel is the value of the label scim-operator.io/selector for an entry of a grant's spec.roles: a hash, because a displayName
// fits in no label.
func SelectorLabel(selector v1alpha1.RoleSelector) string {
	parts := []string{v1alpha1.Fold(selector.DisplayName), selector.Directory, selector.Name}
	if selector.Selector != nil {
		parts = append(parts, metav1.FormatLabelSelector(selector.Selector))
	}
	return shortHash(parts...)
}

func bindingLabels(grant GrantKey, role Role, shard, selector string) map[string]string {
	labels := map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
		v1alpha1.LabelGrant:     grant.Name,
		v1alpha1.LabelRole:      RoleLabel(role.ID),
		v1alpha1.LabelShard:     shard,
		v1alpha1.LabelDirectory: role.Directory,
		v1alpha1.LabelSelector:  selector,
	}
	if grant.Namespace != "" {
		labels[v1alpha1.LabelGrantNamespace] = grant.Namespace
	}
	return labels
}

// member is a user who becomes a subject.
type member struct{ name, id, directory string }

// subjectsOf makes sorted subjects, each once, of names that SubjectName has passed, and says who stands behind them. Of several
// users with one name it is the one whose id comes first.
func subjectsOf(members []member) ([]rbacv1.Subject, []Person) {
	slices.SortFunc(members, func(a, b member) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	members = slices.CompactFunc(members, func(a, b member) bool { return a.name == b.name })
	subjects, people := make([]rbacv1.Subject, len(members)), make([]Person, len(members))
	for i, m := range members {
		subjects[i] = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: m.name}
		people[i] = Person{Directory: m.directory, Print: Print(m.id)}
	}
	return subjects, people
}

// compareSubjects orders subjects. It compares names only where the rest is the same, which it nearly always is.
func compareSubjects(a, b rbacv1.Subject) int {
	if a.Kind == b.Kind && a.APIGroup == b.APIGroup && a.Namespace == b.Namespace {
		return cmp.Compare(a.Name, b.Name)
	}
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.APIGroup, b.APIGroup), cmp.Compare(a.Namespace, b.Namespace))
}

func sortBindings(bindings []Binding) {
	slices.SortFunc(bindings, func(a, b Binding) int { return a.Key.Compare(b.Key) })
}

// part is a piece of a role's members that has a binding of its own.
type part struct {
	label   string
	members []string
	missing bool
	// directory is the one that pushed the members; empty when people listed them, or a rule did.
	directory string
	// rule says that the part is all of a rule, of any size.
	rule bool
}

// parts cuts a role into pieces of at most MaxSubjects members. The API allows no larger shard; should one come all the same, the
// rest goes into pieces of its own rather than into a binding that is too large.
func parts(role Role) []part {
	var all []part
	for i, shard := range role.Shards {
		all = appendParts(all, part{label: strconv.Itoa(i), directory: role.Directory}, shard)
	}
	all = appendParts(all, part{label: LocalShard}, Shard{Members: role.Local})
	for _, rule := range role.Rules {
		all = append(all, part{label: rule.Label, members: rule.Members, rule: true})
	}
	return all
}

func appendParts(all []part, like part, shard Shard) []part {
	if shard.Missing {
		like.missing = true
		return append(all, like)
	}
	for i := 0; i < len(shard.Members); i += MaxSubjects {
		piece := like
		piece.members = shard.Members[i:min(i+MaxSubjects, len(shard.Members))]
		piece.label = pieceLabel(like.label, i/MaxSubjects)
		all = append(all, piece)
	}
	return all
}

// only is the binding with those of its subjects that are wanted, and who stands behind these.
func (b Binding) only(wanted func(rbacv1.Subject) bool) Binding {
	var subjects []rbacv1.Subject
	var people []Person
	for i, subject := range b.Subjects {
		if !wanted(subject) {
			continue
		}
		subjects = append(subjects, subject)
		people = append(people, b.person(i))
	}
	b.Subjects, b.People = subjects, people
	return b
}

// person is who stands behind the i-th subject.
func (b Binding) person(i int) Person {
	if i < len(b.People) {
		return b.People[i]
	}
	return Person{}
}
