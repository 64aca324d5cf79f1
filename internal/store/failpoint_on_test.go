//go:build failpoints

package store_test

import (
	"fmt"
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// TestWritesEqualHits counts on both sides: every request that changes something hits a failpoint before and after.
func TestWritesEqualHits(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	hits := func(when failpoint.When) int {
		n := 0
		for _, name := range failpoint.Names() {
			n += failpoint.Count(name, when)
		}
		return n
	}
	before, after := hits(failpoint.Before), hits(failpoint.After)
	user, err := r.CreateUser(ctx, dir, userSpec("hits"))
	must(t, err)
	_, err = r.UpdateUser(ctx, dir, user.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "hits-renamed"; return nil })
	must(t, err)
	must(t, r.DeleteUser(ctx, dir, user.Name, nil))
	role, err := r.CreateRole(ctx, dir, roleSpec("hits"), ops(add(ids(1500)...)))
	must(t, err)
	_, err = r.UpdateRole(ctx, dir, role.Name, func(role *v1alpha1.ScimRole) error { role.Spec.DisplayName = "hits-renamed"; return nil }, ops(add("m")))
	must(t, err)
	must(t, r.DeleteRole(ctx, dir, role.Name, nil))
	_, err = r.RepairClaim(ctx, v1alpha1.ClaimName(v1alpha1.ClaimDisplayName, "hits"))
	must(t, err)
	writes := 0
	for _, n := range r.writes.take() {
		writes += n
	}
	same(t, fmt.Sprint(writes, writes), fmt.Sprint(hits(failpoint.Before)-before, hits(failpoint.After)-after), "hits before and after equal writes")
}
