package access

import (
	"context"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// countingReader counts the users that are read.
type countingReader struct {
	*mapReader
	users int
}

func (c *countingReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if _, ok := object.(*v1alpha1.ScimUser); ok {
		c.users++
	}
	return c.mapReader.Get(ctx, key, object, options...)
}

// TestAReplacedSlice: when one of a thousand leaves, the slice is replaced, and nobody is read again but those to whom something has happened.
func TestAReplacedSlice(t *testing.T) {
	cache := &countingReader{mapReader: largeCache(3000, "")}
	memory, kept := newMemory(), &past{}
	plan := func() (read int, desired []access.Binding) {
		cache.users = 0
		s := &scope{key: access.GrantKey{Name: "g"}, grant: grantFor("g", "R", "view"), planned: planned(grantFor("g", "R", "view")), past: kept}
		g := &gatherer{
			reader: reader{cache: cache, live: cache}, usernames: newUsernames(""), grant: s.planned, bindable: []string{"view"}, memory: memory, past: kept,
		}
		if err := s.planWith(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		return cache.users, s.desired
	}
	replace := func(name string, gone int) {
		old := cache.slices[cache.role.Spec.Slices[1]]
		slice := &v1alpha1.ScimRoleSlice{Spec: v1alpha1.ScimRoleSliceSpec{Role: "r", Members: slices.Delete(slices.Clone(old.Spec.Members), gone, gone+1)}}
		slice.Name, cache.slices[name] = name, slice
		cache.role = cache.role.DeepCopy()
		cache.role.Spec.Slices[1] = name
	}
	if read, _ := plan(); read != 3000 {
		t.Fatalf("reason: at first everybody is read; %d were", read)
	}
	replace("second", 7)
	read, desired := plan()
	if read != 0 || len(desired[1].Subjects) != 999 {
		t.Errorf("reason: who stays in the slice is known; %d were read, and %d are bound", read, len(desired[1].Subjects))
	}
	cache.mapReader.users["user-01500"].Spec.Active = new(false)
	memory.changes("user-01500", nil) // while neither of the slices was in the cache
	replace("third", 0)
	if read, desired = plan(); read != 1 || len(desired[1].Subjects) != 997 {
		t.Errorf("reason: only who has changed is read; %d were, and %d are bound", read, len(desired[1].Subjects))
	}
	memory.changesAll()
	replace("fourth", 0)
	if read, _ = plan(); read != 2997 {
		t.Errorf("reason: when nobody knows who has changed, everybody is read; %d were", read)
	}
}
