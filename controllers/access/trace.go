package access

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// trace notes which trace a change comes from, by what the object says of the write that made it. It comes before the grants are put into
// the queue. A deletion writes nothing that could say so.
func (w *watcher) trace(ctx context.Context, before, after client.Object, grants []access.GrantKey) {
	if w.causes == nil {
		return
	}
	switch after.(type) {
	case *v1alpha1.ScimUser, *v1alpha1.ScimRole, *v1alpha1.ScimClaim:
		cause := tracing.CauseOf(ctx, before, after)
		for _, grant := range grants {
			w.causes.Note(cause, requestFor(grant))
		}
	}
}

// followed begins the span of a pass that has bindings to write, in the traces that it is due to. A pass that finds nothing to do leaves none:
// the event that makes the difference may be yet to come, and has a cause of its own.
func (r *Reconciler) followed(ctx context.Context, s *scope, causes []tracing.Cause) (context.Context, *tracing.Span) {
	if len(s.changes) == 0 {
		return ctx, nil
	}
	return r.tracer.Follow(ctx, causes, "access.grant", s.now, append(described(s.key.Namespace, s.key.Name), tracing.Kind(kindOf(s.key)))...)
}

// traced makes a change of a binding, with a span if the pass has one.
func (r *Reconciler) traced(ctx context.Context, s *scope, change access.Change) error {
	kind := "ClusterRoleBinding"
	if change.Namespace != "" {
		kind = "RoleBinding"
	}
	attributes := append(described(change.Namespace, change.Name), tracing.Kind(kind), tracing.Operation(string(change.Action)))
	ctx, span := tracing.Call(ctx, "access.binding", attributes...)
	err := r.write(ctx, s, change)
	span.End(tracing.Reason(err))
	return err
}

func described(namespace, name string) []tracing.Attribute {
	if namespace == "" {
		return []tracing.Attribute{tracing.Name(name)}
	}
	return []tracing.Attribute{tracing.Namespace(namespace), tracing.Name(name)}
}

// traceEnd ends the span of a pass, and leaves to the next one what this one has not brought to an end.
func (r *Reconciler) traceEnd(s *scope, span *tracing.Span, causes []tracing.Cause) {
	switch {
	case s.transient != nil || len(s.failures) > 0:
		span.End("Failed")
	case s.broken:
		span.End("Interrupted")
	default:
		span.End(tracing.OK)
		return
	}
	r.causes.Again(s.request, causes)
}
