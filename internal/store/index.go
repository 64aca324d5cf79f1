package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Indexes of the cache. They are names of ours, not fields that the API server can select.
const (
	// IndexClaim finds ScimUsers and ScimRoles by the name of the claim that they need (ClaimNameOf).
	IndexClaim = "store.claim"
	// IndexDirectory finds ScimUsers and ScimRoles by spec.directory.
	IndexDirectory = "store.directory"
	// IndexMember finds ScimRoles by the pushed members in themselves, and ScimRoleSlices by their members.
	IndexMember = "store.member"
	// IndexSlice finds the ScimRole that names a slice.
	IndexSlice = "store.slice"
	// IndexRole finds ScimRoleSlices by spec.role.
	IndexRole = "store.role"
)

// index is how objects of one kind are found in a cache.
type index struct {
	object client.Object
	name   string
	of     func(client.Object) []string
}

// SetupIndexes registers on a cache what controllers, and a Store that does not Watch, look up in it. It must run before the cache
// starts, and once per cache.
func SetupIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []index{
		{&v1alpha1.ScimRole{}, IndexMember, func(o client.Object) []string { return o.(*v1alpha1.ScimRole).Spec.Members }},
		{&v1alpha1.ScimRoleSlice{}, IndexMember, func(o client.Object) []string { return o.(*v1alpha1.ScimRoleSlice).Spec.Members }},
		{&v1alpha1.ScimUser{}, IndexClaim, func(o client.Object) []string { return []string{ClaimNameOf(o)} }},
		{&v1alpha1.ScimRole{}, IndexClaim, func(o client.Object) []string { return []string{ClaimNameOf(o)} }},
		{&v1alpha1.ScimUser{}, IndexDirectory, func(o client.Object) []string { return []string{directoryOf(o)} }},
		{&v1alpha1.ScimRole{}, IndexDirectory, func(o client.Object) []string { return []string{directoryOf(o)} }},
		{&v1alpha1.ScimRole{}, IndexSlice, func(o client.Object) []string { return o.(*v1alpha1.ScimRole).Spec.Slices }},
		{&v1alpha1.ScimRoleSlice{}, IndexRole, func(o client.Object) []string { return []string{o.(*v1alpha1.ScimRoleSlice).Spec.Role} }},
	} {
		if err := indexer.IndexField(ctx, index.object, index.name, index.of); err != nil {
			return fmt.Errorf("index %T by %s: %w", index.object, index.name, err)
		}
	}
	return nil
}

// knowsBearers says whether bearersOf knows all that the cluster had when this process began.
func (s *Store) knowsBearers() bool { return s.synced() && (s.lists == nil || s.Listable()) }

// bearersOf lists the objects in the cache that are alive and need the claim, oldest first. They belong to the cache.
func (s *Store) bearersOf(ctx context.Context, k kind, claimName string) ([]client.Object, error) {
	if s.lists != nil {
		return oldestAlive(s.lists.bearersOf(k, claimName)), nil
	}
	return cachedBearers(ctx, s.cache, k, claimName)
}

// cachedBearers is bearersOf by IndexClaim.
func cachedBearers(ctx context.Context, cache client.Reader, k kind, claimName string) ([]client.Object, error) {
	var found []client.Object
	switch k {
	case userKind:
		list := &v1alpha1.ScimUserList{}
		if err := cache.List(ctx, list, client.MatchingFields{IndexClaim: claimName}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range list.Items {
			found = append(found, &list.Items[i])
		}
	default:
		list := &v1alpha1.ScimRoleList{}
		if err := cache.List(ctx, list, client.MatchingFields{IndexClaim: claimName}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range list.Items {
			found = append(found, &list.Items[i])
		}
	}
	return oldestAlive(found), nil
}

// oldestAlive drops what is being deleted and what is not yet whole, and orders the rest by seniority.
func oldestAlive(found []client.Object) []client.Object {
	found = slices.DeleteFunc(found, func(o client.Object) bool { return !alive(o) || filling(o) })
	slices.SortFunc(found, func(a, b client.Object) int {
		return cmp.Or(seniority(a, b), strings.Compare(a.GetName(), b.GetName()))
	})
	return found
}

// seniority orders what may have counted before what surely only began to be created, then the older before the younger. Creation
// times are whole seconds.
func seniority(a, b client.Object) int {
	switch ua, ub := untouched(a), untouched(b); {
	case ub && !ua:
		return -1
	case ua && !ub:
		return 1
	}
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return at.Compare(bt.Time)
}

// rivals are those bearers of a name that have at least as good a right to it as the object self. Whoever is not in the cache yet
// is younger than all of them. Two that were created in the same second are each other's rivals; the API server decides.
func rivals(bearers []client.Object, self string) []client.Object {
	at := slices.IndexFunc(bearers, func(o client.Object) bool { return o.GetName() == self })
	return slices.DeleteFunc(slices.Clone(bearers), func(o client.Object) bool {
		return o.GetName() == self || at >= 0 && seniority(bearers[at], o) < 0
	})
}
