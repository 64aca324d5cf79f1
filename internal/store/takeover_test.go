package store_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store"
)

// ruled is a store under the given rules, with what else newReplica gives.
func ruled(t testing.TB, m v1alpha1.Matching) *replica {
	t.Helper()
	return newReplica(t, func(c *store.Config) {
		c.Matching = func(context.Context, string) (v1alpha1.Matching, error) { return m, nil }
	})
}

func everything(p v1alpha1.MatchPolicy) v1alpha1.Matching {
	return v1alpha1.Matching{ExistingUsers: p, ExistingRoles: p, RecycledUsers: p}
}

// local makes a local object that counts, as a person and repair make it, and waits for its claim.
func local[T client.Object](t testing.TB, r *replica, obj T) T {
	t.Helper()
	must(t, r.client.Create(t.Context(), obj))
	claim := &v1alpha1.ScimClaim{}
	claim.Name = store.ClaimNameOf(obj)
	claim.Spec.Owner = obj.GetName()
	switch o := any(obj).(type) {
	case *v1alpha1.ScimUser:
		claim.Spec.Attribute, claim.Spec.Value = v1alpha1.ClaimUserName, v1alpha1.Fold(o.Spec.UserName)
	case *v1alpha1.ScimRole:
		claim.Spec.Attribute, claim.Spec.Value = v1alpha1.ClaimDisplayName, v1alpha1.Fold(o.Spec.DisplayName)
	}
	must(t, r.client.Create(t.Context(), claim))
	r.writes.take()
	return obj
}

func localUser(name string) *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: name, Title: "by hand"}}
	user.Name = name
	return user
}

func localRole(name string, members ...string) *v1alpha1.ScimRole {
	role := &v1alpha1.ScimRole{Spec: v1alpha1.ScimRoleSpec{DisplayName: name, LocalMembers: members}}
	role.Name = name
	return role
}

// approve is what `kubectl scim adopt` does.
func (r *replica) approve(t testing.TB, obj client.Object, annotation, value string) {
	t.Helper()
	must(t, r.client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj))
	base := obj.DeepCopyObject().(client.Object)
	annotations := maps.Clone(obj.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotation] = value
	obj.SetAnnotations(annotations)
	must(t, r.client.Patch(t.Context(), obj, client.MergeFrom(base)))
	r.writes.take()
}

func (r *replica) freshUser(t testing.TB, name string) *v1alpha1.ScimUser {
	t.Helper()
	user := &v1alpha1.ScimUser{}
	must(t, r.client.Get(t.Context(), client.ObjectKey{Name: name}, user))
	return user
}

// takeovers are the ways in which a directory's first change comes to a local user.
func takeovers() map[string]func(*replica, context.Context, string, *v1alpha1.ScimUser) (*v1alpha1.ScimUser, error) {
	return map[string]func(*replica, context.Context, string, *v1alpha1.ScimUser) (*v1alpha1.ScimUser, error){
		"put": func(r *replica, ctx context.Context, dir string, u *v1alpha1.ScimUser) (*v1alpha1.ScimUser, error) {
			return r.UpdateUser(ctx, dir, u.Name, func(u *v1alpha1.ScimUser) error { u.Spec.Title = "pushed"; return nil })
		},
		"echo": func(r *replica, ctx context.Context, dir string, u *v1alpha1.ScimUser) (*v1alpha1.ScimUser, error) {
			return r.UpdateUser(ctx, dir, u.Name, func(*v1alpha1.ScimUser) error { return nil })
		},
		"rename": func(r *replica, ctx context.Context, dir string, u *v1alpha1.ScimUser) (*v1alpha1.ScimUser, error) {
			return r.UpdateUser(ctx, dir, u.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName += "-renamed"; return nil })
		},
		"post": func(r *replica, ctx context.Context, dir string, u *v1alpha1.ScimUser) (*v1alpha1.ScimUser, error) {
			return r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: strings.ToUpper(u.Spec.UserName), ExternalID: "00u-new"})
		},
	}
}

