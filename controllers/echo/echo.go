// Package echo tells a controller its own writes of status from those of others. A status that somebody else has written is put right, and a
// controller's own costs no second look. As none follows, whatever the controller decides before its cache has heard of its own write must be made of
// what was written, which Newest gives.
package echo

import (
	"sync"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Echoes remembers what a controller's writes came to, until their events arrive. The zero value is ready to use, by several goroutines.
type Echoes struct {
	mu    sync.Mutex
	wrote map[client.ObjectKey]client.Object
}

// Wrote notes a write of the object's status, as the API server answered it. The event may have come before: it then costs a second look.
func (e *Echoes) Wrote(object client.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wrote == nil {
		e.wrote = map[client.ObjectKey]client.Object{}
	}
	e.wrote[client.ObjectKeyFromObject(object)] = object
}

// Newest is an object as it was written here last, where the cache that gave it has not heard of that yet. A patch that is made of an older one
// leaves what was written meanwhile as it is, wherever the older one was as wanted. The object must not be changed.
func Newest[T client.Object](e *Echoes, cached T) T {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := client.ObjectKeyFromObject(cached)
	own, ok := e.wrote[key].(T)
	if !ok || own.GetUID() != cached.GetUID() {
		return cached
	}
	if IsOlder(cached, own) {
		return own
	}
	if IsOlder(own, cached) {
		delete(e.wrote, key) // its event was passed over, or comes as somebody else's and costs a second look
	}
	return cached
}

// IsOlder says whether an object is an earlier version than the other, which may be nil.
func IsOlder(object, other client.Object) bool {
	if other == nil {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(object.GetResourceVersion(), other.GetResourceVersion())
	return err == nil && order < 0
}

// Foreign says of an update whether it has changed the status and was not written here.
func (e *Echoes) Foreign(before, after client.Object) bool {
	if apiequality.Semantic.DeepEqual(statusOf(before), statusOf(after)) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := client.ObjectKeyFromObject(after)
	own := e.wrote[key] != nil && e.wrote[key].GetResourceVersion() == after.GetResourceVersion()
	if own || !IsOlder(after, e.wrote[key]) {
		delete(e.wrote, key)
	}
	return !own
}

// Predicate passes the updates that are Foreign, and nothing else.
func (e *Echoes) Predicate() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(u event.UpdateEvent) bool { return e.Foreign(u.ObjectOld, u.ObjectNew) },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

func statusOf(object client.Object) any {
	switch o := object.(type) {
	case *v1alpha1.ScimUser:
		return o.Status
	case *v1alpha1.ScimRole:
		return o.Status
	case *v1alpha1.ClusterAccessGrant:
		return o.Status
	case *v1alpha1.AccessGrant:
		return o.Status
	case *v1alpha1.AppConnection:
		return o.Status
	case *v1alpha1.ScimDirectory:
		// The server writes when it was last asked, which says nothing about the rest.
		status := o.Status
		status.LastRequestTime, status.Credentials = nil, nil
		return status
	}
	return nil
}
