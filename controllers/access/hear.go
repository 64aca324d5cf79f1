package access

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// hearing lets everybody hear of a change before its effect puts a grant into the queue: the memory that something may be otherwise than
// it was, the alarm that a grant has another end, and the revocations that somebody waits.
func (w *watcher) hearing(of change) change {
	return func(ctx context.Context, before, after client.Object) effect {
		if w.memory != nil {
			w.observe(ctx, before, after)
		}
		switch either(before, after).(type) {
		case *v1alpha1.ClusterAccessGrant, *v1alpha1.AccessGrant:
			w.alarm.hear(before, after)
		}
		found := of(ctx, before, after)
		w.trace(ctx, before, after, found.grants)
		if w.revocations != nil && found.priority == priorityRevoke {
			cause, since := w.revocations.causeOf(before, after)
			found.begin = func(grants []reconcile.Request) { w.revocations.begin(cause, since, grants) }
		}
		return found
	}
}
