package store_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store"
)

// outage is an API server that goes away after it did what the request number `after` asked, before it answers, and is then not reached for some
// requests.
type outage struct {
	mu           sync.Mutex
	after, lasts int
}

func (o *outage) hit(done error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.after--
	if done != nil || o.after > 0 || o.after <= -o.lasts {
		return done
	}
	return &url.Error{Op: "Post", URL: "https://127.0.0.1", Err: errors.New("connection reset by peer")}
}

// begun says that the request to come is not reached.
func (o *outage) begun() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.after <= 0 && o.after > -o.lasts
}

func (o *outage) wrap(inner client.Client) client.Client {
	return interceptor.NewClient(inner.(client.WithWatch), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if o.begun() {
				return o.hit(nil)
			}
			return o.hit(c.Create(ctx, obj, opts...))
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if o.begun() {
				return o.hit(nil)
			}
			err := c.Get(ctx, key, obj, opts...)
			if lost := o.hit(nil); lost != nil {
				return lost
			}
			return err
		},
	})
}

// TestCreateSettles loses the API server at each request of a create. It has written something then, so it must come to its end when the API
// server is back, and leave one user.
func TestCreateSettles(t *testing.T) {
	const requests = 3 // of a create that goes well: create user and claim, read the user back
	for after := 1; after <= requests; after++ {
		o := &outage{after: after, lasts: 12}
		r, dir, ctx := newReplica(t, func(c *store.Config) { c.Client = o.wrap(c.Client) }), directoryOf(t), t.Context()
		made, err := r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "settled@example.com"})
		if err != nil {
			t.Errorf("the API server went away after request %d: %v", after, err)
			continue
		}
		users := &v1alpha1.ScimUserList{}
		must(t, r.client.List(ctx, users, client.MatchingLabels{v1alpha1.LabelDirectory: dir}))
		if len(users.Items) != 1 || users.Items[0].Name != made.Name {
			t.Errorf("the API server went away after request %d: %d users, want the one that was acknowledged", after, len(users.Items))
		}
		if o.begun() {
			t.Errorf("request %d was never made, so nothing was lost", after)
		}
		must(t, r.DeleteUser(ctx, dir, made.Name, nil))
	}
}

// TestCreateBeginsNothing has a create find the API server gone before anything was written. It must say so at once, for the client to come again,
// and not hold the request.
func TestCreateBeginsNothing(t *testing.T) {
	tries := 0
	r := newReplica(t, func(c *store.Config) {
		c.Client = interceptor.NewClient(c.Client.(client.WithWatch), interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
				tries++
				return &url.Error{Op: "Post", URL: "https://127.0.0.1", Err: syscall.ECONNREFUSED}
			},
		})
	})
	_, err := r.CreateUser(t.Context(), directoryOf(t), &v1alpha1.ScimUserSpec{UserName: "begun@example.com"})
	var refusal *scim.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusTooManyRequests {
		t.Errorf("got %v, want 429", err)
	}
	if tries != 1 {
		t.Errorf("the API server was asked %d times, want once", tries)
	}
}
