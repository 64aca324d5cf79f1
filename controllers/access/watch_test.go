package access

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
)

func TestRevocationOvertakes(t *testing.T) {
	q := priorityqueue.New[reconcile.Request]("overtake")
	defer q.ShutDown()
	named := func(name string, priority int) change {
		return func(context.Context, client.Object, client.Object) effect {
			return effect{grants: []access.GrantKey{{Name: name}}, priority: priority}
		}
	}
	object := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "x"}}
	onStart(named("resync", 0)).Create(t.Context(), event.CreateEvent{Object: object, IsInInitialList: true}, q)
	on(named("initial", 0)).Create(t.Context(), event.CreateEvent{Object: object, IsInInitialList: true}, q)
	on(named("arrives", 0)).Create(t.Context(), event.CreateEvent{Object: object}, q)
	on(named("leaves", priorityRevoke)).Delete(t.Context(), event.DeleteEvent{Object: object}, q)
	on(named("unchanged", 0)).Update(t.Context(), event.UpdateEvent{ObjectOld: object, ObjectNew: object}, q)

	type row struct {
		Name     string
		Priority int
	}
	var got []row
	for range 3 {
		request, priority, _ := q.GetWithPriority()
		got = append(got, row{request.Name, priority})
		q.Done(request)
	}
	want := []row{{"leaves", priorityRevoke}, {"arrives", 0}, {"resync", handler.LowPriority}}
	if diff := cmp.Diff(want, got); diff != "" || q.Len() != 0 {
		t.Errorf("reason: who leaves does not wait behind who arrives, nor that behind a start; %d left over\n%s", q.Len(), diff)
	}
}

func TestWhatAnEventMeans(t *testing.T) {
	w := newWorld(t)
	w.user("event-1", "event@example.com")
	role := w.role("event-role-1", "Event", "event-1")
	w.create(grantFor("event", "Event", "view"))
	w.eventuallyCan("event@example.com", "", true, "the world is in place")
	watcher := &watcher{cache: w.mgr.GetCache(), usernames: newUsernames(""), echoes: &echo.Echoes{}}
	grants := []access.GrantKey{{Name: "event"}}

	user := func(change func(*v1alpha1.ScimUser)) *v1alpha1.ScimUser {
		u := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Name: "event-1"}, Spec: v1alpha1.ScimUserSpec{UserName: "event@example.com"},
		}
		change(u)
		return u
	}
	same := user(func(*v1alpha1.ScimUser) {})
	off := user(func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	renamed := user(func(u *v1alpha1.ScimUser) { u.Spec.UserName = "x" })
	members := func(generation int64, ids ...string) *v1alpha1.ScimRole {
		r := role.DeepCopy()
		r.Generation, r.Spec.Members = generation, ids
		return r
	}
	claim := func(owner string) *v1alpha1.ScimClaim {
		return claimOf(v1alpha1.ClaimUserName, "event@example.com", owner)
	}
	grant := func(generation int64) *v1alpha1.ClusterAccessGrant {
		g := grantFor("event", "Event", "view")
		g.Generation = generation
		return g
	}
	tests := map[string]struct {
		of            change
		before, after client.Object
		want          effect
		reason        string
	}{
		"suspended":   {watcher.user, same, off, effect{grants: grants, priority: priorityRevoke}, "a suspension is urgent"},
		"back":        {watcher.user, off, same, effect{grants: grants, priority: 0}, "a return is not"},
		"user gone":   {watcher.user, same, nil, effect{grants: grants, priority: priorityRevoke}, "a deletion is urgent"},
		"user new":    {watcher.user, nil, same, effect{grants: grants, priority: 0}, "a new user may be a member already"},
		"title":       {watcher.user, same, user(func(u *v1alpha1.ScimUser) { u.Spec.Title = "Boss" }), effect{}, "a title changes no name"},
		"renamed":     {watcher.user, same, renamed, effect{grants: grants, priority: priorityRevoke}, "the old name must go"},
		"member out":  {watcher.role, members(1, "event-1", "b"), members(2, "b"), effect{grants: grants, priority: priorityRevoke}, "who leaves a role loses"},
		"member in":   {watcher.role, members(1, "event-1"), members(2, "event-1", "b"), effect{grants: grants, priority: 0}, "who joins gains"},
		"role status": {watcher.role, members(1, "event-1"), members(1, "event-1"), effect{}, "status of a role changes no access"},
		"role gone":   {watcher.role, members(1, "event-1"), nil, effect{grants: grants, priority: priorityRevoke}, "with the role goes what it gave"},
		"claim moves": {watcher.claim, claim("event-1"), claim("other"), effect{grants: grants, priority: priorityRevoke}, "the name is another's now"},
		"claim fence": {watcher.claim, claim("event-1"), claim("event-1"), effect{}, "a fence changes no owner"},
		"grant gone":  {watcher.grant, grant(1), nil, effect{grants: grants, priority: priorityRevoke}, "a deleted grant is urgent"},
		"own status":  {watcher.grant, grant(1), grant(1), effect{}, "our own status write is no event"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := recordEffect(t, test.of, test.before, test.after)
			if diff := cmp.Diff(fmt.Sprint(test.want), fmt.Sprint(got)); diff != "" {
				t.Errorf("reason: %s\n%s", test.reason, diff)
			}
		})
	}
}

