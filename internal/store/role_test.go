package store_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store"
)

func TestRoleLife(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateRole(ctx, dir, &v1alpha1.ScimRoleSpec{DisplayName: "Life Admins", ExternalID: "00g-life"}, ops(add("b", "a"), remove("b"), add("c", "c")))
	must(t, err)
	same(t, map[string]int{"create ScimRole": 1, "create ScimClaim": 1}, r.writes.take(), "a small role is two writes")
	same(t, []string{"a", "c"}, made.Spec.Members, "members are a sorted set")

	found, err := r.RoleByDisplayName(ctx, dir, "LIFE admins")
	must(t, err)
	same(t, made.Name, found.Name, "displayName is found in any case")
	byExternal, err := r.RolesByExternalID(ctx, dir, "00g-life")
	must(t, err)
	same(t, 1, len(byExternal), "externalId is found live")
	_, err = r.CreateRole(ctx, "other", roleSpec("life ADMINS"), nil)
	wantStatus(t, err, http.StatusConflict)
	r.writes.take()

	_, err = r.UpdateRole(ctx, dir, made.Name, func(role *v1alpha1.ScimRole) error {
		role.Spec.Members, role.Spec.LocalMembers, role.Spec.Directory = nil, []string{"z"}, "elsewhere"
		return nil
	}, ops(replace("c", "a", "c")))
	must(t, err)
	same(t, map[string]int{}, r.writes.take(), "the same members again write nothing, and change cannot touch members")

	changed, err := r.UpdateRole(ctx, dir, made.Name, func(role *v1alpha1.ScimRole) error { role.Spec.DisplayName = "Life Owners"; return nil }, ops(add("d")))
	must(t, err)
	same(t, map[string]int{"update ScimRole": 1, "create ScimClaim": 1}, r.writes.take(), "name and members change in one commit")
	same(t, []string{"a", "c", "d"}, changed.Spec.Members, "members are added")
	eventually(t, "a member finds its role", func(ctx context.Context) (bool, error) {
		of, err := r.RolesOf(ctx, dir, "d")
		return len(of) == 1 && of[0].ResourceVersion == changed.ResourceVersion, err
	})
	of, err := r.RolesOf(ctx, "other", "d")
	must(t, err)
	same(t, 0, len(of), "but not another directory's")
	eventually(t, "a role that counts is listed", func(context.Context) (bool, error) {
		listed, err := r.Roles(ctx, dir)
		return len(listed) == 1, err
	})

	must(t, r.DeleteRole(ctx, dir, made.Name, nil))
	wantStatus(t, r.DeleteRole(ctx, dir, made.Name, nil), http.StatusNotFound)
}

func slicesOf(t testing.TB, c client.Client, role string) []string {
	t.Helper()
	list := &v1alpha1.ScimRoleSliceList{}
	must(t, c.List(t.Context(), list, client.MatchingFields{"spec.role": role}))
	names := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		names = append(names, item.Name)
	}
	slices.Sort(names)
	return names
}

func TestLargeRole(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	all := ids(20_000)
	made, err := r.CreateRole(ctx, dir, roleSpec("large"), nil)
	must(t, err)
	r.writes.take()
	whole, err := r.UpdateRole(ctx, dir, made.Name, nil, ops(replace(all...)))
	must(t, err)
	same(t, map[string]int{"create ScimRoleSlice": 20, "update ScimRole": 1}, r.writes.take(), "a PUT of 20,000 is one commit")
	got, err := r.Members(ctx, whole)
	must(t, err)
	same(t, all, got, "all members are there")

	role, err := r.UpdateRole(ctx, dir, made.Name, nil, ops(replace(slices.Delete(slices.Clone(all), 4321, 4322)...)))
	must(t, err)
	one, old := map[string]int{"create ScimRoleSlice": 1, "update ScimRole": 1}, map[string]int{"delete ScimRoleSlice": 1}
	same(t, one, r.writes.take(), "one member less is one slice")
	got, err = r.Members(ctx, whole)
	must(t, err)
	same(t, all, got, "whoever has read the role as it was finds its members for a while")
	r.finish()
	same(t, old, r.writes.take(), "the old slice goes later")
	_, err = r.UpdateRole(ctx, dir, made.Name, nil, ops(add(all[4321])))
	must(t, err)
	same(t, map[string]int{"update ScimRole": 1}, r.writes.take(), "one member more is one write")
	whole, err = r.UpdateRole(ctx, dir, made.Name, nil, ops(replace(all...)))
	must(t, err)
	same(t, map[string]int{}, r.writes.take(), "an echo writes nothing")
	got, err = r.Members(ctx, whole)
	must(t, err)
	slices.Sort(got)
	same(t, all, got, "the one who came last is a member like the others")
	_, err = r.UpdateRole(ctx, dir, made.Name, nil, ops(remove(all[4321])))
	must(t, err)
	same(t, map[string]int{"update ScimRole": 1}, r.writes.take(), "and leaves as he came")
	_, err = r.UpdateRole(ctx, dir, made.Name, nil, ops(remove(all[1])))
	must(t, err)
	same(t, one, r.writes.take(), "one member less is one slice, again")
	r.finish()
	same(t, old, r.writes.take(), "and its old one goes")
	eventually(t, "a role that was read before its slice went is to be read again", func(ctx context.Context) (bool, error) {
		_, err := r.Members(ctx, role)
		return statusOf(err) == http.StatusTooManyRequests, nil
	})

	role, err = r.UpdateRole(ctx, dir, made.Name, nil, ops(replace(all[:50]...)))
	must(t, err)
	r.finish()
	same(t, map[string]int{"update ScimRole": 1, "delete ScimRoleSlice": 20}, r.writes.take(), "a role of few members holds them itself")
	same(t, all[:50], role.Spec.Members, "the members that stay")
	same(t, 0, len(slicesOf(t, r.client, made.Name)), "no slice is left")
}

