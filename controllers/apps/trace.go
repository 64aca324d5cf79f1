package apps

import (
	"context"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// follow begins the span of what is done about one person's account, in the traces that it is due to.
func (e *engine) follow(ctx context.Context, s *subject, causes []tracing.Cause) (context.Context, *tracing.Span) {
	return e.host.options.Tracer.Follow(ctx, causes, "app.account", e.host.options.Now(),
		tracing.Kind("AppAccount"), tracing.Namespace(e.app.Namespace), tracing.Name(v1alpha1.AccountObjectName(e.app.Name, s.id)),
		tracing.App(e.app.Namespace, e.app.Name), tracing.Operation(string(s.decision.Action)))
}

func (e *engine) endSpan(span *tracing.Span, s *subject, waited bool, err error) {
	switch {
	case err != nil:
		span.End(resultOf(err))
	case waited:
		span.End("Waited")
	case s.trouble != nil:
		span.End(v1alpha1.ReasonExpressionFailed)
	case s.held:
		span.End("Held")
	case s.account != nil && s.account.Status.State == v1alpha1.AccountFailed:
		span.End("Failed")
	default:
		span.End(tracing.OK)
	}
}

// resume gives accounts of which nothing is known yet back to the trace that they were made in: the process that made them has ended before
// the app had an answer.
func (e *engine) resume(ctx context.Context, known map[string]*v1alpha1.AppAccount) {
	if e.causes == nil {
		return
	}
	for id, account := range known {
		if account.Status.Input == "" {
			e.causes.Note(tracing.CauseOf(ctx, nil, account), id)
		}
	}
}
