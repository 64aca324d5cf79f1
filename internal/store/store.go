// Package store keeps identities in the Kubernetes API: users, roles, the claims that make their names unique, and the slices
// that hold the members of large roles. The protocol is that of docs/design/0001-main-path.md. Every function is safe to run in any
// number of processes at once, and safe to be killed between any two writes: what is left over never counts, and repair clears it.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// maxAttempts is how often a change starts over when somebody else wrote first.
const maxAttempts = 5

// Config is what a Store needs. Client and Cache are required.
type Config struct {
	// Client reads and writes live: it must not answer reads from a cache.
	Client client.Client
	// Cache reads from informers on which SetupIndexes has registered its indexes.
	Cache client.Reader
	// Synced says whether Cache holds everything. Until it does, whatever needs the cache is refused with 429. Nil means always.
	Synced func() bool
	// Clock tells the time of lastModified and of repair's ages. Nil means the real one.
	Clock clock.PassiveClock
	// Matching says what each directory may take over. Nil means that everything waits for review.
	Matching Matching
	// Events takes what a person must know of an object. Nil means that nobody is told.
	Events events.EventRecorder
	// Log takes what no caller is told, such as a clean-up that failed and is left to repair.
	Log logr.Logger
	// Rand is the source of object names. Nil means crypto/rand.
	Rand io.Reader
	// Background runs, after some time, what goes on for up to ten minutes behind the answer to a request. It must return at once. Nil
	// means a goroutine.
	Background func(after time.Duration, run func())
}

// Store implements the persistence that the SCIM server declares, and the repair that the claims controller runs. It is safe for
// concurrent use.
type Store struct {
	client client.Client
	cache  client.Reader
	synced func() bool
	clock  clock.PassiveClock
	log    logr.Logger
	rand   io.Reader
	queue  *lanes
	// written says where the cache may be behind.
	written    *written
	background func(after time.Duration, run func())
	// matching and events may be nil.
	matching Matching
	events   events.EventRecorder
	// lists is nil until Watch.
	lists *rosters
}

// New returns a Store. It starts nothing and makes no request.
func New(c Config) (*Store, error) {
	if c.Client == nil || c.Cache == nil {
		return nil, errors.New("a store needs a live client and a cache")
	}
	if c.Synced == nil {
		c.Synced = func() bool { return true }
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Background == nil {
		c.Background = func(after time.Duration, run func()) { time.AfterFunc(after, run) }
	}
	if c.Log.GetSink() == nil {
		c.Log = logr.Discard()
	}
	return &Store{
		client: c.Client, cache: c.Cache, synced: c.Synced, clock: c.Clock, log: c.Log, rand: c.Rand,
		queue: newLanes(), written: newWritten(), background: c.Background, matching: c.Matching, events: c.Events,
	}, nil
}

// now is the time as annotations carry it: UTC, to the millisecond.
func (s *Store) now() string { return s.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// get reads one object live.
func (s *Store) get(ctx context.Context, name string, into client.Object) error {
	return s.client.Get(ctx, client.ObjectKey{Name: name}, into)
}

// committed detaches an operation that has begun to write from its request. A client that hangs up, as load balancers do for
// their own reasons, must not leave half an operation to repair; the time limit keeps a dead API server from holding it for ever.
func committed(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

// newUser and newRole are the directory's objects before they have a name.
func newUser(directory string, spec *v1alpha1.ScimUserSpec) *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{Spec: *spec.DeepCopy()}
	user.Labels = map[string]string{v1alpha1.LabelDirectory: directory}
	user.Spec.Directory = directory
	if user.Spec.Active == nil {
		active := true
		user.Spec.Active = &active
	}
	return user
}

func newRole(directory string, spec *v1alpha1.ScimRoleSpec) *v1alpha1.ScimRole {
	role := &v1alpha1.ScimRole{Spec: *spec.DeepCopy()}
	role.Labels = map[string]string{v1alpha1.LabelDirectory: directory}
	role.Spec.Directory = directory
	role.Spec.Members, role.Spec.Slices, role.Spec.LocalMembers = nil, nil, nil
	return role
}
