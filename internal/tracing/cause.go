package tracing

import (
	"context"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	header = "traceparent"
	// maxTraceparent has room for a traceparent, which takes 55, and for what a later version of the standard may append.
	maxTraceparent = 128
)

// parse reads a traceparent; the result is not valid when it is none. There is no tracestate: that is text which a client writes as it likes.
func parse(ctx context.Context, text string) trace.SpanContext {
	if text == "" || len(text) > maxTraceparent {
		return trace.SpanContext{}
	}
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{header: text}))
}

// Mark writes on an object that is about to be written which span writes it, if that is recorded. Otherwise it takes off what an earlier
// write has left, so that no trace is told of what is not its own.
func Mark(ctx context.Context, object metav1.Object) {
	text := ""
	if trace.SpanContextFromContext(ctx).IsSampled() {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		text = carrier[header]
	}
	present := object.GetAnnotations()
	if present[v1alpha1.AnnotationTraceparent] == text {
		return
	}
	annotations := make(map[string]string, len(present)+1)
	for key, value := range present {
		if key != v1alpha1.AnnotationTraceparent {
			annotations[key] = value
		}
	}
	if text != "" {
		annotations[v1alpha1.AnnotationTraceparent] = text
	}
	object.SetAnnotations(annotations)
}

// Cause is a write that is recorded in a trace, and that something is to be done about.
type Cause struct {
	write trace.SpanContext
	// left is how often what it asks for may still be tried.
	left int
}

// attempts is how often something is tried in one trace. What fails for a day is told of once, and not at each attempt.
const attempts = 10

// CauseOf is the traced write that made the later of two states of an object of the earlier one, which is nil for one that was created. It is
// the zero value, which Causes passes over, when there is none: a write by others leaves the annotation as it was.
func CauseOf(ctx context.Context, before, after metav1.Object) Cause {
	text := after.GetAnnotations()[v1alpha1.AnnotationTraceparent]
	if text == "" || before != nil && before.GetAnnotations()[v1alpha1.AnnotationTraceparent] == text {
		return Cause{}
	}
	return Cause{write: parse(ctx, text), left: attempts}
}

const (
	// maxCauses bounds how many traces hear of one piece of work, and maxKeys for how many pieces it is remembered who waits for them.
	maxCauses = 8
	maxKeys   = 10_000
)

// Causes are the traced writes that wait until somebody sees to them, by what has to be done. All methods of a nil one do nothing. What there
// is no room for is done as well, and no trace hears of it.
type Causes[K comparable] struct {
	mu   sync.Mutex
	open map[K][]Cause
}

// NewCauses makes an empty set for a Tracer; nil for none.
func NewCauses[K comparable](t *Tracer) *Causes[K] {
	if t == nil {
		return nil
	}
	return &Causes[K]{open: map[K][]Cause{}}
}

// Note has what is to be done about keys told to the trace of a cause. It comes before the keys are put into a queue.
func (c *Causes[K]) Note(cause Cause, keys ...K) {
	if c == nil || !cause.write.IsSampled() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		c.enter(key, cause)
	}
}

// enter keeps the last write of each trace.
func (c *Causes[K]) enter(key K, cause Cause) {
	causes, known := c.open[key]
	i := slices.IndexFunc(causes, func(other Cause) bool { return other.write.TraceID() == cause.write.TraceID() })
	switch {
	case i >= 0:
		causes[i] = cause
	case len(causes) < maxCauses && (known || len(c.open) < maxKeys):
		c.open[key] = append(causes, cause)
	}
}

// Take gives the causes of a piece of work that is about to be done.
func (c *Causes[K]) Take(key K) []Cause {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	causes := c.open[key]
	delete(c.open, key)
	return causes
}

// Again leaves to the next attempt what this one did not bring to an end.
func (c *Causes[K]) Again(key K, causes []Cause) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cause := range causes {
		if cause.left--; cause.left <= 0 {
			continue
		}
		// Of a trace that has written again meanwhile the newer write is known already.
		if !slices.ContainsFunc(c.open[key], func(other Cause) bool { return other.write.TraceID() == cause.write.TraceID() }) {
			c.enter(key, cause)
		}
	}
}
