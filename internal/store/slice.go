package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

// parallelSlices is how many slices of one role are written at once.
const parallelSlices = 4

// ErrSliceNotFound is the cause of an error when spec.slices names a slice that does not exist, or is another role's.
var ErrSliceNotFound = errors.New("the role names a slice that does not exist")

// sliceFrom reads a slice of the role, and nil when there is none.
func sliceFrom(ctx context.Context, reader client.Reader, role, name string) (*v1alpha1.ScimRoleSlice, error) {
	slice := &v1alpha1.ScimRoleSlice{}
	if err := reader.Get(ctx, client.ObjectKey{Name: name}, slice, client.UnsafeDisableDeepCopy); err != nil {
		if isGone(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read slice %s: %w", name, err)
	}
	if slice.Spec.Role != role {
		return nil, nil
	}
	return slice, nil
}

// readLayout puts together how a role's members are kept. It leaves out, and names, the slices that read does not find.
func readLayout(role *v1alpha1.ScimRole, read func(name string) (*v1alpha1.ScimRoleSlice, error)) (layout, []string, error) {
	var missing []string
	l := layout{tail: role.Spec.Members, shards: make([]shard, 0, len(role.Spec.Slices))}
	for _, name := range role.Spec.Slices {
		slice, err := read(name)
		if err != nil {
			return layout{}, nil, err
		}
		if slice == nil {
			missing = append(missing, name)
			continue
		}
		l.shards = append(l.shards, shard{name: name, ids: slice.Spec.Members})
	}
	return l, missing, nil
}

// slice reads a slice of the role from the cache, where an immutable object is always right, else live; nil when there is none.
func (s *Store) slice(ctx context.Context, role, name string) (*v1alpha1.ScimRoleSlice, error) {
	if s.synced() {
		if slice, err := sliceFrom(ctx, s.cache, role, name); err == nil && slice != nil {
			return slice, nil
		}
	}
	return sliceFrom(ctx, s.client, role, name)
}

func (s *Store) layoutOf(ctx context.Context, role *v1alpha1.ScimRole) (layout, []string, error) {
	return readLayout(role, func(name string) (*v1alpha1.ScimRoleSlice, error) { return s.slice(ctx, role.Name, name) })
}

// newSlices makes the objects for those shards that have yet to be written, and names the shards.
func (s *Store) newSlices(role string, l *layout) ([]*v1alpha1.ScimRoleSlice, error) {
	var made []*v1alpha1.ScimRoleSlice
	for k := range l.shards {
		if l.shards[k].name != "" {
			continue
		}
		name, err := sliceName(s.rand, role)
		if err != nil {
			return nil, err
		}
		l.shards[k].name = name
		slice := &v1alpha1.ScimRoleSlice{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.ScimRoleSliceSpec{Role: role, Members: l.shards[k].ids},
		}
		// A role that people named at length has a name that is no label value; spec.role finds its slices all the same.
		if len(validation.IsValidLabelValue(role)) == 0 {
			slice.Labels = map[string]string{v1alpha1.LabelRole: role}
		}
		made = append(made, slice)
	}
	return made, nil
}

func (s *Store) createSlices(ctx context.Context, point failpoint.Point, made []*v1alpha1.ScimRoleSlice) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelSlices)
	for _, slice := range made {
		group.Go(func() error {
			if err := s.create(ctx, point, slice); err != nil {
				return fmt.Errorf("create slice %s: %w", slice.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// retirement is how long slices stay that a role has just ceased to name. Nobody waits until they are gone, while somebody whom the change took out
// may be waiting until the controller has written bindings; and whoever has read the role as it was can still read what it named.
const retirement = 250 * time.Millisecond

// retire deletes slices that the role has ceased to name, some time after it was written. A process that ends before leaves them to repair.
func (s *Store) retire(ctx context.Context, point failpoint.Point, role string, names []string) {
	if len(names) == 0 {
		return
	}
	s.background(retirement, func() {
		ctx, cancel := committed(ctx)
		defer cancel()
		s.dropSlices(ctx, point, role, names)
	})
}

// dropSlices deletes slices of the role that the role no longer names. What cannot be deleted is left to repair.
func (s *Store) dropSlices(ctx context.Context, point failpoint.Point, role string, names []string) {
	var group errgroup.Group
	group.SetLimit(parallelSlices)
	for _, name := range names {
		group.Go(func() error {
			slice, err := s.slice(ctx, role, name)
			if err == nil && slice != nil {
				err = ignoreGone(s.remove(ctx, point, slice.DeepCopy()))
			}
			if err != nil {
				s.log.Info("left an old slice to repair", "name", name, "cause", err.Error())
			}
			return nil
		})
	}
	_ = group.Wait() // No function of the group returns an error.
}

// without lists the names of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
}

func namesOf(made []*v1alpha1.ScimRoleSlice) []string {
	names := make([]string, 0, len(made))
	for _, slice := range made {
		names = append(names, slice.Name)
	}
	return names
}

// Names says whether the role names the slice, so that the slice counts.
func Names(role *v1alpha1.ScimRole, slice string) bool {
	return slices.Contains(role.Spec.Slices, slice)
}
