package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const (
	// authenticated is the group of everybody who signed in.
	authenticated        = "system:authenticated"
	serviceAccountPrefix = "system:serviceaccount:"
	serviceAccounts      = "system:serviceaccounts"
)

// Find finds whom a text names: the metadata.name of a ScimUser, a userName without regard to case, or a Kubernetes user name. One that names
// nobody is taken as the name of a user whom no identity provider pushed. Groups are those that the person's token carries besides
// those that are known.
func (e *Engine) Find(text string, groups ...string) (Identity, error) {
	user := e.world.User(text)
	if user == nil {
		byUserName := e.world.User(e.world.ClaimOwner(v1alpha1.ClaimUserName, text))
		if byUserName == nil {
			byUserName = e.unclaimed(text)
		}
		byKubernetesName := e.named[text]
		if byUserName == nil {
			return e.identity(text, byKubernetesName, groups), nil
		}
		if len(byKubernetesName) > 0 && !slices.Contains(byKubernetesName, byUserName) {
			return Identity{}, fmt.Errorf("%q is the userName of ScimUser %s and the Kubernetes user name of ScimUser %s: give one of these two names", text,
				byUserName.Name, byKubernetesName[0].Name)
		}
		user = byUserName
	}
	name, _ := e.world.NameOf(user)
	if name == "" {
		return e.identity("", []*v1alpha1.ScimUser{user}, groups), nil
	}
	return e.identity(name, e.named[name], groups), nil
}

// unclaimed is a user who has a userName that is not, or not yet, the user's.
func (e *Engine) unclaimed(userName string) *v1alpha1.ScimUser {
	objects, folded := e.world.Objects(), v1alpha1.Fold(userName)
	for i := range objects.Users {
		if v1alpha1.Fold(objects.Users[i].Spec.UserName) == folded {
			return &objects.Users[i]
		}
	}
	return nil
}

// FindRole finds a role by metadata.name, or by displayName without regard to case; nil when there is none.
func (e *Engine) FindRole(text string) *v1alpha1.ScimRole {
	if role := e.world.Role(text); role != nil {
		return role
	}
	if role := e.world.Role(e.world.ClaimOwner(v1alpha1.ClaimDisplayName, text)); role != nil {
		return role
	}
	objects, folded := e.world.Objects(), v1alpha1.Fold(text)
	for i := range objects.Roles {
		if v1alpha1.Fold(objects.Roles[i].Spec.DisplayName) == folded {
			return &objects.Roles[i]
		}
	}
	return nil
}

// identity is what there is to know about a Kubernetes user name and the people behind it.
func (e *Engine) identity(name string, users []*v1alpha1.ScimUser, groups []string) Identity {
	identity := Identity{KubernetesUser: name, People: []Person{}, Roles: []Member{}}
	groups = append(slices.Clone(groups), authenticated)
	if account, ok := strings.CutPrefix(name, serviceAccountPrefix); ok {
		namespace, _, _ := strings.Cut(account, ":")
		groups = append(groups, serviceAccounts, serviceAccounts+":"+namespace)
	}
	ids := map[string]bool{}
	for _, user := range users {
		identity.People = append(identity.People, e.person(user))
		ids[user.Name] = true
	}
	slices.SortFunc(identity.People, func(a, b Person) int { return strings.Compare(a.ScimUser, b.ScimUser) })
	if len(ids) > 0 {
		objects := e.world.Objects()
		for i := range objects.Roles {
			for _, member := range e.world.Members(&objects.Roles[i]) {
				if !ids[member.User] {
					continue
				}
				described := e.member(&objects.Roles[i], member)
				identity.Roles = append(identity.Roles, described)
				if group := e.world.GroupOf(&objects.Roles[i]); group != "" && member.Via == world.ViaPushed && !member.Stranger {
					groups = append(groups, group)
				}
			}
		}
	}
	slices.SortFunc(identity.Roles, compareMembers)
	slices.Sort(groups)
	identity.Groups = slices.Compact(groups)
	return identity
}

func compareMembers(a, b Member) int {
	return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.ScimUser, b.ScimUser), strings.Compare(string(a.Via), string(b.Via)),
		strings.Compare(a.Slice, b.Slice))
}

func (e *Engine) person(user *v1alpha1.ScimUser) Person {
	person := Person{
		ScimUser: user.Name, UserName: user.Spec.UserName, Directory: user.Spec.Directory, CreatedAt: user.CreationTimestamp,
		Gone: user.DeletionTimestamp != nil, Suspended: !user.IsActive(), Conflict: !e.world.UserCounts(user),
	}
	_, person.Refused = e.world.NameOf(user)
	return person
}

// member is a membership with what objects tell about it.
func (e *Engine) member(role *v1alpha1.ScimRole, m world.Membership) Member {
	member := Member{
		Role: role.Name, DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory, ScimUser: m.User, Via: m.Via, Slice: m.Slice,
	}
	user := e.world.User(m.User)
	switch {
	case m.Slice != "":
		// A slice never changes, so whoever is in it was there when it was made. The lists are written by the server that wrote the role.
		member.SinceAtLatest = timeOf(e.world.Slice(m.Slice).CreationTimestamp)
		member.Writer, _ = lastWriter(&role.ObjectMeta, "spec", "slices")
	case m.Via == world.ViaDefault:
		member.Writer, _ = lastWriter(&e.world.Directory(user.Spec.Directory).ObjectMeta, "spec", "defaultRoles")
	case m.Via == world.ViaAssigned:
		member.Writer, _ = lastWriter(&user.ObjectMeta, "spec", "roles")
		member.SinceAtLatest = lastModified(&user.ObjectMeta)
	case m.Via == world.ViaLocal && role.Spec.Directory != "":
		member.Writer, member.SinceAtLatest = lastWriter(&role.ObjectMeta, "spec", "localMembers")
	case m.Via == world.ViaLocal:
		member.Writer, member.SinceAtLatest = lastWriter(&role.ObjectMeta, "spec")
	default:
		member.Writer, _ = lastWriter(&role.ObjectMeta, "spec", "members")
		member.SinceAtLatest = lastModified(&role.ObjectMeta)
	}
	member.NoEffect = e.noEffect(role, m)
	return member
}

// noEffect says why a membership gives nothing; empty when grants that name the role give the user something.
func (e *Engine) noEffect(role *v1alpha1.ScimRole, m world.Membership) string {
	user := e.world.User(m.User)
	switch {
	case user == nil:
		return "there is no such ScimUser yet"
	case user.DeletionTimestamp != nil:
		return "the ScimUser is being deleted"
	case !user.IsActive():
		return "the ScimUser is suspended"
	case !e.world.UserCounts(user):
		return "another ScimUser holds the userName"
	case m.Stranger:
		return "directory " + role.Spec.Directory + " pushed the membership, and the user came through directory " + user.Spec.Directory
	case !e.world.RoleCounts(role):
		return "another ScimRole holds the displayName"
	}
	_, refused := e.world.NameOf(user)
	return refused
}

// is says whether a subject of a binding in a namespace is somebody, or a group of theirs.
func (i *Identity) is(subject rbacv1.Subject, namespace string) bool {
	switch subject.Kind {
	case rbacv1.UserKind:
		return i.KubernetesUser != "" && subject.Name == i.KubernetesUser
	case rbacv1.GroupKind:
		return slices.Contains(i.Groups, subject.Name)
	case rbacv1.ServiceAccountKind:
		return i.KubernetesUser == serviceAccountPrefix+cmp.Or(subject.Namespace, namespace)+":"+subject.Name
	}
	return false
}
