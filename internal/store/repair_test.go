package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// errStopped is what a write gets once a test has "killed" its writer.
var errStopped = errors.New("the process was killed")

// stopAt makes the replica fail its next write of a verb and kind, and every write after it, as if it had been killed there.
func (r *replica) stopAt(verb string, sample client.Object) {
	var mu sync.Mutex
	stopped := false
	hook := func(v string, obj client.Object) error {
		mu.Lock()
		defer mu.Unlock()
		if v == verb && fmt.Sprintf("%T", obj) == fmt.Sprintf("%T", sample) {
			stopped = true
		}
		if stopped {
			return errStopped
		}
		return nil
	}
	r.writes.before.Store(&hook)
}

// leftover makes a user as a create leaves it that was killed before its claim.
func leftover(t testing.TB, r *replica, directory, name, userName string) *v1alpha1.ScimUser {
	t.Helper()
	user := &v1alpha1.ScimUser{Spec: *userSpec(userName)}
	user.Name, user.Spec.Directory = name, directory
	user.Annotations = map[string]string{v1alpha1.AnnotationUncommitted: "1"}
	must(t, r.client.Create(t.Context(), user))
	return user
}

func repaired(t testing.TB, repair func(context.Context, string) (time.Duration, error), name string) time.Duration {
	t.Helper()
	wait, err := repair(t.Context(), name)
	must(t, err)
	return wait
}

func TestRepairCompletesACreate(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	r.stopAt("create", &v1alpha1.ScimClaim{})
	_, err := r.CreateUser(ctx, dir, userSpec("completed"))
	wantStatus(t, err, http.StatusTooManyRequests)
	r.writes.before.Store(nil)
	list := &v1alpha1.ScimUserList{}
	must(t, r.client.List(ctx, list, client.MatchingFields{"spec.directory": dir}))
	same(t, 1, len(list.Items), "the kill left a user behind")
	id := list.Items[0].Name
	r.clock.SetTime(list.Items[0].CreationTimestamp.Time)
	if wait := repaired(t, r.RepairUser, id); wait != store.SettleTime {
		t.Fatalf("repair waits %v for a create under way, want %v", wait, store.SettleTime)
	}
	r.clock.SetTime(r.clock.Now().Add(store.SettleTime))
	repaired(t, r.RepairUser, id)
	found, err := r.UserByUserName(ctx, dir, "completed")
	must(t, err)
	same(t, id, found.Name, "repair rolls forward")
	r.writes.take()
	repaired(t, r.RepairUser, id)
	repaired(t, r.RepairClaim, store.ClaimNameOf(found))
	same(t, map[string]int{}, r.writes.take(), "repair of what is right writes nothing")
}

func TestRepairDeletesOnlyWhatNeverCounted(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	winner, err := r.CreateUser(ctx, dir, userSpec("residue"))
	must(t, err)
	status := func(state v1alpha1.UserState) func(*v1alpha1.ScimUser) {
		return func(u *v1alpha1.ScimUser) {
			u.Status.State = state
			must(t, r.client.Status().Update(ctx, u))
		}
	}
	for _, test := range []struct {
		reason string
		change func(*v1alpha1.ScimUser)
		local  bool
		keep   bool
	}{
		{reason: "the rest of a create goes", change: func(*v1alpha1.ScimUser) {}},
		{reason: "a conflict that a controller reported changes nothing about that", change: status(v1alpha1.UserConflict)},
		{reason: "who was ever seen active stays", change: status(v1alpha1.UserActive), keep: true},
		{reason: "who was ever seen suspended stays", change: status(v1alpha1.UserSuspended), keep: true},
		{reason: "a local user stays", change: func(*v1alpha1.ScimUser) {}, local: true, keep: true},
		{reason: "whose spec anybody touched stays", keep: true, change: func(u *v1alpha1.ScimUser) {
			u.Spec.Title = "by hand"
			must(t, r.client.Update(ctx, u))
		}},
		{reason: "who lacks the server's mark stays", keep: true, change: func(u *v1alpha1.ScimUser) {
			u.Annotations = nil
			must(t, r.client.Update(ctx, u))
		}},
	} {
		name := map[bool]string{true: "", false: dir}[test.local]
		user := leftover(t, r, name, fmt.Sprintf("residue-%d", time.Now().UnixNano()), "RESIDUE")
		test.change(user)
		r.clock.SetTime(user.CreationTimestamp.Time)
		wait := repaired(t, r.RepairUser, user.Name)
		if !exists(t, r.client, user.Name, user) {
			t.Fatalf("%s: deleted while young", test.reason)
		}
		if want := map[bool]time.Duration{false: store.ResidueAge}[test.keep]; wait != want {
			t.Fatalf("%s: repair looks again in %v, want %v", test.reason, wait, want)
		}
		r.clock.SetTime(user.CreationTimestamp.Add(store.ResidueAge))
		repaired(t, r.RepairUser, user.Name)
		if got := exists(t, r.client, user.Name, user); got != test.keep {
			t.Fatalf("%s: kept %v", test.reason, got)
		}
	}
	found, err := r.UserByUserName(ctx, dir, "residue")
	must(t, err)
	same(t, winner.Name, found.Name, "the one that counts is as it was")
}

