package claims

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// oneSlice is a cache that has a slice.
type oneSlice struct {
	client.Reader
	slice v1alpha1.ScimRoleSlice
}

func (c oneSlice) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*v1alpha1.ScimRoleSliceList).Items = []v1alpha1.ScimRoleSlice{c.slice}
	return nil
}

// notes is a queue that notes what is to be looked at, and when.
type notes struct {
	queue
	later map[key]time.Duration
}

func (n notes) AddAfter(k key, later time.Duration) { n.later[k] = later }

// TestRepairLeavesReplacedSlicesToTheirWriter has a role cease to name a slice, or go. Who wrote that deletes the slice, and repair comes only when
// it had time to.
func TestRepairLeavesReplacedSlicesToTheirWriter(t *testing.T) {
	r := &reconciler{cache: oneSlice{slice: v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: "old"}}}}
	role := func(slices ...string) *v1alpha1.ScimRole {
		return &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "role"}, Spec: v1alpha1.ScimRoleSpec{Slices: slices}}
	}
	on := events(store.SliceSettleTime, r.unnamedKeys)
	old := map[key]time.Duration{{sliceKind, "old"}: store.SliceSettleTime}
	for name, test := range map[string]struct {
		event func(queue)
		want  map[key]time.Duration
	}{
		"new": {func(q queue) { on.Create(t.Context(), event.TypedCreateEvent[client.Object]{Object: role()}, q) }, map[key]time.Duration{}},
		"named still": {func(q queue) {
			on.Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: role("old"), ObjectNew: role("other", "old")}, q)
		}, map[key]time.Duration{}},
		"replaced": {func(q queue) {
			on.Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: role("old"), ObjectNew: role("new")}, q)
		}, old},
		"role gone": {func(q queue) { on.Delete(t.Context(), event.TypedDeleteEvent[client.Object]{Object: role("old")}, q) }, old},
	} {
		t.Run(name, func(t *testing.T) {
			got := notes{later: map[key]time.Duration{}}
			test.event(got)
			if diff := cmp.Diff(test.want, got.later); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}
