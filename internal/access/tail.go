package access

import (
	"slices"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TailShard says to which shard of a role's bindings those members belong that are in the role itself while it has slices of these
// sizes: that of the first slice that has room for all of them, where they will go in the end, or else one after the last slice's. So
// nobody is moved from one binding to another when the members in the role grow in number or go into a slice.
func TailShard(sizes []int, members int) int {
	if k := slices.IndexFunc(sizes, func(size int) bool { return size+members <= v1alpha1.MaxMembers }); k >= 0 {
		return k
	}
	return len(sizes)
}