// TestRepairOfAHalfWrittenRole: a large role that was killed before its members were in must not come to count without them.
func TestRepairOfAHalfWrittenRole(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	r.stopAt("update", &v1alpha1.ScimRole{})
	_, err := r.CreateRole(ctx, dir, roleSpec("half"), ops(add(ids(1500)...)))
	wantStatus(t, err, http.StatusTooManyRequests)
	r.writes.before.Store(nil)
	list := &v1alpha1.ScimRoleList{}
	must(t, r.client.List(ctx, list, client.MatchingFields{"spec.directory": dir}))
	same(t, 1, len(list.Items), "the kill left a role behind")
	half := &list.Items[0]
	r.clock.SetTime(half.CreationTimestamp.Time)
	same(t, store.ResidueAge, repaired(t, r.RepairRole, half.Name), "repair does not roll it forward")
	whole, err := r.CreateRole(ctx, dir, roleSpec("half"), ops(add(ids(1500)...)))
	must(t, err)
	r.clock.SetTime(half.CreationTimestamp.Add(store.ResidueAge))
	repaired(t, r.RepairRole, half.Name)
	if exists(t, r.client, half.Name, half) {
		t.Fatal("half a role stays")
	}
	for _, name := range slicesOf(t, r.client, half.Name) {
		repaired(t, r.RepairSlice, name)
	}
	same(t, 0, len(slicesOf(t, r.client, half.Name)), "its slices go with it")
	found, err := r.RoleByDisplayName(ctx, dir, "half")
	must(t, err)
	same(t, whole.Name, found.Name, "the next push has made the whole")
}

func TestRepairTakesTheMarkOff(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateUser(ctx, dir, userSpec("condemned"))
	must(t, err)
	condemned := made.DeepCopy()
	condemned.Annotations[v1alpha1.AnnotationCondemned] = "2026-01-01T00:00:00Z"
	must(t, r.client.Update(ctx, condemned))
	repaired(t, r.RepairUser, made.Name)
	found, err := r.User(ctx, dir, made.Name)
	must(t, err)
	if found.Annotations[v1alpha1.AnnotationCondemned] != "" || found.Annotations[v1alpha1.AnnotationUncommitted] != "" {
		t.Fatalf("who owns the claim is not condemned: %v", found.Annotations)
	}
}

func TestCondemnedCreateIsNotAcknowledged(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	plain := newReplica(t)
	var once sync.Once
	hook := func(verb string, obj client.Object) error { //nolint:unparam // the type of the hook returns an error
		if claim, ok := obj.(*v1alpha1.ScimClaim); ok && verb == "create" {
			once.Do(func() {
				user := &v1alpha1.ScimUser{}
				must(t, plain.client.Get(ctx, client.ObjectKey{Name: claim.Spec.Owner}, user))
				user.Annotations[v1alpha1.AnnotationCondemned] = "2026-01-01T00:00:00Z"
				must(t, plain.client.Update(ctx, user))
			})
		}
		return nil
	}
	r.writes.before.Store(&hook)
	_, err := r.CreateUser(ctx, dir, userSpec("condemned-create"))
	wantStatus(t, err, http.StatusTooManyRequests)
}