// finds says what the directory finds of a user, by each way of looking.
func (r *replica) finds(t testing.TB, dir string, u *v1alpha1.ScimUser) map[string]bool {
	t.Helper()
	_, byID := r.User(t.Context(), dir, u.Name)
	_, byName := r.UserByUserName(t.Context(), dir, u.Spec.UserName)
	all, err := r.Users(t.Context(), dir)
	must(t, err)
	listed := slices.ContainsFunc(all, func(v *v1alpha1.ScimUser) bool { return v.Name == u.Name })
	return map[string]bool{"id": statusOf(byID) == 0, "name": statusOf(byName) == 0, "list": listed}
}

func TestLinkTakesLocalUsersOver(t *testing.T) {
	r, ctx := ruled(t, everything(v1alpha1.MatchLink)), t.Context()
	for name, take := range takeovers() {
		t.Run(name, func(t *testing.T) {
			dir := directoryOf(t)
			user := local(t, r, localUser("link-"+name))
			eventually(t, "the user is listed", func(context.Context) (bool, error) { return r.finds(t, dir, user)["list"], nil })
			same(t, map[string]bool{"id": true, "name": true, "list": true}, r.finds(t, dir, user), "a local user is in view, so that it can be matched")
			wantStatus(t, r.DeleteUser(ctx, dir, user.Name, nil), http.StatusForbidden)
			got, err := take(r, ctx, dir, user)
			must(t, err)
			same(t, 1, r.writes.take()["update ScimUser"], "the takeover and the change are one write")
			same(t, user.Name, got.Name, "the id stays, and with it memberships and access")
			now := r.freshUser(t, user.Name)
			same(t, []string{dir, dir}, []string{now.Spec.Directory, now.Labels[v1alpha1.LabelDirectory]}, "the user is the directory's, also by its label")
			want := v1alpha1.PreviousOwnerLocal + " " + r.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z")
			same(t, want, now.Annotations[v1alpha1.AnnotationPreviousOwner], "the previous owner is on record")
			_, err = r.User(ctx, "other", user.Name)
			wantStatus(t, err, http.StatusNotFound)
			_, err = take(r, ctx, "other", now)
			if got := statusOf(err); got != http.StatusNotFound && got != http.StatusConflict {
				t.Fatalf("status %d: what one directory has taken no other takes", got)
			}
			must(t, r.DeleteUser(ctx, dir, user.Name, nil))
		})
	}
}

func TestReviewWaitsForApproval(t *testing.T) {
	r, ctx := ruled(t, v1alpha1.Matching{}), t.Context()
	for name, take := range takeovers() {
		t.Run(name, func(t *testing.T) {
			dir := directoryOf(t)
			user := local(t, r, localUser("review-"+name))
			same(t, map[string]bool{"id": false, "name": false, "list": false}, r.finds(t, dir, user), "without approval a local user does not exist")
			_, err := take(r, ctx, dir, user)
			if name != "post" {
				wantStatus(t, err, http.StatusNotFound)
				same(t, scim.NotFound("User", user.Name).Detail, detailOf(err), "the answer is that for an id that never was")
				same(t, 0, len(r.writes.take()), "nothing is written for an id that was guessed")
			} else {
				wantStatus(t, err, http.StatusConflict)
				if want := "kubectl scim adopt user " + user.Name + " --directory " + dir; !strings.Contains(detailOf(err), want) {
					t.Fatalf("the detail must say %q: %s", want, detailOf(err))
				}
				same(t, map[string]int{"patch ScimUser": 1}, r.writes.take(), "the request is on the object")
				same(t, dir, r.freshUser(t, user.Name).Annotations[v1alpha1.AnnotationReviewRequested], "it names the directory")
				_, err = take(r, ctx, dir, user)
				wantStatus(t, err, http.StatusConflict)
				same(t, map[string]int{}, r.writes.take(), "the same request again writes nothing")
			}
			r.approve(t, user, v1alpha1.AnnotationApprovedTakeover, "another")
			same(t, false, r.finds(t, dir, user)["id"], "an approval is for the directory that it names")
			r.approve(t, user, v1alpha1.AnnotationApprovedTakeover, dir)
			eventually(t, "the user is listed", func(context.Context) (bool, error) { return r.finds(t, dir, user)["list"], nil })
			same(t, map[string]bool{"id": true, "name": true, "list": true}, r.finds(t, dir, user), "with approval it is as with Link")
			_, err = take(r, ctx, dir, user)
			must(t, err)
			now := r.freshUser(t, user.Name)
			same(t, dir, now.Spec.Directory, "the user is taken over")
			for _, gone := range []string{v1alpha1.AnnotationApprovedTakeover, v1alpha1.AnnotationReviewRequested} {
				if value, ok := now.Annotations[gone]; ok {
					t.Errorf("%s=%s is still there: the write that uses an approval removes it", gone, value)
				}
			}
		})
	}
}

