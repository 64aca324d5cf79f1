package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// The field indexes of this controller. Their names start with the controller's, because an index of the same name by another
// controller would be refused.
const (
	indexGrantRole   = "access.grant.role"
	indexGrantTarget = "access.grant.target"
	indexGrantUser   = "access.grant.user"
	indexGrantScope  = "access.grant.scope"
	// indexConditional finds the grants with a condition.
	indexConditional = "access.grant.conditional"
	indexRoleLabel   = "access.role.label"
	indexRoleName    = "access.rbacrole.name"
	// indexMember finds roles by those whom they list themselves; store.IndexMember finds their slices.
	indexMember      = "access.member"
	indexAssigned    = "access.assigned"
	indexBindGrant   = "access.binding.grant"
	indexBindSubject = "access.binding.subject"
	indexBindAdopted = "access.binding.adopted"
	indexUserPrint   = "access.user.print"
)

// roleByName, roleByDisplayName and roleByLabels are the ways in which a grant names a role, as keys of indexGrantRole.
func roleByName(name string) string          { return "name/" + name }
func roleByDisplayName(folded string) string { return "displayName/" + folded }

// roleByLabels is the same for all selectors: which of them match a role is tried one by one.
const roleByLabels = "labels"

// userByName and userByUserName are the ways in which a grant names a person, as keys of indexGrantUser.
func userByName(name string) string       { return "name/" + name }
func userByUserName(folded string) string { return "userName/" + folded }

// targetKey is what a grant gives, as a key of indexGrantTarget.
func targetKey(to v1alpha1.GrantTarget) string {
	return cmp.Or(to.Kind, v1alpha1.KindClusterRole) + "/" + to.Name
}

// conditional is the one key of indexConditional.
const conditional = "yes"

type index struct {
	object client.Object
	name   string
	values client.IndexerFunc
}

// addIndexes registers all indexes. Roles of Kubernetes RBAC are read only where some may be given.
func addIndexes(ctx context.Context, indexer client.FieldIndexer, withRoles bool) error {
	indexes := []index{
		{&v1alpha1.ClusterAccessGrant{}, indexGrantRole, grantRoles},
		{&v1alpha1.AccessGrant{}, indexGrantRole, grantRoles},
		{&v1alpha1.ClusterAccessGrant{}, indexGrantTarget, grantTarget},
		{&v1alpha1.AccessGrant{}, indexGrantTarget, grantTarget},
		{&v1alpha1.ClusterAccessGrant{}, indexGrantUser, grantUsers},
		{&v1alpha1.AccessGrant{}, indexGrantUser, grantUsers},
		{&v1alpha1.ClusterAccessGrant{}, indexGrantScope, grantScope},
		{&v1alpha1.ClusterAccessGrant{}, indexConditional, grantConditional},
		{&v1alpha1.AccessGrant{}, indexConditional, grantConditional},
		{&v1alpha1.ScimRole{}, indexRoleLabel, roleLabel},
		{&v1alpha1.ScimUser{}, indexAssigned, assignedRoles},
		{&v1alpha1.ScimUser{}, indexUserPrint, userPrint},
		{&v1alpha1.ScimRole{}, indexMember, roleMembers},
		{&rbacv1.ClusterRoleBinding{}, indexBindGrant, bindingGrant},
		{&rbacv1.RoleBinding{}, indexBindGrant, bindingGrant},
		{&rbacv1.ClusterRoleBinding{}, indexBindSubject, bindingSubjects},
		{&rbacv1.RoleBinding{}, indexBindSubject, bindingSubjects},
		{&rbacv1.ClusterRoleBinding{}, indexBindAdopted, bindingAdopted},
		{&rbacv1.RoleBinding{}, indexBindAdopted, bindingAdopted},
	}
	if withRoles {
		indexes = append(indexes, index{metadata("Role", rbacGroup), indexRoleName, objectName})
	}
	for _, index := range indexes {
		if err := indexer.IndexField(ctx, index.object, index.name, index.values); err != nil {
			return fmt.Errorf("indexing %T by %s: %w", index.object, index.name, err)
		}
	}
	return nil
}