func TestRepairOfClaims(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	r.clock.SetTime(time.Now().Add(time.Hour))
	claim := func(value, owner string) *v1alpha1.ScimClaim {
		c := &v1alpha1.ScimClaim{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ClaimName(v1alpha1.ClaimUserName, value)}}
		c.Spec = v1alpha1.ScimClaimSpec{Attribute: v1alpha1.ClaimUserName, Value: value, Owner: owner}
		must(t, r.client.Create(ctx, c))
		return c
	}
	owner, err := r.CreateUser(ctx, dir, userSpec("claims"))
	must(t, err)

	dead := claim("claims-dead", "nobody-at-all")
	repaired(t, r.RepairClaim, dead.Name)
	if exists(t, r.client, dead.Name, dead) {
		t.Fatal("a claim of nobody stays")
	}
	stray := claim("claims-stray", owner.Name)
	repaired(t, r.RepairClaim, stray.Name)
	if exists(t, r.client, stray.Name, stray) {
		t.Fatal("a claim of a name that its owner does not bear stays")
	}
	fenced, err := r.User(ctx, dir, owner.Name)
	must(t, err)
	if fenced.ResourceVersion == owner.ResourceVersion || fenced.Generation != owner.Generation {
		t.Fatal("the owner of a stray claim is fenced first, without a change of its version")
	}
	claim("claims-takeover", owner.Name)
	second, err := r.CreateUser(ctx, dir, userSpec("Claims-Takeover"))
	must(t, err)
	found, err := r.UserByUserName(ctx, dir, "claims-takeover")
	must(t, err)
	same(t, second.Name, found.Name, "a create takes a stray claim by itself")
	repaired(t, r.RepairClaim, "username-no-such-claim")
}

// TestRepeatedCreate is what an identity provider does when a server dies half way through a create: it looks, finds nobody, and
// creates again. That must succeed, whatever the dead server left behind.
func TestRepeatedCreate(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	rest := leftover(t, r, dir, "repeated-create-rest", "repeated")
	r.seen(t, rest.Name, &v1alpha1.ScimUser{}, func() bool { return true })
	_, err := r.UserByUserName(ctx, dir, "repeated")
	wantStatus(t, err, http.StatusNotFound)
	made, err := r.CreateUser(ctx, dir, userSpec("repeated"))
	must(t, err)
	found, err := r.UserByUserName(ctx, dir, "repeated")
	must(t, err)
	same(t, made.Name, found.Name, "the second create counts")
	// The name is free again before anybody has cleared the rest away.
	must(t, r.DeleteUser(ctx, dir, made.Name, nil))
	r.finish()
	if exists(t, r.client, rest.Name, &v1alpha1.ScimUser{}) {
		t.Error("the rest of the first create is there, and would come to count now")
	}

	rest = leftover(t, r, dir, "repeated-create-later", "repeated")
	r.seen(t, rest.Name, &v1alpha1.ScimUser{}, func() bool { return true })
	_, err = r.CreateUser(ctx, dir, userSpec("repeated"))
	must(t, err)
	r.behind = nil // the second process is killed as well
	r.clock.SetTime(time.Now().Add(store.ResidueAge + time.Minute))
	repaired(t, r.RepairUser, rest.Name)
	_, err = r.User(ctx, dir, rest.Name)
	wantStatus(t, err, http.StatusNotFound)
}

// TestAllClaimsDeleted is the promise of roll forward: nobody is lost, and nobody's name can be taken in the meantime.
func TestAllClaimsDeleted(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	var made []*v1alpha1.ScimUser
	for i := range 10 {
		user, err := r.CreateUser(ctx, dir, userSpec(fmt.Sprintf("wiped-%d", i)))
		must(t, err)
		made = append(made, user)
	}
	role, err := r.CreateRole(ctx, dir, roleSpec("wiped"), ops(add(made[0].Name)))
	must(t, err)
	r.seen(t, role.Name, &v1alpha1.ScimRole{}, func() bool { return true })
	r.seen(t, made[9].Name, &v1alpha1.ScimUser{}, func() bool { return true })
	must(t, r.client.DeleteAllOf(ctx, &v1alpha1.ScimClaim{}))
	_, err = r.UserByUserName(ctx, dir, "wiped-0")
	wantStatus(t, err, http.StatusNotFound)
	r.clock.SetTime(time.Now().Add(store.YieldTime + time.Second))
	_, err = r.CreateUser(ctx, dir, userSpec("WIPED-0"))
	wantStatus(t, err, http.StatusConflict)
	found, err := r.UserByUserName(ctx, dir, "wiped-0")
	must(t, err)
	same(t, made[0].Name, found.Name, "a push of the same name gives the name back to its bearer")

	r.clock.SetTime(time.Now().Add(24 * time.Hour))
	for _, user := range made {
		repaired(t, r.RepairUser, user.Name)
		found, err := r.UserByUserName(ctx, dir, user.Spec.UserName)
		must(t, err)
		same(t, user.Name, found.Name, "every user comes back")
	}
	repaired(t, r.RepairRole, role.Name)
	back, err := r.RoleByDisplayName(ctx, dir, "wiped")
	must(t, err)
	same(t, role.Name, back.Name, "roles come back")
}