func TestLargeRoleIsCreatedAndDeletedWhole(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateRole(ctx, dir, roleSpec("large life"), ops(add(ids(1001)...)))
	must(t, err)
	same(t, map[string]int{"create ScimRole": 1, "create ScimRoleSlice": 2, "update ScimRole": 1, "create ScimClaim": 1}, r.writes.take(), "slices have a role from the start")
	got, err := r.Members(ctx, made)
	must(t, err)
	same(t, ids(1001), got, "all members are there when the role is acknowledged")
	eventually(t, "a member in a slice finds its role", func(ctx context.Context) (bool, error) {
		of, err := r.RolesOf(ctx, dir, "member-001000")
		return len(of) == 1 && of[0].ResourceVersion == made.ResourceVersion, err
	})
	must(t, r.DeleteRole(ctx, dir, made.Name, nil))
	same(t, 0, len(slicesOf(t, r.client, made.Name)), "slices go with their role")
	if exists(t, r.client, store.ClaimNameOf(made), &v1alpha1.ScimClaim{}) {
		t.Fatal("the claim goes with its role")
	}
}

// TestNoMemberIsLost is the law of lost updates: every acknowledged change of a group is in it, whichever replica made it.
func TestNoMemberIsLost(t *testing.T) {
	for _, start := range []int{40, 100, 1500} {
		t.Run(fmt.Sprint(start), func(t *testing.T) {
			replicas, dir, ctx := []*replica{newReplica(t), newReplica(t)}, directoryOf(t), t.Context()
			made, err := replicas[0].CreateRole(ctx, dir, roleSpec(dir), ops(add(ids(start)...)))
			must(t, err)
			var wg sync.WaitGroup
			for i := range 100 {
				op := add(fmt.Sprintf("new-%03d", i))
				if i%2 == 1 {
					op = remove(fmt.Sprintf("member-%06d", i))
				}
				wg.Go(func() {
					_, err := again(t, func() (*v1alpha1.ScimRole, error) {
						return replicas[i/2%2].UpdateRole(ctx, dir, made.Name, nil, ops(op))
					})
					if err != nil {
						t.Errorf("change %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			want := map[string]bool{}
			for _, id := range ids(start) {
				want[id] = true
			}
			for i := range 100 {
				if i%2 == 1 {
					delete(want, fmt.Sprintf("member-%06d", i))
				} else {
					want[fmt.Sprintf("new-%03d", i)] = true
				}
			}
			role, err := replicas[1].Role(ctx, dir, made.Name)
			must(t, err)
			list, err := replicas[1].Members(ctx, role)
			must(t, err)
			got := map[string]bool{}
			for _, id := range list {
				got[id] = true
			}
			same(t, want, got, "every change that was acknowledged is in the group")
			for _, r := range replicas {
				r.finish()
			}
			same(t, len(role.Spec.Slices), len(slicesOf(t, replicas[0].client, made.Name)), "attempts that lost have cleared their slices")
		})
	}
}

func TestDamagedRole(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateRole(ctx, dir, roleSpec("damaged"), ops(add(ids(2500)...)))
	must(t, err)
	gone := &v1alpha1.ScimRoleSlice{}
	gone.Name = made.Spec.Slices[1]
	must(t, r.client.Delete(ctx, gone))
	eventually(t, "the cache sees the damage", func(ctx context.Context) (bool, error) {
		err := r.cache.Get(ctx, client.ObjectKey{Name: gone.Name}, &v1alpha1.ScimRoleSlice{})
		return err != nil, client.IgnoreNotFound(err)
	})
	_, err = r.Members(ctx, made)
	wantStatus(t, err, http.StatusTooManyRequests)
	_, err = r.UpdateRole(ctx, dir, made.Name, nil, ops(add("x")))
	wantStatus(t, err, http.StatusTooManyRequests)
	_, err = r.UpdateRole(ctx, dir, made.Name, func(role *v1alpha1.ScimRole) error { role.Spec.ExternalID = "e"; return nil }, nil)
	must(t, err)
	role, err := r.UpdateRole(ctx, dir, made.Name, nil, ops(replace(ids(2500)...)))
	must(t, err)
	got, err := r.Members(ctx, role)
	must(t, err)
	slices.Sort(got)
	same(t, ids(2500), got, "a push of the whole group makes it whole")
}

func TestMemberLimits(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	_, err := r.CreateRole(ctx, dir, roleSpec("limits"), ops(add("")))
	wantStatus(t, err, http.StatusBadRequest)
	same(t, scim.TypeInvalidValue, err.(*scim.Error).Type, "an empty member is an invalid value") //nolint:errorlint // The contract is *scim.Error.
}
