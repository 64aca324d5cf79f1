package store_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// refuseOnce makes the replica fail its next write of a verb.
func (r *replica) refuseOnce(verb string) {
	var refused atomic.Bool
	hook := func(v string, _ client.Object) error {
		if v == verb && refused.CompareAndSwap(false, true) {
			return errStopped
		}
		return nil
	}
	r.writes.before.Store(&hook)
}

// finish does what the store wants to do behind its answers.
func (r *replica) finish() {
	for _, run := range r.behind {
		run()
	}
	r.behind = nil
}

// TestAbandonedCreates has creates fail between the object and its claim, and their clients do what clients do next. What was left behind must
// not come to count in the place of what the client knows, and must not be lost once it counts.
func TestAbandonedCreates(t *testing.T) {
	r, ctx := newReplica(t), t.Context()
	for i, test := range []struct {
		reason string
		// meanwhile is what happens before this process gets to the rest of the create.
		meanwhile func(t *testing.T, dir, left string)
		stays     bool
	}{
		{"nothing happens", func(*testing.T, string, string) {}, false},
		{"the client creates the user again, and renames it", func(t *testing.T, dir, _ string) {
			user, err := r.CreateUser(ctx, dir, userSpec(dir))
			must(t, err)
			_, err = r.UpdateUser(ctx, dir, user.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "renamed-" + dir; return nil })
			must(t, err)
		}, false},
		{"the client creates the user again, and deletes it", func(t *testing.T, dir, _ string) {
			user, err := r.CreateUser(ctx, dir, userSpec(dir))
			must(t, err)
			must(t, r.DeleteUser(ctx, dir, user.Name, nil))
		}, false},
		{"the client creates the user again", func(t *testing.T, dir, _ string) {
			_, err := r.CreateUser(ctx, dir, userSpec(dir))
			must(t, err)
		}, false},
		{"repair completes the create", func(t *testing.T, _, left string) {
			r.clock.SetTime(time.Now().Add(store.SettleTime + time.Second))
			repaired(t, r.RepairUser, left)
		}, true},
		{"somebody edits the user", func(t *testing.T, _, left string) {
			user := &v1alpha1.ScimUser{}
			must(t, r.client.Get(ctx, client.ObjectKey{Name: left}, user))
			user.Spec.Title = "by hand"
			must(t, r.client.Update(ctx, user))
		}, true},
		{"somebody deletes the user", func(t *testing.T, _, left string) {
			must(t, r.client.Delete(ctx, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: left}}))
		}, false},
	} {
		t.Run(test.reason, func(t *testing.T) {
			dir := fmt.Sprintf("abandoned-%d", i)
			r.stopAt("create", &v1alpha1.ScimClaim{})
			_, err := r.CreateUser(ctx, dir, userSpec(dir))
			wantStatus(t, err, http.StatusTooManyRequests)
			r.writes.before.Store(nil)
			list := &v1alpha1.ScimUserList{}
			must(t, r.client.List(ctx, list, client.MatchingLabels{v1alpha1.LabelDirectory: dir}))
			same(t, 1, len(list.Items), "the create has left a user")
			left := list.Items[0].Name

			test.meanwhile(t, dir, left)
			r.refuseOnce("patch") // the API server is not back at the first try
			r.finish()
			r.writes.before.Store(nil)
			same(t, test.stays, exists(t, r.client, left, &v1alpha1.ScimUser{}), "the user of the create that failed is there")
			must(t, r.client.DeleteAllOf(ctx, &v1alpha1.ScimUser{}, client.MatchingLabels{v1alpha1.LabelDirectory: dir}))
		})
	}
}

// TestAbandonedRole is the same for a role whose members were being written.
func TestAbandonedRole(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	r.stopAt("update", &v1alpha1.ScimRole{})
	_, err := r.CreateRole(ctx, dir, roleSpec("abandoned"), ops(add(ids(1500)...)))
	wantStatus(t, err, http.StatusTooManyRequests)
	r.writes.before.Store(nil)
	r.finish()
	list := &v1alpha1.ScimRoleList{}
	must(t, r.client.List(ctx, list, client.MatchingLabels{v1alpha1.LabelDirectory: dir}))
	same(t, 0, len(list.Items), "nothing is left of the role")
}

// TestAbandonedCreateThatCounts loses the API server right after it has written the claim, until the client has its answer. The create has
// happened then, and the client finds the user at its next try.
func TestAbandonedCreateThatCounts(t *testing.T) {
	var broken atomic.Bool
	r, dir, ctx := newReplica(t, func(c *store.Config) {
		c.Client = interceptor.NewClient(c.Client.(client.WithWatch), interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
				err := c.Create(ctx, obj, opts...)
				if _, ok := obj.(*v1alpha1.ScimClaim); ok {
					broken.Store(true)
					return errStopped
				}
				return err
			},
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if broken.Load() {
					return errStopped
				}
				return c.Get(ctx, key, obj, opts...)
			},
		})
	}), directoryOf(t), t.Context()
	_, err := r.CreateUser(ctx, dir, userSpec("counts@example.com"))
	wantStatus(t, err, http.StatusTooManyRequests)
	broken.Store(false)
	r.writes.take()
	r.finish()
	same(t, map[string]int{}, r.writes.take(), "what counts is left alone")
	found, err := r.UserByUserName(ctx, dir, "counts@example.com")
	must(t, err)
	same(t, "counts@example.com", found.Spec.UserName, "the client finds the user")
}