func grantRoles(object client.Object) []string {
	var keys []string
	for _, selector := range rolesOf(object) {
		switch {
		case selector.Selector != nil:
			keys = append(keys, roleByLabels)
		case selector.Name != "":
			keys = append(keys, roleByName(selector.Name))
		default:
			keys = append(keys, roleByDisplayName(v1alpha1.Fold(selector.DisplayName)))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func grantUsers(object client.Object) []string {
	var keys []string
	for _, selector := range usersOf(object) {
		if selector.Name != "" {
			keys = append(keys, userByName(selector.Name))
			continue
		}
		keys = append(keys, userByUserName(v1alpha1.Fold(selector.UserName)))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func grantConditional(object client.Object) []string {
	if conditionOf(object) != "" {
		return []string{conditional}
	}
	return nil
}

func grantTarget(object client.Object) []string { return []string{targetKey(targetOf(object))} }

func objectName(object client.Object) []string { return []string{object.GetName()} }

// roleLabel finds a role by what stands for it in the labels of bindings, where that is not its name.
func roleLabel(object client.Object) []string {
	if label := access.RoleLabel(object.GetName()); label != object.GetName() {
		return []string{label}
	}
	return nil
}

func grantScope(object client.Object) []string {
	if grant, ok := object.(*v1alpha1.ClusterAccessGrant); ok {
		return []string{string(grant.Spec.Scope)}
	}
	return nil
}

// userPrint finds the user who stands behind a subject.
func userPrint(object client.Object) []string { return []string{access.Print(object.GetName())} }

func roleMembers(object client.Object) []string {
	role, ok := object.(*v1alpha1.ScimRole)
	if !ok {
		return nil
	}
	return append(append([]string{}, role.Spec.Members...), role.Spec.LocalMembers...)
}

func bindingGrant(object client.Object) []string {
	if grant, ok := grantOf(object); ok {
		return []string{grant.String()}
	}
	return nil
}

// grantOf is the grant that a binding says it belongs to; ok is false when it is none of ours.
func grantOf(object client.Object) (grant access.GrantKey, ok bool) {
	return access.GrantOf(object.GetLabels())
}

func bindingSubjects(object client.Object) []string {
	if _, ok := grantOf(object); !ok {
		return nil
	}
	var names []string
	for _, subject := range subjectsOf(object) {
		if subject.Kind == rbacv1.UserKind {
			names = append(names, subject.Name)
		}
	}
	return names
}

func subjectsOf(object client.Object) []rbacv1.Subject {
	switch binding := object.(type) {
	case *rbacv1.ClusterRoleBinding:
		return binding.Subjects
	case *rbacv1.RoleBinding:
		return binding.Subjects
	}
	return nil
}

// Bound is how bindings of ours name a Kubernetes user.
type Bound struct {
	// Bound says that at least one binding does.
	Bound bool
	// Held says that one does only because the guard keeps the user there, against what the identity provider said.
	Held bool
}

// StillBound says whether bindings of ours name a Kubernetes user, as far as the cache knows. The reader must be the cache of a
// manager that SetupWithManager has set up. The empty name is bound nowhere.
func StillBound(ctx context.Context, cached client.Reader, kubernetesUser string) (Bound, error) {
	var found Bound
	if kubernetesUser == "" {
		return found, nil
	}
	options := []client.ListOption{client.MatchingFields{indexBindSubject: kubernetesUser}, client.UnsafeDisableDeepCopy}
	var wide rbacv1.ClusterRoleBindingList
	if err := cached.List(ctx, &wide, options...); err != nil {
		return found, fmt.Errorf("listing ClusterRoleBindings by subject: %w", err)
	}
	for i := range wide.Items {
		found.add(&wide.Items[i], kubernetesUser)
	}
	var narrow rbacv1.RoleBindingList
	if err := cached.List(ctx, &narrow, options...); err != nil {
		return found, fmt.Errorf("listing RoleBindings by subject: %w", err)
	}
	for i := range narrow.Items {
		found.add(&narrow.Items[i], kubernetesUser)
	}
	return found, nil
}

func (b *Bound) add(binding client.Object, kubernetesUser string) {
	b.Bound = true
	b.Held = b.Held || slices.Contains(HeldNames(binding), kubernetesUser)
}

// HeldNames are the Kubernetes user names that a binding of ours has only because the guard keeps them there.
func HeldNames(binding client.Object) []string {
	subjects := subjectsOf(binding)
	var names []string
	for i, person := range access.DecodePeople(binding.GetAnnotations()[v1alpha1.AnnotationPeople], len(subjects)) {
		if person.Mark != (access.Mark{}) {
			names = append(names, subjects[i].Name)
		}
	}
	return names
}
