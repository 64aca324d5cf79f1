// Package echo tells a controller its own writes of status from those of others. A status that somebody else has written is put right, and a
// controller's own costs no second look.
package echo

import (
	"sync"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Echoes remembers the versions that a controller's writes came to, until their events arrive. The zero value is ready to use, by several
// goroutines.
type Echoes struct {
	mu       sync.Mutex
	versions map[client.ObjectKey]string
}

// Wrote notes a write of the object's status, as the API server answered it. The event may have come before: it then costs a second look.
func (e *Echoes) Wrote(object client.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.versions == nil {
		e.versions = map[client.ObjectKey]string{}
	}
	e.versions[client.ObjectKeyFromObject(object)] = object.GetResourceVersion()
}

// Foreign says of an update whether it has changed the status and was not written here.
func (e *Echoes) Foreign(before, after client.Object) bool {
	if apiequality.Semantic.DeepEqual(statusOf(before), statusOf(after)) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := client.ObjectKeyFromObject(after)
	own := e.versions[key] == after.GetResourceVersion()
	delete(e.versions, key)
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
	}
	return nil
}
