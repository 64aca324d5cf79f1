package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
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
	// Labels are the labels that the operator sets; an existing binding may have more.
	Labels map[string]string `json:"labels,omitempty"`
	// Owner is the UID of the grant that owns the binding.
	Owner types.UID `json:"owner,omitempty"`
	// RoleRef is what the binding gives.
	RoleRef rbacv1.RoleRef `json:"roleRef"`
	// Subjects are who gets it, sorted, without repetition.
	Subjects []rbacv1.Subject `json:"subjects"`
	// Grant and Role say who said so: the names of the ClusterAccessGrant and of the ScimRole. Role is empty in a binding that
	// was read from the cluster.
	Grant string `json:"grant"`
	Role  string `json:"role,omitempty"`
}

// BindingName is the name of the binding of (grant, role, shard, ClusterRole): `scim-<grant>-<hash>`, at most 79 characters. It is
// the same in every namespace and never changes while these four stay.
func BindingName(grant, role, shard, clusterRole string) string {
	return "scim-" + grant + "-" + shortHash(grant, role, shard, clusterRole)
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

func bindingLabels(grant, role, shard string) map[string]string {
	return map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
		v1alpha1.LabelGrant:     grant,
		v1alpha1.LabelRole:      RoleLabel(role),
		v1alpha1.LabelShard:     shard,
	}
}

// userSubjects makes sorted subjects, each once, of names that SubjectName has passed.
func userSubjects(names []string) []rbacv1.Subject {
	slices.Sort(names)
	names = slices.Compact(names)
	subjects := make([]rbacv1.Subject, len(names))
	for i, name := range names {
		subjects[i] = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
	}
	return subjects
}

func compareSubjects(a, b rbacv1.Subject) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.APIGroup, b.APIGroup), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name))
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
		if i > 0 {
			piece.label = like.label + "." + strconv.Itoa(i/MaxSubjects)
		}
		all = append(all, piece)
	}
	return all
}
