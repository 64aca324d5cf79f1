package store

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestHoldersAreTheNaiveSearch tells of roles and slices in any order, and looks each person's roles up in all of them.
func TestHoldersAreTheNaiveSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, roles, parts := newHolders(), map[string]*v1alpha1.ScimRole{}, map[string]*v1alpha1.ScimRoleSlice{}
		one := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "name") }
		some := func(of ...string) []string { return rapid.SliceOfN(rapid.SampledFrom(of), 0, 5).Draw(t, "names") }
		t.Repeat(map[string]func(*rapid.T){
			"a role appears or changes": func(*rapid.T) {
				role := &v1alpha1.ScimRole{}
				role.Name, role.Spec.Members, role.Spec.Slices = one("team", "crew"), some("ada", "grace", "tony"), some("part-1", "part-2")
				roles[role.Name] = role
				h.putRole(role)
			},
			"a role is gone": func(*rapid.T) {
				name := one("team", "crew")
				delete(roles, name)
				h.dropRole(name)
			},
			"a slice appears or changes": func(*rapid.T) {
				part := &v1alpha1.ScimRoleSlice{}
				part.Name, part.Spec.Role, part.Spec.Members = one("part-1", "part-2"), one("team", "crew", "nobody's"), some("ada", "grace", "tony")
				parts[part.Name] = part
				h.putPart(part)
			},
			"a slice is gone": func(*rapid.T) {
				name := one("part-1", "part-2")
				delete(parts, name)
				h.dropPart(name)
			},
			"": func(t *rapid.T) {
				for _, member := range []string{"ada", "grace", "tony", "nobody"} {
					var want, got []string
					for name, role := range roles {
						if slices.Contains(role.Spec.Members, member) || slices.ContainsFunc(role.Spec.Slices, func(at string) bool {
							return parts[at] != nil && parts[at].Spec.Role == name && slices.Contains(parts[at].Spec.Members, member)
						}) {
							want = append(want, name)
						}
					}
					for _, role := range h.rolesWith(member) {
						if role != roles[role.Name] {
							t.Fatalf("role %s of %s is an old one", role.Name, member)
						}
						got = append(got, role.Name)
					}
					slices.Sort(want)
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Fatalf("roles of %s: %v, want %v", member, got, want)
					}
				}
				if len(roles)+len(parts) == 0 && len(h.with)+len(h.roles)+len(h.parts) > 0 {
					t.Fatalf("what is gone is kept: %v", h.with)
				}
			},
		})
	})
}