func TestTwoDirectoriesAskForOneUser(t *testing.T) {
	r, dir, ctx := ruled(t, everything(v1alpha1.MatchReview)), directoryOf(t), t.Context()
	user := local(t, r, localUser("asked-by-two"))
	for range 2 {
		for _, d := range []string{dir + "-b", dir + "-a"} {
			_, err := r.CreateUser(ctx, d, userSpec("asked-by-two"))
			wantStatus(t, err, http.StatusConflict)
		}
	}
	same(t, map[string]int{"patch ScimUser": 2}, r.writes.take(), "each asks once, however often they take turns")
	same(t, dir+"-a,"+dir+"-b", r.freshUser(t, user.Name).Annotations[v1alpha1.AnnotationReviewRequested], "both requests are there")
}

func TestRejectTakesNothing(t *testing.T) {
	r, dir, ctx := ruled(t, everything(v1alpha1.MatchReject)), directoryOf(t), t.Context()
	user := local(t, r, localUser("reject"))
	r.approve(t, user, v1alpha1.AnnotationApprovedTakeover, dir)
	role := local(t, r, localRole("reject-role"))
	same(t, map[string]bool{"id": false, "name": false, "list": false}, r.finds(t, dir, user), "with Reject no approval counts")
	_, err := r.CreateUser(ctx, dir, userSpec("reject"))
	wantStatus(t, err, http.StatusConflict)
	if !strings.Contains(detailOf(err), "local user") {
		t.Errorf("the detail says what bears the name: %s", detailOf(err))
	}
	_, err = r.CreateRole(ctx, dir, roleSpec("REJECT-role"), nil)
	wantStatus(t, err, http.StatusConflict)
	_, err = r.Role(ctx, dir, role.Name)
	wantStatus(t, err, http.StatusNotFound)
	same(t, map[string]int{}, r.writes.take(), "a refusal writes nothing")
}

