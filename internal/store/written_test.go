package store_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// past is a cache that has one user as it once was.
type past struct {
	client.Reader
	user atomic.Pointer[v1alpha1.ScimUser]
}

func (p *past) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	user, ok := into.(*v1alpha1.ScimUser)
	if old := p.user.Load(); ok && old != nil && old.Name == key.Name {
		old.DeepCopyInto(user)
		return nil
	}
	return p.Reader.Get(ctx, key, into, opts...)
}

// readUsers counts the users that are read live.
type readUsers struct {
	client.Client
	n atomic.Int64
}

func (r *readUsers) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if _, ok := into.(*v1alpha1.ScimUser); ok {
		r.n.Add(1)
	}
	return r.Client.Get(ctx, key, into, opts...)
}

// TestUpdateOfKnownUser: a user is changed as the cache has it, at one write and no read, and where the cache is behind nothing that came
// since is lost.
func TestUpdateOfKnownUser(t *testing.T) {
	cached, live := &past{}, &readUsers{}
	r := newReplica(t, func(c *store.Config) {
		cached.Reader, live.Client = c.Cache, c.Client
		c.Cache, c.Client = cached, live
	})
	dir, ctx := directoryOf(t), t.Context()
	made, err := r.CreateUser(ctx, dir, userSpec("known"))
	must(t, err)
	update := func(reason string, change func(*v1alpha1.ScimUserSpec), writes int, reads int64) *v1alpha1.ScimUser {
		t.Helper()
		r.writes.take()
		live.n.Store(0)
		user, err := r.UpdateUser(ctx, dir, made.Name, func(u *v1alpha1.ScimUser) error { change(&u.Spec); return nil })
		must(t, err)
		same(t, writes, r.writes.take()["update ScimUser"], "writes: "+reason)
		same(t, reads, live.n.Load(), "live reads: "+reason)
		return user
	}
	title := func(text string) func(*v1alpha1.ScimUserSpec) {
		return func(spec *v1alpha1.ScimUserSpec) { spec.Title = text }
	}
	cached.user.Store(made)
	first := update("the cache has what was written last", title("one"), 1, 0)
	update("the cache is known to be behind", title("two"), 1, 1)
	r.clock.SetTime(r.clock.Now().Add(time.Minute))
	cached.user.Store(first)
	nick := update("a cache that turns out to be behind", func(spec *v1alpha1.ScimUserSpec) { spec.NickName = "Countess" }, 2, 1)
	same(t, "two", nick.Spec.Title, "a write over an older version takes nothing back")
	r.clock.SetTime(r.clock.Now().Add(time.Minute))
	cached.user.Store(nick)
	update("what would change nothing is decided live", title("two"), 0, 1)
	cached.user.Store(first)
	update("nor does an old version make an echo of a change", title("one"), 1, 1)
	cached.user.Store(nick)
	r.clock.SetTime(r.clock.Now().Add(time.Minute))
	update("names are decided live", func(spec *v1alpha1.ScimUserSpec) { spec.UserName = "renamed" }, 1, 1)
}
