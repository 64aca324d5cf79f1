package store

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// holders knows who is a pushed member of which roles. It is told of every role and every slice, in whatever order. An index of a cache keeps a set
// for each member, which takes three times as much. It is safe for concurrent use.
type holders struct {
	mu sync.RWMutex
	// roles and parts are the roles and slices that there are, by name.
	roles, parts map[string]*holder
	// with has what names a member.
	with map[string][]*holder
}

// holder is a role, which names some of its members, or a slice of one; the other is nil, and both are at first.
type holder struct {
	role *v1alpha1.ScimRole
	part *v1alpha1.ScimRoleSlice
}

// members are the ids that a holder names. They belong to the cache.
func (h *holder) members() []string {
	switch {
	case h.role != nil:
		return h.role.Spec.Members
	case h.part != nil:
		return h.part.Spec.Members
	default:
		return nil
	}
}

func newHolders() *holders {
	return &holders{roles: map[string]*holder{}, parts: map[string]*holder{}, with: map[string][]*holder{}}
}

func (h *holders) putRole(role *v1alpha1.ScimRole) { h.put(h.roles, role.Name, holder{role: role}) }

func (h *holders) putPart(part *v1alpha1.ScimRoleSlice) {
	h.put(h.parts, part.Name, holder{part: part})
}

func (h *holders) dropRole(name string) { h.drop(h.roles, name) }

func (h *holders) dropPart(name string) { h.drop(h.parts, name) }

// put takes a holder as it is now. all is where h keeps those of its kind.
func (h *holders) put(all map[string]*holder, name string, next holder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := all[name]
	if one == nil {
		one = &holder{}
		all[name] = one
	}
	before, after := one.members(), next.members()
	*one = next
	if slices.Equal(before, after) {
		return
	}
	for _, id := range after {
		if !slices.Contains(h.with[id], one) {
			h.with[id] = append(h.with[id], one)
		}
	}
	h.forget(one, before, sets.New(after...))
}

func (h *holders) drop(all map[string]*holder, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := all[name]; one != nil {
		delete(all, name)
		h.forget(one, one.members(), nil)
	}
}

// forget takes a holder from those ids that are not kept.
func (h *holders) forget(one *holder, ids []string, kept sets.Set[string]) {
	for _, id := range ids {
		if kept.Has(id) {
			continue
		}
		rest := slices.DeleteFunc(h.with[id], func(other *holder) bool { return other == one })
		if h.with[id] = rest; len(rest) == 0 {
			delete(h.with, id)
		}
	}
}

// rolesWith lists the roles that name a member themselves or in a slice that they name, in no order. They belong to the cache.
func (h *holders) rolesWith(member string) []*v1alpha1.ScimRole {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var found []*v1alpha1.ScimRole
	for _, one := range h.with[member] {
		role := one.role
		if role == nil {
			owner := h.roles[one.part.Spec.Role]
			if owner == nil || !slices.Contains(owner.role.Spec.Slices, one.part.Name) {
				continue
			}
			role = owner.role
		}
		if !slices.Contains(found, role) {
			found = append(found, role)
		}
	}
	return found
}