func TestLinkTakesLocalRolesOver(t *testing.T) {
	r, ctx := ruled(t, everything(v1alpha1.MatchLink)), t.Context()
	for name, push := range map[string]func(string, *v1alpha1.ScimRole) (*v1alpha1.ScimRole, error){
		"another name by id": func(dir string, role *v1alpha1.ScimRole) (*v1alpha1.ScimRole, error) {
			return r.UpdateRole(ctx, dir, role.Name, func(role *v1alpha1.ScimRole) error { role.Spec.DisplayName += " of Okta"; return nil }, ops(replace("m-1")))
		},
		"members only": func(dir string, role *v1alpha1.ScimRole) (*v1alpha1.ScimRole, error) {
			return r.UpdateRole(ctx, dir, role.Name, nil, ops(add("m-1")))
		},
		"post": func(dir string, role *v1alpha1.ScimRole) (*v1alpha1.ScimRole, error) {
			return r.CreateRole(ctx, dir, roleSpec(role.Spec.DisplayName), ops(replace("m-1")))
		},
		"large post": func(dir string, role *v1alpha1.ScimRole) (*v1alpha1.ScimRole, error) {
			return r.CreateRole(ctx, dir, roleSpec(role.Spec.DisplayName), ops(replace(ids(v1alpha1.MaxMembers+1)...)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := directoryOf(t)
			role := local(t, r, localRole("role-"+strings.ReplaceAll(name, " ", "-"), "local-one"))
			found, err := r.RoleByDisplayName(ctx, dir, role.Spec.DisplayName)
			must(t, err)
			same(t, role.Name, found.Name, "Okta finds the role that it is to link")
			wantStatus(t, r.DeleteRole(ctx, dir, role.Name, nil), http.StatusForbidden)
			r.writes.take()
			got, err := push(dir, role)
			must(t, err)
			same(t, 1, r.writes.take()["update ScimRole"], "the takeover and the push are one write")
			now := &v1alpha1.ScimRole{}
			must(t, r.client.Get(ctx, client.ObjectKey{Name: got.Name}, now))
			same(t, []string{role.Name, dir, "local-one"}, []string{now.Name, now.Spec.Directory, strings.Join(now.Spec.LocalMembers, ",")}, "id and local members stay")
			if now.Annotations[v1alpha1.AnnotationPreviousOwner] == "" || now.Labels[v1alpha1.LabelDirectory] != dir {
				t.Errorf("label and previous owner are missing: %v %v", now.Labels, now.Annotations)
			}
			members, err := r.Members(ctx, now)
			must(t, err)
			if len(members) == 0 || slices.Contains(members, "local-one") {
				t.Errorf("the pushed members are %d, without the local one", len(members))
			}
		})
	}
}

func TestRoleUnderReview(t *testing.T) {
	r, dir, ctx := ruled(t, v1alpha1.Matching{}), directoryOf(t), t.Context()
	role := local(t, r, localRole("review-role"))
	for range 2 {
		_, err := r.CreateRole(ctx, dir, roleSpec("Review-Role"), nil)
		wantStatus(t, err, http.StatusConflict)
		for _, part := range []string{"kubectl scim adopt role review-role --directory " + dir, "Refresh App Groups", "Link Group", "spec.matching.existingRoles"} {
			if !strings.Contains(detailOf(err), part) {
				t.Errorf("the detail lacks %q: %s", part, detailOf(err))
			}
		}
	}
	same(t, map[string]int{"patch ScimRole": 1}, r.writes.take(), "the request is written once")
	r.approve(t, role, v1alpha1.AnnotationApprovedTakeover, dir)
	got, err := r.CreateRole(ctx, dir, roleSpec("Review-Role"), nil)
	must(t, err)
	same(t, role.Name, got.Name, "the approved role is taken over with its id")
}

// TestTakeoverRace lets two directories take over one local user, and a person change it meanwhile: it becomes exactly one's.
func TestTakeoverRace(t *testing.T) {
	r, ctx := ruled(t, everything(v1alpha1.MatchLink)), t.Context()
	for i := range 10 {
		user := local(t, r, localUser(fmt.Sprintf("takeover-race-%d", i)))
		var wg sync.WaitGroup
		statuses := make([]int, 4)
		for n := range statuses {
			wg.Go(func() {
				dir := []string{"race-a", "race-b"}[n%2]
				var err error
				if n < 2 {
					_, err = r.CreateUser(ctx, dir, userSpec(user.Name))
				} else {
					_, err = r.UpdateUser(ctx, dir, user.Name, func(u *v1alpha1.ScimUser) error { u.Spec.Title = dir; return nil })
				}
				statuses[n] = statusOf(err)
			})
		}
		wg.Wait()
		owner := r.freshUser(t, user.Name).Spec.Directory
		for n, status := range statuses {
			if dir := []string{"race-a", "race-b"}[n%2]; dir != owner && status == 0 {
				t.Fatalf("%s was told that it succeeded, and %s is the owner", dir, owner)
			}
		}
		if owner == "" {
			t.Fatalf("nobody took the user over: %v", statuses)
		}
	}
}