// TestLargestBindingIsFirst has somebody leave who is in a small binding and in a larger one, whose grant comes later by name.
func TestLargestBindingIsFirst(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"order-1", "order-2", "order-3"} {
		w.user(id, id+"@example.com")
	}
	w.role("order-small", "Order Small", "order-1")
	w.role("order-large", "Order Large", "order-1", "order-2", "order-3")
	w.create(grantFor("order-a", "Order Small", "view"))
	w.create(grantFor("order-b", "Order Large", "edit"))
	watcher := &watcher{cache: w.mgr.GetCache(), usernames: newUsernames(""), echoes: &echo.Echoes{}}
	before := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "order-1"}, Spec: v1alpha1.ScimUserSpec{UserName: "order-1@example.com"}}
	after := before.DeepCopy()
	after.Spec.Active = new(false)
	w.eventually("both bindings are in the cache, as they are in the end", func() (bool, string) {
		small, large := w.bindings("order-a"), w.bindings("order-b")
		done := len(small) == 1 && len(large) == 1 && len(large[0].Subjects) == 3 && len(watcher.grantsBinding(t.Context(), before)) == 2
		return done, fmt.Sprint(small, large)
	})

	want := []access.GrantKey{{Name: "order-b"}, {Name: "order-a"}}
	for name, change := range map[string][2]client.Object{"suspended": {before, after}, "gone": {before, nil}} {
		got := recordEffect(t, watcher.user, change[0], change[1]).grants
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, reason: the binding that takes longest to write is begun first\n%s", name, diff)
		}
	}
	got := recordEffect(t, watcher.user, after, before).grants
	slices.Reverse(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reason: nobody waits for what a return gives, so its order is that of names\n%s", diff)
	}
}

// recordEffect is the effect as it reaches the queue: each grant once.
func recordEffect(t *testing.T, of change, before, after client.Object) effect {
	t.Helper()
	q := priorityqueue.New[reconcile.Request]("effect")
	defer q.ShutDown()
	enqueue(q, of(t.Context(), before, after))
	q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: "the end"}})
	var found effect
	for {
		request, priority, _ := q.GetWithPriority()
		q.Done(request)
		if request.Name == "the end" && (len(found.grants) > 0 || q.Len() == 0) {
			return found
		}
		if request.Name != "the end" {
			key := access.GrantKey{Namespace: request.Namespace, Name: request.Name}
			found.grants, found.priority = append(found.grants, key), priority
		}
	}
}
