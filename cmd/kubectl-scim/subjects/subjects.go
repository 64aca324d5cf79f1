// Package subjects finds out who stands behind the subjects of bindings, whoever wrote these.
package subjects

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// Book finds users and roles by the names that bindings have for them.
type Book struct {
	users  map[string][]*v1alpha1.ScimUser
	groups map[string][]*v1alpha1.ScimRole
	// prefixes are the beginnings, up to a colon or slash, that Kubernetes names of known users and groups have.
	prefixes map[string]bool
}

// NewBook reads every name once. Only users that hold their userName, and roles that hold their displayName, are in it: no grant gives the
// others anything. Suspended users are in it.
func NewBook(w *world.World) *Book {
	b := &Book{users: map[string][]*v1alpha1.ScimUser{}, groups: map[string][]*v1alpha1.ScimRole{}, prefixes: map[string]bool{}}
	objects := w.Objects()
	for i := range objects.Users {
		user := &objects.Users[i]
		if name, _ := w.NameOf(user); name != "" && w.UserCounts(user) {
			b.users[name] = append(b.users[name], user)
			b.addPrefix(name)
		}
	}
	for i := range objects.Roles {
		role := &objects.Roles[i]
		if name := w.GroupOf(role); name != "" && w.RoleCounts(role) {
			b.groups[name] = append(b.groups[name], role)
			b.addPrefix(name)
		}
	}
	for _, found := range b.users {
		slices.SortFunc(found, func(x, y *v1alpha1.ScimUser) int { return cmp.Compare(x.Name, y.Name) })
	}
	for _, found := range b.groups {
		slices.SortFunc(found, func(x, y *v1alpha1.ScimRole) int { return cmp.Compare(x.Name, y.Name) })
	}
	return b
}

func (b *Book) addPrefix(name string) {
	if i := strings.IndexAny(name, ":/#"); i > 0 {
		b.prefixes[name[:i+1]] = true
	}
}

// Users are those whom bindings name so, sorted by the names of the objects. More than one have the same name when the expression of
// their directory gives it to several.
func (b *Book) Users(name string) []*v1alpha1.ScimUser { return b.users[name] }

// Groups are the pushed groups that the API server knows by a name, sorted by the names of the objects.
func (b *Book) Groups(name string) []*v1alpha1.ScimRole { return b.groups[name] }

// LooksPushed says whether the name of a user or group has the form of one that an identity provider pushed: it has an @, or begins as those
// of known users and groups do.
func (b *Book) LooksPushed(name string) bool {
	if strings.Contains(name, "@") {
		return true
	}
	i := strings.IndexAny(name, ":/#")
	return i > 0 && b.prefixes[name[:i+1]]
}

// IsSystem says whether a user or group belongs to Kubernetes itself.
func IsSystem(subject rbacv1.Subject) bool {
	return subject.Kind != rbacv1.ServiceAccountKind && strings.HasPrefix(strings.ToLower(subject.Name), "system:")
}

// Describe names a subject for a person: its kind, and its name as a terminal may show it.
func Describe(subject rbacv1.Subject) string {
	if subject.Kind == rbacv1.ServiceAccountKind {
		return "ServiceAccount " + cli.Printable(subject.Namespace+"/"+subject.Name)
	}
	return subject.Kind + " " + strconv.Quote(subject.Name)
}
