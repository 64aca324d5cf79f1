package tracing

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Attribute is something that may be said about a span.
type Attribute = attribute.KeyValue

// Directory is the ScimDirectory that a request is for.
func Directory(name string) Attribute { return attribute.String("scim_operator.directory", name) }

// Kind is the kind of the object that a span is about.
func Kind(kind string) Attribute { return attribute.String("scim_operator.object.kind", kind) }

// Namespace is that of the object that a span is about.
func Namespace(namespace string) Attribute {
	return attribute.String("scim_operator.object.namespace", namespace)
}

// Name is metadata.name of the object that a span is about; of a ScimUser or ScimRole it is the SCIM id.
func Name(name string) Attribute { return attribute.String("scim_operator.object.name", name) }

// App is the AppConnection of a call.
func App(namespace, name string) Attribute {
	return attribute.String("scim_operator.app", namespace+"/"+name)
}

// Operation is what was done, as the program calls it.
func Operation(operation string) Attribute {
	return attribute.String("scim_operator.operation", operation)
}

// OK is the result of what did not fail.
const OK = "OK"

// Reason is the result of a call of the API server: OK, or the reason that it gave. Its message is left out, because that may quote an object.
func Reason(err error) string {
	if err == nil {
		return OK
	}
	if reason := apierrors.ReasonForError(err); reason != "" {
		return string(reason)
	}
	return "Error"
}

// Span is a span that has begun. All methods of a nil one do nothing.
type Span struct {
	span trace.Span
	// others are of the same work in other traces.
	others []trace.Span
}

func (s *Span) each(do func(trace.Span)) {
	if s == nil {
		return
	}
	do(s.span)
	for _, other := range s.others {
		do(other)
	}
}

// Set says more about the span.
func (s *Span) Set(attributes ...Attribute) {
	s.each(func(span trace.Span) { span.SetAttributes(attributes...) })
}

// End ends the span with a result, which is OK or names a kind of failure.
func (s *Span) End(result string) {
	s.each(func(span trace.Span) {
		span.SetAttributes(attribute.String("scim_operator.result", result))
		if result != OK {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	})
}

// EndRequest ends the span of a SCIM request. The route is the pattern of the path; scimType is empty unless the answer is an error that has one.
func (s *Span) EndRequest(method, route string, status int, scimType string) {
	s.each(func(span trace.Span) {
		span.SetName(method + " " + route)
		span.SetAttributes(
			attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.Int("http.response.status_code", status),
		)
		if scimType != "" {
			span.SetAttributes(attribute.String("scim.type", scimType))
		}
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	})
}

// Request begins the span of a SCIM request, and with it a trace, of which the Tracer alone decides whether it is recorded. The client's own
// trace is named in a link: were it the parent, a client could have everything recorded by a flag, or by the ids that it chooses.
func (t *Tracer) Request(ctx context.Context, header http.Header, started time.Time, attributes ...Attribute) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	options := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(started), trace.WithAttributes(attributes...),
	}
	if values := header.Values("Traceparent"); len(values) == 1 {
		if client := parse(ctx, values[0]); client.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: client}))
		}
	}
	ctx, span := t.tracer.Start(ctx, "request", options...)
	return ctx, &Span{span: span}
}

// Part begins a span of a part of what the context is about; nil when that is not recorded.
func Part(ctx context.Context, name string, attributes ...Attribute) (context.Context, *Span) {
	return child(ctx, name, trace.SpanKindInternal, attributes)
}

// Call begins a span of a call of the API server or an app; nil when what it is made for is not recorded.
func Call(ctx context.Context, name string, attributes ...Attribute) (context.Context, *Span) {
	return child(ctx, name, trace.SpanKindClient, attributes)
}

func child(ctx context.Context, name string, kind trace.SpanKind, attributes []Attribute) (context.Context, *Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, nil
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return ctx, &Span{span: span}
}

// Follow begins the span of work that one or several traced writes have caused; nil when there are none. It belongs to the trace of the first.
// The traces of the others get a span of their own, with a link to it, because the work is done once for all of them.
func (t *Tracer) Follow(ctx context.Context, causes []Cause, name string, started time.Time, attributes ...Attribute) (context.Context, *Span) {
	if t == nil || len(causes) == 0 {
		return ctx, nil
	}
	options := []trace.SpanStartOption{trace.WithTimestamp(started), trace.WithAttributes(attributes...)}
	followed, first := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, causes[0].write), name, options...)
	all := &Span{span: first}
	options = append(options, trace.WithLinks(trace.Link{SpanContext: first.SpanContext()}))
	for _, cause := range causes[1:] {
		_, other := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, cause.write), name, options...)
		all.others = append(all.others, other)
	}
	return followed, all
}
