package server

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim/order"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// entry is one resource of a list: either a user or a role.
type entry struct {
	part *part
	user *v1alpha1.ScimUser
	role *v1alpha1.ScimRole
	// key is its place in the order, if the list is sorted.
	key order.Key
	// groups and members are there if the answer shows them.
	groups  []translate.GroupRef
	members *translate.Members
}

func entriesOf[T any](p *part, objects []*T, set func(*entry, *T)) []entry {
	entries := make([]entry, len(objects))
	for i, object := range objects {
		entries[i].part = p
		set(&entries[i], object)
	}
	return entries
}

func setUser(e *entry, user *v1alpha1.ScimUser) { e.user = user }

func setRole(e *entry, role *v1alpha1.ScimRole) { e.role = role }

func (e *entry) meta() *metav1.ObjectMeta {
	if e.user != nil {
		return &e.user.ObjectMeta
	}
	return &e.role.ObjectMeta
}

func (e *entry) id() string { return e.meta().Name }

func (e *entry) created() order.Key { return order.Created(e.meta().CreationTimestamp.Time) }

func (e *entry) append(dst []byte, c *call) []byte {
	if e.user != nil {
		return appendUser(dst, c, e.user, e.groups, e.part.projection)
	}
	return appendGroup(dst, c, e.role, e.members, e.part.projection)
}

// sort puts the resources into the order of the listing.
func (l *listing) sort(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int {
		return l.compare(a.key, a.id(), a.part.t.Name, b.key, b.id(), b.part.t.Name)
	})
}

// compare is a total order, the same in every request and on every replica: what the client asks for, then the id, then the type.
func (l *listing) compare(aKey order.Key, aID, aType string, bKey order.Key, bID, bType string) int {
	if sign := l.order.Compare(aKey, bKey); sign != 0 {
		return sign
	}
	if sign := strings.Compare(aID, bID); sign != 0 {
		return sign
	}
	return strings.Compare(aType, bType)
}
