package access

import (
	"context"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// mapReader is a cache that costs a map look-up for a read, as an informer's does.
type mapReader struct {
	client.Reader
	users  map[string]*v1alpha1.ScimUser
	claims map[string]*v1alpha1.ScimClaim
	slices map[string]*v1alpha1.ScimRoleSlice
	role   *v1alpha1.ScimRole
	dir    *v1alpha1.ScimDirectory
}

func (m *mapReader) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	found := false
	switch into := object.(type) {
	case *v1alpha1.ScimUser:
		if user, ok := m.users[key.Name]; ok {
			*into, found = *user, true
		}
	case *v1alpha1.ScimClaim:
		if claim, ok := m.claims[key.Name]; ok {
			*into, found = *claim, true
		}
	case *v1alpha1.ScimRoleSlice:
		if slice, ok := m.slices[key.Name]; ok {
			*into, found = *slice, true
		}
	case *v1alpha1.ScimRole:
		*into, found = *m.role, true
	case *v1alpha1.ScimDirectory:
		*into, found = *m.dir, true
	case *metav1.PartialObjectMetadata:
		found = true
	}
	if !found {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	return nil
}

func (m *mapReader) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func largeCache(members int, expression string) *mapReader {
	m := &mapReader{
		users: map[string]*v1alpha1.ScimUser{}, claims: map[string]*v1alpha1.ScimClaim{}, slices: map[string]*v1alpha1.ScimRoleSlice{},
		role: &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: v1alpha1.ScimRoleSpec{DisplayName: "R"}},
		dir:  &v1alpha1.ScimDirectory{},
	}
	m.dir.Spec.Identity.Username = expression
	claim := claimOf(v1alpha1.ClaimDisplayName, "R", "r")
	m.claims[claim.Name] = claim
	for i := range members {
		id, name := fmt.Sprintf("user-%05d", i), fmt.Sprintf("user-%05d@example.com", i)
		m.users[id] = &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Name: id}, Spec: v1alpha1.ScimUserSpec{UserName: name, Directory: "d"},
		}
		claim := claimOf(v1alpha1.ClaimUserName, name, id)
		m.claims[claim.Name] = claim
		slice := fmt.Sprintf("r-%02d", i/v1alpha1.MaxMembers)
		if m.slices[slice] == nil {
			m.slices[slice] = &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: slice}, Spec: v1alpha1.ScimRoleSliceSpec{Role: "r"}}
			m.role.Spec.Slices = append(m.role.Spec.Slices, slice)
		}
		m.slices[slice].Spec.Members = append(m.slices[slice].Spec.Members, id)
	}
	return m
}

// BenchmarkOneChange is the work of the controller, without reading events and without the write, when one member of a role changes: from
// nothing, and with what earlier passes have left. The second must not grow with the role.
func BenchmarkOneChange(b *testing.B) {
	for _, members := range []int{1_000, 20_000, 100_000} {
		for name, expression := range map[string]string{"prefix": `"oidc:" + user.userName`, "cel": `"oidc:" + user.userName.lowerAscii()`} {
			b.Run(fmt.Sprintf("fresh/%s/%d", name, members), func(b *testing.B) { oneChange(b, members, expression, nil) })
			b.Run(fmt.Sprintf("known/%s/%d", name, members), func(b *testing.B) { oneChange(b, members, expression, newMemory()) })
		}
	}
}

func oneChange(b *testing.B, members int, expression string, memory *memory) {
	cache := largeCache(members, expression)
	names, grant, kept := newUsernames(""), grantFor("g", "R", "view"), &past{}
	plan := func(existing []access.Binding) *scope {
		s := &scope{key: access.GrantKey{Name: "g"}, grant: grant, planned: planned(grant), past: kept, existing: existing}
		g := &gatherer{
			reader: reader{cache: cache, live: cache}, usernames: names, grant: planned(grant), bindable: []string{"view"}, memory: memory, past: kept,
		}
		if err := s.planWith(b.Context(), g); err != nil {
			b.Fatal(err)
		}
		return s
	}
	existing := plan(nil).desired
	active := true
	for b.Loop() {
		active = !active
		cache.users["user-00777"].Spec.Active = new(active)
		if memory != nil {
			memory.changes("user-00777", []listKey{{slice: true, name: "r-00"}})
		}
		s := plan(existing)
		removals := s.state.Memory.Removals(s.state.Grants[0], s.outcome(), s.existing, s.desired)
		if len(s.changes) != 1 || len(removals) > 1 || s.outcome().Users+len(removals) != members {
			b.Fatalf("reason: one member's change is one write; got %d, and %d removals", len(s.changes), len(removals))
		}
		existing = s.desired
	}
}