func TestRepairOfSlices(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	role, err := r.CreateRole(ctx, dir, roleSpec("garbage"), ops(add(ids(1500)...)))
	must(t, err)
	r.clock.SetTime(role.CreationTimestamp.Time)
	garbage := func(name, role string) *v1alpha1.ScimRoleSlice {
		s := &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimRoleSliceSpec{Role: role, Members: []string{"m"}}}
		must(t, r.client.Create(ctx, s))
		return s
	}
	orphan := garbage("garbage-orphan", "no-such-role")
	repaired(t, r.RepairSlice, orphan.Name)
	if exists(t, r.client, orphan.Name, orphan) {
		t.Fatal("a slice of a role that does not exist stays")
	}
	unnamed := garbage("garbage-unnamed", role.Name)
	r.clock.SetTime(unnamed.CreationTimestamp.Time)
	same(t, store.SliceSettleTime, repaired(t, r.RepairSlice, unnamed.Name), "a slice of a change under way is left alone")
	r.clock.SetTime(unnamed.CreationTimestamp.Add(store.SliceSettleTime))
	repaired(t, r.RepairSlice, unnamed.Name)
	if exists(t, r.client, unnamed.Name, unnamed) {
		t.Fatal("a slice that its role does not name stays")
	}
	repaired(t, r.RepairSlice, role.Spec.Slices[0])
	same(t, 2, len(slicesOf(t, r.client, role.Name)), "slices that count stay")
}

// TestSleepingWriter stops a change between its slices and its commit, lets repair take the slices for garbage, and goes on.
func TestSleepingWriter(t *testing.T) {
	sleeper, janitor, dir, ctx := newReplica(t), newReplica(t), directoryOf(t), t.Context()
	role, err := sleeper.CreateRole(ctx, dir, roleSpec("sleeper"), ops(add(ids(1500)...)))
	must(t, err)
	janitor.clock.SetTime(time.Now().Add(time.Hour))
	asleep := 0
	hook := func(verb string, obj client.Object) error { //nolint:unparam // the type of the hook returns an error
		if _, ok := obj.(*v1alpha1.ScimRole); !ok || verb != "update" {
			return nil
		}
		if asleep++; asleep > 1 {
			return nil
		}
		for _, name := range slicesOf(t, janitor.client, role.Name) {
			repaired(t, janitor.RepairSlice, name)
		}
		same(t, role.Spec.Slices, inOrder(role.Spec.Slices, slicesOf(t, janitor.client, role.Name)), "repair deleted the new slice only")
		return nil
	}
	sleeper.writes.before.Store(&hook)
	changed, err := sleeper.UpdateRole(ctx, dir, role.Name, nil, ops(add("awake"), remove("member-000000")))
	must(t, err)
	same(t, 2, asleep, "the first commit failed on the fence, the second went through")
	got, err := janitor.Members(ctx, changed)
	must(t, err)
	same(t, 1500, len(got), "nothing is lost, and every slice that the role names exists")
}

// inOrder is got in the order of want, if the two have the same elements.
func inOrder(want, got []string) []string {
	in := map[string]bool{}
	for _, name := range got {
		in[name] = true
	}
	for _, name := range want {
		if !in[name] {
			return got
		}
	}
	if len(want) != len(got) {
		return got
	}
	return want
}

func TestDeleteIsOfWhatWasChecked(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateUser(ctx, dir, userSpec("checked"))
	must(t, err)
	var versions []int64
	must(t, r.DeleteUser(ctx, dir, made.Name, func(u *v1alpha1.ScimUser) error {
		if versions = append(versions, u.Generation); len(versions) == 1 {
			patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"title":"changed meanwhile"}}`))
			must(t, r.client.Patch(ctx, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: made.Name}}, patch))
		}
		return nil
	}))
	same(t, []int64{1, 2}, versions, "a user that changed after the check is checked again")
}
